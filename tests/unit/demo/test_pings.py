"""The pings of the demo: each defect in about its share, the rest plausible, every row as the wire wants it."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from app.core.geo.datum import CoordSystem, everywhere, to_wgs84
from app.core.geo.geodesy import distance_m
from app.demo import defects
from app.demo.fleet import DemoData, fresh_rows
from app.demo.pings import BATCH_ROWS, MISSING, batches
from app.demo.signals import DRIFT_M, DRIFT_MEMORY, drift_m
from app.telemetry.domain import NO_INT
from app.telemetry.formats.json_pings import decode
from app.telemetry.pings.columns import to_reports
from tests.factories.constants import NOW

NOW_S = int(NOW.timestamp())


def test_drift_is_an_ar1_process_of_eight_metres() -> None:
    rng = np.random.default_rng(3)
    drift = drift_m(rng, 400_000)
    assert drift.std() == pytest.approx(DRIFT_M, rel=0.02)
    assert np.corrcoef(drift[1:], drift[:-1])[0, 1] == pytest.approx(DRIFT_MEMORY, abs=0.01)
    shocks = drift[1:] - DRIFT_MEMORY * drift[:-1]
    assert abs(np.corrcoef(shocks[1:], shocks[:-1])[0, 1]) < 0.01
    first = np.array([drift_m(rng, 1)[0] for _ in range(20_000)])
    assert first.std() == pytest.approx(DRIFT_M, rel=0.03)


def test_there_are_three_days_of_about_half_a_million_pings_in_the_order_of_arrival(demo: DemoData) -> None:
    pings = demo.pings
    assert 400_000 < len(pings) < 600_000
    assert np.all(np.diff(pings.arrival_s) >= 0)
    assert pings.arrival_s[-1] <= NOW_S + 10
    sane = pings.fixed_s <= NOW_S
    assert np.mean(pings.fixed_s[sane] >= NOW_S - 3 * 86_400) > 0.95
    assert pings.fixed_s.min() > NOW_S - 27 * 86_400
    first_batch = pings.device[:BATCH_ROWS]
    assert len(np.unique(pings.device[-BATCH_ROWS:])) > 200
    assert len(np.unique(first_batch)) > 1


def test_each_defect_is_there_in_about_its_share(demo: DemoData) -> None:
    pings, rows = demo.pings, demo.truth.rows
    devices = len(np.unique(pings.device))
    assert rows["all"] == len(pings)
    zero = (pings.lon == 0) & (pings.lat == 0)
    assert zero.mean() == pytest.approx(defects.ZERO_ROW_SHARE, rel=0.1)
    shifted = len(np.unique(pings.device[pings.gcj02]))
    assert shifted / devices == pytest.approx(defects.GCJ02_SHARE, abs=0.005)
    assert all(np.all(pings.gcj02[pings.device == d]) for d in np.unique(pings.device[pings.gcj02])[:5])
    ahead = (pings.fixed_s - NOW_S) / defects.YEAR_S
    assert 0.5 < len(np.unique(pings.device[ahead > 0])) / (defects.FUTURE_SHARE * devices) <= 1.0
    assert ahead[ahead > 0].min() > 0.9
    assert ahead.max() < 20
    late = pings.backfill
    assert 1_000 < late.sum() < 10_000
    assert np.all(pings.arrival_s[late] - pings.fixed_s[late] > 0)
    assert len(np.unique(pings.device[late])) / devices == pytest.approx(0.8 * defects.GAP_SHARE, abs=0.03)
    assert 100 < pings.cell.sum() < 300
    assert rows["lost"] > 0


def test_the_counts_in_the_truth_are_those_of_the_rows(demo: DemoData) -> None:
    pings, rows = demo.pings, demo.truth.rows
    key = np.stack([pings.device, pings.fixed_s, np.round(pings.lon * 1e6), np.round(pings.lat * 1e6)])
    different = len(np.unique(key, axis=1).T)
    assert len(pings) - different == rows["duplicate"]
    assert rows["duplicate"] / len(pings) == pytest.approx(defects.DUPLICATE_ROW_SHARE, rel=0.1)
    strangers = pings.device == len(demo.fleet.devices)
    assert strangers.sum() == rows["unknown_device"] == defects.UNREGISTERED_ROWS
    assert demo.identifiers[-1] not in {d.identifier for d in demo.fleet.devices}


def test_duplicates_come_in_the_same_and_in_later_batches(demo: DemoData) -> None:
    pings = demo.pings
    key = np.stack([pings.device, pings.fixed_s, np.round(pings.lon * 1e6)])
    _, first, where = np.unique(key, axis=1, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[where] != np.arange(len(pings)))
    apart = again // BATCH_ROWS - first[where][again] // BATCH_ROWS
    assert (apart == 0).sum() > 1_000
    assert (apart > 0).sum() > 1_000


def test_the_last_good_fix_of_each_asset_is_where_the_truth_says(demo: DemoData) -> None:
    pings = demo.pings
    owner = np.array([d.asset for d in demo.fleet.devices] + [-1])[pings.device]
    good = (pings.fixed_s <= NOW_S) & (pings.lon != 0) & ~pings.cell & (owner >= 0)
    lon, lat = pings.lon.copy(), pings.lat.copy()
    lon[pings.gcj02], lat[pings.gcj02] = to_wgs84(lon[pings.gcj02], lat[pings.gcj02], CoordSystem.GCJ02, everywhere)
    order = np.lexsort((pings.fixed_s, owner))
    order = order[good[order]]
    last = order[np.append(np.diff(owner[order]) > 0, True)]
    off = []
    for row in last.tolist():
        truth = demo.truth.assets[int(owner[row])]
        off.append(float(distance_m(truth.lon, truth.lat, lon[row], lat[row])))
    assert len(off) == 671 - 20
    assert np.mean(off) == pytest.approx(DRIFT_M * np.sqrt(np.pi / 2), rel=0.1)
    assert max(off) < 60


def test_nobody_drives_faster_than_a_vehicle_can(demo: DemoData) -> None:
    pings = demo.pings
    good = (pings.fixed_s <= NOW_S) & (pings.lon != 0) & ~pings.cell & (pings.device < len(demo.fleet.devices))
    kept = pings.take(good)
    kept = kept.take(np.lexsort((kept.fixed_s, kept.device)))
    same = (np.diff(kept.device) == 0) & (np.diff(kept.fixed_s) >= 20)
    metres = distance_m(kept.lon[:-1], kept.lat[:-1], kept.lon[1:], kept.lat[1:])[same]
    speed_kmh = 3.6 * metres / np.diff(kept.fixed_s)[same]
    assert speed_kmh.max() < 140
    assert 0.1 < np.mean(kept.speed_kmh > 0) < 0.6


def test_every_batch_is_read_by_the_service_s_own_decoder_without_a_rejection(demo: DemoData) -> None:
    some = demo.pings.take(np.arange(0, len(demo.pings), 17))
    bodies = list(batches(some, demo.identifiers))
    assert [body.count(b"\n") for body in bodies[:-1]] == [BATCH_ROWS] * (len(bodies) - 1)
    start = 0
    for body in bodies:
        decoded = decode(body, ndjson=True, max_rows=BATCH_ROWS)
        reports = to_reports([decoded], [None])
        assert decoded.rejections == ()
        rows = some.take(slice(start, start + decoded.received))
        assert np.array_equal(reports.fixed_us, rows.fixed_s * 1_000_000)
        assert np.allclose(reports.lon, rows.lon, atol=6e-7)
        assert np.allclose(reports.lat, rows.lat, atol=6e-7)
        assert np.array_equal(reports.datum == 3, rows.gcj02)
        assert np.array_equal(reports.source == 2, rows.cell)
        assert np.array_equal(reports.backfill, rows.backfill)
        assert np.array_equal(reports.more.satellites != NO_INT, rows.satellites != MISSING)
        assert np.array_equal(np.isnan(reports.more.accuracy_m), np.isnan(rows.accuracy_m))
        start += decoded.received
    assert start == len(some)


def test_a_row_looks_like_what_a_gateway_writes(demo: DemoData) -> None:
    wired = demo.pings.take(demo.pings.battery_pct == MISSING).take(slice(0, 1))
    row = msgspec.json.decode(next(batches(wired, demo.identifiers)))
    at = datetime.fromisoformat(row["fixed_at"])
    assert at.utcoffset() == timedelta(hours=8)
    assert at == datetime.fromtimestamp(int(wired.fixed_s[0]), UTC)
    assert row["external_power"] is True
    assert "battery_pct" not in row
    wireless = demo.pings.take(demo.pings.battery_pct != MISSING).take(slice(0, 1))
    row = msgspec.json.decode(next(batches(wireless, demo.identifiers)))
    assert 0 < row["battery_pct"] <= 100
    assert not {"external_power", "ignition"} & set(row)


def test_a_second_run_adds_only_the_last_hours_and_only_of_those_not_silent(demo: DemoData) -> None:
    fresh = fresh_rows(demo)
    assert 0 < len(fresh) < 0.15 * len(demo.pings)
    owner = np.array([d.asset for d in demo.fleet.devices])
    seen = {int(a) for a in owner[np.unique(fresh.device)]}
    assert seen == {i for i, a in enumerate(demo.truth.assets) if a.state in {"fresh", "outside"}}
    assert np.all(np.diff(fresh.arrival_s) >= 0)
