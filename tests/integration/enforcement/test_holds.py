"""Legal holds: who places them, sees them and releases them."""

import httpx
import pytest

from tests.integration.enforcement.conftest import Matter, open_case
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
