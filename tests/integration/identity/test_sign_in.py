"""Signing in: who gets in, what refusals say, how failures are counted, how a session ends."""

import asyncio
import secrets
import threading
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy.pool import AsyncAdaptedQueuePool

from app.access.domain import Role
from app.core.clock import FixedClock
from app.core.settings import Settings
from app.identity.people import totp
from app.identity.people.passwords import Passwords, Verdict
from app.identity.sessions.cookies import COOKIE, PLAIN_COOKIE
from app.main import create_app
from tests.api import Principals, problem_fields, services
from tests.factories.constants import NOW
from tests.factories.people import CHEAP_HASHER, PASSWORD, People, with_cheap_hashes
from tests.factories.settings import change_during_test, changed, settings_for
from tests.factories.trail import Trail

SECRET = totp.make_secret()


def code_at(clock: FixedClock, secret: str = SECRET, *, steps: int = 0) -> str:
    return totp.code_of(secret, totp.step_at(clock.now()) + steps)


async def test_somebody_signs_in_is_told_who_it_is_and_signs_out(people: People) -> None:
    court = await people.court_id()
    browser = await people.signed_in("Li.Lei", Role.ENFORCEMENT_OFFICER, court)
    told = (await browser.client.get("/v1/session")).json()
    assert (told["role"], told["court_id"], told["lessor_id"]) == ("enforcement_officer", court, None)
    assert (told["name"], told["method"], told["pending"]) == ("Li.Lei", "password", [])
    assert "cases:write" in told["permissions"]
    assert told["expires_at"] == (NOW + timedelta(hours=12)).isoformat().replace("+00:00", "Z")
    assert told["csrf_token"] == browser.csrf
    assert (await browser.client.get("/v1/cases")).status_code == 200
    token = browser.token
    answer = await browser.send("DELETE", "/v1/session")
    assert answer.status_code == 204
    assert browser.token is None
    browser.client.cookies.set(COOKIE, token or "", domain="leasetrace.test")
    assert await browser.status() == 401


async def test_the_cookie_is_for_this_host_only_and_out_of_reach_of_scripts(people: People) -> None:
    await people.account("zhang")
    answer = await (await people.browser()).sign_in("zhang")
    name, *attributes = (part.strip() for part in answer.headers["set-cookie"].split(";"))
    assert name.startswith("__Host-leasetrace=")
    assert sorted(attributes, key=str.casefold) == ["HttpOnly", "Path=/", "SameSite=strict", "Secure"]
    assert answer.headers["cache-control"] == "no-store"
    stored = await people.scalar("SELECT token_sha256 FROM session")
    assert name.partition("=")[2].encode() not in stored


async def test_a_cookie_goes_without_tls_only_at_loopback_and_only_where_a_setting_says_so(
    people: People, secret_settings: Settings, clock: FixedClock
) -> None:
    await people.account("zhang")
    lax = with_cheap_hashes(create_app(changed(secret_settings, session={"cookie_over_http": True}), clock))
    async with lax.router.lifespan_context(lax):
        for application, url, wanted in (
            (lax, "http://localhost:8000", PLAIN_COOKIE),
            (lax, "http://leasetrace.test", COOKIE),
            (people.application, "http://localhost:8000", COOKIE),
        ):
            transport = httpx.ASGITransport(application, client=(secrets.token_hex(4), 1))
            async with httpx.AsyncClient(transport=transport, base_url=url) as client:
                answer = await client.post("/v1/session", json={"login": "zhang", "password": PASSWORD})
                cookie = answer.headers["set-cookie"]
                assert cookie.startswith(f"{wanted}="), url
                assert ("Secure" in cookie) == (wanted == COOKIE)
                kept = (await client.get("/v1/session")).status_code
                assert kept == (200 if wanted == PLAIN_COOKIE else 401), "a browser sends no secure cookie over http"


