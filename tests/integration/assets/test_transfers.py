"""An asset that went to somebody else: its former lessor keeps the past and sees no more of it; courts see on."""

from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app.core.clock import FixedClock
from tests.api import ApiUser, Principals, UserView, context_of, problem_fields
from tests.factories.cases import CaseAssets, vin
from tests.factories.constants import CHANGNING, JIADING, KUNSHAN, NOW

SOLD = NOW - timedelta(hours=3)
TRACKS = ("ping", "current_position", "daily_position", "later_doubt")


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


async def times(application: FastAPI, user_view: UserView, holder: ApiUser) -> dict[str, list[datetime]]:
    """Return the times of the fixes that each table shows to somebody without any filter."""
    async with context_of(application).database.reading(await user_view.sight(holder)) as session:
        return {t: list(await session.scalars(text(f"SELECT fixed_at FROM {t}"))) for t in TRACKS}  # noqa: S608


async def test_the_lessor_keeps_the_past_and_the_court_sees_on(
    case_assets: CaseAssets, user_view: UserView, application: FastAPI
) -> None:
    sold, kept = await case_assets.add(2)
    for asset_id in (sold, kept):
        await case_assets.heard([asset_id], CHANGNING, ago=timedelta(hours=30))
        await case_assets.heard([asset_id], JIADING, ago=timedelta(hours=4))
        await case_assets.heard([asset_id], KUNSHAN, ago=timedelta(hours=3))
    answer = await transfer(case_assets.lessor, sold)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["to_name"], answer.json()["transferred_at"]) == ("某机械公司", "2026-11-23T01:00:00Z")
    await case_assets.heard([sold, kept], KUNSHAN, ago=timedelta(minutes=1))  # stored, whoever may see it
    purpose = {"case": case_assets.case.case_id}
    assert await track(case_assets.lessor, sold) == [30, 4]
    assert await place(case_assets.lessor, sold) == ("transferred", JIADING)
    assert len(await track(case_assets.lessor, kept)) == 4
    assert (await place(case_assets.lessor, kept))[0] == "fresh"
    assert len(await track(case_assets.court, sold, **purpose)) == 4
    assert await place(case_assets.court, sold, **purpose) == ("fresh", KUNSHAN)
    ping = await times(application, user_view, case_assets.case.lessor)
    assert len(ping["ping"]) == 6
    assert len(ping["current_position"]) == 1
    reasons = (await case_assets.lessor.get(f"/v1/assets/{sold}/position")).json()["reasons"]
    assert reasons[0].startswith("transferred at 2026-11-23T01:00:00")


async def test_everything_that_tells_of_later_is_hidden_in_the_tables(
    case_assets: CaseAssets, user_view: UserView, application: FastAPI
) -> None:
    (sold,) = await case_assets.add(1)
    loose = await case_assets.bound(1)
    for hours in (52, 28, 4, 2):
        await case_assets.heard([sold], CHANGNING, ago=timedelta(hours=hours))
    await case_assets.case.session.execute(text("DELETE FROM device_binding WHERE asset_id = :a"), {"a": loose[0]})
    await case_assets.case.session.commit()
    await case_assets.heard(loose, KUNSHAN, ago=timedelta(hours=1))  # of no asset: nothing to do with the transfer
    doubt = "INSERT INTO later_doubt SELECT device_id, variant, fixed_at, lessor_id, 16, now() FROM ping"
    await case_assets.case.session.execute(text(doubt))
    await case_assets.case.session.commit()
    before = await times(application, user_view, case_assets.case.lessor)
    await transfer(case_assets.lessor, sold, NOW - timedelta(hours=20))
    after = await times(application, user_view, case_assets.case.lessor)
    still = {NOW - timedelta(hours=h) for h in (52, 28, 1)}
    for table in TRACKS:
        assert set(after[table]) == set(before[table]) & still, table
    assert len(after["ping"]) == len(after["later_doubt"]) == 3


