"""Registered data of the demo fleet: lessor, assets, contracts, devices, and the seizures of the case.

Every name is fictional. Nothing here depends on where an asset is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from app.demo import identifiers

ASSET_COUNT: Final = 671
CASE_NUMBER: Final = "(2025)沪0105执4321号"
CASE_COURT_CODE: Final = "沪0105"
CASE_OPENED_ON: Final = date(2025, 3, 18)
CASE_BASIS_NUMBER: Final = "(2024)沪0105民初8876号"
CLAIM_YUAN: Final = 186_400_000
DEBTOR_NAME: Final = "皖北云驰联运有限公司"
LESSOR_CODE: Final = "shenhe"
LESSOR_NAME: Final = "申禾融资租赁(上海)有限公司"
LESSOR_CREDIT_CODE: Final = identifiers.credit_code("91310105MA1FW0L67")
DEVICE_TYPE_CODES: Final = ("86045906", "86720305", "86881403")

SHARES: Final = {"heavy_truck": 42, "light_truck": 18, "car": 20, "excavator": 14, "crane_or_mixer": 6}
"""Percent of the fleet; one half each of cranes and mixers."""

VEHICLES: Final = frozenset({"heavy_truck", "light_truck", "car", "mixer"})

_MODELS: Final = {
    "heavy_truck": (("远岭", "YL480 牵引车"), ("川驿", "CY430 牵引车"), ("北驰", "BC350 自卸车")),
    "light_truck": (("捷平", "JP18 厢式轻卡"), ("川驿", "CY12 仓栅轻卡")),
    "car": (("和朔", "HS5 轿车"), ("和朔", "HS7 多用途车"), ("沐风", "MF3 轿车")),
    "excavator": (("岩虎", "YH215 挖掘机"), ("岩虎", "YH365 挖掘机"), ("拓峦", "TL75 挖掘机")),
    "crane": (("高揽", "GL80 履带起重机"), ("高揽", "GL260 履带起重机")),
    "mixer": (("北驰", "BC12 混凝土搅拌车"),),
}
_VALUES_YUAN: Final = {
    "heavy_truck": (180_000, 420_000),
    "light_truck": (48_000, 115_000),
    "car": (55_000, 180_000),
    "excavator": (240_000, 920_000),
    "crane": (600_000, 2_800_000),
    "mixer": (190_000, 380_000),
}
_PLATE_OFFICES: Final = (
    ("皖K", 24), ("皖L", 12), ("沪D", 14), ("沪A", 5), ("苏E", 9), ("苏C", 7),
    ("豫N", 8), ("鲁H", 8), ("冀B", 6), ("鄂A", 7),
)  # fmt: skip
_MAKERS: Final = {"heavy_truck": "LYZ", "light_truck": "LJU", "car": "LHW", "mixer": "LBU"}
_CONTRACT_ASSETS: Final = 12
_STORAGE_YARD: Final = "长宁区人民法院指定停车场"
_SECOND_DEVICE_SHARE: Final = 0.15
_ESSENTIAL_SHARE: Final = 0.2
_WAITING, _SOFTENED, _LAPSED, _DETAINED = 15, 10, 6, 8


@dataclass(frozen=True, slots=True)
class DemoAsset:
    """One leased asset in its lessor's register. Vehicles have plate and VIN, machines a serial number (PIN)."""

    kind: str
    asset_type: str
    make: str
    model: str
    plate_no: str | None
    plate_colour: str | None
    vin: str | None
    serial_no: str | None
    engine_no: str
    lease_contract_no: str
    purchase_contract_no: str
    registration_no: str
    estimated_value_yuan: int
    valued_on: date
    essential_to_production: bool

    @property
    def reference(self) -> str:
        """Plate or serial number, unique in the fleet."""
        return self.plate_no or str(self.serial_no)


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """A tracker and its asset, an index into the fleet's assets; ``bound_from`` is UTC."""

    identifier: str
    kind: str
    asset: int
    bound_from: datetime


