"""Positions and tracks, as a lessor and a court ask for them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import FixedClock
from app.core.settings import Settings
from app.main import create_app
from app.tracking.service import positions_as_of
from tests.api import ApiUser, Principals
from tests.factories.constants import NOW
from tests.factories.settings import changed

CHANGNING = (121.4241, 31.2205)
PUDONG = (121.5440, 31.2210)
BEIJING = (116.3974, 39.9093)


async def registered(lessor: ApiUser, *identifiers: str) -> int:
    """Register an asset with these devices on it since the beginning of the year; return its id."""
    body = {"asset_type": "vehicle", "kind": "car", "plate_no": "沪A12345", "lease_contract_no": "L-1"}
    asset_id = (await lessor.client.post("/v1/assets", json=body)).json()["asset_id"]
    for identifier in identifiers:
        device = await lessor.client.post("/v1/devices", json={"identifier": identifier, "kind": "wired"})
        bound = {
            "device_id": device.json()["device_id"],
            "asset_id": asset_id,
            "bound_from": "2026-01-01T00:00:00Z",
        }
        assert (await lessor.client.post("/v1/device-bindings", json=bound)).status_code == 201
    return int(asset_id)


async def post(lessor: ApiUser, *rows: tuple[str, float, tuple[float, float], dict[str, Any]]) -> None:
    pings = [
        {
            "device_id": device,
            "fixed_at": (NOW - timedelta(minutes=minutes)).isoformat(),
            "lon": at[0],
            "lat": at[1],
            "coord_system": "wgs84",
        }
        | more
        for device, minutes, at, more in rows
    ]
    answer = await lessor.client.post("/v1/pings", json=pings)
    assert answer.json()["stored"] == len(rows), answer.text


async def test_of_two_devices_the_satellite_fix_is_preferred_unless_it_is_six_hours_older(
    principals: Principals,
) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "gnss", "cell")
    await post(lessor, ("gnss", 300, CHANGNING, {}), ("cell", 10, BEIJING, {"source": "cell", "accuracy_m": 900}))
    answer = (await lessor.client.get(f"/v1/assets/{asset_id}/position")).json()
    assert answer["source"] == "gnss"
    assert [d["preferred"] for d in answer["devices"]] == [True, False]
    await post(lessor, ("cell", 0, BEIJING, {"source": "cell"}), ("gnss", 361, CHANGNING, {}))
    assert (await lessor.client.get(f"/v1/assets/{asset_id}/position")).json()["source"] == "gnss"
    other = await principals.lessor("beishan")
    body = {"asset_type": "vehicle", "kind": "car", "plate_no": "京A12345", "lease_contract_no": "L-2"}
    assert (await other.client.post("/v1/assets", json=body)).status_code == 201


async def test_a_network_fix_that_is_much_newer_is_taken_and_confidence_is_low(principals: Principals) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "gnss", "cell")
    await post(lessor, ("gnss", 60 * 24, CHANGNING, {}), ("cell", 10, BEIJING, {"source": "cell"}))
    answer = (await lessor.client.get(f"/v1/assets/{asset_id}/position")).json()
    assert (answer["source"], answer["confidence"]) == ("cell", "low")
    assert answer["court"]["code"] == "京0101"
    assert answer["reasons"]


async def test_the_past_is_answered_from_history(
    application: FastAPI, session: AsyncSession, principals: Principals
) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "one")
    day = 60 * 24
    await post(
        lessor,
        ("one", 3 * day, PUDONG, {}),
        ("one", 3 * day - 60, CHANGNING, {}),
        ("one", day, PUDONG, {}),
        ("one", 5, CHANGNING, {}),
        ("one", 4, (0, 0), {}),
    )

    async def at(minutes_ago: float) -> tuple[float, float] | None:
        found = await positions_as_of(session, [asset_id], NOW - timedelta(minutes=minutes_ago))
        return (found[0].lon, found[0].lat) if found else None

    assert await at(4 * day) is None
    assert await at(3 * day - 30) == PUDONG
    assert await at(3 * day - 61) == CHANGNING
    assert await at(2 * day) == CHANGNING
    assert await at(6) == PUDONG
    assert await at(0) == CHANGNING


async def test_a_track_shows_doubts_and_gaps_and_goes_on_page_by_page(principals: Principals) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "one")
    rows: list[tuple[str, float, tuple[float, float], dict[str, Any]]] = [
        ("one", 100, CHANGNING, {}),
        ("one", 90, (0, 0), {}),
        ("one", 20, (121.43, 31.2205), {}),
        ("one", 10, (121.43, 31.2205), {}),
    ]
    await post(lessor, *rows)
    window = {"from": (NOW - timedelta(hours=2)).isoformat(), "to": NOW.isoformat()}
    whole = (await lessor.client.get(f"/v1/assets/{asset_id}/track", params=window)).json()
    assert [p["believed"] for p in whole["points"]] == [True, False, True, True]
    assert whole["points"][1]["doubts"][0] == "null_island"
    assert [(g["seconds"], round(g["displacement_m"])) for g in whole["gaps"]] == [(4800, 561)]
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(4):
        page = (
            await lessor.client.get(f"/v1/assets/{asset_id}/track", params=window | {"limit": "1"} | after)
        ).json()
        seen += [p["fixed_at"] for p in page["points"]]
        after = {"after": page["next"] or ""}
    assert page["next"] is None
    assert seen == [p["fixed_at"] for p in whole["points"]]
    collection = await lessor.client.get(f"/v1/assets/{asset_id}/track", params=window | {"format": "geojson"})
    assert collection.headers["content-type"] == "application/geo+json"
    kinds = [f["geometry"]["type"] for f in collection.json()["features"]]
    assert kinds == ["LineString", "Point", "Point", "Point", "Point"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2026-11-23T00:00:00", "to": "2026-11-23T01:00:00Z"}, "from"),
        ({"from": "2026-11-23T02:00:00Z", "to": "2026-11-23T01:00:00Z"}, "to"),
        ({"from": "2020-11-23T02:00:00Z", "to": "2026-11-23T01:00:00Z"}, "to"),
        ({"from": "2026-11-23T00:00:00Z", "to": "2026-11-23T01:00:00Z", "after": "nonsense"}, "after"),
    ],
)
async def test_a_window_that_cannot_be_is_named(principals: Principals, params: dict[str, str], field: str) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor)
    answer = await lessor.client.get(f"/v1/assets/{asset_id}/track", params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_the_last_day_that_there_is_can_be_asked_for(principals: Principals) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor)
    window = {"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
    answer = await lessor.client.get(f"/v1/assets/{asset_id}/track", params=window)
    assert (answer.status_code, answer.json()["points"]) == (200, [])


async def test_who_may_not_see_an_asset_is_told_what_they_would_be_told_of_none(principals: Principals) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "one")
    await post(lessor, ("one", 5, CHANGNING, {}))
    for stranger, params in (
        (await principals.lessor("beishan"), {}),
        (await principals.court(), {"case": 1}),
        (await principals.dispatcher(), {"case": 1}),
    ):
        hidden = await stranger.client.get(f"/v1/assets/{asset_id}/position", params=params)
        absent = await stranger.client.get("/v1/assets/2000000000/position", params=params)
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.json()["detail"] == absent.json()["detail"]


async def test_a_court_must_say_for_which_case_it_reads(principals: Principals) -> None:
    court = await principals.court()
    answer = await court.client.get("/v1/assets/1/position")
    assert answer.status_code == 403
    assert answer.json()["code"] == "purpose_required"
    assert answer.json()["errors"][0]["field"] == "case"


async def test_more_readers_than_connections_wait_for_the_boundaries_and_not_for_each_other(
    principals: Principals, settings: Settings, clock: FixedClock
) -> None:
    lessor = await principals.lessor()
    asset_id = await registered(lessor, "gnss")
    await post(lessor, ("gnss", 5, CHANGNING, {}))
    application = create_app(changed(settings, database={"pool_size": 1}), clock)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(
            transport=transport, base_url="http://leasetrace.test", headers=lessor.client.headers
        ) as many,
    ):
        asked = [many.get(f"/v1/assets/{asset_id}/position") for _ in range(12)]
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 12
