"""Looking after people: who may do what to whom, and what is told of those out of sight."""

import re
from datetime import timedelta

import httpx
import pytest

from app.access.domain import Permission, Role
from app.audit.notes import Note
from app.core.clock import FixedClock
from tests.api import Principals, problem_fields
from tests.factories.people import PASSWORD, Browser, People
from tests.factories.trail import Trail

NEW = "another long password"


async def first_sign_in(people: People, login: str, password: str) -> Browser:
    browser = await people.browser()
    answer = await browser.sign_in(login, password)
    assert answer.json()["pending"][0] == "password"
    assert (await browser.client.get("/v1/cases")).json()["code"] == "sign_in_incomplete"
    changed = await browser.send("POST", "/v1/session/password", {"old_password": password, "new_password": NEW})
    assert changed.status_code == 200
    return browser


async def test_an_account_begins_with_a_password_that_is_told_once_and_must_be_changed(
    people: People, clock: FixedClock
) -> None:
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    wanted = {"login": "Liu.Yang", "name": "刘洋", "role": "dispatcher"}
    made = await admin.send("POST", "/v1/people", wanted)
    assert made.status_code == 201
    person = made.json()
    assert (person["login"], person["must_change_password"], person["court_id"]) == ("liu.yang", True, None)
    browser = await first_sign_in(people, "liu.yang", person["password"])
    assert (await browser.client.get("/v1/session")).json()["pending"] == []
    assert (await browser.client.get("/v1/cases")).status_code == 200
    assert (await (await people.browser()).sign_in("liu.yang", person["password"])).status_code == 401
    listed = (await admin.client.get("/v1/people")).json()["items"]
    assert [one["login"] for one in listed] == ["admin", "liu.yang"]
    assert person["password"] not in str(listed)
    again = await admin.send("POST", "/v1/people", wanted)
    assert (again.status_code, problem_fields(again)) == (409, ["login"])


async def test_a_one_time_password_is_of_no_use_after_a_week(people: People, clock: FixedClock) -> None:
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    made = (await admin.send("POST", "/v1/people", {"login": "liu", "name": "刘", "role": "dispatcher"})).json()
    clock.set(clock.now() + timedelta(days=7))
    assert (await (await people.browser()).sign_in("liu", made["password"])).status_code == 401


async def test_a_forgotten_password_is_replaced_and_nothing_of_before_opens(people: People) -> None:
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    liu = await people.signed_in("liu", Role.DISPATCHER)
    who = (await liu.client.get("/v1/session")).json()["principal_id"]
    for _ in range(5):
        await (await people.browser()).sign_in("liu", "wrong password")
    assert [one["locked_until"] is not None for one in (await admin.client.get("/v1/people")).json()["items"]] == [
        False,
        True,
    ]
    given = (await admin.send("POST", f"/v1/people/{who}/password-reset")).json()
    assert await liu.status() == 401
    browser = await people.browser()
    assert (await browser.sign_in("liu", PASSWORD)).status_code == 401
    asked = await browser.sign_in("liu", given["password"])
    assert asked.json()["code"] == "totp_required", "the lock is lifted; the authenticator stays"
    assert (await admin.send("POST", f"/v1/people/{who}/totp-reset")).status_code == 204
    assert (await first_sign_in(people, "liu", given["password"])).token


async def test_who_is_shut_out_is_out_at_once_and_let_in_again_later(people: People) -> None:
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    await people.account("liu")
    liu = await people.browser()
    await liu.sign_in("liu")
    who = (await liu.client.get("/v1/session")).json()["principal_id"]
    shut = await admin.send("PATCH", f"/v1/people/{who}", {"disabled": True, "name": "刘"})
    assert (shut.json()["name"], shut.json()["disabled_at"] is not None) == ("刘", True)
    assert await liu.status() == 401
    assert (await liu.sign_in("liu")).json()["code"] == "sign_in_refused"
    await admin.send("PATCH", f"/v1/people/{who}", {"disabled": False})
    assert await liu.status() == 401, "what was ended stays so"
    assert (await liu.sign_in("liu")).status_code == 201


