"""What the benchmark sends is what its plan says, byte by byte."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from benchmarks.growth import DAYS, _days, steps_to
from benchmarks.pings import Fleet, PingPlan, Timeline
from benchmarks.rendering import batches, osmand, singles

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
def bench_fleet() -> Fleet:
    return Fleet(70)


@pytest.fixture
def plan() -> PingPlan:
    return Timeline(70).plan(250, NOW)


def _told(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return line, {name.lower(): value for name, _, value in (each.partition(": ") for each in headers)}, body


def test_batches_hold_the_plan_in_its_order(bench_fleet: Fleet, plan: PingPlan) -> None:
    rows = []
    for request in batches(bench_fleet, plan, "127.0.0.1:8000", "a-key", 100):
        line, headers, body = _told(request)
        assert line == "POST /v1/pings HTTP/1.1"
        assert headers["authorization"] == "Bearer a-key"
        assert int(headers["content-length"]) == len(body)
        rows.append(json.loads(body))
    assert [len(each) for each in rows] == [100, 100, 50]
    load = bench_fleet.load(plan)
    told = [row for each in rows for row in each]
    assert [int(row["device_id"][2:]) for row in told] == load.device.tolist()
    assert {len(row["device_id"]) for row in told} == {15}
    assert [round(row["lat"] * 1e7) for row in told] == load.lat_e7.tolist()
    assert [round(row["lon"] * 1e7) for row in told] == load.lon_e7.tolist()
    times = [datetime.fromisoformat(row["fixed_at"]) for row in told]
    assert [round(at.timestamp() * 1e6) for at in times] == load.fixed_us.tolist()
    assert all(10 <= row["speed_kmh"] <= 99 and 100 <= row["course_deg"] <= 359 for row in told)


def test_singles_and_osmand_tell_the_same_pings(bench_fleet: Fleet, plan: PingPlan) -> None:
    load = bench_fleet.load(plan)
    for place, request in enumerate(singles(bench_fleet, plan, "h", "k")):
        _, headers, body = _told(request)
        assert int(headers["content-length"]) == len(body)
        (row,) = json.loads(body)
        assert round(row["lat"] * 1e7) == load.lat_e7[place]
    for place, request in enumerate(osmand(bench_fleet, plan, "h", "k")):
        line, headers, body = _told(request)
        method, address, _ = line.split(" ")
        assert (method, urlsplit(address).path, body) == ("POST", "/v1/feeds/osmand", b"")
        assert headers["content-length"] == "0"
        assert "content-type" not in headers
        told = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert told["id"] == f"86{load.device[place]:013d}"
        assert round(float(told["lon"]) * 1e7) == load.lon_e7[place]
        assert int(told["timestamp"]) * 1_000 == load.fixed_us[place]
        assert 5 <= int(told["speed"]) <= 53


def test_a_fleet_is_the_same_for_every_process_and_drives_as_trucks_do(bench_fleet: Fleet, plan: PingPlan) -> None:
    load, again = bench_fleet.load(plan), Fleet(70).load(plan, 100, 200)
    assert load.part(100, 200).lon_e7.tolist() == again.lon_e7.tolist()
    first = load.device == load.device[0]
    hours = np.diff(load.fixed_us[first]) / 3.6e9
    km = np.hypot(np.diff(load.lon_e7[first]), np.diff(load.lat_e7[first])) / 1e7 * 111.2
    assert np.all(hours > 0)
    assert np.all(km / hours < 60)


def test_windows_follow_one_another_within_the_hour_before_now() -> None:
    timeline = Timeline(10)
    plans = [timeline.plan(10, NOW + timedelta(seconds=10 * n)) for n in range(12)]
    assert all(one.ends_us <= next_one.begins_us for one, next_one in pairwise(plans))
    now_us = round(NOW.timestamp() * 1e6)
    assert plans[0].begins_us > now_us - 3_600_000_000
    assert plans[-1].ends_us <= now_us + 120_000_000


def test_growth_is_spread_over_days_and_no_two_fillings_share_a_time() -> None:
    assert steps_to(100_000_000) == [1_000_000, 10_000_000, 100_000_000]
    assert steps_to(2_500_000) == [1_000_000, 2_500_000]
    assert _days(0, 10, 1, NOW) == []
    bench_fleet, seen = Fleet(10), set()
    small_hours = NOW.replace(hour=0, minute=40)
    plans = _days(3_001, 10, 0, small_hours) + _days(6_000, 10, 1, small_hours)
    assert sum(plan.pings for plan in plans) == 9_001
    for plan in plans:
        load = bench_fleet.load(plan)
        assert load.fixed_us[-1] < (small_hours - timedelta(hours=2)).timestamp() * 1e6 + 1_000
        seen |= set(zip(load.device.tolist(), load.fixed_us.tolist(), strict=True))
    assert len(seen) == 9_001
    assert len({us // 86_400_000_000 for _, us in seen}) >= DAYS - 1
