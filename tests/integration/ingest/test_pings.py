"""Posting pings, as a lessor's machine does it."""

import gzip
import json
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import zstandard
from fastapi import FastAPI

from app.core.clock import FixedClock
from app.core.geo.datum import CoordSystem, everywhere, from_wgs84
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, first_position
from tests.database import AS_SERVICE
from tests.factories.constants import CHANGNING, NOW
from tests.factories.pings import ping


async def post(lessor: ApiUser, *rows: object, **more: Any) -> httpx.Response:
    return await lessor.client.post("/v1/pings", json=list(rows), **more)


async def test_a_stored_ping_is_the_position_of_its_asset_with_its_court(lessor: ApiUser) -> None:
    answer = await post(lessor, ping())
    assert answer.status_code == 200
    receipt = answer.json()
    assert {k: receipt[k] for k in ("received", "stored", "duplicates", "doubted", "rejected")} == {
        "received": 1,
        "stored": 1,
        "duplicates": 0,
        "doubted": 0,
        "rejected": 0,
    }
    assert receipt["results"] == []
    position = await first_position(lessor)
    assert position["state"] == "fresh"
    assert position["court"]["code"] == "沪0105"
    assert position["court"]["name"] == "上海市长宁区人民法院"
    assert (position["point"]["lon"], position["point"]["lat"]) == CHANGNING
    assert position["age_s"] == 300
    assert position["confidence"] == "high"


async def test_the_same_batch_again_changes_nothing_and_says_so(lessor: ApiUser) -> None:
    rows = [ping(5), ping(4)]
    first = (await post(lessor, *rows)).json()
    again = (await post(lessor, *rows, ping(3))).json()
    assert first["stored"] == 2
    assert (again["stored"], again["duplicates"]) == (1, 2)
    assert [(r["index"], r["status"]) for r in again["results"]] == [(0, "duplicate"), (1, "duplicate")]


async def test_a_row_twice_in_one_batch_is_stored_once(lessor: ApiUser) -> None:
    receipt = (await post(lessor, ping(5), ping(5))).json()
    assert (receipt["stored"], receipt["duplicates"]) == (1, 1)


async def test_one_bad_row_hurts_only_itself(lessor: ApiUser) -> None:
    receipt = (
        await post(
            lessor,
            ping(9),
            ping(8, device_id="nobody"),
            ping(7, at=(31.2, 121.4)),
            ping(6, coord_system=None),
            ping(5, lat="31"),
            ping(4),
        )
    ).json()
    assert (receipt["stored"], receipt["rejected"]) == (2, 4)
    assert [(r["index"], r["code"], r["field"]) for r in receipt["results"]] == [
        (1, "unknown_device", "device_id"),
        (2, "out_of_range", "lat"),
        (3, "datum_missing", "coord_system"),
        (4, "malformed", "lat"),
    ]
    assert all(r["status"] == "rejected" and r["message"] for r in receipt["results"])


async def test_every_row_is_listed_on_request(lessor: ApiUser) -> None:
    receipt = (await post(lessor, ping(5), ping(4, at=(0, 0)), params={"results": "all"})).json()
    assert [r["status"] for r in receipt["results"]] == ["stored", "doubted"]


@pytest.mark.parametrize(
    ("row", "doubt"),
    [
        (ping(1, at=(0, 0)), "null_island"),
        (ping(1, located=False), "not_located"),
        (ping(-60 * 24 * 400), "future_fix"),
        (ping(60 * 24 * 365 * 20), "stale_clock"),
    ],
)
async def test_a_doubtful_fix_is_stored_but_never_becomes_the_position(
    lessor: ApiUser, row: dict[str, Any], doubt: str
) -> None:
    await post(lessor, ping(30))
    receipt = (await post(lessor, row)).json()
    assert (receipt["stored"], receipt["doubted"]) == (1, 1)
    assert receipt["results"][0]["code"] == doubt
    assert (await first_position(lessor))["age_s"] == 1800
    assert (await post(lessor, ping(20))).json()["doubted"] == 0
    assert (await first_position(lessor))["age_s"] == 1200


