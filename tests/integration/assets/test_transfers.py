"""An asset that went to somebody else: its former lessor keeps the past and sees no more of it; courts see on."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.clock import FixedClock
from tests.conftest import NOW, context_of
from tests.integration.clusters.conftest import CHANGNING, JIADING, KUNSHAN, Fleet
from tests.integration.enforcement.conftest import Matter, open_case, vin
from tests.integration.eyes import Eyes
from tests.support import Doors, Holder, problem_fields

SOLD = NOW - timedelta(hours=3)
TRACKS = ("ping", "current_position", "daily_position", "later_doubt")


@pytest.fixture
async def fleet(doors: Doors, session: Any) -> Fleet:
    court, lessor = await doors.court(), await doors.lessor()
    return Fleet(Matter(session, court, lessor, await open_case(court, lessor)))


@pytest.fixture
def eyes(application: FastAPI) -> Eyes:
    return Eyes(application)


async def transfer(client: httpx.AsyncClient, asset_id: int, at: datetime = SOLD) -> httpx.Response:
    body = {"to_name": "某机械公司", "transferred_at": at.isoformat(), "ground": "买卖"}
    return await client.post(f"/v1/assets/{asset_id}/transfer", json=body)


async def track(client: httpx.AsyncClient, asset_id: int, **params: int) -> list[float]:
    """Return how many hours before now the fixes of two days were."""
    window: dict[str, str | int] = {
        "from": (NOW - timedelta(days=2)).isoformat(),
        "to": (NOW + timedelta(days=2)).isoformat(),
    }
    answer = await client.get(f"/v1/assets/{asset_id}/track", params={**window, **params})
    assert answer.status_code == 200, answer.text
    return [(NOW - datetime.fromisoformat(p["fixed_at"])) / timedelta(hours=1) for p in answer.json()["points"]]


async def place(client: httpx.AsyncClient, asset_id: int, **params: int) -> tuple[str, Any]:
    answer = (await client.get(f"/v1/assets/{asset_id}/position", params=params)).json()
    return answer["state"], answer["point"] and (answer["point"]["lon"], answer["point"]["lat"])


async def times(application: FastAPI, eyes: Eyes, holder: Holder) -> dict[str, list[datetime]]:
    """Return the times of the fixes that each table shows to somebody without any filter."""
    async with context_of(application).database.reading(await eyes.sight(holder)) as session:
        return {t: list(await session.scalars(text(f"SELECT fixed_at FROM {t}"))) for t in TRACKS}  # noqa: S608


async def test_the_lessor_keeps_the_past_and_the_court_sees_on(
    fleet: Fleet, eyes: Eyes, application: FastAPI
) -> None:
    sold, kept = await fleet.add(2)
    for asset_id in (sold, kept):
        await fleet.heard([asset_id], CHANGNING, ago=timedelta(hours=30))
        await fleet.heard([asset_id], JIADING, ago=timedelta(hours=4))
        await fleet.heard([asset_id], KUNSHAN, ago=timedelta(hours=3))
    answer = await transfer(fleet.lessor, sold)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["to_name"], answer.json()["transferred_at"]) == ("某机械公司", "2026-11-23T01:00:00Z")
    await fleet.heard([sold, kept], KUNSHAN, ago=timedelta(minutes=1))  # stored, whoever may see it
    case = {"case": fleet.matter.case_id}
    assert await track(fleet.lessor, sold) == [30, 4]
    assert await place(fleet.lessor, sold) == ("transferred", JIADING)
    assert len(await track(fleet.lessor, kept)) == 4
    assert (await place(fleet.lessor, kept))[0] == "fresh"
    assert len(await track(fleet.court, sold, **case)) == 4
    assert await place(fleet.court, sold, **case) == ("fresh", KUNSHAN)
    ping = await times(application, eyes, fleet.matter.lessor)
    assert len(ping["ping"]) == 6
    assert len(ping["current_position"]) == 1
    reasons = (await fleet.lessor.get(f"/v1/assets/{sold}/position")).json()["reasons"]
    assert reasons[0].startswith("transferred at 2026-11-23T01:00:00")


async def test_everything_that_tells_of_later_is_hidden_in_the_tables(
    fleet: Fleet, eyes: Eyes, application: FastAPI
) -> None:
    (sold,) = await fleet.add(1)
    loose = await fleet.bound(1)
    for hours in (52, 28, 4, 2):
        await fleet.heard([sold], CHANGNING, ago=timedelta(hours=hours))
    await fleet.matter.session.execute(text("DELETE FROM device_binding WHERE asset_id = :a"), {"a": loose[0]})
    await fleet.matter.session.commit()
    await fleet.heard(loose, KUNSHAN, ago=timedelta(hours=1))  # of no asset: nothing to do with the transfer
    doubt = "INSERT INTO later_doubt SELECT device_id, variant, fixed_at, lessor_id, 16, now() FROM ping"
    await fleet.matter.session.execute(text(doubt))
    await fleet.matter.session.commit()
    before = await times(application, eyes, fleet.matter.lessor)
    await transfer(fleet.lessor, sold, NOW - timedelta(hours=20))
    after = await times(application, eyes, fleet.matter.lessor)
    still = {NOW - timedelta(hours=h) for h in (52, 28, 1)}
    for table in TRACKS:
        assert set(after[table]) == set(before[table]) & still, table
    assert len(after["ping"]) == len(after["later_doubt"]) == 3


async def test_the_applicant_counts_it_as_withheld_and_sees_it_where_it_was(fleet: Fleet) -> None:
    sold, kept = await fleet.add(2)
    await fleet.heard([sold, kept], CHANGNING, ago=timedelta(hours=5))
    await fleet.heard([sold, kept], KUNSHAN, ago=timedelta(hours=1))
    await transfer(fleet.lessor, sold)
    totals = (await fleet.distribution(fleet.lessor))["totals"]
    assert (totals["assets"], totals["withheld"], totals["fresh"], totals["never_located"]) == (2, 1, 1, 0)
    assert (await fleet.distribution())["totals"]["fresh"] == 2
    then = await fleet.distribution(fleet.lessor, as_of=(NOW - timedelta(hours=4)).isoformat())
    assert [(r["court"]["code"], r["n_assets"]) for r in then["rows"]] == [("沪0105", 2)]
    since = await fleet.distribution(fleet.lessor, as_of=SOLD.isoformat())
    assert since["totals"]["withheld"] == 1


async def test_without_a_fix_before_the_transfer_there_is_no_place(fleet: Fleet) -> None:
    (sold,) = await fleet.add(1)
    await fleet.heard([sold], KUNSHAN, ago=timedelta(hours=1))
    await transfer(fleet.lessor, sold)
    assert await place(fleet.lessor, sold) == ("transferred", None)
    assert await track(fleet.lessor, sold) == []
    feature = await fleet.lessor.get(f"/v1/assets/{sold}/position", params={"format": "geojson"})
    assert (feature.json()["geometry"], feature.json()["properties"]["state"]) == (None, "transferred")


async def test_it_is_recorded_once_when_it_has_happened_and_taken_back_by_an_administrator(
    fleet: Fleet, doors: Doors, clock: FixedClock
) -> None:
    (sold,) = await fleet.add(1)
    await fleet.heard([sold], KUNSHAN, ago=timedelta(hours=1))
    admin, stranger = await doors.administrator(), await doors.lessor("other")
    future = await transfer(fleet.lessor, sold, clock.now() + timedelta(microseconds=1))
    assert (future.status_code, problem_fields(future)) == (422, ["transferred_at"])
    assert (await transfer(stranger.client, sold)).status_code == 404
    assert (await transfer(fleet.court, sold)).status_code == 403
    path = f"/v1/assets/{sold}/transfer"
    assert (await admin.delete(path)).status_code == 404
    assert (await transfer(admin, sold, clock.now())).status_code == 201
    assert (await transfer(fleet.lessor, sold)).status_code == 409
    assert (await fleet.lessor.delete(path)).status_code == 403
    assert (await stranger.client.delete(path)).status_code == 404
    assert (await place(fleet.lessor, sold))[0] == "transferred"
    assert (await admin.delete(path)).status_code == 204
    assert await place(fleet.lessor, sold) == ("fresh", KUNSHAN)
    assert (await transfer(fleet.lessor, sold)).status_code == 201


async def test_its_bindings_are_changed_by_an_administrator_only(fleet: Fleet, doors: Doors) -> None:
    """Otherwise the lessor could move the track to another asset of its own."""
    (sold,) = await fleet.bound(1)
    await transfer(fleet.lessor, sold)
    (binding,) = (await fleet.lessor.get(f"/v1/assets/{sold}/bindings")).json()["items"]
    path = f"/v1/device-bindings/{binding['binding_id']}"
    device = (await fleet.lessor.post("/v1/devices", json={"identifier": "new", "kind": "wired"})).json()["device_id"]
    bound = {"device_id": device, "asset_id": sold, "bound_from": "2026-01-01T00:00:00Z"}
    later = {"bound_until": (NOW + timedelta(days=1)).isoformat()}
    for answer in (
        await fleet.lessor.patch(path, json={"bound_until": SOLD.isoformat()}),
        await fleet.lessor.patch(path, json=later),
        await fleet.lessor.delete(path),
        await fleet.lessor.post("/v1/device-bindings", json=bound),
    ):
        assert (answer.status_code, "transferred" in answer.json()["detail"]) == (409, True)
    line = f"vin,lease_contract_no,kind,device_id,bound_from\n{vin(1)},ZL-0,heavy_truck,new,2026-01-01T00:00:00Z\n"
    csv = await fleet.lessor.post("/v1/assets/import", content=line, headers={"Content-Type": "text/csv"})
    assert (csv.status_code, problem_fields(csv)) == (422, ["line 2.device_id"]), csv.text
    assert (await (await doors.administrator()).patch(path, json=later)).status_code == 200
