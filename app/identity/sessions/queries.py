"""SQL of sessions and sign-in failures."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Role
from app.access.roles import TOTP_ROLES, permissions_of
from app.access.tables import PrincipalRow
from app.access.visibility import lower_courts
from app.identity.attempts import LOGINS
from app.identity.domain import ActiveSession, SignInMethod, SignInStep
from app.identity.tables import AccountRow, SessionRow, SignInFailureRow

FAILURES_COUNT_FOR: Final = timedelta(days=1)
"""A day after the last failure the count begins again."""


async def session_exists(session: AsyncSession, token_sha256: bytes) -> bool:
    """Return whether a session with this token exists, ended or not."""
    return bool(await session.scalar(select(exists().where(SessionRow.token_sha256 == token_sha256))))


async def find_session(session: AsyncSession, token_sha256: bytes) -> ActiveSession | None:
    """Return the session of a token unless it was revoked or its person disabled; its age is not checked."""
    row = (
        await session.execute(
            select(SessionRow, PrincipalRow, AccountRow, lower_courts())
            .join(PrincipalRow, PrincipalRow.principal_id == SessionRow.principal_id)
            .outerjoin(AccountRow, AccountRow.principal_id == SessionRow.principal_id)
            .where(
                SessionRow.token_sha256 == token_sha256,
                SessionRow.revoked_at.is_(None),
                AccountRow.disabled_at.is_(None),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    found, holder, account, lower = row
    role = Role(holder.role)
    principal = Principal(
        holder.principal_id,
        role,
        holder.subject_id,
        None,
        permissions=permissions_of(role),
        lower_courts=tuple(lower),
        session_id=found.session_id,
    )
    return ActiveSession(
        found.session_id,
        principal,
        holder.name,
        SignInMethod(found.method),
        found.created_at,
        found.last_seen_at,
        found.expires_at,
        _pending(SignInMethod(found.method), role, account),
    )


def _pending(method: SignInMethod, role: Role, account: AccountRow | None) -> tuple[SignInStep, ...]:
    if method is not SignInMethod.PASSWORD or account is None:
        return ()
    steps = (
        (SignInStep.PASSWORD, account.must_change_password),
        (SignInStep.TOTP, role in TOTP_ROLES and account.totp_sealed is None),
    )
    return tuple(step for step, pending in steps if pending)


async def touch_session(session: AsyncSession, session_id: int, now: datetime, unless_after: datetime) -> None:
    """Record the use of a session, unless a use after ``unless_after`` is recorded."""
    await session.execute(
        update(SessionRow)
        .where(SessionRow.session_id == session_id, SessionRow.last_seen_at <= unless_after)
        .values(last_seen_at=now)
    )


async def set_token(session: AsyncSession, session_id: int, token_sha256: bytes) -> None:
    """Replace the token of a session."""
    await session.execute(
        update(SessionRow).where(SessionRow.session_id == session_id).values(token_sha256=token_sha256)
    )


async def revoke_session(session: AsyncSession, session_id: int, now: datetime) -> None:
    """Revoke a session that has not ended."""
    ended = update(SessionRow).where(SessionRow.session_id == session_id, SessionRow.revoked_at.is_(None))
    await session.execute(ended.values(revoked_at=now))


async def revoke_token(session: AsyncSession, token_sha256: bytes, now: datetime) -> None:
    """Revoke the session of a token, if it has not ended."""
    ended = update(SessionRow).where(SessionRow.token_sha256 == token_sha256, SessionRow.revoked_at.is_(None))
    await session.execute(ended.values(revoked_at=now))


async def revoke_sessions(session: AsyncSession, principal_id: int, now: datetime, but: int | None) -> None:
    """Revoke the sessions of a person, except one."""
    ended = update(SessionRow).where(SessionRow.principal_id == principal_id, SessionRow.revoked_at.is_(None))
    if but is not None:
        ended = ended.where(SessionRow.session_id != but)
    await session.execute(ended.values(revoked_at=now))


async def delete_sessions(session: AsyncSession, before: datetime) -> int:
    """Delete sessions that ended before a moment, and return their number."""
    deletion = delete(SessionRow).where(SessionRow.expires_at < before).returning(SessionRow.session_id)
    return len((await session.scalars(deletion)).all())


async def begin_counting(session: AsyncSession, login_sha256: bytes, now: datetime) -> None:
    """Insert the failure count of a login; a count older than a day begins again."""
    row = SignInFailureRow
    old = row.last_at <= now - FAILURES_COUNT_FOR
    await session.execute(
        insert(row)
        .values(login_sha256=login_sha256, failures=0, last_at=now, locked_until=None)
        .on_conflict_do_update(
            index_elements=[row.login_sha256],
            set_={"failures": case((old, 0), else_=row.failures), "last_at": now},
            where=LOGINS.is_free(now),
        )
    )


async def locked_until(session: AsyncSession, login_sha256: bytes) -> datetime | None:
    """Return the end of a login's lock, if it is locked."""
    return await session.scalar(
        select(SignInFailureRow.locked_until).where(SignInFailureRow.login_sha256 == login_sha256)
    )


async def clear_failures(session: AsyncSession, login_sha256: bytes) -> None:
    """Reset the failure count of a login, after a sign-in or a new password."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.login_sha256 == login_sha256))


async def delete_failures(session: AsyncSession, before: datetime) -> None:
    """Delete counts whose last failure was before a moment."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.last_at < before))
