"""Legal holds: who places them, sees them and releases them."""

import httpx
import pytest
from sqlalchemy import text

from tests.integration.enforcement.conftest import Matter, open_case, seizure
from tests.support import Doors, problem_fields


async def place(client: httpx.AsyncClient, asset_id: int, case_id: int | None = None) -> httpx.Response:
    return await client.post(
        "/v1/legal-holds", json={"asset_id": asset_id, "case_id": case_id, "reason": "诉讼中的证据"}
    )


async def listed(client: httpx.AsyncClient, **params: int) -> list[int]:
    answer = await client.get("/v1/legal-holds", params=params)
    assert answer.status_code == 200, answer.text
    return [hold["hold_id"] for hold in answer.json()["items"]]


async def test_a_court_holds_an_asset_of_its_open_case_and_releases_it(matter: Matter) -> None:
    (asset_id,) = await matter.confirmed(1)
    answer = await place(matter.court.client, asset_id, matter.case_id)
    assert answer.status_code == 201, answer.text
    hold = answer.json()
    assert (hold["asset_id"], hold["case_id"], hold["until_at"]) == (asset_id, matter.case_id, None)
    assert hold["placed_by"] == matter.court.principal_id
    assert await listed(matter.court.client) == [hold["hold_id"]]
    assert await listed(matter.court.client, asset_id=asset_id + 1) == []
    path = f"/v1/legal-holds/{hold['hold_id']}/release"
    assert (await matter.court.client.post(path)).json()["until_at"] is not None
    assert (await matter.court.client.post(path)).status_code == 409
    assert await listed(matter.court.client) == [hold["hold_id"]]


async def test_a_court_holds_nothing_without_its_case(matter: Matter, doors: Doors) -> None:
    asset_id, offered = (*await matter.confirmed(1), *await matter.assets(1, first=2))
    await matter.offer([offered])
    answer = await place(matter.court.client, asset_id)
    assert answer.status_code == 422
    assert problem_fields(answer) == ["case_id"]
    assert (await place(matter.court.client, offered, matter.case_id)).status_code == 404
    assert (await place(matter.court.client, 2_000_000_000, matter.case_id)).status_code == 404
    other = await doors.court("沪0106")
    assert (await place(other.client, asset_id, matter.case_id)).status_code == 404
    elsewhere = await open_case(other, matter.lessor, case_number="(2025)沪0106执1号")
    assert (await place(other.client, asset_id, elsewhere)).status_code == 404
    closing = {"phase": "closed", "closed_on": "2026-11-01"}
    assert (await matter.court.client.patch(matter.path, json=closing)).status_code == 200
    assert (await place(matter.court.client, asset_id, matter.case_id)).status_code == 409
    assert await listed(await doors.administrator()) == []


async def test_holds_out_of_sight_do_not_exist(matter: Matter, doors: Doors) -> None:
    (asset_id,) = await matter.confirmed(1)
    admin = await doors.administrator()
    general = (await place(admin, asset_id)).json()["hold_id"]
    of_case = (await place(admin, asset_id, matter.case_id)).json()["hold_id"]
    other = await doors.court("沪0106")
    assert await listed(admin) == [general, of_case]
    assert await listed(matter.court.client) == [of_case]
    assert await listed(other.client) == []
    for hold_id in (of_case, 2_000_000_000):
        answer = await other.client.post(f"/v1/legal-holds/{hold_id}/release")
        assert answer.status_code == 404
    assert (await matter.court.client.post(f"/v1/legal-holds/{general}/release")).status_code == 404
    assert (await admin.post(f"/v1/legal-holds/{general}/release")).status_code == 200


async def test_an_administrator_holds_only_what_exists(doors: Doors) -> None:
    admin = await doors.administrator()
    assert (await place(admin, 2_000_000_000)).status_code == 404
    assert (await place(admin, 1, 2_000_000_000)).status_code == 404


@pytest.mark.parametrize("kind", ["lessor", "dispatcher"])
async def test_others_neither_hold_nor_see(doors: Doors, kind: str) -> None:
    holder = await (doors.lessor() if kind == "lessor" else doors.dispatcher())
    assert (await place(holder.client, 1)).status_code == 403
    assert (await holder.client.get("/v1/legal-holds")).status_code == 403
    assert (await holder.client.post("/v1/legal-holds/1/release")).status_code == 403


async def hold_case(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.post(f"{path}/legal-hold", json={"reason": "诉讼中的证据"})


async def held(matter: Matter) -> list[int]:
    """Return what retention leaves alone."""
    ids = await matter.session.scalars(text("SELECT asset_id FROM held_asset ORDER BY 1"))
    found = list(ids)
    await matter.session.rollback()
    return found


async def test_a_hold_on_a_case_covers_what_is_confirmed_later_and_what_is_released(matter: Matter) -> None:
    (first,) = await matter.confirmed(1)
    placed = await hold_case(matter.court.client, matter.path)
    assert placed.status_code == 201, placed.text
    hold = placed.json()
    assert (hold["asset_id"], hold["case_id"], hold["until_at"]) == (None, matter.case_id, None)
    (second,) = await matter.confirmed(1, first=2)
    offered = await matter.assets(1, first=3)
    await matter.offer(offered)
    assert await held(matter) == [first, second]
    (measure,) = await matter.order(seizure(first))
    await matter.court.client.patch(f"/v1/measures/{measure}", json={"released_on": "2026-11-23"})
    await matter.court.client.patch(matter.path, json={"phase": "closed"})
    assert await held(matter) == [first, second]
    assert await listed(matter.court.client, asset_id=second) == [hold["hold_id"]]
    assert await listed(matter.court.client, asset_id=offered[0]) == []
    released = await matter.court.client.post(f"{matter.path}/legal-hold/release")
    assert released.json()["until_at"] == "2026-11-23T04:00:00Z"
    assert await held(matter) == []
    assert (await matter.court.client.post(f"{matter.path}/legal-hold/release")).status_code == 404


async def test_a_case_is_held_once_and_single_holds_stay_apart(matter: Matter, doors: Doors) -> None:
    one, two = await matter.confirmed(2)
    single = (await place(matter.court.client, one, matter.case_id)).json()["hold_id"]
    whole = (await hold_case(matter.court.client, matter.path)).json()["hold_id"]
    assert (await hold_case(matter.court.client, matter.path)).status_code == 409
    assert await held(matter) == [one, two]
    assert await listed(matter.court.client, asset_id=one) == [single, whole]
    admin = await doors.administrator()
    assert (await admin.post(f"/v1/legal-holds/{whole}/release")).status_code == 200
    assert await held(matter) == [one]
    again = await hold_case(admin, matter.path)
    assert again.status_code == 201
    assert (await admin.post(f"{matter.path}/legal-hold/release")).json()["hold_id"] == again.json()["hold_id"]


async def test_a_case_is_held_by_its_court(matter: Matter, doors: Doors) -> None:
    stranger, dispatcher = await doors.court("沪0106"), await doors.dispatcher()
    for holder, status in ((stranger, 404), (dispatcher, 403), (matter.lessor, 403)):
        assert (await hold_case(holder.client, matter.path)).status_code == status
        assert (await holder.client.post(f"{matter.path}/legal-hold/release")).status_code == status
    await matter.court.client.patch(matter.path, json={"phase": "closed"})
    assert (await hold_case(matter.court.client, matter.path)).status_code == 409
