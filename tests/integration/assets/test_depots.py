"""Depots: a lessor's own, and nobody else's business."""

import pytest

from tests.api import Principals, problem_fields

YARD = {"name": "宝山停车场", "lon": 121.4, "lat": 31.4, "radius_m": 80.0}


async def test_a_lessor_registers_lists_and_deletes_its_depots(principals: Principals) -> None:
    lessor = await principals.lessor()
    made = await lessor.client.post("/v1/depots", json=YARD)
    assert made.status_code == 201, made.text
    depot = made.json()
    assert {name: depot[name] for name in YARD} == YARD
    assert depot["lessor_id"] == lessor.subject_id
    again = await lessor.client.post("/v1/depots", json=YARD)
    assert again.status_code == 409
    assert problem_fields(again) == ["name"]
    assert (await lessor.client.get("/v1/depots")).json()["items"] == [depot]
    path = f"/v1/depots/{depot['depot_id']}"
    assert (await lessor.client.delete(path)).status_code == 204
    assert (await lessor.client.delete(path)).status_code == 404
    assert (await lessor.client.get("/v1/depots")).json()["items"] == []


async def test_another_lessors_depot_does_not_exist(principals: Principals) -> None:
    lessor, stranger, admin = (
        await principals.lessor(),
        await principals.lessor("beishan"),
        await principals.administrator(),
    )
    depot_id = (await lessor.client.post("/v1/depots", json=YARD)).json()["depot_id"]
    assert (await stranger.client.get("/v1/depots")).json()["items"] == []
    assert (await stranger.client.delete(f"/v1/depots/{depot_id}")).status_code == 404
    theirs = YARD | {"lessor_id": lessor.subject_id}
    assert (await stranger.client.post("/v1/depots", json=theirs)).status_code == 404
    assert (await admin.post("/v1/depots", json=YARD)).status_code == 422
    assert len((await admin.get("/v1/depots")).json()["items"]) == 1
    assert (await admin.delete(f"/v1/depots/{depot_id}")).status_code == 204


@pytest.mark.parametrize("kind", ["court", "dispatcher"])
async def test_courts_and_dispatchers_see_no_depots(principals: Principals, kind: str) -> None:
    holder = await (principals.court() if kind == "court" else principals.dispatcher())
    assert (await holder.client.get("/v1/depots")).status_code == 403
    assert (await holder.client.post("/v1/depots", json=YARD)).status_code == 403
    assert (await holder.client.delete("/v1/depots/1")).status_code == 403


@pytest.mark.parametrize(("member", "value"), [("lon", 181), ("lat", -91), ("radius_m", 0), ("name", "")])
async def test_a_depot_that_cannot_be_is_refused(principals: Principals, member: str, value: object) -> None:
    answer = await (await principals.lessor()).client.post("/v1/depots", json=YARD | {member: value})
    assert answer.status_code == 422
    assert problem_fields(answer) == [member]