async def test_a_new_role_ends_the_sessions_and_is_of_the_same_kind(people: People) -> None:
    court = await people.court_id()
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    chen = await people.signed_in("chen", Role.ENFORCEMENT_OFFICER, court)
    who = (await chen.client.get("/v1/session")).json()["principal_id"]
    wrong = await admin.send("PATCH", f"/v1/people/{who}", {"role": "auditor"})
    assert (wrong.status_code, problem_fields(wrong)) == (422, ["role"])
    assert await chen.status() == 200
    changed = await admin.send("PATCH", f"/v1/people/{who}", {"role": "court_administrator"})
    assert changed.json()["role"] == "court_administrator"
    assert await chen.status() == 401


async def test_nobody_does_these_things_to_its_own_account(people: People) -> None:
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    who = (await admin.client.get("/v1/session")).json()["principal_id"]
    for method, path, body in (
        ("PATCH", "", {"role": "platform_administrator"}),
        ("PATCH", "", {"disabled": True}),
        ("POST", "/password-reset", None),
        ("POST", "/totp-reset", None),
    ):
        answer = await admin.send(method, f"/v1/people/{who}{path}", body)
        assert answer.status_code == 403, (method, path)
    assert await admin.status() == 200


async def test_a_courts_administrator_looks_after_its_own_court_and_nobody_else(
    people: People, principals: Principals
) -> None:
    own, other = await people.court_id(), await people.court_id("沪0106")
    lessor = await principals.lessor()
    admin = await people.signed_in("courtadmin", Role.COURT_ADMINISTRATOR, own)
    officer = await people.account("officer", Role.ENFORCEMENT_OFFICER, own)
    hidden = [
        await people.account("stranger", Role.ENFORCEMENT_OFFICER, other),
        await people.account("strange.admin", Role.COURT_ADMINISTRATOR, other),
        await people.account("dispatcher", Role.DISPATCHER),
        await people.account("crew", Role.CREW),
        await people.account("auditor", Role.AUDITOR),
        await people.account("platform", Role.PLATFORM_ADMINISTRATOR),
        await people.account("manager", Role.LESSOR_MANAGER, lessor.subject_id),
        await people.account("same.number", Role.LESSOR_READER, own) if own == lessor.subject_id else 2**31 - 1,
    ]
    listed = (await admin.client.get("/v1/people")).json()["items"]
    assert [one["login"] for one in listed] == ["courtadmin", "officer"]
    attempts = (("PATCH", "", {"name": "X"}), ("POST", "/password-reset", None), ("POST", "/totp-reset", None))
    for who in hidden:
        for method, path, body in attempts:
            answer = await admin.send(method, f"/v1/people/{who}{path}", body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (who, path)
            assert answer.json()["detail"] == "There is no such person."
    for method, path, body in attempts:
        assert (await admin.send(method, f"/v1/people/{officer}{path}", body)).is_success
    made = await admin.send("POST", "/v1/people", {"login": "new", "name": "新", "role": "enforcement_officer"})
    assert (made.status_code, made.json()["court_id"]) == (201, own)
    for role, court, status in (
        ("enforcement_officer", other, 404),
        ("dispatcher", None, 403),
        ("crew", None, 403),
        ("auditor", None, 403),
        ("platform_administrator", None, 403),
    ):
        wanted = {"login": f"x{role}", "name": "X", "role": role} | ({"court_id": court} if court else {})
        assert (await admin.send("POST", "/v1/people", wanted)).status_code == status, role
    promoted = await admin.send("PATCH", f"/v1/people/{officer}", {"role": "platform_administrator"})
    assert promoted.status_code == 403


async def test_roles_without_that_permission_do_not_reach_people(people: People, principals: Principals) -> None:
    court, lessor = await people.court_id(), await principals.lessor()
    for role in set(Role) - {Role.COURT_ADMINISTRATOR, Role.PLATFORM_ADMINISTRATOR}:
        subject = {"court": court, "lessor": lessor.subject_id}.get(role.kind)
        holder = await principals.create(role, subject)
        assert (await holder.client.get("/v1/people")).status_code == 403, role
        made = await holder.client.post("/v1/people", json={"login": "x", "name": "X", "role": "dispatcher"})
        assert made.status_code == 403, role


async def test_a_person_of_a_court_or_lessor_needs_one_that_exists(people: People, admin: httpx.AsyncClient) -> None:
    for role, more, status, field in (
        ("enforcement_officer", {}, 422, "court_id"),
        ("enforcement_officer", {"court_id": 2_000_000_000}, 404, "court_id"),
        ("lessor_manager", {"lessor_id": 2_000_000_000}, 404, "lessor_id"),
        ("lessor_reader", {"court_id": 1}, 422, "court_id"),
        ("enforcement_officer", {"lessor_id": 1}, 422, "lessor_id"),
        ("dispatcher", {"court_id": 1}, 422, "court_id"),
        ("auditor", {"lessor_id": 1}, 422, "lessor_id"),
        ("lessor_reader", {"lessor_id": 1, "court_id": 1}, 422, "court_id"),
        ("lessor_feed", {"lessor_id": 1}, 422, "role"),
    ):
        answer = await admin.post("/v1/people", json={"login": "x", "name": "X", "role": role} | more)
        assert (answer.status_code, problem_fields(answer)) == (status, [field]), role


async def test_a_narrowed_key_opens_no_way_in_to_more_than_itself(people: People, principals: Principals) -> None:
    narrowed = await principals.create(Role.PLATFORM_ADMINISTRATOR, scopes=frozenset({Permission.PEOPLE_WRITE}))
    who = await people.account("boss", Role.PLATFORM_ADMINISTRATOR)
    wanted = {"login": "x", "name": "X", "role": "platform_administrator"}
    assert (await narrowed.client.post("/v1/people", json=wanted)).status_code == 403
    assert (await narrowed.client.post(f"/v1/people/{who}/password-reset")).status_code == 403


async def test_what_is_done_is_noted_for_the_trail(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Note] = []
    for module in ("sessions.sign_in", "people.service", "people.self_service", "sessions.router"):
        monkeypatch.setattr(f"app.identity.{module}.note", lambda _session, entry: noted.append(entry))
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    made = (await admin.send("POST", "/v1/people", {"login": "liu", "name": "刘", "role": "dispatcher"})).json()
    who = made["principal_id"]
    liu = await first_sign_in(people, "liu", made["password"])
    await liu.send("DELETE", "/v1/session")
    for _ in range(6):
        await (await people.browser()).sign_in("liu", "wrong password")
    await (await people.browser()).sign_in("nobody@court.cn")
    await admin.send("POST", f"/v1/people/{who}/password-reset")
    await admin.send("POST", f"/v1/people/{who}/totp-reset")
    await admin.send("PATCH", f"/v1/people/{who}", {"disabled": True})
    await admin.send("PATCH", f"/v1/people/{who}", {"disabled": False})
    assert [entry.action for entry in noted] == [
        "account.create",
        "sign_in.ok",
        "account.create",
        "sign_in.ok",
        "password.change",
        "session.end",
        *["sign_in.failed"] * 5,
        "sign_in.locked",
        "sign_in.failed",
        "password.reset",
        "totp.reset",
        "account.disable",
        "account.enable",
    ]
    assert re.fullmatch(r"login sha256 [0-9a-f]{16}", noted[-5].detail or "")
    everything = " ".join(entry.detail or "" for entry in noted)
    assert f"principal {who}" in everything
    assert not [secret for secret in ("nobody@court.cn", made["password"], NEW) if secret in everything]


async def test_a_new_name_stands_in_the_trail_and_is_given_by_another(people: People, trail: Trail) -> None:
    court = await people.court_id()
    officer = await people.account("officer", Role.ENFORCEMENT_OFFICER, court)
    admin = await people.signed_in("admin", Role.COURT_ADMINISTRATOR, court)
    own = (await admin.client.get("/v1/session")).json()["principal_id"]
    trail.begin_anew()
    assert (await admin.send("PATCH", f"/v1/people/{officer}", {"name": "法官甲"})).status_code == 200
    (entry,) = trail.entries()
    assert (entry["action"], entry["principal_id"]) == ("account.rename", own)
    assert entry["detail"] == f"principal {officer}, 'Officer' to '法官甲'"
    trail.begin_anew()
    assert (await admin.send("PATCH", f"/v1/people/{officer}", {"name": "法官甲"})).status_code == 200
    assert trail.entries() == [], "nothing was changed"
    refused = await admin.send("PATCH", f"/v1/people/{own}", {"name": "Somebody Else"})
    assert refused.status_code == 403
    assert await people.scalar("SELECT name FROM principal WHERE principal_id = :p", p=own) == "Admin"
