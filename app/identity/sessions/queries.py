"""All SQL about sessions and attempts to sign in."""

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
"""After a day without one, failures are counted anew."""


async def session_exists(session: AsyncSession, token_sha256: bytes) -> bool:
    """Tell whether there is, or was, a session with a token, however it ended."""
    return bool(await session.scalar(select(exists().where(SessionRow.token_sha256 == token_sha256))))


async def find_session(session: AsyncSession, token_sha256: bytes) -> ActiveSession | None:
    """Return the session of a token if it was not ended and its person not shut out; its age is not looked at."""
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
    return tuple(step for step, wanted in steps if wanted)


async def touch_session(session: AsyncSession, session_id: int, now: datetime, unless_after: datetime) -> None:
    """Note that a session was used, unless that was noted after a moment already."""
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
    """End a session that has not ended."""
    ended = update(SessionRow).where(SessionRow.session_id == session_id, SessionRow.revoked_at.is_(None))
    await session.execute(ended.values(revoked_at=now))


async def revoke_token(session: AsyncSession, token_sha256: bytes, now: datetime) -> None:
    """End the session of a token, if it has not ended."""
    ended = update(SessionRow).where(SessionRow.token_sha256 == token_sha256, SessionRow.revoked_at.is_(None))
    await session.execute(ended.values(revoked_at=now))


async def revoke_sessions(session: AsyncSession, principal_id: int, now: datetime, but: int | None) -> None:
    """End the sessions of a person, save one."""
    ended = update(SessionRow).where(SessionRow.principal_id == principal_id, SessionRow.revoked_at.is_(None))
    if but is not None:
        ended = ended.where(SessionRow.session_id != but)
    await session.execute(ended.values(revoked_at=now))


async def delete_sessions(session: AsyncSession, before: datetime) -> int:
    """Delete sessions whose time was over before a moment, and return how many."""
    gone = delete(SessionRow).where(SessionRow.expires_at < before).returning(SessionRow.session_id)
    return len((await session.scalars(gone)).all())


async def begin_counting(session: AsyncSession, login_sha256: bytes, now: datetime) -> None:
    """Make the row in which the failures of a login are counted; those of the day before count no longer."""
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
    """Return until when a login is locked, if it is."""
    return await session.scalar(
        select(SignInFailureRow.locked_until).where(SignInFailureRow.login_sha256 == login_sha256)
    )


async def clear_failures(session: AsyncSession, login_sha256: bytes) -> None:
    """Forget the failures of a login: somebody has signed in, or an administrator has given a new password."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.login_sha256 == login_sha256))


async def delete_failures(session: AsyncSession, before: datetime) -> None:
    """Delete counts whose last failure was before a moment."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.last_at < before))
