"""People sign in through a real OpenID provider, and nobody else does."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import httpx
import pytest
import typer
from fastapi import FastAPI
from sqlalchemy import text
from typer.testing import CliRunner, Result

from app.access.domain import Role
from app.access.service import create_principal
from app.cli import identities
from app.core.clock import FixedClock, SystemClock
from app.core.db.database import SERVICE, Database
from app.core.encryption import new_key
from app.core.errors import AppError, Conflict, InvalidInput, NotFound
from app.core.settings import Settings
from app.identity.oidc.client import KEY_REFRESH_INTERVAL_S, OidcProvider
from app.identity.oidc.domain import Registration, begin_flow
from app.identity.oidc.errors import OidcUnavailable
from app.identity.oidc.service import link, unlink
from app.identity.tables import AccountRow
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import context_of, services
from tests.factories.oidc import (
    CLIENT_ID,
    CLIENT_SECRET,
    OidcBrowser,
    Provider,
    get_with,
    listening,
    real_provider,
    served,
)
from tests.factories.settings import change_during_test, changed, settings_for


class Office:
    """The service with its provider, and the accounts that an administrator has made there."""

    def __init__(self, application: FastAPI, home: str, provider: Provider, clock: FixedClock) -> None:
        self.application = application
        self.home = home
        self.provider = provider
        self.clock = clock
        self.seconds = 0.0
        """By so much the clock that never goes back is ahead."""

    @property
    def database(self) -> Database:
        """A database of this event loop; the served application has its own."""
        return Database(context_of(self.application).settings)

    async def person(self, login: str, *, subject: str | None = None, awaits: str | None = None) -> int:
        """Make an account, linked to a subject of the provider, or awaiting a name."""
        database, now = self.database, self.clock.now()
        async with database.writing(SERVICE) as session:
            principal_id = await create_principal(session, Role.AUDITOR, login, self.clock)
            session.add(
                AccountRow(
                    principal_id=principal_id,
                    login=login,
                    password_hash=None,
                    must_change_password=False,
                    password_until=None,
                    created_at=now,
                )
            )
            await session.flush()
            if subject or awaits:
                await link(session, principal_id, self.provider.issuer, self.clock, subject=subject, awaits=awaits)
        await database.close()
        return principal_id

    async def ask(self, statement: str, **values: Any) -> Any:
        """Run one statement as the service itself and return what it answers first."""
        database = self.database
        async with database.writing(SERVICE) as session:
            answer = await session.scalar(text(statement), values)
        await database.close()
        return answer


@pytest.fixture(scope="module")
def office_of_module(settings: Settings, urls: ClusterUrls) -> Iterator[Office]:
    """The service on real HTTP beside a real provider, started once."""
    with listening() as on:
        home = f"http://127.0.0.1:{on.getsockname()[1]}"
        with real_provider(f"{home}/v1/session/oidc/callback") as provider:
            ours = settings_for(
                urls.app_url,
                log={"level": "CRITICAL"},
                encryption={"secret_keys": new_key()},
                http={"public_url": home},
                oidc={
                    "issuer": provider.issuer,
                    "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET,
                    "name": "沪院统一认证",
                    "allow_private": True,
                },
                session={"cookie_over_http": True},
                auth_throttle={"sign_in_attempts_per_minute": 10_000},
            )
            clock = FixedClock(SystemClock().now())
            application = create_app(ours, clock)
            with served(application, on):
                yield Office(application, home, provider, clock)


def registration_in(office: Office) -> Registration:
    provider = services(office.application).oidc
    assert provider is not None
    return provider.registration


@pytest.fixture
async def office(office_of_module: Office, application: FastAPI) -> Office:
    """The same, with today's time, a provider that was not asked anything yet, and without anybody in it."""
    office = office_of_module
    office.clock.set(SystemClock().now())
    registration = registration_in(office)
    office.seconds = 0.0
    provider = OidcProvider(registration, office.clock, lambda: office.seconds)
    office.application.state.services = replace(services(office.application), oidc=provider)
    office.provider.asked()
    return office