@pytest.mark.parametrize(
    ("row", "doubt"),
    [
        (ping(90), "backfill"),
        (ping(5, backfill=True), "backfill"),
        (ping(5, accuracy_m=800), "low_accuracy"),
        (ping(5, source="cell"), "network_fix"),
        (ping(5, at=(-2.98, 53.4)), "outside"),
    ],
)
async def test_an_informative_doubt_is_told_and_the_position_moves(
    lessor: ApiUser, row: dict[str, Any], doubt: str
) -> None:
    receipt = (await post(lessor, row)).json()
    assert doubt in receipt["results"][0]["message"]
    position = await first_position(lessor)
    assert position["point"] is not None
    assert doubt in position["doubts"]


async def test_late_data_never_move_the_position_back(lessor: ApiUser) -> None:
    await post(lessor, ping(5))
    await post(lessor, ping(300, at=(116.4, 39.9), backfill=True))
    position = await first_position(lessor)
    assert (position["age_s"], position["court"]["code"]) == (300, "沪0105")


async def test_the_same_time_at_another_place_is_stored_and_marked(lessor: ApiUser) -> None:
    await post(lessor, ping(5))
    receipt = (await post(lessor, ping(5, at=(121.5, 31.3)))).json()
    assert (receipt["stored"], receipt["results"][0]["code"]) == (1, "conflict")
    both = (await post(lessor, ping(3), ping(3, at=(121.5, 31.3)))).json()
    assert [(r["index"], r["code"]) for r in both["results"]] == [(1, "conflict")]
    assert (await first_position(lessor))["point"] == {"lon": CHANGNING[0], "lat": CHANGNING[1]}


async def test_gcj02_is_converted_once_and_the_declaration_is_kept(lessor: ApiUser, urls: ClusterUrls) -> None:
    lon, lat = from_wgs84(np.array([CHANGNING[0]]), np.array([CHANGNING[1]]), CoordSystem.GCJ02, everywhere)
    assert abs(lon[0] - CHANGNING[0]) > 0.003
    await post(lessor, ping(5, at=(float(lon[0]), float(lat[0])), coord_system="gcj02"))
    point = (await first_position(lessor))["point"]
    assert point["lon"] == pytest.approx(CHANGNING[0], abs=2e-7)
    assert point["lat"] == pytest.approx(CHANGNING[1], abs=2e-7)
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT origin FROM ping").fetchall() == [(31,)]


async def test_a_feed_declares_the_datum_for_rows_that_do_not(principals: Principals, lessor: ApiUser) -> None:
    feed = await lessor.client.post("/v1/feeds", json={"name": "gateway", "coord_system": "wgs84"})
    assert feed.status_code == 201
    gateway = await principals.lessor(feed_id=feed.json()["feed_id"])
    row = ping(5)
    del row["coord_system"]
    assert (await post(gateway, row)).json()["stored"] == 1


async def test_a_ping_belongs_to_the_asset_that_the_device_was_on_then(lessor: ApiUser) -> None:
    before_binding = (await post(lessor, ping(60 * 24 * 365))).json()
    assert "unbound" in before_binding["results"][0]["message"]
    assert (await first_position(lessor))["state"] == "never_located"


async def test_a_binding_made_later_counts_for_the_next_batch(lessor: ApiUser) -> None:
    device = await lessor.client.post("/v1/devices", json={"identifier": "second", "kind": "wireless"})
    assert (await post(lessor, ping(5, device_id="second"))).json()["results"][0]["code"] == "unbound"
    asset_id = (await lessor.client.get("/v1/assets")).json()["items"][0]["asset_id"]
    bound = {"device_id": device.json()["device_id"], "asset_id": asset_id, "bound_from": "2026-01-01T00:00:00Z"}
    assert (await lessor.client.post("/v1/device-bindings", json=bound)).status_code == 201
    assert (await post(lessor, ping(4, device_id="second"))).json()["doubted"] == 0


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
async def test_packed_bodies_and_ndjson_are_read(lessor: ApiUser, pack: Any) -> None:
    lines = "\n".join(json.dumps(row) for row in (ping(5), ping(4))).encode()
    encoding = "gzip" if pack is gzip.compress else "zstd"
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}
    answer = await lessor.client.post("/v1/pings", content=pack(lines), headers=headers)
    assert answer.json()["stored"] == 2


