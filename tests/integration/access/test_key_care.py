"""Looking after keys over HTTP: who makes which, rotation with an overlap, narrowing."""

from datetime import datetime, timedelta

import httpx
import pytest

from app.access.domain import Permission, Role
from app.core.clock import FixedClock
from tests.conftest import NOW
from tests.integration.access.people_support import People
from tests.support import Doors, problem_fields


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_manager_makes_lists_rotates_and_revokes_its_lessors_keys(
    doors: Doors, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    manager, other = await doors.lessor("yuanhai"), await doors.lessor("beishan")
    until = (NOW + timedelta(days=90)).isoformat()
    wanted = {"role": "lessor_reader", "holder": "erp", "label": "reports", "expires_at": until}
    made = await manager.client.post("/v1/keys", json=wanted | {"scopes": ["registers:read"]})
    assert made.status_code == 201
    key = made.json()
    assert (key["lessor_id"], key["scopes"]) == (manager.subject_id, ["registers:read"])
    assert (await client.get("/v1/assets", headers=bearer(key["key"]))).status_code == 200
    assert (await client.get("/v1/feeds", headers=bearer(key["key"]))).status_code == 403, "narrowed"
    listed = (await manager.client.get("/v1/keys")).json()["items"]
    assert [one["prefix"] for one in listed] == [manager.key.split("_")[1], key["prefix"]]
    assert key["key"].split("_")[2] not in str(listed)
    clock.set(clock.now() + timedelta(days=10))
    rotated = (await manager.client.post(f"/v1/keys/{key['prefix']}/rotate", json={"overlap": "P2D"})).json()
    assert (rotated["principal_id"], rotated["scopes"]) == (key["principal_id"], ["registers:read"])
    assert datetime.fromisoformat(rotated["expires_at"]) == clock.now() + timedelta(days=90)
    clock.set(clock.now() + timedelta(days=2) - timedelta(seconds=1))
    for one in (key, rotated):
        assert (await client.get("/v1/assets", headers=bearer(one["key"]))).status_code == 200
    clock.set(clock.now() + timedelta(seconds=1))
    assert (await client.get("/v1/assets", headers=bearer(key["key"]))).status_code == 401
    assert (await client.get("/v1/assets", headers=bearer(rotated["key"]))).status_code == 200
    ended = await manager.client.post(f"/v1/keys/{key['prefix']}/rotate", json={})
    assert ended.status_code == 409
    for method, path in (("DELETE", ""), ("POST", "/rotate")):
        body: dict[str, str] | None = {} if path else None
        hidden = await other.client.request(method, f"/v1/keys/{rotated['prefix']}{path}", json=body)
        nothing = await other.client.request(method, f"/v1/keys/{'0' * 12}{path}", json=body)
        assert (hidden.status_code, hidden.json()["detail"]) == (404, nothing.json()["detail"])
    assert (await manager.client.delete(f"/v1/keys/{rotated['prefix']}")).status_code == 204
    assert (await client.get("/v1/assets", headers=bearer(rotated["key"]))).status_code == 401
    assert (await manager.client.delete(f"/v1/keys/{rotated['prefix']}")).status_code == 204
    assert (await other.client.get("/v1/keys")).json()["items"][0]["lessor_id"] == other.subject_id


async def test_a_manager_makes_keys_for_its_own_lessor_only(doors: Doors, people: People) -> None:
    manager, other = await doors.lessor("yuanhai"), await doors.lessor("beishan")
    foreign = await other.client.post("/v1/feeds", json={"name": "gateway", "coord_system": "gcj02"})
    for more, status, field in (
        ({"role": "lessor_feed", "lessor_id": other.subject_id}, 404, "lessor_id"),
        ({"role": "lessor_feed", "feed_id": foreign.json()["feed_id"]}, 422, "feed_id"),
        ({"role": "lessor_feed", "scopes": ["registers:write"]}, 422, "scopes"),
        ({"role": "lessor_feed", "expires_at": NOW.isoformat()}, 422, "expires_at"),
        ({"role": "lessor_feed", "court_id": manager.subject_id}, 422, "court_id"),
        ({"role": "enforcement_officer", "court_id": await people.court_id()}, 403, "role"),
        ({"role": "platform_administrator"}, 403, "role"),
    ):
        answer = await manager.client.post("/v1/keys", json={"holder": "x", "label": "x"} | more)
        assert (answer.status_code, problem_fields(answer)) == (status, [field]), more


async def test_a_platform_administrator_makes_keys_for_everybody(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, people: People
) -> None:
    court = await people.court_id()
    made = await admin.post(
        "/v1/keys", json={"role": "enforcement_officer", "holder": "oa", "label": "oa", "court_id": court}
    )
    assert (made.status_code, made.json()["court_id"]) == (201, court)
    assert (await client.get("/v1/cases", headers=bearer(made.json()["key"]))).status_code == 200
    none = await admin.post("/v1/keys", json={"role": "enforcement_officer", "holder": "oa", "label": "oa"})
    assert (none.status_code, problem_fields(none)) == (422, ["court_id"])


async def test_a_key_is_never_made_for_a_person_of_the_same_name(admin: httpx.AsyncClient, people: People) -> None:
    person = await people.account("zhang")
    made = await admin.post("/v1/keys", json={"role": "dispatcher", "holder": "Zhang", "label": "x"})
    assert made.json()["principal_id"] != person


async def test_lessors_whose_systems_have_one_name_have_each_its_own(doors: Doors) -> None:
    one, other = await doors.lessor("yuanhai"), await doors.lessor("beishan")
    wanted = {"role": "lessor_feed", "holder": "gateway", "label": "x"}
    made = [(await who.client.post("/v1/keys", json=wanted)).json() for who in (one, other, other, one)]
    holders = [key["principal_id"] for key in made]
    assert (holders[1], holders[0]) == (holders[2], holders[3])
    assert holders[0] != holders[1]


async def test_a_narrowed_key_makes_and_rotates_none_that_opens_more(doors: Doors) -> None:
    wide = await doors.lessor()
    narrowed = await doors.holder(
        Role.LESSOR_MANAGER,
        wide.subject_id,
        scopes=frozenset({Permission.KEYS_WRITE, Permission.REGISTERS_READ}),
    )
    wanted = {"role": "lessor_manager", "holder": "x", "label": "x"}
    for more, status in (
        ({}, 403),
        ({"scopes": ["registers:read", "positions:read"]}, 403),
        ({"role": "lessor_feed"}, 403),
        ({"scopes": ["registers:read"]}, 201),
        ({"scopes": ["registers:read", "keys:write"]}, 201),
    ):
        assert (await narrowed.client.post("/v1/keys", json=wanted | more)).status_code == status, more
    own, other = narrowed.key.split("_")[1], wide.key.split("_")[1]
    assert (await narrowed.client.post(f"/v1/keys/{other}/rotate", json={})).status_code == 403
    assert (await narrowed.client.post(f"/v1/keys/{own}/rotate", json={})).status_code == 201


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.LESSOR_MANAGER, Role.PLATFORM_ADMINISTRATOR}))
async def test_nobody_else_looks_after_keys(doors: Doors, people: People, role: Role) -> None:
    lessor = await doors.lessor()
    subject = {"court": await people.court_id(), "lessor": lessor.subject_id}.get(role.kind)
    holder = await doors.holder(role, subject)
    assert (await holder.client.get("/v1/keys")).status_code == 403
    wanted = {"role": "lessor_feed", "holder": "x", "label": "x", "lessor_id": lessor.subject_id}
    assert (await holder.client.post("/v1/keys", json=wanted)).status_code == 403


async def test_when_a_key_was_used_last_is_kept_to_the_minute(people: People, clock: FixedClock) -> None:
    async with Doors(people.application) as doors:
        manager = await doors.lessor()
        keyring = people.application.state.keyring
        await manager.client.get("/v1/assets")
        clock.set(clock.now() + timedelta(seconds=20))
        await manager.client.get("/v1/assets")
        assert await people.scalar("SELECT last_used_at FROM api_key") is None, "no write per request"
        await keyring.write_uses()
        assert await people.scalar("SELECT last_used_at FROM api_key") == clock.now()
        clock.set(clock.now() - timedelta(seconds=10))
        await manager.client.get("/v1/assets")
        await keyring.write_uses()
        assert await people.scalar("SELECT last_used_at FROM api_key") == clock.now() + timedelta(seconds=10)
