"""Sessions of signed-in people: open, find, rotate, end.

Only the person's cookie holds a session's token; the table holds its SHA-256. The CSRF token is derived from the
session token, so it is bound to the session and not stored.
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
    """No session with this token is stored; answered like an expired one."""

    def __init__(self) -> None:
        super().__init__(SESSION_REFUSED)


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """The tokens of a session, known only now; ``csrf`` is for the header ``X-CSRF-Token``."""

    token: str
    csrf: str


def token_digest(token: str) -> bytes:
    """Return the stored SHA-256 of a random token: of a session, or of a share's link."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """Return a session's CSRF token."""
    return hmac.new(token.encode(), b"leasetrace csrf", hashlib.sha256).hexdigest()


async def open_session(
    session: AsyncSession,
    principal_id: int,
    context: Context,
    method: SignInMethod | str,
    *,
    user_agent: str | None = None,
) -> SessionTokens:
    """Open a session for an authenticated person; the last step of every sign-in method.

    ``session`` has the service role. Of the user agent only a digest is stored.
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
    """Replace the token of a session after its permissions changed; the old token ends at once, the expiry stays."""
    opened = _new()
    await queries.set_token(session, session_id, token_digest(opened.token))
    return opened


def _new() -> SessionTokens:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return SessionTokens(token, csrf_of(token))


async def authenticate_session(
    session: AsyncSession, token: str, now: datetime, idle_after: timedelta
) -> ActiveSession:
    """Return the session of a token; ``session`` has the service role.

    Raises:
        SessionUnknown: No such session is stored.
        NotAuthenticated: It has ended; the answer never says which of both.
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
    """End the session of a token, if there is one."""
    await queries.revoke_token(session, token_digest(token), now)


async def end_sessions(session: AsyncSession, principal_id: int, now: datetime, *, but: int | None = None) -> None:
    """End every session of a person except ``but``."""
    await queries.revoke_sessions(session, principal_id, now, but)


async def delete_expired_sessions(session: AsyncSession, now: datetime, kept_days: int) -> int:
    """Delete sessions that ended ``kept_days`` ago (0: none), and sign-in failures older than a day.

    Returns the number of deleted sessions.
    """
    await queries.delete_failures(session, now - queries.FAILURES_COUNT_FOR)
    return await queries.delete_sessions(session, now - timedelta(days=kept_days)) if kept_days else 0