async def test_the_applicant_counts_it_as_withheld_and_sees_it_where_it_was(case_assets: CaseAssets) -> None:
    sold, kept = await case_assets.add(2)
    await case_assets.heard([sold, kept], CHANGNING, ago=timedelta(hours=5))
    await case_assets.heard([sold, kept], KUNSHAN, ago=timedelta(hours=1))
    await transfer(case_assets.lessor, sold)
    totals = (await case_assets.distribution(case_assets.lessor))["totals"]
    assert (totals["assets"], totals["withheld"], totals["fresh"], totals["never_located"]) == (2, 1, 1, 0)
    assert (await case_assets.distribution())["totals"]["fresh"] == 2
    then = await case_assets.distribution(case_assets.lessor, as_of=(NOW - timedelta(hours=4)).isoformat())
    assert [(r["court"]["code"], r["n_assets"]) for r in then["rows"]] == [("沪0105", 2)]
    since = await case_assets.distribution(case_assets.lessor, as_of=SOLD.isoformat())
    assert since["totals"]["withheld"] == 1


async def test_without_a_fix_before_the_transfer_there_is_no_place(case_assets: CaseAssets) -> None:
    (sold,) = await case_assets.add(1)
    await case_assets.heard([sold], KUNSHAN, ago=timedelta(hours=1))
    await transfer(case_assets.lessor, sold)
    assert await place(case_assets.lessor, sold) == ("transferred", None)
    assert await track(case_assets.lessor, sold) == []
    feature = await case_assets.lessor.get(f"/v1/assets/{sold}/position", params={"format": "geojson"})
    assert (feature.json()["geometry"], feature.json()["properties"]["state"]) == (None, "transferred")


async def test_it_is_recorded_once_when_it_has_happened_and_taken_back_by_an_administrator(
    case_assets: CaseAssets, principals: Principals, clock: FixedClock
) -> None:
    (sold,) = await case_assets.add(1)
    await case_assets.heard([sold], KUNSHAN, ago=timedelta(hours=1))
    admin, stranger = await principals.administrator(), await principals.lessor("other")
    future = await transfer(case_assets.lessor, sold, clock.now() + timedelta(microseconds=1))
    assert (future.status_code, problem_fields(future)) == (422, ["transferred_at"])
    assert (await transfer(stranger.client, sold)).status_code == 404
    assert (await transfer(case_assets.court, sold)).status_code == 403
    path = f"/v1/assets/{sold}/transfer"
    assert (await admin.delete(path)).status_code == 404
    assert (await transfer(admin, sold, clock.now())).status_code == 201
    assert (await transfer(case_assets.lessor, sold)).status_code == 409
    assert (await case_assets.lessor.delete(path)).status_code == 403
    assert (await stranger.client.delete(path)).status_code == 404
    assert (await place(case_assets.lessor, sold))[0] == "transferred"
    assert (await admin.delete(path)).status_code == 204
    assert await place(case_assets.lessor, sold) == ("fresh", KUNSHAN)
    assert (await transfer(case_assets.lessor, sold)).status_code == 201


async def test_its_bindings_are_changed_by_an_administrator_only(
    case_assets: CaseAssets, principals: Principals
) -> None:
    """Otherwise the lessor could move the track to another asset of its own."""
    (sold,) = await case_assets.bound(1)
    await transfer(case_assets.lessor, sold)
    (binding,) = (await case_assets.lessor.get(f"/v1/assets/{sold}/bindings")).json()["items"]
    path = f"/v1/device-bindings/{binding['binding_id']}"
    device = (await case_assets.lessor.post("/v1/devices", json={"identifier": "new", "kind": "wired"})).json()[
        "device_id"
    ]
    bound = {"device_id": device, "asset_id": sold, "bound_from": "2026-01-01T00:00:00Z"}
    later = {"bound_until": (NOW + timedelta(days=1)).isoformat()}
    for answer in (
        await case_assets.lessor.patch(path, json={"bound_until": SOLD.isoformat()}),
        await case_assets.lessor.patch(path, json=later),
        await case_assets.lessor.delete(path),
        await case_assets.lessor.post("/v1/device-bindings", json=bound),
    ):
        assert (answer.status_code, "transferred" in answer.json()["detail"]) == (409, True)
    line = f"vin,lease_contract_no,kind,device_id,bound_from\n{vin(1)},ZL-0,heavy_truck,new,2026-01-01T00:00:00Z\n"
    csv = await case_assets.lessor.post("/v1/assets/import", content=line, headers={"Content-Type": "text/csv"})
    assert (csv.status_code, problem_fields(csv)) == (422, ["line 2.device_id"]), csv.text
    assert (await (await principals.administrator()).patch(path, json=later)).status_code == 200
