"""Looking after keys over HTTP: who makes which, rotation with an overlap, narrowing."""

from datetime import datetime, timedelta

import httpx
import pytest

from app.access.domain import Permission, PrincipalKind, Role
from app.core.clock import FixedClock
from app.identity.keys.queries import LESSOR_ROLES
from tests.api import Principals, problem_fields, services
from tests.factories.constants import NOW
from tests.factories.people import People


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_manager_makes_lists_rotates_and_revokes_its_lessors_keys(
    principals: Principals, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    manager, other = await principals.lessor("yuanhai"), await principals.lessor("beishan")
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


async def test_a_manager_makes_keys_for_its_own_lessor_only(principals: Principals, people: People) -> None:
    manager, other = await principals.lessor("yuanhai"), await principals.lessor("beishan")
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


async def test_a_platform_administrator_makes_keys_for_every_lessor(
    principals: Principals, admin: httpx.AsyncClient
) -> None:
    lessor = await principals.lessor()
    wanted = {"role": "lessor_feed", "holder": "gateway", "label": "pings"}
    made = await admin.post("/v1/keys", json=wanted | {"lessor_id": lessor.subject_id})
    assert (made.status_code, made.json()["lessor_id"]) == (201, lessor.subject_id)
    none = await admin.post("/v1/keys", json=wanted)
    assert (none.status_code, problem_fields(none)) == (422, ["lessor_id"])


@pytest.mark.parametrize("role", sorted(set(Role) - set(LESSOR_ROLES)))
async def test_no_key_that_needs_a_second_factor_of_people_is_made_or_rotated_over_http(
    principals: Principals, admin: httpx.AsyncClient, people: People, role: Role
) -> None:
    court = {"court_id": await people.court_id()} if role.kind is PrincipalKind.COURT else {}
    made = await admin.post("/v1/keys", json={"role": role, "holder": "me", "label": "me"} | court)
    assert (made.status_code, problem_fields(made)) == (403, ["role"])
    assert "leasetrace keys create" in made.text
    holder = await principals.create(role, court.get("court_id"))
    rotated = await admin.post(f"/v1/keys/{holder.key.split('_')[1]}/rotate", json={})
    assert (rotated.status_code, problem_fields(rotated)) == (403, ["role"])
    assert (await admin.delete(f"/v1/keys/{holder.key.split('_')[1]}")).status_code == 204, "ending one is safe"


async def test_a_key_that_ends_makes_and_rotates_none_that_ends_later(
    principals: Principals, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    manager = await principals.lessor()
    ends = (NOW + timedelta(days=1)).isoformat()
    wanted = {"role": "lessor_manager", "holder": "short", "label": "x"}
    short = (await manager.client.post("/v1/keys", json=wanted | {"expires_at": ends})).json()
    asked = bearer(short["key"])
    plain = await client.post("/v1/keys", json=wanted, headers=asked)
    assert (plain.status_code, plain.json()["expires_at"]) == (201, short["expires_at"])
    later = (NOW + timedelta(days=1, seconds=1)).isoformat()
    refused = await client.post("/v1/keys", json=wanted | {"expires_at": later}, headers=asked)
    assert (refused.status_code, problem_fields(refused)) == (403, ["expires_at"])
    eternal = manager.key.split("_")[1]
    clock.set(NOW + timedelta(hours=1))
    for prefix in (eternal, short["prefix"]):
        rotated = await client.post(f"/v1/keys/{prefix}/rotate", json={"overlap": "P1D"}, headers=asked)
        assert (rotated.status_code, rotated.json()["expires_at"]) == (201, short["expires_at"])


async def test_a_key_is_rotated_once(principals: Principals) -> None:
    manager = await principals.lessor()
    wanted = {"role": "lessor_feed", "holder": "x", "label": "x"}
    old = (await manager.client.post("/v1/keys", json=wanted)).json()
    first = await manager.client.post(f"/v1/keys/{old['prefix']}/rotate", json={})
    assert (first.status_code, first.json()["expires_at"]) == (201, None)
    assert (await manager.client.post(f"/v1/keys/{old['prefix']}/rotate", json={})).status_code == 409
    again = await manager.client.post(f"/v1/keys/{first.json()['prefix']}/rotate", json={})
    assert (again.status_code, again.json()["expires_at"]) == (201, None)
    listed = (await manager.client.get("/v1/keys")).json()["items"]
    assert [one["rotated_at"] is not None for one in listed] == [False, True, True, False]


async def test_the_keys_that_somebody_made_are_told_when_it_is_shut_out(
    principals: Principals, people: People
) -> None:
    lessor = await principals.lessor()
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    manager = await people.signed_in("manager", Role.LESSOR_MANAGER, lessor.subject_id)
    who = await people.scalar("SELECT principal_id FROM account WHERE login = 'manager'")
    wanted = {"role": "lessor_manager", "holder": "erp", "label": "x"}
    made = (await manager.send("POST", "/v1/keys", wanted)).json()
    with_it = (await people.browser()).client
    deeper = (await with_it.post("/v1/keys", json=wanted, headers=bearer(made["key"]))).json()
    ended = (await manager.send("POST", "/v1/keys", wanted)).json()
    assert (await manager.send("DELETE", f"/v1/keys/{ended['prefix']}")).status_code == 204
    assert (made["made_by"], deeper["made_by"]) == (who, who)
    shut = await admin.send("PATCH", f"/v1/people/{who}", {"disabled": True})
    assert (shut.status_code, shut.json()["keys_made"]) == (200, [made["prefix"], deeper["prefix"]])
    listed = (await admin.client.get("/v1/keys")).json()["items"]
    assert [one["made_by"] for one in listed] == [None, who, who, who]


async def test_lessors_whose_systems_have_one_name_have_each_its_own(principals: Principals) -> None:
    one, other = await principals.lessor("yuanhai"), await principals.lessor("beishan")
    wanted = {"role": "lessor_feed", "holder": "gateway", "label": "x"}
    made = [(await who.client.post("/v1/keys", json=wanted)).json() for who in (one, other, other, one)]
    holders = [key["principal_id"] for key in made]
    assert (holders[1], holders[0]) == (holders[2], holders[3])
    assert holders[0] != holders[1]


async def test_a_narrowed_key_makes_and_rotates_none_that_opens_more(principals: Principals) -> None:
    wide = await principals.lessor()
    narrowed = await principals.create(
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
async def test_nobody_else_looks_after_keys(principals: Principals, people: People, role: Role) -> None:
    lessor = await principals.lessor()
    subject = {"court": await people.court_id(), "lessor": lessor.subject_id}.get(role.kind)
    holder = await principals.create(role, subject)
    assert (await holder.client.get("/v1/keys")).status_code == 403
    wanted = {"role": "lessor_feed", "holder": "x", "label": "x", "lessor_id": lessor.subject_id}
    assert (await holder.client.post("/v1/keys", json=wanted)).status_code == 403


async def test_when_a_key_was_used_last_is_kept_to_the_minute(people: People, clock: FixedClock) -> None:
    async with Principals(people.application) as principals:
        manager = await principals.lessor()
        credential_cache = services(people.application).credential_cache
        await manager.client.get("/v1/assets")
        clock.set(clock.now() + timedelta(seconds=20))
        await manager.client.get("/v1/assets")
        assert await people.scalar("SELECT last_used_at FROM api_key") is None, "no write per request"
        await credential_cache.write_uses()
        assert await people.scalar("SELECT last_used_at FROM api_key") == clock.now()
        clock.set(clock.now() - timedelta(seconds=10))
        await manager.client.get("/v1/assets")
        await credential_cache.write_uses()
        assert await people.scalar("SELECT last_used_at FROM api_key") == clock.now() + timedelta(seconds=10)