@pytest.fixture
def browser(office: Office) -> Iterator[OidcBrowser]:
    """Somebody's browser, without any cookie."""
    with OidcBrowser(office.home) as opened:
        yield opened


def in_query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a problem, which opened nothing."""
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


LOST = (401, "oidc_flow_lost")
REFUSED = (403, "oidc_refused")
DOES_NOT_HOLD = (401, "oidc_answer_refused")


async def test_a_person_signs_in_and_is_where_it_wanted_to_be(office: Office, browser: OidcBrowser) -> None:
    principal_id = await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    begun = browser.begin("/v1/session?from=oidc&x=%22%3E")
    sealed = begun.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/v1/session/oidc", "Max-Age=600"} <= set(sealed.split("; "))
    sent = in_query(begun.headers["location"])
    assert begun.headers["location"].startswith(f"{office.provider.issuer}/auth?")
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert sent["scope"] == "openid profile email"
    for secret in (sent["state"], sent["nonce"]):
        assert len(secret) == 43
        assert secret not in sealed  # what the browser holds is sealed

    arrived = browser.client.get(browser.back(begun))
    assert arrived.status_code == 200, arrived.text
    assert arrived.headers["cache-control"] == "no-store"
    assert list(browser.cookies) == ["leasetrace"]  # that of the attempt is gone

    page = browser.goes_on(arrived)
    assert page.url.raw_path == b"/v1/session?from=oidc&x=%22%3E"
    assert page.status_code == 200, page.text
    assert page.json()["method"] == "oidc"
    assert page.json()["principal_id"] == principal_id
    assert page.json()["pending"] == []

    (asked,) = office.provider.asked()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(asked["code_verifier"].encode()).digest()).rstrip(b"=")
    assert challenge.decode() == sent["code_challenge"]
    used = await office.ask("SELECT last_used_at FROM person_identity WHERE principal_id = :p", p=principal_id)
    assert used == office.clock.now()


async def test_a_new_session_ends_the_one_that_the_browser_had(office: Office, browser: OidcBrowser) -> None:
    """Also in a real browser, which keeps that session's cookie back where the provider sends it to us."""
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    assert browser.sign_in().status_code == 200
    first = browser.cookies["leasetrace"]
    back = browser.back(browser.begin())
    arrived = get_with(back, {name: value for name, value in browser.cookies.items() if name != "leasetrace"})
    assert arrived.status_code == 200
    assert arrived.cookies["leasetrace"] != first
    again = get_with(f"{office.home}/v1/session", {"leasetrace": first})
    assert again.status_code == 401


