"""Sign-in through an OpenID provider, and linking of accounts to identities there.

Signing in creates no account, and the provider's roles are not read. An administrator creates the account first and
enters the provider's subject, or the name that identifies the person at the first sign-in.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.notes import Author, Note, note
from app.audit.writer import writing_as
from app.core.clock import Clock
from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.encryption import SecretUnreadable
from app.core.errors import Conflict, InvalidInput, NotFound
from app.identity.domain import SignInMethod
from app.identity.oidc import queries
from app.identity.oidc.client import OidcProvider, RedeemedCode
from app.identity.oidc.domain import Flow, ProviderIdentity, awaited_login, begin_flow, local_path
from app.identity.oidc.errors import OidcFlowLost, OidcRefused
from app.identity.people import queries as people_queries
from app.identity.people.passwords import normalise_login
from app.identity.sessions import queries as session_queries
from app.identity.sessions.service import SessionTokens, open_session, token_digest

FLOW_COOKIE: Final = "leasetrace_oidc_"
"""Prefix of the flow's cookie; the state follows, so that two tabs do not interfere."""

MAX_FLOWS: Final = 5
"""A browser with this many unfinished sign-ins has all their cookies deleted."""

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_BOUND_TO: Final = "oidc_flow"
_LONGEST_SUBJECT: Final = 255
_log = structlog.get_logger("leasetrace.oidc")


@dataclass(frozen=True, slots=True)
class SignInStart:
    """A started sign-in: where to redirect the browser, and the flow's cookie with its encrypted value."""

    url: str
    cookie: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """The provider's authorization response, with the cookie of the flow (``sealed``)."""

    state: str | None
    code: str | None = field(repr=False)
    error: str | None
    iss: str | None
    sealed: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignInResult:
    """A completed sign-in."""

    opened: SessionTokens
    return_to: str


def flow_cookie(state: str | None) -> str | None:
    """Return the cookie's name for a state; None for a state that is not ours."""
    return FLOW_COOKIE + state[:8] if state is not None and _STATE.fullmatch(state) else None


async def begin(provider: OidcProvider, context: Context, return_to: str, token: str | None) -> SignInStart:
    """Start a sign-in that ends at the local path ``return_to``.

    The browser's current session, by its ``token``, ends with this sign-in. The callback does not receive the token,
    since browsers withhold its cookie there.

    Raises:
        InvalidInput: ``return_to`` is not a path of this service.
        OidcUnavailable: The provider does not answer.
    """
    replaces = token_digest(token).hex() if token else ""
    flow = begin_flow(local_path(return_to), context.clock.now(), replaces)
    sealed = context.settings.encryption.encryptor().seal(msgspec.json.encode(flow).decode(), _BOUND_TO)
    cookie = flow_cookie(flow.state)
    assert cookie is not None  # noqa: S101 the state is ours
    return SignInStart(await provider.authorization_url(flow), cookie, base64.urlsafe_b64encode(sealed).decode())


async def finish(
    provider: OidcProvider, context: Context, answered: AuthorizationResponse, user_agent: str | None
) -> SignInResult:
    """Complete a sign-in: check the response, identify the person, open a session.

    Raises:
        OidcFlowLost: The response belongs to no sign-in of this browser, or to one that is too old.
        OidcAnswerRefused: The code or the ID token is not valid.
        OidcRefused: The provider refused, or the person has no active account; the answer never says which.
        OidcUnavailable: The provider does not answer.
    """
    flow = _flow_of(answered, context)
    await provider.check_sender(answered.iss)
    if answered.error is not None or answered.code is None:
        raise _refused_there(answered.error)
    redeemed = await provider.exchange_code(answered.code, flow)
    issuer = provider.registration.issuer
    async with context.database.reading(SERVICE) as session:
        known = await queries.find_identity(session, issuer, redeemed.identity.subject)
        ask = known is None and await queries.any_awaited(session, issuer)
    logins = await _logins(provider, redeemed) if ask else ()
    async with writing_as(context.database, Author(0, "signing_in"), context.clock) as session:
        principal_id = await _recognised(session, issuer, redeemed.identity, logins, context.clock)
        if principal_id is None:  # the audit note is committed in any case
            note(session, Note("sign_in.failed", detail="oidc"))
        else:
            await session_queries.revoke_token(session, bytes.fromhex(flow.replaces), context.clock.now())
            opened = await open_session(session, principal_id, context, SignInMethod.OIDC, user_agent=user_agent)
            note(session, Note("sign_in.ok", detail=f"principal {principal_id}, oidc"))
    if principal_id is None:
        _log.warning("oidc_person_refused", subject=redeemed.identity.subject)  # lets an operator link the person
        raise OidcRefused("Your institution knows you, but you have no access here; ask your administrator.")
    return SignInResult(opened, flow.return_to)


