"""Makes the whole demo: a fleet, three days of its pings with realistic defects, and the ground truth.

Seed and moment determine everything. The moment only shifts times: one seed gives the same assets at the same
places on any day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from app.core.clock import SHANGHAI
from app.demo import defects, identifiers
from app.demo.movement import HOUR_S, Journey, Terrain, journey_at_rest, journey_to
from app.demo.pings import IntArray, Pings, concatenate
from app.demo.places import Spots, make_spots
from app.demo.registers import ASSET_COUNT, DEVICE_TYPE_CODES, Fleet, make_fleet
from app.demo.scenarios import DAY_S, Scenarios, draw_scenarios
from app.demo.signals import report
from app.demo.truth import GroundTruth, TrueAsset
from app.jurisdictions.court_naming import PROVINCES, province_adcode
from app.jurisdictions.loading.layer import DivisionArea

SEED: Final = 671
_REFRESH_S: Final = 6 * HOUR_S
_REFRESH_ROWS: Final = 4


@dataclass(frozen=True, slots=True)
class DemoData:
    """A fleet, its pings and its ground truth."""

    fleet: Fleet
    pings: Pings  # in the order of arrival. A device index beyond the fleet's devices is the unregistered terminal
    identifiers: tuple[str, ...]  # identifier of each device, the unregistered terminal included
    truth: GroundTruth


def make_demo_data(counties: Sequence[DivisionArea], now: datetime, seed: int = SEED) -> DemoData:
    """Make fleet, pings and ground truth.

    Args:
        counties: The counties of a boundary layer, WGS-84.
        now: Aware; the pings end here.
        seed: Determines fleet and places; together with ``now`` also the pings.
    """
    ground, fortune, motion, noise = (np.random.default_rng([seed, part]) for part in range(1, 5))
    fleet = registered_fleet(now, seed)
    spots = make_spots(ground, counties, ASSET_COUNT)
    scenarios = draw_scenarios(fortune, fleet, spots)
    now_s = int(now.timestamp())
    clean = _clean_pings(motion, fleet, scenarios, spots, counties, now_s)
    pings, touched, rows = _damage(noise, clean, fleet, scenarios, now_s)
    truth = _truth(fleet, scenarios, spots, clean, touched, rows, now, seed)
    odd = identifiers.imeis(np.random.default_rng([seed, 99]), 1, DEVICE_TYPE_CODES[:1])
    return DemoData(fleet, pings, (*(d.identifier for d in fleet.devices), *odd), truth)


def registered_fleet(now: datetime, seed: int = SEED) -> Fleet:
    """Return the registered data of the fleet of ``make_demo_data``. Fast, and needs no boundaries."""
    return make_fleet(np.random.default_rng([seed, 0]), now.astimezone(SHANGHAI).date())


def fresh_rows(demo: DemoData) -> Pings:
    """Return what a second run adds: the last rows of each device whose asset is not silent, from the last hours."""
    pings = demo.pings
    now_s = int(demo.truth.made_for.timestamp())
    fresh = np.array([a.state in {"fresh", "outside"} for a in demo.truth.assets] + [False])
    owner = np.array([d.asset for d in demo.fleet.devices] + [len(demo.truth.assets)])
    order = np.lexsort((pings.fixed_s, pings.device))
    from_end = np.searchsorted(pings.device[order], pings.device[order], side="right") - 1 - np.arange(len(order))
    last = np.zeros(len(order), dtype=np.bool_)
    last[order[from_end < _REFRESH_ROWS]] = True
    recent = (pings.fixed_s > now_s - _REFRESH_S) | (last & (pings.fixed_s > now_s - 3 * DAY_S))
    return pings.take(recent & fresh[owner[pings.device]])


def _clean_pings(
    rng: np.random.Generator,
    fleet: Fleet,
    scenarios: Scenarios,
    spots: Spots,
    counties: Sequence[DivisionArea],
    now_s: int,
) -> Pings:
    """Pings of healthy devices, ordered by device and time."""
    areas = {int(county.adcode): county.area for county in counties}
    land = spots.county_adcode > 0
    terrain = Terrain(spots.lon[land], spots.lat[land])
    journeys = [
        journey_to(
            rng,
            asset.kind if land[spot] and not cut else "",
            (float(spots.lon[spot]), float(spots.lat[spot])),
            areas.get(int(spots.county_adcode[spot])),
            terrain,
            (from_s, until_s),
            under_way=under_way,
        )
        for asset, spot, from_s, until_s, under_way, cut in zip(
            fleet.assets,
            *(
                a.tolist()
                for a in (
                    scenarios.spot,
                    scenarios.from_s,
                    scenarios.until_s,
                    scenarios.under_way,
                    scenarios.main_cut,
                )
            ),
            strict=True,
        )
    ]
    parts = []
    for number, device in enumerate(fleet.devices):
        journey = journeys[device.asset]
        if scenarios.main_cut[device.asset] and device.kind != "wireless":
            journey = _cut_elsewhere(rng, terrain)
        if scenarios.state[device.asset] != "never_located":
            parts.append(report(rng, number, device.kind, journey, now_s))
    return concatenate(parts)


def _cut_elsewhere(rng: np.random.Generator, terrain: Terrain) -> Journey:
    """Journey of a main device that was cut off: it ends at another stop, nine to twenty days ago."""
    stop = int(rng.integers(len(terrain.lon)))
    until_s = -float(rng.uniform(9, 20)) * DAY_S
    return journey_at_rest(float(terrain.lon[stop]), float(terrain.lat[stop]), until_s - DAY_S, until_s)


def _damage(
    rng: np.random.Generator, clean: Pings, fleet: Fleet, scenarios: Scenarios, now_s: int
) -> tuple[Pings, dict[str, IntArray], dict[str, int]]:
    """Add every defect. Return the pings in the order of arrival, the devices by defect, and the rows by defect."""
    owner = np.array([d.asset for d in fleet.devices])
    abroad, moving = scenarios.is_in("outside")[owner], scenarios.under_way[owner]
    several = np.isin(owner, owner[len(fleet.assets) :])
    touched: dict[str, IntArray] = {}
    pings, touched["gap"] = defects.gaps(rng, clean)
    pings, touched["network_fix"] = defects.network_fixes(rng, pings, ~several & ~moving & ~abroad)
    pings, touched["gcj02"] = defects.gcj02(rng, pings, abroad)
    pings, touched["zero_fix"] = defects.zero_fixes(rng, pings, moving)
    pings, touched["future_clock"] = defects.future_clocks(rng, pings, moving)
    rows = {
        "lost": len(clean) - len(pings),
        "backfill": int(pings.backfill.sum()),
        "network_fix": int(pings.cell.sum()),
        "gcj02": int(pings.gcj02.sum()),
        "zero_fix": int(((pings.lon == 0) & (pings.lat == 0)).sum()),
        "future_clock": int((pings.fixed_s > now_s).sum()),
    }
    single = len(pings)
    pings, touched["duplicate"] = defects.duplicates(rng, pings, now_s)
    rows["duplicate"] = len(pings) - single
    pings, _ = defects.unregistered_device(rng, pings, len(fleet.devices))
    rows |= {"unknown_device": defects.UNREGISTERED_ROWS, "all": len(pings)}
    return pings.take(np.argsort(pings.arrival_s, kind="stable")), touched, rows


def _truth(
    fleet: Fleet,
    scenarios: Scenarios,
    spots: Spots,
    clean: Pings,
    touched: dict[str, IntArray],
    rows: dict[str, int],
    now: datetime,
    seed: int,
) -> GroundTruth:
    last_s = _last_pings(fleet, clean)
    found = _defects_by_asset(fleet, scenarios, touched)
    assets = []
    for i, (asset, spot) in enumerate(zip(fleet.assets, scenarios.spot.tolist(), strict=True)):
        adcode, place = int(spots.county_adcode[spot]), int(spots.place[spot])
        assets.append(
            TrueAsset(
                reference=asset.reference,
                kind=asset.kind,
                lon=round(float(spots.lon[spot]), 7),
                lat=round(float(spots.lat[spot]), 7),
                county_adcode=adcode or None,
                court_code=court_code(adcode) if adcode else None,
                border_m=round(float(spots.border_m[spot]), 1) if adcode else None,
                place=place if place >= 0 else None,
                state=scenarios.state[i],
                last_ping_at=datetime.fromtimestamp(last_s[i], UTC) if last_s[i] else None,
                under_way=bool(scenarios.under_way[i]),
                defects=tuple(found[i]),
            )
        )
    return GroundTruth(seed, now.astimezone(UTC), tuple(assets), rows)


def _last_pings(fleet: Fleet, clean: Pings) -> list[int]:
    """Seconds since 1970, UTC, of each asset's last ping; 0 for none."""
    last_s = np.zeros(len(fleet.assets), dtype=np.int64)
    np.maximum.at(last_s, np.array([d.asset for d in fleet.devices])[clean.device], clean.fixed_s)
    return [int(s) for s in last_s]


def _defects_by_asset(fleet: Fleet, scenarios: Scenarios, touched: dict[str, IntArray]) -> list[list[str]]:
    owner = np.array([d.asset for d in fleet.devices])
    by_name = {name: np.unique(owner[devices]) for name, devices in touched.items()}
    by_name["main_device_cut"] = np.flatnonzero(scenarios.main_cut)
    found: list[list[str]] = [[] for _ in fleet.assets]
    for name, assets in by_name.items():
        for asset in assets.tolist():
            found[asset].append(name)
    return found


def court_code(county_adcode: int) -> str:
    """Return the code of a county's basic court: province abbreviation and four digits (310105 -> 沪0105)."""
    adcode = f"{county_adcode:06d}"
    return f"{PROVINCES[province_adcode(adcode)].abbreviation}{adcode[2:]}"
