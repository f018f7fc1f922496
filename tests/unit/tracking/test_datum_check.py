"""A wrong datum is found where a device rests, and ordinary movement is never taken for one."""

import csv
import gzip
import random
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from app.core.geo.datum import CoordSystem, everywhere, from_wgs84, to_wgs84
from app.core.geo.geodesy import destination
from app.telemetry.domain import DATUM_CODES
from app.tracking.datum.check import (
    Fixes,
    Places,
    compare_with_reference,
    find_stays,
    shift_has_ended,
    shifted_since,
    wrongly_declared,
)

DATA = Path(app.__file__).parents[2] / "shared" / "data" / "trajectories"
WGS84, GCJ02 = DATUM_CODES[CoordSystem.WGS84], DATUM_CODES[CoordSystem.GCJ02]
CENTRE = (121.47, 31.23)
HOUR_US = 3_600_000_000
NO_DEPOTS = Places(np.zeros(0), np.zeros(0), np.zeros(0))


def city(chance: random.Random, places: int, within_m: float = 8_000) -> list[tuple[float, float]]:
    found = []
    for _ in range(places):
        bearing, metres = chance.uniform(0, 360), within_m * chance.random() ** 0.5
        lon, lat = destination(CENTRE[0], CENTRE[1], bearing, metres)
        found.append((float(lon), float(lat)))
    return found


def track(
    chance: random.Random,
    visits: list[tuple[float, float]],
    *,
    datum: int = WGS84,
    wrong_from: int = 10**6,
    wrong_until: int = 10**6,
    flagged_from: int = 10**6,
) -> Fixes:
    """Rest at places for an hour each, six fixes an hour with 5 m of noise, from one hour of six to the next."""
    lon, lat, us, flagged, wrong = [], [], [], [], []
    for n, (at_lon, at_lat) in enumerate(visits):
        for minute in range(0, 60, 10):
            lon.append(at_lon + chance.gauss(0, 5e-5))
            lat.append(at_lat + chance.gauss(0, 5e-5))
            us.append(n * 6 * HOUR_US + minute * 60_000_000)
            flagged.append(n >= flagged_from)
            wrong.append(wrong_from <= n < wrong_until)
    true_lon, true_lat = np.array(lon), np.array(lat)
    codes = np.full(len(lon), datum, dtype=np.int32)
    there = wrongly_declared(true_lon, true_lat, codes, everywhere)
    stored = [np.where(wrong, a, b) for a, b in zip(there, (true_lon, true_lat), strict=True)]
    return Fixes(np.array(us, dtype=np.int64), stored[0], stored[1], codes, np.array(flagged, dtype=np.bool_))


def since(fixes: Fixes, depots: Places = NO_DEPOTS) -> float | None:
    """Number of the stay since which the device is shifted."""
    found = shifted_since(find_stays(fixes)[0], depots, everywhere, 5)
    return None if found is None else found / (6 * HOUR_US)


@pytest.mark.parametrize("datum", [WGS84, DATUM_CODES[CoordSystem.CGCS2000], GCJ02])
def test_a_device_that_changes_its_datum_is_found_from_the_first_place_it_knew(datum: int) -> None:
    chance = random.Random(1)
    home, yard, site, quarry = city(chance, 4)
    visits = [home, yard, home, site] * 3 + [quarry, home, yard, home, site]
    assert since(track(chance, visits, datum=datum)) is None
    assert since(track(chance, visits, datum=datum, wrong_from=12)) == 13


def test_bd09_is_not_judged_and_outside_the_shift_nothing_is() -> None:
    chance = random.Random(1)
    home, yard = city(chance, 2)
    visits = [home, yard] * 8
    fixes = track(chance, visits, wrong_from=10)
    assert since(fixes) == 10
    assert since(Fixes(fixes.fixed_us, fixes.lon, fixes.lat, np.full_like(fixes.datum, 4), fixes.flagged)) is None
    nowhere = shifted_since(find_stays(fixes)[0], NO_DEPOTS, lambda lon, _: np.zeros(lon.shape, dtype=np.bool_), 5)
    assert nowhere is None