async def test_two_tabs_do_not_disturb_each_other(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    one, other = browser.begin("/livez"), browser.begin("/v1/session")
    assert browser.client.get(browser.back(one)).status_code == 200
    assert browser.client.get(browser.back(other)).status_code == 200


async def test_a_browser_that_ends_no_attempt_does_not_gather_cookies_for_ever(
    office: Office, browser: OidcBrowser
) -> None:
    for _ in range(20):
        browser.begin()
    assert len(browser.cookies) <= 6


async def test_somebody_is_recognised_once_by_a_verified_address_and_then_by_the_subject(
    office: Office, browser: OidcBrowser
) -> None:
    wang = await office.person("wang", awaits="Wang@Court.example")
    office.provider.next("p-1", email="wang@court.example", email_verified=False)
    assert code_of(browser.sign_in()) == REFUSED
    with OidcBrowser(office.home) as verified:
        office.provider.next("p-1", email="wang@court.example", email_verified=True)
        assert verified.sign_in().status_code == 200
        assert verified.client.get(f"{office.home}/v1/session").json()["principal_id"] == wang
    with OidcBrowser(office.home) as another:  # who later has the same address
        office.provider.next("p-2", email="wang@court.example", email_verified=True)
        assert code_of(another.sign_in()) == REFUSED
    with OidcBrowser(office.home) as renamed:
        office.provider.next("p-1", email="li@court.example", email_verified=True)
        assert renamed.sign_in().status_code == 200


async def test_a_user_name_counts_where_an_administrator_wrote_it_down(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", awaits="wang.01")
    await office.person("li", awaits="li@court.example")
    office.provider.next("p-1", preferred_username="li@court.example")  # chosen by whoever signs in
    assert code_of(browser.sign_in()) == REFUSED
    with OidcBrowser(office.home) as other:
        office.provider.next("p-2", preferred_username="Wang.01")
        assert other.sign_in().status_code == 200


async def test_whose_names_belong_to_two_is_nobody(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", awaits="wang.01")
    await office.person("li", awaits="li@court.example")
    office.provider.next("p-1", preferred_username="wang.01", email="li@court.example", email_verified=True)
    assert code_of(browser.sign_in()) == REFUSED
    assert await office.ask("SELECT count(*) FROM awaited_identity") == 2


async def test_nobody_gets_an_account_or_a_role_by_signing_in(office: Office, browser: OidcBrowser) -> None:
    office.provider.next("stranger", preferred_username="root", roles=["platform_administrator"])
    unknown = browser.sign_in()
    assert code_of(unknown) == REFUSED
    assert "stranger" not in unknown.text
    assert await office.ask("SELECT count(*) FROM principal") == 0
    assert await office.ask("SELECT count(*) FROM session") == 0


async def test_a_disabled_account_is_refused_in_the_same_words(office: Office, browser: OidcBrowser) -> None:
    office.provider.next("p-1")
    unknown = browser.sign_in()
    principal_id = await office.person("wang", subject="p-1")
    await office.ask("UPDATE account SET disabled_at = now() WHERE principal_id = :p RETURNING 1", p=principal_id)
    disabled = browser.sign_in()
    assert code_of(disabled) == code_of(unknown) == REFUSED
    assert disabled.json()["detail"] == unknown.json()["detail"]
    assert await office.ask("SELECT count(*) FROM session") == 0


async def test_a_disabled_account_is_not_linked_at_the_first_sign_in(office: Office, browser: OidcBrowser) -> None:
    principal_id = await office.person("wang", awaits="wang.01")
    await office.ask("UPDATE account SET disabled_at = now() WHERE principal_id = :p RETURNING 1", p=principal_id)
    office.provider.next("p-1", preferred_username="wang.01")
    assert code_of(browser.sign_in()) == REFUSED
    assert await office.ask("SELECT count(*) FROM person_identity") == 0


async def test_an_answer_counts_only_in_the_browser_that_began(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    back = browser.back(browser.begin())
    with OidcBrowser(office.home) as victim:  # lured to sign in as somebody else
        assert code_of(victim.client.get(back)) == LOST
        victim.begin()
        assert code_of(victim.client.get(back)) == LOST
    state = in_query(back)["state"]
    for wrong in (state[:8] + "A" * 35, "", "x", state + "x", "%00"):
        assert code_of(browser.client.get(back.replace(state, wrong))) == LOST
    assert office.provider.asked() == []  # the code was not even shown to anybody
    assert browser.client.get(back).status_code == 200


async def test_a_cookie_that_was_changed_is_no_attempt(office: Office, browser: OidcBrowser) -> None:
    back = browser.back(browser.begin())
    ((name, sealed),) = [(n, v) for n, v in browser.cookies.items() if n.startswith("leasetrace_oidc_")]
    for other in (sealed[:-4] + "AAAA", "A" * 200, "not base64!", "", sealed.swapcase()):
        answer = get_with(back, {name: other})
        assert code_of(answer) == LOST


async def test_a_code_is_good_for_its_own_attempt_only(office: Office, browser: OidcBrowser) -> None:
    """Two attempts of one browser, crossed: the code of one with the state, and so the verifier, of the other."""
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    one, other = browser.back(browser.begin()), browser.back(browser.begin())
    crossed = one.replace(in_query(one)["code"], in_query(other)["code"])
    assert code_of(browser.client.get(crossed)) == DOES_NOT_HOLD
    assert await office.ask("SELECT count(*) FROM session") == 0


async def test_a_stolen_code_is_worthless_without_the_verifier(office: Office, browser: OidcBrowser) -> None:
    office.provider.next("p-1")
    back = browser.back(browser.begin())
    form = {
        "grant_type": "authorization_code",
        "code": in_query(back)["code"],
        "redirect_uri": f"{office.home}/v1/session/oidc/callback",
    }
    answer = office.provider.client.post(
        f"{office.provider.issuer}/token", data=form, auth=(CLIENT_ID, quote_plus(CLIENT_SECRET))
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_the_same_answer_opens_one_session(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    back = browser.back(browser.begin())
    kept = browser.cookies
    assert browser.client.get(back).status_code == 200
    assert code_of(browser.client.get(back)) == LOST  # the attempt is over
    again = get_with(back, kept)  # with all that the browser had
    assert code_of(again) == DOES_NOT_HOLD
    assert await office.ask("SELECT count(*) FROM session") == 1


async def test_an_attempt_ends_after_ten_minutes(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    back, began = browser.back(browser.begin()), office.clock.now()
    office.clock.set(began + timedelta(minutes=10))
    assert code_of(browser.client.get(back)) == LOST
    office.clock.set(began + timedelta(minutes=4))
    assert browser.client.get(back).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"claims": {"nonce": "of another attempt"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": ["leasetrace", "another-client"]}},
        {"claims": {"azp": "another-client"}},
        {"claims": {"iss": "https://another.example"}},
        {"claims": {"exp": 1_000_000_000}},
        {"claims": {"iat": 4_000_000_000}},
        {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
        {"claims": {"sub": "p-1"}, "as_it_is": True},
        {"header": {"alg": "none"}, "as_it_is": True},
        {"header": {"alg": "HS256"}, "as_it_is": True},
        {"header": {"kid": "unheard-of"}},
    ],
)
async def test_a_token_that_was_tampered_with_opens_nothing(
    office: Office, browser: OidcBrowser, change: dict[str, Any]
) -> None:
    """The provider's own signature is on most of them: only what they say is wrong."""
    await office.person("wang", subject="p-1")
    sub = "p-2" if change.get("as_it_is") and "claims" in change else "p-1"
    office.provider.next(sub, change=change)
    assert code_of(browser.sign_in()) == DOES_NOT_HOLD
    assert await office.ask("SELECT count(*) FROM session") == 0
    office.provider.next(
        "p-1", change={"claims": {}}
    )  # signed anew, and nothing else: the test's way of changing holds
    with OidcBrowser(office.home) as other:
        assert other.sign_in().status_code == 200


async def test_new_keys_of_the_provider_are_learned_but_not_asked_for_all_the_time(
    office: Office, browser: OidcBrowser
) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    assert browser.sign_in().status_code == 200
    office.provider.rotate()
    assert code_of(browser.sign_in()) == DOES_NOT_HOLD
    office.seconds = KEY_REFRESH_INTERVAL_S
    assert browser.sign_in().status_code == 200


async def test_who_says_no_at_the_provider_is_told_so(office: Office, browser: OidcBrowser) -> None:
    office.provider.next("p-1", deny=True)
    back = browser.back(browser.begin())
    assert in_query(back)["error"] == "access_denied"
    denied = browser.client.get(back)
    assert code_of(denied) == REFUSED
    assert "said no" in denied.json()["detail"]
    with OidcBrowser(office.home) as other:  # an error counts in the browser that began, like anything else
        assert code_of(other.client.get(back)) == LOST


async def test_an_answer_of_another_provider_is_refused(office: Office, browser: OidcBrowser) -> None:
    await office.person("wang", subject="p-1")
    office.provider.next("p-1")
    back = browser.back(browser.begin())
    iss = str(httpx.QueryParams({"iss": in_query(back)["iss"]}))
    assert iss in back
    for wrong in ("iss=https%3A%2F%2Fanother.example", ""):
        assert code_of(browser.client.get(back.replace(iss, wrong))) == DOES_NOT_HOLD
    assert office.provider.asked() == []


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "map", ""]
)
async def test_nobody_is_sent_elsewhere(office: Office, browser: OidcBrowser, elsewhere: str) -> None:
    answer = browser.begin(elsewhere)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["return_to"]


async def test_the_page_learns_how_one_can_sign_in(office: Office, client: httpx.AsyncClient) -> None:
    ways = get_with(f"{office.home}/v1/session/ways", {}).json()
    assert ways == {"password": True, "institution": {"name": "沪院统一认证", "start": "/v1/session/oidc"}}
    assert (await client.get("/v1/session/ways")).json() == {"password": True, "institution": None}
    for path in ("/v1/session/oidc", "/v1/session/oidc/callback?code=a&state=b"):
        assert code_of(await client.get(path)) == (404, "oidc_not_set_up")


async def _without(settings: Settings, issuer: str) -> httpx.Response:
    """Begin to sign in at a service with another issuer."""
    other = changed(
        settings,
        encryption={"secret_keys": new_key()},
        http={"public_url": "https://leasetrace.example"},
        oidc={"issuer": issuer, "client_id": CLIENT_ID, "allow_private": True},
        log={"level": "CRITICAL"},
    )
    application = create_app(other)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://leasetrace.example") as client:
        return await client.get("/v1/session/oidc")


async def test_a_provider_that_is_down_is_told(settings: Settings) -> None:
    with listening() as nobody:  # bound, and nobody accepts
        port = nobody.getsockname()[1]
        answer = await _without(settings, f"http://127.0.0.1:{port}")
    assert code_of(answer) == (503, "oidc_unavailable")
    assert "does not answer" in answer.json()["detail"]
    assert str(port) not in answer.text
    assert int(answer.headers["retry-after"]) > 0


async def test_a_name_that_leads_inside_is_not_called(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside)
    ours = registration_in(office)
    outside = replace(ours, issuer="https://id.example", allow_private=False)
    with pytest.raises(OidcUnavailable) as refused:
        await OidcProvider(outside, office.clock).authorization_url(begin_flow("/", office.clock.now()))
    assert "not public" in refused.value.why


async def test_a_document_of_another_issuer_is_not_taken(settings: Settings, office: Office) -> None:
    by_name = office.provider.issuer.replace("127.0.0.1", "localhost")
    assert code_of(await _without(settings, by_name)) == (
        503,
        "oidc_unavailable",
    )


async def test_a_cookie_asks_for_tls_where_people_come_by_tls(settings: Settings, office: Office) -> None:
    answer = await _without(settings, office.provider.issuer)
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post", "none"])
async def test_the_service_proves_who_it_is_as_the_provider_wants(
    office: Office, browser: OidcBrowser, way: str
) -> None:
    ours = registration_in(office)
    with real_provider(
        ours.redirect_uri, token_endpoint_auth_method=way, claims_in_id_token=way == "none"
    ) as another:
        another.next("p-1", email="wang@court.example", email_verified=True)
        secret = None if way == "none" else CLIENT_SECRET
        there = OidcProvider(replace(ours, issuer=another.issuer, client_secret=secret), office.clock)
        flow = begin_flow("/", office.clock.now())
        sent = httpx.Response(303, headers={"location": await there.authorization_url(flow)})
        redeemed = await there.exchange_code(in_query(browser.back(sent))["code"], flow)
        (asked,) = another.asked()
        assert redeemed.identity.subject == "p-1"
        assert redeemed.identity.email == ("wang@court.example" if way == "none" else None)  # others say it on a page
        assert (await there.userinfo(redeemed)).email == "wang@court.example"
        assert (bool(asked["basic"]), "client_secret" in asked) == (
            way == "client_secret_basic",
            way == "client_secret_post",
        )


async def test_a_service_that_the_provider_does_not_know_is_told_apart_from_a_bad_code(
    office: Office, browser: OidcBrowser
) -> None:
    ours = registration_in(office)
    there = OidcProvider(replace(ours, client_secret="another"), office.clock)
    office.provider.next("p-1")
    flow = begin_flow("/", office.clock.now())
    sent = httpx.Response(303, headers={"location": await there.authorization_url(flow)})
    with pytest.raises(OidcUnavailable) as refused:
        await there.exchange_code(in_query(browser.back(sent))["code"], flow)
    assert refused.value.why == "token: HTTP 401 (it does not accept the secret)"


async def test_who_somebody_is_can_be_said_and_taken_back(office: Office, browser: OidcBrowser) -> None:
    wang, li = await office.person("wang", subject="p-1"), await office.person("li")
    issuer, database = office.provider.issuer, office.database
    refused: list[tuple[dict[str, Any], type[AppError]]] = [
        ({"subject": "p-1", "awaits": None}, Conflict),
        ({"subject": None, "awaits": None}, InvalidInput),
        ({"subject": "p-2", "awaits": "li"}, InvalidInput),
        ({"subject": "", "awaits": None}, InvalidInput),
        ({"subject": None, "awaits": "  "}, InvalidInput),
    ]
    for given, expected in refused:
        with pytest.raises(expected):
            async with database.writing(SERVICE) as session:
                await link(session, li, issuer, office.clock, **given)
    with pytest.raises(Conflict):
        async with database.writing(SERVICE) as session:
            await link(session, wang, issuer, office.clock, subject=None, awaits="wang.01")
    async with database.writing(SERVICE) as session:
        assert await unlink(session, wang, issuer)
        assert not await unlink(session, wang, issuer)
        await link(session, li, issuer, office.clock, subject="p-1", awaits=None)
    await database.close()
    office.provider.next("p-1")
    assert browser.sign_in().status_code == 200
    assert browser.client.get(f"{office.home}/v1/session").json()["principal_id"] == li


async def test_an_address_that_tries_too_often_is_paused(
    office: Office, browser: OidcBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.provider.next("p-1")
    back = browser.back(browser.begin())
    running = context_of(office.application).settings
    change_during_test(monkeypatch, running, auth_throttle={"sign_in_attempts_per_minute": 2})
    codes = [code_of(browser.client.get(back.replace("code=", "code=x"))) for _ in range(3)]
    assert codes == [DOES_NOT_HOLD, DOES_NOT_HOLD, (429, "sign_in_paused")]
    assert len(office.provider.asked()) == 2


async def test_people_are_linked_from_the_command_line(
    office: Office, browser: OidcBrowser, urls: ClusterUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = typer.Typer()
    identities.add_to(users)
    monkeypatch.setenv("DATABASE_URL", urls.app_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", urls.owner_url)
    at = ("--issuer", office.provider.issuer)

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(users, [*words]))

    await office.person("wang")
    office.provider.next("p-1", preferred_username="wang.01")
    assert isinstance((await run("link", "wang", "--subject", "p-1")).exception, InvalidInput)  # at which provider?
    assert isinstance((await run("link", "nobody", "--subject", "p-1", *at)).exception, NotFound)
    assert (await run("link", "WANG", "--awaits", "wang.01", *at)).stdout == "Linked at the first sign-in.\n"
    assert browser.sign_in().status_code == 200
    assert (await run("unlink", "wang", *at)).stdout == "Unlinked.\n"
    assert code_of(browser.sign_in()) == REFUSED
    assert (await run("link", "wang", "--subject", "p-1", *at)).stdout == "Linked.\n"
    assert browser.sign_in().status_code == 200


async def test_two_first_sign_ins_at_once_link_one(office: Office) -> None:
    await office.person("wang", awaits="wang.01")
    office.provider.next("p-1", preferred_username="wang.01")
    with OidcBrowser(office.home) as one, OidcBrowser(office.home) as other:
        backs = [(b, b.back(b.begin())) for b in (one, other)]
        answers = await asyncio.gather(*(asyncio.to_thread(b.client.get, back) for b, back in backs))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await office.ask("SELECT count(*) FROM person_identity") == 1
