"""Sessions of people that have signed in, by whatever method: opened, found, rotated, ended.

A session's token is in the person's cookie only; here stands its SHA-256. The token against cross-site requests
follows from it, so that it is bound to the session and stored nowhere.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.context import Context
from app.core.errors import NotAuthenticated
from app.identity.domain import ActiveSession, SignInMethod
from app.identity.sessions import queries
from app.identity.tables import SessionRow

TOKEN_BYTES: Final = 32
SESSION_REFUSED: Final = "You are not signed in, or no longer: sign in (POST /v1/session)."


class SessionUnknown(NotAuthenticated):
    """There never was a session with this token, or it is long forgotten; answered like one that is over."""

    def __init__(self) -> None:
        super().__init__(SESSION_REFUSED)


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """A session at the only moment when its token is known.

    Attributes:
        token: What its cookie carries.
        csrf: What goes into the header ``X-CSRF-Token`` of requests that change something.
    """

    token: str
    csrf: str


def token_digest(token: str) -> bytes:
    """Return the SHA-256 that is stored of a random token: of a session, or of the link of a share."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """Return the token against cross-site requests of a session."""
    return hmac.new(token.encode(), b"leasetrace csrf", hashlib.sha256).hexdigest()


async def open_session(
    session: AsyncSession,
    principal_id: int,
    context: Context,
    method: SignInMethod | str,
    *,
    user_agent: str | None = None,
) -> SessionTokens:
    """Open a session for a person whose identity was just proved; the last step of every way to sign in.

    Args:
        session: A transaction of the service itself.
        principal_id: Who it is.
        context: The application's.
        method: How it was proved: ``password`` or ``oidc``.
        user_agent: What the browser calls itself; a digest of it is kept.
    """
    now, opened = context.clock.now(), _new()
    session.add(
        SessionRow(
            token_sha256=token_digest(opened.token),
            principal_id=principal_id,
            method=SignInMethod(method),
            user_agent_sha256=hashlib.sha256(user_agent.encode()).digest() if user_agent else None,
            created_at=now,
            last_seen_at=now,
            expires_at=now + context.settings.session.lifetime,
        )
    )
    await session.flush()
    return opened


async def rotate_session(session: AsyncSession, session_id: int) -> SessionTokens:
    """Give a session another token, since what it opens has changed; the old one ends at once, the hours run on."""
    opened = _new()
    await queries.set_token(session, session_id, token_digest(opened.token))
    return opened


def _new() -> SessionTokens:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return SessionTokens(token, csrf_of(token))


async def authenticate_session(
    session: AsyncSession, token: str, now: datetime, idle_after: timedelta
) -> ActiveSession:
    """Return the session that a token belongs to.

    Args:
        session: A transaction of the service itself.
        token: What the cookie carried.
        now: The time.
        idle_after: So long unused a session ends.

    Raises:
        SessionUnknown: There never was one.
        NotAuthenticated: It is over; the answer never says which of both.
    """
    digest = token_digest(token)
    found = await queries.find_session(session, digest)
    if found is None and not await queries.session_exists(session, digest):
        raise SessionUnknown
    if found is None or found.is_over(now, idle_after):
        raise NotAuthenticated(SESSION_REFUSED)
    return found


async def end_session(session: AsyncSession, session_id: int, now: datetime) -> None:
    """End one session."""
    await queries.revoke_session(session, session_id, now)


async def end_session_of(session: AsyncSession, token: str, now: datetime) -> None:
    """End the session of a token, if it is one."""
    await queries.revoke_token(session, token_digest(token), now)


async def end_sessions(session: AsyncSession, principal_id: int, now: datetime, *, but: int | None = None) -> None:
    """End every session of a person, or every other one than ``but``."""
    await queries.revoke_sessions(session, principal_id, now, but)


async def forget_ended(session: AsyncSession, now: datetime, kept_days: int) -> int:
    """Delete sessions that ended so many days ago (0: none), and failures of sign-ins older than a day.

    Returns:
        How many sessions were deleted.
    """
    await queries.delete_failures(session, now - queries.FAILURES_COUNT_FOR)
    return await queries.delete_sessions(session, now - timedelta(days=kept_days)) if kept_days else 0