def test_too_few_stays_or_one_place_are_not_enough() -> None:
    chance = random.Random(2)
    home, yard = city(chance, 2)
    assert since(track(chance, [home, yard] * 4 + [home, yard], wrong_from=8)) is None
    others = city(chance, 16)
    one_place = [place for other in others for place in (home, other)]
    assert since(track(chance, one_place, wrong_from=16)) is None
    assert since(track(chance, [home, yard] * 4 + [home, yard, home], wrong_from=8)) == 8


def test_one_stay_at_the_place_itself_speaks_against_it() -> None:
    chance = random.Random(3)
    home, yard = city(chance, 2)
    assert since(track(chance, [home, yard] * 8, wrong_from=8, wrong_until=15)) is None


def test_who_stops_shifting_is_not_suspected() -> None:
    """The other way round: the earlier places were wrong, the present ones are right."""
    chance = random.Random(4)
    home, yard = city(chance, 2)
    assert since(track(chance, [home, yard] * 8, wrong_from=0, wrong_until=8)) is None


def test_who_corrects_the_declaration_is_not_suspected() -> None:
    chance = random.Random(5)
    home, yard = city(chance, 2)
    fixes = track(chance, [home, yard] * 8, wrong_from=0, wrong_until=8)
    corrected = np.where(np.arange(len(fixes.lon)) >= 48, GCJ02, WGS84).astype(np.int32)
    assert since(Fixes(fixes.fixed_us, fixes.lon, fixes.lat, corrected, fixes.flagged)) is None


def test_depots_tell_of_a_device_that_was_wrong_from_the_start() -> None:
    chance = random.Random(6)
    home, yard = city(chance, 2)
    depots = Places(np.array([home[0], yard[0]]), np.array([home[1], yard[1]]), np.array([60.0, 60.0]))
    wrong = track(chance, [home, yard] * 3, wrong_from=0)
    assert since(wrong) is None
    assert since(wrong, depots) == 0
    assert since(track(chance, [home, yard] * 3), depots) is None
    large = Places(depots.lon, depots.lat, np.array([2_000.0, 2_000.0]))
    assert since(track(chance, [home, yard] * 3), large) is None


def test_the_end_is_seen_when_it_rests_at_its_places_again() -> None:
    chance = random.Random(7)
    home, yard = city(chance, 2)

    def ended(visits: int, wrong_until: int) -> bool:
        fixes = track(chance, ([home, yard] * 20)[:visits], wrong_from=8, wrong_until=wrong_until, flagged_from=11)
        return shift_has_ended(find_stays(fixes)[0], NO_DEPOTS, everywhere, 5)

    assert not ended(16, 99)
    assert not ended(17, 16)
    assert ended(18, 16)
    assert not ended(10, 99)


def test_a_sister_tells_by_ten_pairs() -> None:
    chance = random.Random(8)
    visits = city(chance, 4)
    right = track(chance, visits)
    wrong = track(chance, visits, wrong_from=2)
    found = compare_with_reference(wrong, right, everywhere)
    assert found.since_us == 2 * 6 * HOUR_US
    assert not found.agrees
    assert compare_with_reference(right, wrong, everywhere).since_us is None  # nobody sends what would lie there
    assert compare_with_reference(right, right, everywhere).agrees
    few = track(chance, visits[:1], wrong_from=0)
    assert compare_with_reference(few, right, everywhere).since_us is None
    back = track(chance, visits, wrong_from=0, wrong_until=2)
    assert compare_with_reference(back, right, everywhere).agrees
    nobody = Fixes(right.fixed_us[:0], right.lon[:0], right.lat[:0], right.datum[:0], right.flagged[:0])
    assert compare_with_reference(wrong, nobody, everywhere).since_us is None


