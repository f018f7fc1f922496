"""How well a feed works, as its lessor sees it."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.core.clock import FixedClock
from tests.api import ApiUser, Principals, counted_queries, problem_fields
from tests.factories.constants import NOW
from tests.factories.devices import make_feed, register_truck
from tests.factories.pings import DEVICE, ping


async def quality(holder: ApiUser, feed_id: int, **window: Any) -> dict[str, Any]:
    told = {("from" if name == "from_" else name): at.isoformat() for name, at in window.items()}
    answer = await holder.client.get(f"/v1/feeds/{feed_id}/quality", params=told)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_feed_that_never_sent_says_so(lessor: ApiUser) -> None:
    found = await quality(lessor, await make_feed(lessor))
    assert (found["state"], found["last_batch_at"], found["batches"]) == ("never", None, 0)
    assert [found[name] for name in ("duplicate_share", "doubted_share", "lag_mean_s", "lag_max_s")] == [None] * 4
    assert (found["doubts"], found["silent_devices"]["count"]) == ([], 0)
    assert len(found["hours"]) == 24
    assert found["hours"][-1] == {"hour": "2026-11-23T04:00:00Z", "batches": 0, "received": 0, "stored": 0}


async def test_what_came_is_counted_with_its_shares_and_lags(lessor: ApiUser, principals: Principals) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    await gateway.client.post("/v1/pings", json=[ping(4), ping(4), ping(3, at=(0, 0)), ping(2, device_id="nobody")])
    await gateway.client.post("/v1/pings", json=[ping(2), ping(1, accuracy_m=900), ping(30, source="cell"), ping(4)])
    await lessor.client.post("/v1/pings", json=[ping(0.5)])  # not through the feed
    found = await quality(lessor, feed_id)
    counts = ("batches", "received", "stored", "duplicates", "rejected", "doubted")
    assert [found[name] for name in counts] == [2, 8, 5, 2, 1, 3]
    assert found["received"] == found["stored"] + found["duplicates"] + found["rejected"]
    assert (found["duplicate_share"], found["rejected_share"], found["doubted_share"]) == (0.25, 0.125, 0.6)
    assert {d["doubt"]: (d["count"], d["share"]) for d in found["doubts"]} == {
        "null_island": (1, 0.2),
        "outside": (1, 0.2),
        "low_accuracy": (1, 0.2),
        "network_fix": (1, 0.2),
    }
    assert found["lag_mean_s"] == pytest.approx(60 * (4 + 3 + 2 + 1 + 30) / 5)
    assert found["lag_max_s"] == 1800
    assert found["hours"][-1] == {"hour": "2026-11-23T04:00:00Z", "batches": 2, "received": 8, "stored": 5}
    assert (found["state"], found["last_batch_at"]) == ("live", "2026-11-23T04:00:00Z")


async def test_a_clock_that_is_wrong_does_not_hide_the_lag_of_the_others(
    lessor: ApiUser, principals: Principals
) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    year = 60 * 24 * 365
    await gateway.client.post("/v1/pings", json=[ping(4), ping(2), ping(20 * year), ping(-2 * year)])
    found = await quality(lessor, feed_id)
    assert (found["stored"], found["lag_mean_s"], found["lag_max_s"]) == (4, 180, 240)


async def test_the_window_is_of_whole_hours_and_every_hour_is_there(
    lessor: ApiUser, principals: Principals, clock: FixedClock
) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    for hours in range(3):
        clock.set(NOW + timedelta(hours=hours, minutes=20))
        await gateway.client.post("/v1/pings", json=[ping(-60 * hours - 10)])
    found = await quality(lessor, feed_id, from_=NOW - timedelta(minutes=30), to=NOW + timedelta(minutes=90))
    assert (found["window_from"], found["window_to"]) == ("2026-11-23T03:00:00Z", "2026-11-23T06:00:00Z")
    assert [(h["hour"][11:13], h["stored"]) for h in found["hours"]] == [("03", 0), ("04", 1), ("05", 1)]
    assert found["stored"] == 2
    assert (await quality(lessor, feed_id, from_=NOW))["stored"] == 3
    assert (await quality(lessor, feed_id, to=NOW + timedelta(days=900)))["window_to"] == "2026-11-23T07:00:00Z"


@pytest.mark.parametrize(
    ("window", "field"),
    [
        ({"from": NOW, "to": NOW}, "from"),
        ({"from": NOW + timedelta(hours=1)}, "from"),
        ({"from": NOW - timedelta(days=40)}, "from"),
        ({"to": datetime.fromisoformat("0001-01-01T00:30:00+00:00")}, "to"),
    ],
)
async def test_a_window_that_cannot_be_is_refused(lessor: ApiUser, window: dict[str, datetime], field: str) -> None:
    told = {name: at.isoformat() for name, at in window.items()}
    answer = await lessor.client.get(f"/v1/feeds/{await make_feed(lessor)}/quality", params=told)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_feed_falls_silent_after_its_own_time(
    lessor: ApiUser, principals: Principals, clock: FixedClock
) -> None:
    own, usual = await make_feed(lessor, "own", silent_after="PT1H"), await make_feed(lessor, "usual")
    for feed_id in (own, usual):
        await (await principals.lessor(feed_id=feed_id)).client.post("/v1/pings", json=[ping(feed_id)])
    states = []
    for hours in (0, 1, 5.9, 6, 6000):
        clock.set(NOW + timedelta(hours=hours))
        states.append(tuple([(await quality(lessor, feed_id))["state"] for feed_id in (own, usual)]))
    assert states == [
        ("live", "live"),
        ("silent", "live"),
        ("silent", "live"),
        ("silent", "silent"),
        ("silent", "silent"),
    ]


async def test_silent_devices_are_those_last_heard_through_the_feed(
    lessor: ApiUser, principals: Principals, clock: FixedClock
) -> None:
    for name in ("B", "C", "D"):
        await register_truck(lessor, f"device {name}", f"沪{name}12345")
    feed_id = await make_feed(lessor, device_silent_after="PT2H")
    gateway = await principals.lessor(feed_id=feed_id)
    other = await principals.lessor(feed_id=await make_feed(lessor, "other"))
    await gateway.client.post("/v1/pings", json=[ping(5), *(ping(5, device_id=f"device {n}") for n in "BCD")])
    clock.set(NOW + timedelta(hours=1))
    await other.client.post("/v1/pings", json=[ping(-50, device_id="device B")])
    clock.set(NOW + timedelta(hours=2))
    await gateway.client.post("/v1/pings", json=[ping(-110, device_id="device C")])
    assert (await quality(lessor, feed_id))["silent_devices"] == {
        "count": 0,
        "silent_after": "PT2H",
        "devices": [],
    }
    clock.set(NOW + timedelta(hours=2, seconds=1))
    silent = (await quality(lessor, feed_id))["silent_devices"]
    assert silent["count"] == 2
    assert [(d["identifier"], d["silent_s"]) for d in silent["devices"]] == [(DEVICE, 7201), ("device D", 7201)]
    assert silent["devices"][0]["fixed_at"] == "2026-11-23T03:55:00Z"


async def test_another_lessors_feed_is_as_unknown_as_none(
    lessor: ApiUser, principals: Principals, admin: httpx.AsyncClient
) -> None:
    feed_id = await make_feed(lessor)
    stranger = await principals.lessor("beishan")
    for number in (feed_id, 999_999):
        assert (await stranger.client.get(f"/v1/feeds/{number}/quality")).status_code == 404
    assert (await admin.get(f"/v1/feeds/{feed_id}/quality")).status_code == 200


async def test_it_takes_two_queries_however_much_came(
    application: FastAPI, lessor: ApiUser, principals: Principals, clock: FixedClock
) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    for hours in range(5):
        clock.set(NOW + timedelta(hours=hours))
        await gateway.client.post("/v1/pings", json=[ping(-60 * hours)])
    clock.set(NOW + timedelta(days=3))
    with counted_queries(application) as statements:
        found = await quality(lessor, feed_id)
    assert found["silent_devices"]["count"] == 1
    assert len([s for s in statements if "api_key" not in s]) == 2