@dataclass(frozen=True, slots=True)
class DemoMeasure:
    """A seizure measure of the case on one asset; ``ends_on`` is the last day in force."""

    asset: int
    kind: str
    rank: int
    starts_on: date
    ends_on: date
    released_on: date | None
    custodian: str | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The lessor's assets with their devices, and the court's measures on them.

    The first ``len(assets)`` devices are the main ones, in the order of the assets. Second devices follow.
    """

    assets: tuple[DemoAsset, ...]
    devices: tuple[DemoDevice, ...]
    measures: tuple[DemoMeasure, ...]


def make_fleet(rng: np.random.Generator, today: date) -> Fleet:
    """Return the fleet; the same generator state and day give the same fleet. All dates lie before ``today``."""
    assets = tuple(_assets(rng, today))
    return Fleet(assets, tuple(_devices(rng, assets, today)), tuple(_measures(rng, today)))


def counts_by_kind() -> dict[str, int]:
    """Return the number of assets of each kind: largest remainders, one half each of cranes and mixers."""
    exact = {kind: ASSET_COUNT * share / 100 for kind, share in SHARES.items()}
    counts = {kind: int(value) for kind, value in exact.items()}
    by_remainder = sorted(exact, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_remainder[: ASSET_COUNT - sum(counts.values())]:
        counts[kind] += 1
    both = counts.pop("crane_or_mixer")
    return counts | {"crane": both // 2, "mixer": both - both // 2}


def _assets(rng: np.random.Generator, today: date) -> Iterator[DemoAsset]:
    counts = counts_by_kind()
    plates = _plates(rng, sum(counts[kind] for kind in VEHICLES))
    serial = int(rng.integers(100_000, 300_000))
    contract, signed = 0, CASE_OPENED_ON.year
    for kind, count in counts.items():
        left_on_contract = 0
        for _ in range(count):
            if left_on_contract == 0:
                contract += 1
                signed = int(rng.integers(CASE_OPENED_ON.year - 4, CASE_OPENED_ON.year))
                left_on_contract = int(rng.integers(1, _CONTRACT_ASSETS + 1))
            left_on_contract -= 1
            serial += int(rng.integers(1, 97))
            plate = next(plates) if kind in VEHICLES else None
            yield _asset(rng, kind, plate, serial, (signed, contract), today)


def _asset(
    rng: np.random.Generator, kind: str, plate: str | None, serial: int, contract: tuple[int, int], today: date
) -> DemoAsset:
    models = _MODELS[kind]
    which = int(rng.integers(len(models)))
    make, model = models[which]
    built, contract_no = contract[0], "{:04d}-{:04d}".format(*contract)
    low, high = _VALUES_YUAN[kind]
    number = identifiers.vin(
        _MAKERS.get(kind, "LYH"), f"{kind[:2].upper()}{which + 1}B8".replace("I", "J"), built, "A", serial
    )
    return DemoAsset(
        kind=kind,
        asset_type="vehicle" if plate else "construction_machinery",
        make=make,
        model=model,
        plate_no=plate,
        plate_colour=("blue" if kind in {"car", "light_truck"} else "yellow") if plate else None,
        vin=number if plate else None,
        serial_no=None if plate else number,
        engine_no=f"{kind[0].upper()}{built % 100:02d}{serial:07d}",
        lease_contract_no=f"SHZL-{contract_no}",
        purchase_contract_no=f"SHMM-{contract_no}",
        registration_no=f"{10_000_000 + serial * 31:020d}",
        estimated_value_yuan=1000 * int(rng.integers(low // 1000, high // 1000)),
        valued_on=today - timedelta(days=int(rng.integers(60, 240))),
        essential_to_production=kind in {"excavator", "crane"} and rng.random() < _ESSENTIAL_SHARE,
    )


def _plates(rng: np.random.Generator, count: int) -> Iterator[str]:
    weights = np.array([weight for _, weight in _PLATE_OFFICES], dtype=np.float64)
    per_office = np.bincount(rng.choice(len(weights), size=count, p=weights / weights.sum()), minlength=len(weights))
    drawn = [
        plate
        for (office, _), many in zip(_PLATE_OFFICES, per_office.tolist(), strict=True)
        for plate in identifiers.plates(rng, office[0], office[1], many)
    ]
    return iter([drawn[i] for i in rng.permutation(count).tolist()])


def _devices(rng: np.random.Generator, assets: tuple[DemoAsset, ...], today: date) -> Iterator[DemoDevice]:
    second = [i for i, asset in enumerate(assets) if asset.plate_no and rng.random() < _SECOND_DEVICE_SHARE]
    numbers = iter(identifiers.imeis(rng, len(assets) + len(second), DEVICE_TYPE_CODES))
    midnight = datetime.combine(today, time(), UTC)
    for i, asset in enumerate(assets):
        kind = "wired" if asset.plate_no else "built_in"
        bound_from = midnight - timedelta(days=int(rng.integers(320, 700)), hours=int(rng.integers(0, 10)))
        yield DemoDevice(next(numbers), kind, i, bound_from)
    for i in second:
        bound_from = midnight - timedelta(days=int(rng.integers(60, 320)), hours=int(rng.integers(0, 10)))
        yield DemoDevice(next(numbers), "wireless", i, bound_from)


def _measures(rng: np.random.Generator, today: date) -> Iterator[DemoMeasure]:
    """One register seizure on every asset. A few are waiting, lapsed, superseded, or also detained."""
    order = rng.permutation(ASSET_COUNT).tolist()
    waiting, softened, lapsed, detained = (
        set(order[start : start + many])
        for start, many in ((0, _WAITING), (20, _SOFTENED), (40, _LAPSED), (60, _DETAINED))
    )
    for i in range(ASSET_COUNT):
        starts_on = today - timedelta(days=int(rng.integers(180, 420)))
        ends_on = _two_years_on(starts_on)
        if i in lapsed:
            ends_on = today - timedelta(days=int(rng.integers(5, 60)))
        released_on = today - timedelta(days=int(rng.integers(10, 90))) if i in softened else None
        rank = 2 if i in waiting else 1
        yield DemoMeasure(i, "register_seizure", rank, starts_on, ends_on, released_on, None)
        if released_on:
            yield DemoMeasure(i, "living_seizure", 1, released_on, _two_years_on(released_on), None, DEBTOR_NAME)
        if i in detained:
            taken_on = today - timedelta(days=int(rng.integers(15, 120)))
            yield DemoMeasure(i, "physical_detention", 1, taken_on, _two_years_on(taken_on), None, _STORAGE_YARD)


def _two_years_on(day: date) -> date:
    """Return the last day of two years, the longest term (Civil Procedure Law interpretation, article 485)."""
    try:
        return day.replace(year=day.year + 2) - timedelta(days=1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 2, day=28)