async def test_unknown_login_wrong_password_disabled_and_expired_account_answer_alike(
    people: People, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for login in ("known", "shut", "late", "elsewhere"):
        await people.account(login)
    await people.execute("UPDATE account SET disabled_at = now() WHERE login = 'shut'")
    await people.execute(
        "UPDATE account SET password_until = :at WHERE login = 'late'", at=clock.now() - timedelta(seconds=1)
    )
    await people.execute("UPDATE account SET password_hash = NULL WHERE login = 'elsewhere'")
    compared: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: str) -> bool:  # noqa: A002 argon2's name
        compared.append(hash.split("$")[3])
        return bool(verify(self, hash, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    answers = []
    for login, password in (
        ("nobody", PASSWORD),
        ("known", "another password"),
        ("shut", PASSWORD),
        ("late", PASSWORD),
        ("elsewhere", PASSWORD),
    ):
        answer = await (await people.browser()).sign_in(login, password)
        body = answer.json()
        del body["request_id"]
        answers.append((answer.status_code, body, sorted(answer.headers)))
    assert answers[0][:2] == (401, answers[0][1] | {"code": "sign_in_refused"})
    assert all(answer == answers[0] for answer in answers)
    assert len(compared) == len(answers), "each costs one argon2id"
    assert len(set(compared)) == 1, "at one cost"


async def test_a_login_is_known_in_every_width_and_case(people: People) -> None:
    await people.account("Wang.Fang")
    answer = await (await people.browser()).sign_in("ＷＡＮＧ.ｆａｎｇ ", "correct horse battery")
    assert answer.status_code == 201


async def test_the_fifth_failure_locks_and_each_further_one_for_longer_but_never_for_good(
    people: People, clock: FixedClock
) -> None:
    await people.account("target")
    for login in ("target", "nobody"):  # that a login is locked tells nothing about whether anybody has it
        browser = await people.browser()
        clock.set(NOW)
        for _ in range(5):
            assert (await browser.sign_in(login, "wrong password")).status_code == 401
        answer = await browser.sign_in(login, PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (429, "sign_in_paused")
        assert answer.headers["retry-after"] == "1"
        for lock_s in (1, 2, 4, 8):
            clock.set(clock.now() + timedelta(seconds=lock_s - 0.001))
            assert (await browser.sign_in(login, "wrong password")).status_code == 429
            clock.set(clock.now() + timedelta(seconds=0.001))
            assert (await browser.sign_in(login, "wrong password")).status_code == 401
        assert (await browser.sign_in(login)).headers["retry-after"] == "16"
    browser = await people.browser()
    await people.execute("UPDATE sign_in_failure SET failures = 1000, locked_until = NULL, last_at = :at", at=NOW)
    assert (await browser.sign_in("target", "wrong password")).status_code == 401
    assert (await browser.sign_in("target")).headers["retry-after"] == "900"
    clock.set(clock.now() + timedelta(minutes=15))
    assert (await browser.sign_in("target")).status_code == 201
    assert await people.scalar("SELECT count(*) FROM sign_in_failure") == 1, "success forgets failures"


async def test_failures_of_the_day_before_count_no_longer(people: People, clock: FixedClock) -> None:
    await people.account("target")
    browser = await people.browser()
    for _ in range(4):
        await browser.sign_in("target", "wrong password")
    clock.set(clock.now() + timedelta(days=1))
    for _ in range(4):
        assert (await browser.sign_in("target", "wrong password")).status_code == 401
    assert (await browser.sign_in("target")).status_code == 201


async def test_attempts_at_the_same_moment_are_counted_exactly(people: People) -> None:
    await people.account("target")
    browsers = [await people.browser() for _ in range(16)]
    answers = await asyncio.gather(*(one.sign_in("target", "wrong password") for one in browsers))
    assert sorted(one.status_code for one in answers) == [401] * 5 + [429] * 11
    assert await people.scalar("SELECT failures FROM sign_in_failure") == 5


async def test_where_too_many_wait_for_their_hash_nothing_is_counted(people: People) -> None:
    await people.account("target")
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    wanted = {"login": "new", "name": "New", "role": "dispatcher"}
    browser = await people.browser()
    with ExitStack() as waiting:
        for _ in range(18):
            waiting.enter_context(services(people.application).sign_in.passwords.turn())
        for _ in range(6):
            refused = await browser.sign_in("target", "wrong password")
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert refused.headers["retry-after"] == "2"
        assert (await admin.send("POST", "/v1/people", wanted)).status_code == 503
        change = {"old_password": "wrong password", "new_password": "a longer password"}
        assert (await admin.send("POST", "/v1/session/password", change)).status_code == 503
    assert await people.scalar("SELECT count(*) FROM sign_in_failure") == 0
    assert (await browser.sign_in("target")).status_code == 201
    assert (await admin.send("POST", "/v1/people", wanted)).status_code == 201


async def test_no_connection_to_the_database_waits_for_a_hash(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await people.account("target")
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    go = threading.Event()

    class Held(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            go.wait(10)
            return super().hash(password, salt=salt)

    held = Passwords(Held(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr(services(people.application).sign_in, "passwords", held)
    wanted = [{"login": f"new {n}", "name": "New", "role": "dispatcher"} for n in range(6)]
    asked = [asyncio.create_task(admin.send("POST", "/v1/people", one)) for one in wanted]
    asked.append(asyncio.create_task(admin.send("POST", f"/v1/people/{target}/password-reset")))
    try:
        for _ in range(500):
            if held._turns == len(asked):
                break
            await asyncio.sleep(0.01)
        assert held._turns == len(asked)
        pool = people.context.database.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        assert pool.checkedout() <= 1, "of the one who listens for changes"
    finally:
        go.set()
    assert [(await one).status_code for one in asked] == [201] * 6 + [200]
    held.close()


async def test_sessions_that_never_were_are_counted_and_those_that_are_over_are_not(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_during_test(monkeypatch, people.context.settings, auth_throttle={"failures_per_minute": 5})
    transport = httpx.ASGITransport(people.application, raise_app_exceptions=False, client=("192.0.2.44", 1))

    async def asked(token: str | None = None, **headers: str) -> int:
        cookie = {"Cookie": f"{COOKIE}={token}"} if token else {}
        async with httpx.AsyncClient(transport=transport, base_url="https://leasetrace.test") as client:
            return (await client.get("/v1/session", headers=cookie | headers)).status_code

    ended, good = [await people.signed_in(login) for login in ("over", "zhao")]
    over = ended.token
    await ended.send("DELETE", "/v1/session")
    assert [await asked(over) for _ in range(8)] == [401] * 8, "a page whose session is over shuts nobody out"
    assert await asked(good.token) == 200
    assert [await asked(Authorization=f"Bearer lt_{n:012x}_{n:064x}") for n in range(7)] == [401] * 5 + [429] * 2
    other = await people.signed_in("wang")
    assert await asked(other.token) == 200, "a wrong device shuts no person out"
    assert [await asked(f"made up {n}".replace(" ", "-")) for n in range(7)] == [401] * 5 + [429] * 2
    assert await asked(good.token) == 200, "one that was seen here before goes on"
    late = await people.signed_in("late")
    assert await asked(late.token) == 429
    assert await late.status() == 200, "at another address"


HALF = r'"\ud800 and more words"'


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/v1/session", '{"login": "zhao", "password": %s}', ["password"]),
        ("/v1/session", '{"login": %s, "password": "x"}', ["login"]),
        ("/v1/session", '{"login": "zhao", "password": "x", "totp": %s}', ["totp"]),
        ("/v1/session/password", '{"old_password": %s, "new_password": "a longer password"}', ["old_password"]),
        ("/v1/session/password", '{"old_password": "x", "new_password": %s}', ["new_password"]),
        ("/v1/session/totp", '{"password": %s}', ["password"]),
        ("/v1/session/totp/confirm", '{"code": %s}', ["code"]),
        ("/v1/people", '{"login": %s, "name": "Zhao", "role": "dispatcher"}', ["login"]),
        ("/v1/people", '{"login": "zhao", "name": %s, "role": "dispatcher"}', ["name"]),
    ],
)
async def test_half_a_surrogate_pair_is_no_text(people: People, path: str, body: str, fields: list[str]) -> None:
    await people.account("zhao")
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    for _ in range(6):
        answer = await admin.client.post(
            path,
            content=(body % HALF).encode(),
            headers={"Content-Type": "application/json", "X-CSRF-Token": admin.csrf},
        )
        assert (answer.status_code, problem_fields(answer)) == (422, fields), answer.text
        assert "more words" not in answer.text
    assert await people.scalar("SELECT count(*) FROM sign_in_failure") == 0, "nobody is locked out"


async def test_what_breaks_after_an_attempt_was_counted_is_in_the_trail(
    people: People, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await people.account("target")
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    trail.begin_anew()

    class Broken(Passwords):
        async def verify(self, stored: str | None, password: str) -> Verdict:
            raise RuntimeError(stored, password)

    door = services(people.application).sign_in
    change = {"old_password": "wrong password", "new_password": "a longer password"}
    assert (await admin.send("POST", "/v1/session/password", change)).status_code == 401
    broken = Broken(CHEAP_HASHER)
    monkeypatch.setattr(door, "passwords", broken)
    assert (await (await people.browser()).sign_in("target")).status_code == 500
    noted = trail.entries()
    assert [entry["action"] for entry in noted] == ["sign_in.failed"] * 2
    assert "asked again" in noted[0]["detail"]
    assert noted[1]["detail"] == f"principal {who}, RuntimeError"
    assert await people.scalar("SELECT count(*) FROM sign_in_failure") == 2
    broken.close()


async def test_an_address_has_so_many_attempts_a_minute_and_others_are_not_hindered(
    people: People, secret_settings: Settings, clock: FixedClock
) -> None:
    await people.account("zhang")
    strict = with_cheap_hashes(
        create_app(changed(secret_settings, auth_throttle={"sign_in_attempts_per_minute": 3}), clock)
    )
    async with strict.router.lifespan_context(strict):
        one, other = await people.browser(strict), await people.browser(strict)
        for n in range(3):
            assert (await one.sign_in(f"nobody {n}")).status_code == 401
        refused = await one.sign_in("zhang")
        assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_paused")
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert (await other.sign_in("zhang")).status_code == 201
        for n in range(4):  # one customer's network of IPv6 is one address
            transport = httpx.ASGITransport(strict, client=(f"2001:db8:0:1::{n}", 1))
            async with httpx.AsyncClient(transport=transport, base_url="https://leasetrace.test") as client:
                answer = await client.post("/v1/session", json={"login": f"no {n}", "password": PASSWORD})
                assert answer.status_code == (401 if n < 3 else 429)


async def test_a_code_is_asked_for_after_the_password_and_counts_once(people: People, clock: FixedClock) -> None:
    await people.account("liu", Role.AUDITOR, totp_secret=SECRET)
    browser = await people.browser()
    wrong = await browser.sign_in("liu", "wrong password", code_at(clock))
    assert wrong.json()["code"] == "sign_in_refused", "a right code says nothing without the password"
    asked = await browser.sign_in("liu")
    assert (asked.status_code, asked.json()["code"], problem_fields(asked)) == (401, "totp_required", ["totp"])
    assert "set-cookie" not in asked.headers
    assert (await browser.sign_in("liu", code=code_at(clock))).status_code == 201
    again = await (await people.browser()).sign_in("liu", code=code_at(clock))
    assert (again.status_code, again.json()["code"]) == (401, "totp_refused")
    earlier = await (await people.browser()).sign_in("liu", code=code_at(clock, steps=-1))
    assert earlier.json()["code"] == "totp_refused", "a step before a spent one is spent"
    assert (await (await people.browser()).sign_in("liu", code=code_at(clock, steps=1))).status_code == 201


async def test_a_code_of_the_step_before_or_after_is_taken_and_no_other(people: People, clock: FixedClock) -> None:
    for steps, taken in ((-2, False), (2, False), (-1, True), (1, True)):
        login = f"liu{steps}"
        await people.account(login, Role.AUDITOR, totp_secret=SECRET)
        answer = await (await people.browser()).sign_in(login, code=code_at(clock, steps=steps))
        assert answer.status_code == (201 if taken else 401), steps


async def test_a_code_given_twice_at_the_same_moment_lets_in_once(people: People, clock: FixedClock) -> None:
    await people.account("liu", Role.AUDITOR, totp_secret=SECRET)
    browsers = [await people.browser() for _ in range(4)]
    answers = await asyncio.gather(*(one.sign_in("liu", code=code_at(clock)) for one in browsers))
    assert sorted(one.status_code for one in answers) == [201, 401, 401, 401]


async def test_guessing_codes_is_locked_even_by_somebody_who_knows_the_password(
    people: People, clock: FixedClock
) -> None:
    await people.account("liu", Role.AUDITOR, totp_secret=SECRET)
    browser = await people.browser()
    for _ in range(5):
        assert (await browser.sign_in("liu")).json()["code"] == "totp_required"  # takes no failure back
        assert (await browser.sign_in("liu", code=code_at(clock, steps=7))).json()["code"] == "totp_refused"
    assert (await browser.sign_in("liu", code=code_at(clock))).status_code == 429


async def test_who_needs_an_authenticator_can_only_enrol_until_there_is_one(
    people: People, clock: FixedClock
) -> None:
    await people.account("chen", Role.ENFORCEMENT_OFFICER, await people.court_id())
    browser = await people.browser()
    answer = await browser.sign_in("chen")
    assert (answer.status_code, answer.json()["pending"], answer.json()["permissions"]) == (201, ["totp"], [])
    refused = await browser.client.get("/v1/cases")
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_incomplete")
    assert "POST /v1/session/totp" in refused.json()["detail"]
    begun = (await browser.send("POST", "/v1/session/totp", {})).json()
    assert begun["otpauth_uri"].startswith("otpauth://totp/LeaseTrace:chen?secret=" + begun["secret"])
    wrong = await browser.send("POST", "/v1/session/totp/confirm", {"code": code_at(clock, steps=0)})
    assert wrong.json()["code"] == "totp_refused"
    assert (await browser.client.get("/v1/cases")).status_code == 403
    before = browser.token
    enrolled = await browser.send(
        "POST", "/v1/session/totp/confirm", {"code": code_at(clock, begun["secret"], steps=0)}
    )
    codes = enrolled.json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert browser.token != before, "what the session opens has changed"
    assert (await browser.client.get("/v1/cases")).status_code == 200
    replayed = await (await people.browser()).sign_in("chen", code=code_at(clock, begun["secret"]))
    assert replayed.json()["code"] == "totp_refused", "the code that confirmed is spent"
    sealed = await people.scalar("SELECT totp_sealed FROM account")
    assert begun["secret"].encode() not in sealed
    typed = codes[3].upper().replace("-", " ")
    assert (await (await people.browser()).sign_in("chen", code=typed)).status_code == 201
    assert (await (await people.browser()).sign_in("chen", code=codes[3])).json()["code"] == "totp_refused"


async def test_enrolling_of_ones_own_accord_needs_the_password(people: People) -> None:
    await people.account("zhao")
    browser = await people.browser()
    assert (await browser.sign_in("zhao")).json()["pending"] == []
    missing = await browser.send("POST", "/v1/session/totp", {})
    assert (missing.status_code, problem_fields(missing)) == (422, ["password"])
    assert (await browser.send("POST", "/v1/session/totp", {"password": "wrong password"})).status_code == 401
    begun = await browser.send("POST", "/v1/session/totp", {"password": PASSWORD})
    assert begun.status_code == 200
    code = totp.code_of(begun.json()["secret"], totp.step_at(people.context.clock.now()))
    assert (await browser.send("POST", "/v1/session/totp/confirm", {"code": code})).status_code == 200
    again = await browser.send("POST", "/v1/session/totp", {"password": PASSWORD})
    assert again.status_code == 409


async def test_without_a_key_to_keep_secrets_with_enrolling_says_so(people: People, application: FastAPI) -> None:
    await people.account("chen", Role.AUDITOR)
    browser = await people.browser(application)
    assert (await browser.sign_in("chen")).json()["pending"] == ["totp"]
    refused = await browser.send("POST", "/v1/session/totp", {})
    assert (refused.status_code, refused.json()["code"]) == (503, "no_secret_key")
    assert "LEASETRACE_SECRET_KEYS" in refused.json()["detail"]


async def test_a_password_is_changed_by_who_knows_it_and_every_other_session_ends(people: People) -> None:
    await people.account("zhao")
    here, there = await people.browser(), await people.browser()
    await here.sign_in("zhao")
    await there.sign_in("zhao")
    token = here.token or ""
    for old, new, status, field in (
        ("wrong password", "a longer password", 401, None),
        (PASSWORD, PASSWORD, 422, "new_password"),
        (PASSWORD, "too short", 422, "new_password"),
        (PASSWORD, "x" * 129, 422, "new_password"),
        (PASSWORD, "Password123456", 422, "new_password"),
        (PASSWORD, "zhao12345678901", 422, "new_password"),
    ):
        answer = await here.send("POST", "/v1/session/password", {"old_password": old, "new_password": new})
        assert answer.status_code == status, new
        assert field is None or problem_fields(answer) == [field]
        assert old not in answer.text
    wanted = {"old_password": PASSWORD, "new_password": "十二个字以上的一句话可以用"}
    assert (await here.send("POST", "/v1/session/password", wanted)).status_code == 200
    assert await there.status() == 401
    assert await here.status() == 200
    here.client.cookies.set(COOKIE, token, domain="leasetrace.test")
    assert await here.status() == 401, "the token was rotated"
    assert (await there.sign_in("zhao")).status_code == 401
    assert (await there.sign_in("zhao", "十二个字以上的一句话可以用")).status_code == 201


async def test_guessing_the_old_password_from_a_session_is_locked_too(people: People) -> None:
    await people.account("zhao")
    browser = await people.browser()
    await browser.sign_in("zhao")
    wanted = {"old_password": "wrong password", "new_password": "a longer password"}
    answers = [(await browser.send("POST", "/v1/session/password", wanted)).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


async def test_signing_in_gives_a_new_token_and_ends_the_session_that_the_browser_had(people: People) -> None:
    await people.account("zhao")
    browser = await people.browser()
    browser.client.cookies.set(COOKIE, "planted", domain="leasetrace.test")
    await browser.sign_in("zhao")
    first = browser.token
    assert first not in {None, "planted"}
    await browser.sign_in("zhao")
    assert browser.token != first
    other = await people.browser()
    other.client.cookies.set(COOKIE, first or "", domain="leasetrace.test")
    assert await other.status() == 401
    other.client.cookies.set(COOKIE, "planted", domain="leasetrace.test")
    assert await other.status() == 401


async def test_a_session_ends_unused_and_ends_in_any_case(people: People, clock: FixedClock) -> None:
    await people.account("zhao")
    browser = await people.browser()
    await browser.sign_in("zhao")
    for _ in range(24):  # 29 min apart, until 11 h 36 min
        clock.set(clock.now() + timedelta(minutes=29))
        assert await browser.status() == 200
    assert await people.scalar("SELECT last_seen_at FROM session") == clock.now()
    clock.set(NOW + timedelta(hours=12) - timedelta(seconds=1))
    assert await browser.status() == 200
    clock.set(NOW + timedelta(hours=12))
    assert await browser.status() == 401
    await browser.sign_in("zhao")
    clock.set(clock.now() + timedelta(minutes=30) - timedelta(seconds=1))
    assert await browser.status() == 200
    clock.set(clock.now() + timedelta(minutes=30))
    assert await browser.status() == 401


async def test_a_session_in_use_at_one_process_stays_open_at_another(
    people: People, application: FastAPI, clock: FixedClock
) -> None:
    await people.account("zhao")
    browser, other = await people.browser(), await people.browser(application)
    await browser.sign_in("zhao")
    other.client.cookies.set(COOKIE, browser.token or "", domain="leasetrace.test")
    assert await other.status() == 200
    clock.set(clock.now() + timedelta(minutes=29))
    assert await browser.status() == 200
    clock.set(clock.now() + timedelta(minutes=29))
    assert await other.status() == 200, "though it saw nothing for 58 minutes itself"


async def test_a_session_that_is_used_often_is_written_once_a_minute(people: People, clock: FixedClock) -> None:
    await people.account("zhao")
    browser = await people.browser()
    await browser.sign_in("zhao")
    clock.set(clock.now() + timedelta(seconds=59))
    assert await browser.status() == 200
    assert await people.scalar("SELECT last_seen_at FROM session") == NOW
    clock.set(clock.now() + timedelta(seconds=1))
    assert await browser.status() == 200
    assert await people.scalar("SELECT last_seen_at FROM session") == clock.now()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://leasetrace.test"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://leasetrace.test"}, 201),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://["}, 403),
    ],
)
async def test_what_changes_something_must_come_from_our_page(
    people: People, headers: dict[str, str], status: int
) -> None:
    browser = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    sent = {"X-CSRF-Token": browser.csrf} | headers
    answer = await browser.client.post("/v1/lessors", json={"code": "yuanhai", "name": "远海"}, headers=sent)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "csrf_refused"
        reading = await browser.client.get("/v1/lessors", headers=headers)
        assert reading.status_code == 200, "looking needs no token"
    foreign = {name: value for name, value in headers.items() if name != "X-CSRF-Token"}
    given = {"login": "nobody", "password": PASSWORD}
    attempt = await (await people.browser()).client.post("/v1/session", json=given, headers=foreign)
    assert attempt.status_code == (403 if foreign and status == 403 else 401), "nobody is signed in from elsewhere"


async def test_the_token_of_another_session_is_not_taken(people: People) -> None:
    one = await people.signed_in("one", Role.PLATFORM_ADMINISTRATOR)
    other = await people.signed_in("other", Role.PLATFORM_ADMINISTRATOR)
    one.csrf = other.csrf
    assert (await one.send("POST", "/v1/lessors", {"code": "yuanhai", "name": "远海"})).status_code == 403
    assert (await one.send("DELETE", "/v1/session")).status_code == 403


async def test_a_key_or_a_session_but_not_both_and_pings_by_key_only(people: People, principals: Principals) -> None:
    lessor = await principals.lessor()
    await people.account("manager", Role.LESSOR_MANAGER, lessor.subject_id)
    browser = await people.browser()
    await browser.sign_in("manager")
    assert (await browser.client.get("/v1/assets")).status_code == 200
    both = await browser.client.get("/v1/assets", headers={"Authorization": f"Bearer {lessor.key}"})
    assert both.status_code == 401
    assert (await browser.send("POST", "/v1/pings", [])).status_code == 401
    with_key = (await lessor.client.get("/v1/session")).json()
    assert (with_key["role"], with_key["lessor_id"]) == ("lessor_manager", lessor.subject_id)
    assert (with_key["csrf_token"], with_key["method"]) == (None, None)
    assert (await lessor.client.delete("/v1/session")).status_code == 401, "there is none"


async def test_a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(people: People) -> None:
    await people.account("zhao")
    other = PasswordHasher(time_cost=2, memory_cost=128).hash(PASSWORD)
    await people.execute("UPDATE account SET password_hash = :hash", hash=other)
    assert (await (await people.browser()).sign_in("zhao")).status_code == 201
    stored = await people.scalar("SELECT password_hash FROM account")
    assert stored.startswith(f"$argon2id$v=19$m={CHEAP_HASHER.memory_cost},")
    assert (await (await people.browser()).sign_in("zhao")).status_code == 201


async def test_nobody_can_sign_in_where_nobody_has_made_an_account(people: People) -> None:
    assert await people.scalar("SELECT count(*) FROM account") == 0
    for login in ("admin", "root", "leasetrace"):
        for password in ("admin", "password", "leasetrace"):
            assert (await (await people.browser()).sign_in(login, password)).status_code == 401


async def test_what_was_typed_is_not_in_the_answer(people: People) -> None:
    answer = await (await people.browser()).client.post(
        "/v1/session", json={"login": "x", "password": {"hidden": "s3cret-thing"}, "more": "s3cret-thing"}
    )
    assert answer.status_code == 422
    assert "s3cret-thing" not in answer.text


def test_secrets_do_not_show_in_settings() -> None:
    assert "s3cret" not in repr(settings_for("postgresql://x:s3cret@y/z"))