def _flow_of(answered: AuthorizationResponse, context: Context) -> Flow:
    if answered.state is None or answered.sealed is None:
        raise OidcFlowLost
    try:
        sealed = base64.urlsafe_b64decode(answered.sealed)
        flow = msgspec.json.decode(context.settings.encryption.encryptor().open(sealed, _BOUND_TO), type=Flow)
    except (SecretUnreadable, binascii.Error, ValueError, msgspec.MsgspecError):
        raise OidcFlowLost from None
    same = hmac.compare_digest(flow.state.encode(), answered.state.encode())
    if not same or flow.is_over(context.clock.now()):
        raise OidcFlowLost
    return flow


def _refused_there(error: str | None) -> OidcRefused:
    _log.warning("oidc_refused_there", error=(error or "no code")[:60])
    if error == "access_denied":
        return OidcRefused("Your institution did not sign you in: you, or it, said no.")
    return OidcRefused("Your institution could not sign you in; begin again, or ask your administrator.")


async def _logins(provider: OidcProvider, redeemed: RedeemedCode) -> tuple[str, ...]:
    """Return the names in the ID token and the userinfo response."""
    page = await provider.userinfo(redeemed)
    return tuple(dict.fromkeys((*redeemed.identity.logins, *page.logins)))


async def _recognised(
    session: AsyncSession, issuer: str, identity: ProviderIdentity, logins: tuple[str, ...], clock: Clock
) -> int | None:
    """Return the principal of the person; None without an active account."""
    known = await queries.find_identity(session, issuer, identity.subject)
    awaited = await _awaited(session, issuer, logins) if known is None else None
    if known is None and awaited is None:  # a second tab of the same person may have linked it
        known = await queries.find_identity(session, issuer, identity.subject)
    principal_id = known if known is not None else awaited
    person = await people_queries.locked_account(session, principal_id) if principal_id is not None else None
    if principal_id is None or person is None or person[0].disabled_at is not None:
        return None
    now = clock.now()
    if known is None:
        await queries.put_identity(session, principal_id, issuer, identity.subject, now)
        note(session, Note("identity.link", detail=f"principal {principal_id}, at the first sign-in"))
    await queries.identity_used(session, principal_id, issuer, now)
    person[0].last_sign_in_at = now
    return principal_id


async def _awaited(session: AsyncSession, issuer: str, logins: tuple[str, ...]) -> int | None:
    """Return the principal that awaits one of the names; None where they belong to two."""
    found = await queries.awaited(session, issuer, logins) if logins else []
    return found[0] if len(found) == 1 else None


async def principal_of_login(session: AsyncSession, login: str) -> int:
    """Return the principal of a login as entered. Raises ``NotFound`` if no account has it."""
    account = await people_queries.account_by_login(session, normalise_login(login))
    if account is None:
        raise NotFound("There is no account with this login.")
    return account.principal_id


async def link(
    session: AsyncSession, principal_id: int, issuer: str, clock: Clock, *, subject: str | None, awaits: str | None
) -> None:
    """Link an account to an identity at a provider, replacing an earlier link.

    Args:
        session: A transaction of the service role.
        subject: The provider's permanent identifier of the person; or else
        awaits: the verified e-mail address or user name that identifies the first sign-in.

    Raises:
        InvalidInput: Neither is given, or both, or one is not valid.
        Conflict: It belongs to another account, or a name is given for an account that is linked already.
    """
    if (subject is None) == (awaits is None):
        raise InvalidInput("subject: give the provider's subject, or the name that is awaited", field="subject")
    if subject is not None:
        if not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise InvalidInput("subject: expected 1 to 255 characters", field="subject")
        other = await queries.find_identity(session, issuer, subject)
        if other not in {None, principal_id}:
            raise Conflict("subject: it is linked to another account", field="subject")
        await queries.put_identity(session, principal_id, issuer, subject, clock.now())
    if awaits is not None:
        await _await(session, principal_id, issuer, awaited_login(awaits), clock)
    note(session, Note("identity.link", detail=f"principal {principal_id}"))


async def _await(session: AsyncSession, principal_id: int, issuer: str, login: str, clock: Clock) -> None:
    if not login:
        raise InvalidInput("awaits: expected an e-mail address or a user name", field="awaits")
    if await queries.is_linked(session, principal_id, issuer):
        raise Conflict("awaits: this account is linked already; unlink it first", field="awaits")
    if set(await queries.awaited(session, issuer, [login])) - {principal_id}:
        raise Conflict("awaits: another account is awaited by this name", field="awaits")
    await queries.put_awaited(session, principal_id, issuer, login, clock.now())


async def unlink(session: AsyncSession, principal_id: int, issuer: str) -> bool:
    """Remove an account's link to a provider; return whether there was one. Open sessions continue."""
    known = await queries.drop_identity(session, principal_id, issuer)
    if known:
        note(session, Note("identity.unlink", detail=f"principal {principal_id}"))
    return known