def test_a_sister_that_lies_elsewhere_is_no_shift() -> None:
    chance = random.Random(9)
    visits = city(chance, 4)
    lon, lat = destination([v[0] for v in visits], [v[1] for v in visits], 200.0, 450.0)
    removed = track(chance, list(zip(lon.tolist(), lat.tolist(), strict=True)))
    found = compare_with_reference(removed, track(chance, visits), everywhere)
    assert (found.since_us, found.agrees) == (None, False)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(3, 120))
def test_ordinary_movement_is_never_taken_for_a_shift(seed: int, places: int, visits: int) -> None:
    chance = random.Random(seed)
    known = city(chance, places, within_m=3_000)
    assert since(track(chance, [chance.choice(known) for _ in range(visits)])) is None


@pytest.mark.parametrize("seed", [32, 72, 249, 338])
def test_where_places_stand_close_a_match_may_be_chance(seed: int) -> None:
    """Forty places known within a kilometre, then forty new ones among them: three lie one shift from a known one."""
    chance = random.Random(seed)
    known, new = city(chance, 40, within_m=1_000), city(chance, 40, within_m=1_000)
    assert since(track(chance, [chance.choice(known) for _ in range(40)] + new)) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([WGS84, GCJ02]))
def test_a_shift_is_found_whatever_the_places(seed: int, datum: int) -> None:
    chance = random.Random(seed)
    known = city(chance, 5)
    visits = known + [chance.choice(known) for _ in range(15)] + known
    assert since(track(chance, visits, datum=datum, wrong_from=20)) == 20


def test_both_ways_are_exact() -> None:
    lon, lat = np.array([CENTRE[0]]), np.array([CENTRE[1]])
    plain = wrongly_declared(lon, lat, np.array([WGS84], dtype=np.int32), everywhere)
    assert plain == from_wgs84(lon, lat, CoordSystem.GCJ02, everywhere)
    gcj = wrongly_declared(lon, lat, np.array([GCJ02], dtype=np.int32), everywhere)
    assert gcj == to_wgs84(lon, lat, CoordSystem.GCJ02, everywhere)


def geolife() -> dict[str, Fixes]:
    tracks: dict[str, list[tuple[int, float, float]]] = {}
    with gzip.open(DATA / "geolife_beijing.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            us = int(datetime.fromisoformat(row["timestamp"]).timestamp() * 1e6)
            tracks.setdefault(row["device_id"], []).append((us, float(row["lon"]), float(row["lat"])))
    found = {}
    for device, rows in tracks.items():
        columns = list(zip(*sorted(rows), strict=True))
        times, n = np.array(columns[0], dtype=np.int64), len(rows)
        lon, lat = np.array(columns[1], dtype=np.float64), np.array(columns[2], dtype=np.float64)
        found[device] = Fixes(times, lon, lat, np.full(n, WGS84, dtype=np.int32), np.zeros(n, dtype=np.bool_))
    return found


@pytest.mark.skipif(
    not DATA.exists(),
    reason="the real tracks lie beside the checkout on developers' machines; they are not ours to ship",
)
def test_real_people_on_the_move_are_never_suspected_and_a_real_shift_is_found() -> None:
    found, rested = {}, 0
    for device, fixes in geolife().items():
        stays, _ = find_stays(fixes)
        rested += len(stays.lon)
        for ends in range(3, len(stays.lon) + 1):  # as the job would have looked after every stay
            cut = type(stays)(*(getattr(stays, name)[:ends] for name in stays.__dataclass_fields__))
            assert shifted_since(cut, NO_DEPOTS, everywhere, 5) is None, device
        there = wrongly_declared(fixes.lon, fixes.lat, fixes.datum, everywhere)
        half = np.arange(len(fixes.lon)) >= len(fixes.lon) // 2
        lon, lat = (np.where(half, a, b) for a, b in zip(there, (fixes.lon, fixes.lat), strict=True))
        moved, _ = find_stays(Fixes(fixes.fixed_us, lon, lat, fixes.datum, fixes.flagged))
        found[device] = shifted_since(moved, NO_DEPOTS, everywhere, 5)
    assert rested > 100
    assert {device for device, since_us in found.items() if since_us is not None} >= {"geolife-001", "geolife-005"}
