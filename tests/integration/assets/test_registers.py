"""The registers over HTTP: what is taken, what is refused, and who sees what."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Role
from app.access.service import Grant, write_grants
from app.core.clock import FixedClock
from tests.api import Principals, problem_fields

TRUCK = {
    "asset_type": "vehicle",
    "kind": "heavy_truck",
    "plate_no": "沪A12345",
    "vin": "LZZ5CLVB8LA123456",
    "lease_contract_no": "ZL-1",
}


async def put(client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_an_administrator_registers_and_renames_a_lessor(admin: httpx.AsyncClient) -> None:
    made = await put(admin, "lessors", {"code": "yuanhai", "name": " 远海租赁 ", "credit_code": "91310000MA1FL0000X"})
    assert made["name"] == "远海租赁"
    taken = await admin.post("/v1/lessors", json={"code": "yuanhai", "name": "another"})
    assert (taken.status_code, problem_fields(taken)) == (409, ["code"])
    path = f"/v1/lessors/{made['lessor_id']}"
    changed = (await admin.patch(path, json={"name": "远海融资租赁"})).json()
    assert changed == made | {"name": "远海融资租赁"}
    assert (await admin.patch(path, json={"credit_code": None})).json()["credit_code"] is None
    assert (await admin.get("/v1/lessors")).json() == {"items": [(await admin.get(path)).json()], "next": None}
    for body in ({"code": "other"}, {"name": None}, {"name": " "}, {"credit_code": "short"}):
        answer = await admin.patch(path, json=body)
        assert (answer.status_code, problem_fields(answer)) == (422, list(body))


async def test_a_lessor_reads_itself_and_no_other(admin: httpx.AsyncClient, principals: Principals) -> None:
    other = await put(admin, "lessors", {"code": "other", "name": "other"})
    own = await principals.lessor()
    assert [row["lessor_id"] for row in (await own.client.get("/v1/lessors")).json()["items"]] == [own.subject_id]
    assert (await own.client.get(f"/v1/lessors/{own.subject_id}")).status_code == 200
    hidden = await own.client.get(f"/v1/lessors/{other['lessor_id']}")
    missing = await own.client.get("/v1/lessors/2147483647")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await own.client.post("/v1/lessors", json={"code": "x", "name": "x"})).status_code == 403


async def test_an_asset_is_stored_in_its_normal_form_and_found_by_it(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    written = TRUCK | {"plate_no": " 沪a·Ｄ12345", "vin": "lzz5clvb8la123456", "estimated_value_yuan": 1234567.89}
    made = await put(lessor, "assets", written)
    assert (made["plate_no"], made["vin"], made["estimated_value_yuan"]) == (
        "沪AD12345",
        "LZZ5CLVB8LA123456",
        "1234567.89",
    )
    await put(lessor, "assets", TRUCK | {"vin": None, "plate_no": None, "serial_no": "S-1", "kind": "crane"})
    for found in ({"plate_no": "沪A-D12345"}, {"vin": "LZZ5 CLVB8LA123456"}, {"kind": "heavy_truck"}):
        assert (await lessor.get("/v1/assets", params=found)).json()["items"] == [made]
    both = {"lease_contract_no": "zl-1"}
    assert len((await lessor.get("/v1/assets", params=both)).json()["items"]) == 2
    assert (await lessor.get("/v1/assets", params=both | {"kind": "bus"})).json() == {"items": [], "next": None}


async def test_pages_follow_each_other(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    for number in range(5):
        await put(lessor, "assets", TRUCK | {"plate_no": None, "vin": None, "serial_no": f"S{number}"})
    seen, token = [], None
    for _ in range(3):
        page = (await lessor.get("/v1/assets", params={"limit": 2} | ({"after": token} if token else {}))).json()
        seen += [row["serial_no"] for row in page["items"]]
        token = page["next"]
    assert seen == [f"S{number}" for number in range(5)]
    assert token is None


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("colour", "red"),
        ("vin", "LZZ5CLVB8LA12345"),
        ("vin", "LZZ5CLVB8LAO23456"),
        ("plate_no", "A12345"),
        ("plate_no", " \u200b "),
        ("estimated_value_yuan", -1),
        ("estimated_value_yuan", "1.234"),
        ("estimated_value_yuan", 10**12),
        ("estimated_value_yuan", "NaN"),
        ("serial_no", "S\x001"),
        ("lessee_name", "某某\n公司"),
        ("lessee_name", " "),
        ("make", "x" * 201),
        ("valued_on", "2025-02-30"),
        ("valued_on", 0),
        ("valued_on", "2025-02-03T00:00:00"),
        ("kind", "tank"),
        ("essential_to_production", "yes"),
        ("lease_contract_no", None),
        ("lessor_id", "1"),
        ("lessor_id", 2**31),
    ],
)
async def test_a_bad_member_is_named_and_nothing_is_written(
    principals: Principals, member: str, value: object
) -> None:
    lessor = (await principals.lessor()).client
    answer = await lessor.post("/v1/assets", json=TRUCK | {member: value})
    assert answer.status_code == 422, answer.text
    assert [field.split(".")[0] for field in problem_fields(answer)] in ([member], [member, member])
    assert (await lessor.get("/v1/assets")).json()["items"] == []


async def test_an_asset_has_an_identifier(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    answer = await lessor.post("/v1/assets", json=TRUCK | {"vin": None, "plate_no": None})
    assert answer.status_code == 422
    assert "at least one of plate_no, vin, serial_no" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b'{"kind": ', b"[]", b'"\\ud800"', b'{"kind": "car", "serial_no": "\\ud800"}'])
async def test_a_broken_body_is_refused(principals: Principals, body: bytes) -> None:
    lessor = (await principals.lessor()).client
    answer = await lessor.post("/v1/assets", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_taken_plate_is_a_conflict_and_leaves_all_as_it_was(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    first = await put(lessor, "assets", TRUCK)
    second = await put(lessor, "assets", TRUCK | {"plate_no": "沪B12345", "vin": None})
    for member in ("plate_no", "vin"):
        again = await lessor.post("/v1/assets", json=TRUCK | {"vin": None, "plate_no": None, member: TRUCK[member]})
        assert (again.status_code, problem_fields(again)) == (409, [member])
    path = f"/v1/assets/{second['asset_id']}"
    refused = await lessor.patch(path, json={"plate_no": "沪A 12345", "make": "lost"})
    assert (refused.status_code, problem_fields(refused)) == (409, ["plate_no"])
    assert (await lessor.get("/v1/assets")).json()["items"] == [first, second]


async def test_the_same_plate_may_stand_in_two_lessors_registers(principals: Principals) -> None:
    await put((await principals.lessor("one")).client, "assets", TRUCK)
    await put((await principals.lessor("two")).client, "assets", TRUCK)


async def test_a_change_changes_what_is_sent_and_no_more(principals: Principals, clock: FixedClock) -> None:
    lessor = (await principals.lessor()).client
    made = await put(lessor, "assets", TRUCK | {"make": "重汽", "estimated_value_yuan": "10.50"})
    path = f"/v1/assets/{made['asset_id']}"
    clock.set(clock.now() + timedelta(hours=1))
    assert (await lessor.patch(path, json={})).json() == made
    assert (await lessor.patch(path, json={"make": "重汽"})).json() == made
    changed = (await lessor.patch(path, json={"make": None, "vin": None, "kind": "bus"})).json()
    moved = {"changed_at": "2026-11-23T05:00:00Z"}
    assert changed == made | {"make": None, "vin": None, "kind": "bus"} | moved
    for member in ("plate_no", "kind", "lease_contract_no", "essential_to_production", "lessor_id"):
        refused = await lessor.patch(path, json={member: None})
        assert (refused.status_code, problem_fields(refused)) == (422, [member])
    assert (await lessor.get(path)).json() == changed


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("register", ["assets", "devices"])
async def test_what_is_another_lessors_does_not_exist(principals: Principals, method: str, register: str) -> None:
    own, other = (await principals.lessor("own")).client, (await principals.lessor("other")).client
    body = TRUCK if register == "assets" else {"identifier": "861", "kind": "wired"}
    made = await put(other, register, body)
    key = made["asset_id" if register == "assets" else "device_id"]
    hidden = await own.request(method, f"/v1/{register}/{key}", json={} if method == "PATCH" else None)
    missing = await own.request(method, f"/v1/{register}/2147483647", json={} if method == "PATCH" else None)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await own.get(f"/v1/{register}")).json()["items"] == []
    assert (await own.get(f"/v1/{register}", params={"lessor_id": made["lessor_id"]})).json()["items"] == []
    assert (await own.get(f"/v1/{register}/{key}/bindings")).status_code == 404


async def test_an_administrator_says_whose_it_is(admin: httpx.AsyncClient, principals: Principals) -> None:
    lessor = await principals.lessor()
    nobody = await admin.post("/v1/assets", json=TRUCK)
    assert (nobody.status_code, problem_fields(nobody)) == (422, ["lessor_id"])
    unknown = await admin.post("/v1/assets", json=TRUCK | {"lessor_id": 2**31 - 1})
    assert (unknown.status_code, problem_fields(unknown)) == (404, ["lessor_id"])
    made = await put(admin, "assets", TRUCK | {"lessor_id": lessor.subject_id})
    assert (await lessor.client.get("/v1/assets")).json()["items"] == [made]
    assert (await admin.get("/v1/assets", params={"lessor_id": lessor.subject_id + 1})).json()["items"] == []


async def test_a_lessor_registers_nothing_for_another(principals: Principals) -> None:
    own, other = await principals.lessor("own"), await principals.lessor("other")
    refused = await own.client.post("/v1/assets", json=TRUCK | {"lessor_id": other.subject_id})
    assert (refused.status_code, problem_fields(refused)) == (404, ["lessor_id"])
    await put(own.client, "assets", TRUCK | {"lessor_id": own.subject_id})


async def test_a_court_sees_an_asset_through_a_grant_only(
    principals: Principals, session: AsyncSession, clock: FixedClock
) -> None:
    lessor, court, dispatcher = await principals.lessor(), await principals.court(), await principals.dispatcher()
    asset_id = (await put(lessor.client, "assets", TRUCK))["asset_id"]
    hidden = await put(lessor.client, "assets", TRUCK | {"plate_no": "沪B12345", "vin": None})
    path = f"/v1/assets/{asset_id}"
    for eye in (court.client, dispatcher.client):
        assert (await eye.get(path)).status_code == 404
        assert (await eye.get("/v1/assets")).json()["items"] == []
        assert (await eye.patch(path, json={})).status_code == 403
        assert (await eye.post("/v1/assets", json=TRUCK)).status_code == 403
        assert (await eye.get("/v1/devices")).status_code == 403
    ground, officer = "case", Principal(court.principal_id, Role.ENFORCEMENT_OFFICER, court.subject_id, 1)
    ends = clock.now() + timedelta(days=1)
    grantees = (("court", court.subject_id), ("principal", dispatcher.principal_id))
    grants = [Grant(kind, key, 1, asset_id, ground, clock.now(), ends) for kind, key in grantees]
    await write_grants(session, grants, officer)
    await session.commit()
    for eye in (court.client, dispatcher.client):
        assert (await eye.get(path)).json()["plate_no"] == "沪A12345"
        assert (await eye.get(f"{path}/bindings")).status_code == 200
        assert [row["asset_id"] for row in (await eye.get("/v1/assets")).json()["items"]] == [asset_id]
        assert (await eye.get(f"/v1/assets/{hidden['asset_id']}")).status_code == 404
    clock.set(ends)
    assert (await court.client.get(path)).status_code == 404


async def test_without_a_key_nothing_is_answered(client: httpx.AsyncClient) -> None:
    for path in ("assets", "devices", "lessors", "assets/1", "assets/1/bindings"):
        assert (await client.get(f"/v1/{path}")).status_code == 401


@pytest.mark.parametrize("path", ["assets/0", "assets/2147483648", "assets/x", "devices/-1", "assets?vin=short"])
async def test_a_bad_parameter_is_named(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(f"/v1/{path}")
    assert answer.status_code == 422
    assert problem_fields(answer)[0] in {"asset_id", "device_id", "vin"}


@pytest.mark.parametrize("query", ["plate_no=%00", "serial_no=a%00b", "identifier=%00", "limit=0", "after=x"])
async def test_a_bad_query_is_named(admin: httpx.AsyncClient, query: str) -> None:
    register = "devices" if query.startswith("identifier") else "assets"
    answer = await admin.get(f"/v1/{register}?{query}")
    assert (answer.status_code, problem_fields(answer)) == (422, [query.partition("=")[0]])
