"""Legal holds: who places them, sees them and releases them."""

import httpx
import pytest
from sqlalchemy import text

from tests.api import Principals, problem_fields
from tests.factories.cases import Case, open_case, seizure


async def place(client: httpx.AsyncClient, asset_id: int, case_id: int | None = None) -> httpx.Response:
    return await client.post(
        "/v1/legal-holds", json={"asset_id": asset_id, "case_id": case_id, "reason": "诉讼中的证据"}
    )


async def listed(client: httpx.AsyncClient, **params: int) -> list[int]:
    answer = await client.get("/v1/legal-holds", params=params)
    assert answer.status_code == 200, answer.text
    return [hold["hold_id"] for hold in answer.json()["items"]]


async def test_a_court_holds_an_asset_of_its_open_case_and_releases_it(case: Case) -> None:
    (asset_id,) = await case.confirmed(1)
    answer = await place(case.court.client, asset_id, case.case_id)
    assert answer.status_code == 201, answer.text
    hold = answer.json()
    assert (hold["asset_id"], hold["case_id"], hold["until_at"]) == (asset_id, case.case_id, None)
    assert hold["placed_by"] == case.court.principal_id
    assert await listed(case.court.client) == [hold["hold_id"]]
    assert await listed(case.court.client, asset_id=asset_id + 1) == []
    path = f"/v1/legal-holds/{hold['hold_id']}/release"
    assert (await case.court.client.post(path)).json()["until_at"] is not None
    assert (await case.court.client.post(path)).status_code == 409
    assert await listed(case.court.client) == [hold["hold_id"]]


async def test_a_court_holds_nothing_without_its_case(case: Case, principals: Principals) -> None:
    asset_id, offered = (*await case.confirmed(1), *await case.assets(1, first=2))
    await case.offer([offered])
    answer = await place(case.court.client, asset_id)
    assert answer.status_code == 422
    assert problem_fields(answer) == ["case_id"]
    assert (await place(case.court.client, offered, case.case_id)).status_code == 404
    assert (await place(case.court.client, 2_000_000_000, case.case_id)).status_code == 404
    other = await principals.court("沪0106")
    assert (await place(other.client, asset_id, case.case_id)).status_code == 404
    elsewhere = await open_case(other, case.lessor, case_number="(2025)沪0106执1号")
    assert (await place(other.client, asset_id, elsewhere)).status_code == 404
    closing = {"phase": "closed", "closed_on": "2026-11-01"}
    assert (await case.court.client.patch(case.path, json=closing)).status_code == 200
    assert (await place(case.court.client, asset_id, case.case_id)).status_code == 409
    assert await listed(await principals.administrator()) == []


async def test_holds_out_of_sight_do_not_exist(case: Case, principals: Principals) -> None:
    (asset_id,) = await case.confirmed(1)
    admin = await principals.administrator()
    general = (await place(admin, asset_id)).json()["hold_id"]
    of_case = (await place(admin, asset_id, case.case_id)).json()["hold_id"]
    other = await principals.court("沪0106")
    assert await listed(admin) == [general, of_case]
    assert await listed(case.court.client) == [of_case]
    assert await listed(other.client) == []
    for hold_id in (of_case, 2_000_000_000):
        answer = await other.client.post(f"/v1/legal-holds/{hold_id}/release")
        assert answer.status_code == 404
    assert (await case.court.client.post(f"/v1/legal-holds/{general}/release")).status_code == 404
    assert (await admin.post(f"/v1/legal-holds/{general}/release")).status_code == 200


async def test_an_administrator_holds_only_what_exists(principals: Principals) -> None:
    admin = await principals.administrator()
    assert (await place(admin, 2_000_000_000)).status_code == 404
    assert (await place(admin, 1, 2_000_000_000)).status_code == 404


@pytest.mark.parametrize("kind", ["lessor", "dispatcher"])
async def test_others_neither_hold_nor_see(principals: Principals, kind: str) -> None:
    holder = await (principals.lessor() if kind == "lessor" else principals.dispatcher())
    assert (await place(holder.client, 1)).status_code == 403
    assert (await holder.client.get("/v1/legal-holds")).status_code == 403
    assert (await holder.client.post("/v1/legal-holds/1/release")).status_code == 403


async def hold_case(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.post(f"{path}/legal-hold", json={"reason": "诉讼中的证据"})


async def held(case: Case) -> list[int]:
    """Return what retention leaves alone."""
    ids = await case.session.scalars(text("SELECT asset_id FROM held_asset ORDER BY 1"))
    found = list(ids)
    await case.session.rollback()
    return found


async def test_a_hold_on_a_case_covers_what_is_confirmed_later_and_what_is_released(case: Case) -> None:
    (first,) = await case.confirmed(1)
    placed = await hold_case(case.court.client, case.path)
    assert placed.status_code == 201, placed.text
    hold = placed.json()
    assert (hold["asset_id"], hold["case_id"], hold["until_at"]) == (None, case.case_id, None)
    (second,) = await case.confirmed(1, first=2)
    offered = await case.assets(1, first=3)
    await case.offer(offered)
    assert await held(case) == [first, second]
    (measure,) = await case.order(seizure(first))
    await case.court.client.patch(f"/v1/measures/{measure}", json={"released_on": "2026-11-23"})
    await case.court.client.patch(case.path, json={"phase": "closed"})
    assert await held(case) == [first, second]
    assert await listed(case.court.client, asset_id=second) == [hold["hold_id"]]
    assert await listed(case.court.client, asset_id=offered[0]) == []
    released = await case.court.client.post(f"{case.path}/legal-hold/release")
    assert released.json()["until_at"] == "2026-11-23T04:00:00Z"
    assert await held(case) == []
    assert (await case.court.client.post(f"{case.path}/legal-hold/release")).status_code == 404


async def test_a_case_is_held_once_and_single_holds_stay_apart(case: Case, principals: Principals) -> None:
    one, two = await case.confirmed(2)
    single = (await place(case.court.client, one, case.case_id)).json()["hold_id"]
    whole = (await hold_case(case.court.client, case.path)).json()["hold_id"]
    assert (await hold_case(case.court.client, case.path)).status_code == 409
    assert await held(case) == [one, two]
    assert await listed(case.court.client, asset_id=one) == [single, whole]
    admin = await principals.administrator()
    assert (await admin.post(f"/v1/legal-holds/{whole}/release")).status_code == 200
    assert await held(case) == [one]
    again = await hold_case(admin, case.path)
    assert again.status_code == 201
    assert (await admin.post(f"{case.path}/legal-hold/release")).json()["hold_id"] == again.json()["hold_id"]


async def test_a_case_is_held_by_its_court(case: Case, principals: Principals) -> None:
    stranger, dispatcher = await principals.court("沪0106"), await principals.dispatcher()
    for holder, status in ((stranger, 404), (dispatcher, 403), (case.lessor, 403)):
        assert (await hold_case(holder.client, case.path)).status_code == status
        assert (await holder.client.post(f"{case.path}/legal-hold/release")).status_code == status
    await case.court.client.patch(case.path, json={"phase": "closed"})
    assert (await hold_case(case.court.client, case.path)).status_code == 409
