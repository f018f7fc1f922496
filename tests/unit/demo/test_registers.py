"""The books of the demo fleet: kinds, identifiers, contracts, devices, measures."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np

from app.assets.domain import AssetKind, IdentifierKind, identifier_fault
from app.demo.fleet import DemoData
from app.demo.identifiers import luhn_digit, vin_check_digit
from app.demo.registers import (
    ASSET_COUNT,
    LESSOR_CREDIT_CODE,
    SHARES,
    VEHICLES,
    counts_by_kind,
    make_fleet,
)
from app.enforcement.measures.deadlines import latest_end

TODAY = date(2026, 11, 23)


def test_the_fleet_has_the_promised_shares_and_exactly_671_assets(demo: DemoData) -> None:
    counts = Counter(a.kind for a in demo.fleet.assets)
    assert counts == counts_by_kind()
    assert sum(counts.values()) == ASSET_COUNT == 671
    assert counts == {
        "heavy_truck": 282, "light_truck": 121, "car": 134, "excavator": 94, "crane": 20, "mixer": 20
    }  # fmt: skip
    both = counts | {"crane_or_mixer": counts["crane"] + counts["mixer"]}
    assert all(abs(both[kind] - 6.71 * share) < 1 for kind, share in SHARES.items())
    assert set(counts) <= set(AssetKind)


def test_every_asset_has_identifiers_of_its_own_in_the_form_that_the_service_takes(demo: DemoData) -> None:
    assets = demo.fleet.assets
    plates = [a.plate_no for a in assets if a.plate_no]
    numbers = [a.vin or a.serial_no or "" for a in assets]
    assert len(plates) == sum(a.kind in VEHICLES for a in assets)
    assert len(set(plates)) == len(plates)
    assert len({a.reference for a in assets}) == len(set(numbers)) == ASSET_COUNT
    assert all(identifier_fault(IdentifierKind.PLATE_NO, plate) is None for plate in plates)
    assert all(identifier_fault(IdentifierKind.VIN, number) is None for number in numbers)
    assert all(vin_check_digit(number) == number[8] for number in numbers)
    assert all((a.plate_no is None) == (a.vin is None) == (a.serial_no is not None) for a in assets)
    assert re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{18}", LESSOR_CREDIT_CODE)


def test_contracts_cover_a_few_assets_each(demo: DemoData) -> None:
    contracts = Counter(a.lease_contract_no for a in demo.fleet.assets)
    assert max(contracts.values()) <= 12
    assert 60 < len(contracts) < 200
    assert all(re.fullmatch(r"SHZL-20\d\d-\d{4}", number) for number in contracts)
    assert all(a.purchase_contract_no for a in demo.fleet.assets)


def test_values_are_plausible_for_the_kind(demo: DemoData) -> None:
    mean = {
        kind: np.mean([a.estimated_value_yuan for a in demo.fleet.assets if a.kind == kind])
        for kind in counts_by_kind()
    }
    assert mean["light_truck"] < mean["car"] < mean["heavy_truck"] < mean["excavator"] < mean["crane"]
    assert all(40_000 < a.estimated_value_yuan < 3_000_000 for a in demo.fleet.assets)


def test_devices_are_imeis_and_some_assets_have_two(demo: DemoData) -> None:
    devices = demo.fleet.devices
    imeis = [d.identifier for d in devices]
    assert len(set(imeis)) == len(imeis)
    assert all(re.fullmatch(r"\d{15}", i) and luhn_digit(i[:-1]) == i[-1] for i in imeis)
    assert [d.asset for d in devices[:ASSET_COUNT]] == list(range(ASSET_COUNT))
    second = devices[ASSET_COUNT:]
    assert 50 < len(second) < 120
    assert {d.kind for d in second} == {"wireless"}
    assert len({d.asset for d in second}) == len(second)
    assert all(d.bound_from < datetime(2026, 10, 1, tzinfo=UTC) for d in devices)


def test_measures_keep_to_the_terms_of_the_law(demo: DemoData) -> None:
    measures = demo.fleet.measures
    register = [m for m in measures if m.kind == "register_seizure"]
    assert sorted(m.asset for m in register) == list(range(ASSET_COUNT))
    assert all(m.starts_on <= m.ends_on <= latest_end(m.starts_on) for m in measures)
    assert sum(m.rank == 2 for m in register) == 15
    assert sum(m.ends_on < TODAY for m in measures) == 6
    assert sum(m.kind == "physical_detention" for m in measures) == 8
    lifted = {m.asset: m.released_on for m in register if m.released_on}
    assert lifted == {m.asset: m.starts_on for m in measures if m.kind == "living_seizure"}
    assert len(lifted) == 10


def test_the_books_follow_from_the_seed_and_days_only_move_dates() -> None:
    one, two, later = (
        make_fleet(np.random.default_rng(5), day) for day in (TODAY, TODAY, TODAY + timedelta(days=400))
    )
    assert one == two
    assert [a.reference for a in one.assets] == [a.reference for a in later.assets]
    assert [d.identifier for d in one.devices] == [d.identifier for d in later.devices]
    assert [a.reference for a in make_fleet(np.random.default_rng(6), TODAY).assets] != [
        a.reference for a in one.assets
    ]
