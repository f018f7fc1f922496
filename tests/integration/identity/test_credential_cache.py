"""What one process remembers of keys and sessions ends when another one, or the command line, ends it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from app.access.domain import Role
from app.identity.keys.credential_cache import CredentialCache
from app.identity.sessions.cookies import COOKIE
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, counted_queries, services
from tests.factories.people import Browser, People


def credential_cache(application: FastAPI) -> CredentialCache:
    return services(application).credential_cache


async def is_listening(application: FastAPI) -> None:
    async with asyncio.timeout(10):
        while not credential_cache(application).is_listening:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def refused_within_a_second(ask: Callable[[], Awaitable[int]]) -> None:
    began = time.monotonic()
    while await ask() != 401:
        assert time.monotonic() - began < 1
        await asyncio.sleep(0.01)


async def at_other(application: FastAPI, people: People, browser: Browser) -> Browser:
    other = await people.browser(application)
    other.client.cookies.set(COOKIE, browser.token or "", domain="leasetrace.test")
    assert await other.status() == 200
    return other


@pytest.fixture
async def holder(people: People, principals: Principals) -> ApiUser:
    await is_listening(people.application)
    return await principals.lessor()


async def elsewhere(people: People, holder: ApiUser) -> httpx.Response:
    transport = httpx.ASGITransport(people.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test") as client:
        return await client.get("/v1/session", headers=holder.client.headers)


async def test_a_key_seen_lately_is_not_asked_for_again(people: People, holder: ApiUser) -> None:
    assert (await elsewhere(people, holder)).status_code == 200
    with counted_queries(people.application) as statements:
        await asyncio.sleep(0.6)  # longer than without listening
        assert (await elsewhere(people, holder)).status_code == 200
    assert not [one for one in statements if "api_key" in one]


async def test_a_key_revoked_over_http_is_refused_here_at_once_and_elsewhere_within_a_second(
    people: People, holder: ApiUser, admin: httpx.AsyncClient
) -> None:
    assert (await holder.client.get("/v1/session")).status_code == 200
    assert (await elsewhere(people, holder)).status_code == 200
    assert (await admin.delete(f"/v1/keys/{holder.key.split('_')[1]}")).status_code == 204
    assert (await holder.client.get("/v1/session")).status_code == 401

    async def ask() -> int:
        return (await elsewhere(people, holder)).status_code

    await refused_within_a_second(ask)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_key SET revoked_at = now() WHERE principal_id = :id",
        "UPDATE api_key SET expires_at = '2026-01-01' WHERE principal_id = :id",
        "UPDATE api_key SET secret_sha256 = '\\x00' WHERE principal_id = :id",
        "DELETE FROM api_key WHERE principal_id = :id",
    ],
)
async def test_whatever_ends_a_key_is_heard_of(people: People, holder: ApiUser, change: str) -> None:
    assert (await elsewhere(people, holder)).status_code == 200
    await people.execute(change, id=holder.principal_id)

    async def ask() -> int:
        return (await elsewhere(people, holder)).status_code

    await refused_within_a_second(ask)


async def test_another_role_or_lessor_of_a_principal_is_heard_of(people: People, holder: ApiUser) -> None:
    assert (await elsewhere(people, holder)).json()["role"] == "lessor_manager"
    await people.execute(
        "UPDATE principal SET role = 'lessor_reader' WHERE principal_id = :id", id=holder.principal_id
    )
    began = time.monotonic()
    while (await elsewhere(people, holder)).json()["role"] != "lessor_reader":
        assert time.monotonic() - began < 1
        await asyncio.sleep(0.01)


async def test_a_court_that_is_taken_from_under_another_is_out_of_its_sight_within_a_second(
    people: People, principals: Principals, urls: ClusterUrls
) -> None:
    ring = credential_cache(people.application)
    await is_listening(people.application)
    with psycopg.connect(urls.owner_url, autocommit=True) as owner:
        row = owner.execute(
            "SELECT c.court_id, p.court_id, p.code FROM court c JOIN court p ON p.court_id = c.parent_court_id"
            " WHERE c.code = '沪0107'"
        ).fetchone()
        assert row is not None
        lower, superior, code = row
        key = (await principals.court(code)).key

        async def seen() -> bool:
            return lower in (await ring.principal(key)).lower_courts

        async def comes_to(expected: bool) -> None:
            began = time.monotonic()
            while await seen() is not expected:
                assert time.monotonic() - began < 1
                await asyncio.sleep(0.01)

        assert await seen()
        try:
            owner.execute("UPDATE court SET parent_court_id = NULL WHERE court_id = %s", (lower,))
            await comes_to(False)
        finally:
            owner.execute("UPDATE court SET parent_court_id = %s WHERE court_id = %s", (superior, lower))
        await comes_to(True)


async def test_signing_out_shutting_out_and_a_new_password_end_sessions_everywhere(
    people: People, application: FastAPI
) -> None:
    await is_listening(application)
    admin = await people.signed_in("admin", Role.PLATFORM_ADMINISTRATOR)
    who = await people.account("liu")
    liu = await people.browser()

    async def sign_out() -> httpx.Response:
        return await liu.send("DELETE", "/v1/session")

    async def shut_out() -> httpx.Response:
        return await admin.send("PATCH", f"/v1/people/{who}", {"disabled": True})

    async def let_in() -> httpx.Response:
        return await admin.send("PATCH", f"/v1/people/{who}", {"disabled": False})

    async def reset() -> httpx.Response:
        return await admin.send("POST", f"/v1/people/{who}/password-reset")

    for end in (sign_out, shut_out, reset):
        assert (await liu.sign_in("liu")).status_code == 201
        other = await at_other(application, people, liu)
        token = liu.token or ""
        assert (await end()).is_success
        liu.client.cookies.set(COOKIE, token, domain="leasetrace.test")
        assert await liu.status() == 401, end
        await refused_within_a_second(other.status)
        liu.client.cookies.clear()
        await let_in()


async def test_where_the_listening_connection_is_lost_a_change_still_counts_within_a_second(
    people: People, holder: ApiUser, urls: ClusterUrls
) -> None:
    assert (await elsewhere(people, holder)).status_code == 200
    with psycopg.connect(urls.owner_url, autocommit=True) as connection:
        name = "SELECT usename FROM pg_stat_activity WHERE application_name = 'leasetrace access' LIMIT 1"
        assert connection.execute(name).fetchone()
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'leasetrace access' AND datname = current_database()"
    )
    with psycopg.connect(urls.app_url, autocommit=True) as connection:
        assert connection.execute(kill).fetchone() != (0,)
    await people.execute("UPDATE api_key SET revoked_at = now() WHERE principal_id = :id", id=holder.principal_id)

    async def ask() -> int:
        return (await elsewhere(people, holder)).status_code

    await refused_within_a_second(ask)
    await is_listening(people.application)


async def test_an_answer_that_was_remembered_before_listening_began_is_not_trusted_after_it(
    people: People, holder: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = credential_cache(people.application)
    assert (await elsewhere(people, holder)).status_code == 200
    assert ring._keys._cached
    ring._listener._begun()
    assert not ring._keys._cached