async def test_only_a_lessor_posts_pings(
    client: httpx.AsyncClient, admin: httpx.AsyncClient, principals: Principals
) -> None:
    assert (await client.post("/v1/pings", json=[ping()])).status_code == 401
    assert (await admin.post("/v1/pings", json=[ping()])).status_code == 403
    assert (await (await principals.court()).client.post("/v1/pings", json=[ping()])).status_code == 403


async def test_a_ping_leads_back_to_the_bytes_it_came_in(lessor: ApiUser, urls: ClusterUrls) -> None:
    body = json.dumps([ping(5, note="kept as it came")]).encode()
    answer = await lessor.client.post("/v1/pings", content=body, headers={"Content-Type": "application/json"})
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute(
            "SELECT p.row_index, r.body_zstd FROM ping p JOIN raw_body r USING (batch_id) WHERE batch_id = %s",
            (answer.json()["batch_id"],),
        ).fetchone()
    assert row is not None
    assert zstandard.decompress(row[1]) == body
    assert json.loads(body)[row[0]]["note"] == "kept as it came"


async def test_a_receipt_can_be_had_again_by_its_lessor_only(principals: Principals, lessor: ApiUser) -> None:
    receipt = (await post(lessor, ping(5), ping(4, at=(0, 0)))).json()
    again = await lessor.client.get(f"/v1/batches/{receipt['batch_id']}")
    assert again.json() == receipt
    stranger = await principals.lessor("beishan")
    assert (await stranger.client.get(f"/v1/batches/{receipt['batch_id']}")).status_code == 404


async def test_a_future_clock_and_a_lost_one_wait_in_the_default_partition(
    lessor: ApiUser, urls: ClusterUrls
) -> None:
    await post(lessor, ping(5, fixed_at="9999-12-31T00:00:00Z"), ping(5, fixed_at="0001-01-01T00:00:00Z"), ping(5))
    with psycopg.connect(urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT tableoid::regclass::text, count(*) FROM ping GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert rows == [("ping_20261123", 1), ("ping_default", 2)]


async def test_a_database_whose_clock_is_behind_ours_keeps_pings_in_the_default_partition(
    lessor: ApiUser, urls: ClusterUrls, clock: FixedClock
) -> None:
    clock.set(NOW + timedelta(days=20_000))
    receipt = (await post(lessor, ping(-60 * 24 * 20_000 + 5))).json()
    assert (receipt["stored"], receipt["results"]) == (1, [])
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM ping_default").fetchone() == (1,)


async def test_what_waits_in_the_default_partition_moves_when_its_day_gets_one(
    lessor: ApiUser, urls: ClusterUrls, clock: FixedClock
) -> None:
    ahead = NOW + timedelta(days=30)
    await post(lessor, ping(5, fixed_at=ahead.isoformat()))
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM ping_default").fetchone() == (1,)
        connection.execute("UPDATE ping SET fixed_at = current_date + interval '3 days 1 hour'")
        connection.execute("SELECT ping_partition_ensure(current_date + 3)")
        assert connection.execute("SELECT count(*) FROM ping_default").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM ping").fetchone() == (1,)
        connection.rollback()


async def test_an_acknowledged_ping_is_committed(application: FastAPI, lessor: ApiUser, urls: ClusterUrls) -> None:
    await post(lessor, ping(5))
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        assert connection.execute("SELECT count(*) FROM ping").fetchone() == (1,)
