"""Feeds: registering, reading, changing; a change counts at the entrances."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from app.ingest.feed_limits import REMEMBERED_S
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, problem_fields
from tests.database import AS_SERVICE
from tests.factories.devices import make_feed, register_truck
from tests.factories.pings import ping


async def change(holder: ApiUser, feed_id: int, **changes: Any) -> httpx.Response:
    return await holder.client.patch(f"/v1/feeds/{feed_id}", json=changes)


async def test_a_feed_is_read_and_changed_member_by_member(lessor: ApiUser) -> None:
    feed_id = await make_feed(lessor, silent_after="PT2H")
    read = (await lessor.client.get(f"/v1/feeds/{feed_id}")).json()
    assert read == {
        "feed_id": feed_id,
        "lessor_id": lessor.subject_id,
        "name": "gateway",
        "coord_system": "wgs84",
        "rows_per_s": None,
        "requests_per_s": None,
        "silent_after": "PT2H",
        "device_silent_after": None,
        "hmac": False,
        "created_at": "2026-11-23T04:00:00Z",
    }
    changed = await change(lessor, feed_id, name="gateway 2", rows_per_s=500, silent_after=None)
    assert changed.json() == read | {"name": "gateway 2", "rows_per_s": 500, "silent_after": None}
    assert (await lessor.client.get(f"/v1/feeds/{feed_id}")).json() == changed.json()
    assert (await lessor.client.get("/v1/feeds")).json()["items"] == [changed.json()]


async def test_another_lessors_feed_is_as_unknown_as_none(
    lessor: ApiUser, principals: Principals, admin: httpx.AsyncClient
) -> None:
    feed_id = await make_feed(lessor)
    stranger = await principals.lessor("beishan")
    for holder, number in ((stranger, feed_id), (stranger, 999_999)):
        read = await holder.client.get(f"/v1/feeds/{number}")
        changed = await change(holder, number, name="mine")
        assert read.status_code == changed.status_code == 404
        assert read.json()["detail"] == changed.json()["detail"] == "There is no such feed."
    assert (await admin.get(f"/v1/feeds/{feed_id}")).json()["name"] == "gateway"
    assert (await admin.patch(f"/v1/feeds/{feed_id}", json={"name": "theirs"})).json()["name"] == "theirs"
    court = await principals.court()
    assert (await court.client.get(f"/v1/feeds/{feed_id}")).status_code == 403


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"coord_system": "mars"}, "coord_system"),
        ({"rows_per_s": 0}, "rows_per_s"),
        ({"rows_per_s": 2.5}, "rows_per_s"),
        ({"requests_per_s": -1}, "requests_per_s"),
        ({"silent_after": "PT1S"}, "silent_after"),
        ({"silent_after": "P9999D"}, "silent_after"),
        ({"lessor_id": 7}, "lessor_id"),
    ],
)
async def test_a_value_that_cannot_be_changes_nothing(lessor: ApiUser, changes: dict[str, Any], field: str) -> None:
    feed_id = await make_feed(lessor)
    before = (await lessor.client.get(f"/v1/feeds/{feed_id}")).json()
    answer = await change(lessor, feed_id, **changes)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])
    assert (await lessor.client.get(f"/v1/feeds/{feed_id}")).json() == before


async def test_a_name_is_taken_once(lessor: ApiUser) -> None:
    await make_feed(lessor, "first")
    second = await make_feed(lessor, "second")
    answer = await change(lessor, second, name="first")
    assert (answer.status_code, problem_fields(answer)) == (409, ["name"])


async def test_a_lessor_lowers_its_limits_and_only_an_administrator_raises_them(
    lessor: ApiUser, admin: httpx.AsyncClient
) -> None:
    feed_id = await make_feed(lessor)
    assert (await change(lessor, feed_id, rows_per_s=200_000, requests_per_s=1)).status_code == 200
    for beyond in ({"rows_per_s": 200_001}, {"requests_per_s": 20_001}):
        assert problem_fields(await change(lessor, feed_id, **beyond)) == list(beyond)
        refused = await lessor.client.post("/v1/feeds", json={"name": "faster", **beyond})
        assert problem_fields(refused) == list(beyond)
        assert (await admin.patch(f"/v1/feeds/{feed_id}", json=beyond)).status_code == 200


async def test_a_change_counts_at_an_entrance_that_knows_the_feed_already(
    lessor: ApiUser, principals: Principals
) -> None:
    feed_id = await make_feed(lessor, coord_system=None)
    gateway = await principals.lessor(feed_id=feed_id)
    row = {name: value for name, value in ping().items() if name != "coord_system"}
    assert (await gateway.client.post("/v1/pings", json=[row])).json()["results"][0]["code"] == "datum_missing"
    await change(lessor, feed_id, coord_system="wgs84")
    await asyncio.sleep(REMEMBERED_S)
    assert (await gateway.client.post("/v1/pings", json=[row])).json()["stored"] == 1
    await change(lessor, feed_id, rows_per_s=1)
    await asyncio.sleep(REMEMBERED_S)
    answers = [await gateway.client.post("/v1/pings", json=[row] * 10) for _ in range(2)]
    assert answers[1].status_code == 429


async def test_another_datum_clears_the_suspicion_of_devices_that_sent_through_the_feed(
    application: FastAPI, lessor: ApiUser, principals: Principals, urls: ClusterUrls
) -> None:
    await register_truck(lessor, "second", "沪B12345")
    await register_truck(lessor, "moved", "沪C12345")
    feed_id, other_id = await make_feed(lessor), await make_feed(lessor, "other")
    gateway, other = await principals.lessor(feed_id=feed_id), await principals.lessor(feed_id=other_id)
    await gateway.client.post("/v1/pings", json=[ping(9), ping(9, device_id="moved")])
    await other.client.post("/v1/pings", json=[ping(8, device_id="second"), ping(8, device_id="moved")])
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        connection.execute("UPDATE device SET datum_suspect = true")

    async def doubted() -> list[str]:
        rows = [ping(7, device_id=name) for name in ("second", "moved")]
        receipt = (await gateway.client.post("/v1/pings", json=[ping(7), *rows])).json()
        return [r["code"] for r in receipt["results"]]

    assert await doubted() == ["datum_suspect"] * 3
    assert (await change(lessor, feed_id, name="renamed")).status_code == 200
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        connection.execute("DELETE FROM ping")
    assert await doubted() == ["datum_suspect"] * 3
    assert (await change(lessor, feed_id, coord_system="cgcs2000")).status_code == 200
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        suspects = connection.execute("SELECT identifier FROM device WHERE datum_suspect ORDER BY 1").fetchall()
        connection.execute("DELETE FROM ping")
    assert suspects == [("moved",), ("second",)]
    assert await doubted() == ["datum_suspect"] * 2
