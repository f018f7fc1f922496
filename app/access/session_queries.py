"""All SQL about sessions and attempts to sign in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Interval, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import ActiveSession, Principal, Role, SignInMethod, SignInStep
from app.access.queries import lower_courts
from app.access.roles import TOTP_ROLES, permissions_of
from app.access.tables import AccountRow, PrincipalRow, SessionRow, SignInFailureRow

FREE_FAILURES: Final = 5
"""The fifth failure locks for a second, each further one for twice as long."""
LONGEST_LOCK: Final = timedelta(minutes=15)
FAILURES_COUNT_FOR: Final = timedelta(days=1)
"""After a day without one, failures are counted anew."""
_MOST_DOUBLINGS: Final = 10


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


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, counted as a failure until it succeeds.

    Attributes:
        failures: How many there were with this one.
        locked_until: Until when the login is locked if this one fails too.
    """

    failures: int
    locked_until: datetime | None


async def count_attempt(session: AsyncSession, login_sha256: bytes, now: datetime) -> Attempt | None:
    """Count an attempt before it is judged, so that many at once are not judged before any is counted.

    Returns:
        None where the login is locked: then nothing is counted, and nothing is to be judged.
    """
    row = SignInFailureRow
    fresh = row.last_at <= now - FAILURES_COUNT_FOR
    failures = case((fresh, 1), else_=row.failures + 1)
    doublings = func.least(func.greatest(failures - FREE_FAILURES, 0), _MOST_DOUBLINGS)
    lock_s = func.least(func.power(2.0, doublings), LONGEST_LOCK.total_seconds())
    until = literal(now) + func.make_interval(0, 0, 0, 0, 0, 0, lock_s, type_=Interval)
    counted = (
        insert(row)
        .values(login_sha256=login_sha256, failures=1, last_at=now, locked_until=None)
        .on_conflict_do_update(
            index_elements=[row.login_sha256],
            set_={
                "failures": failures,
                "last_at": now,
                "locked_until": case((failures >= FREE_FAILURES, until), else_=None),
            },
            where=or_(row.locked_until.is_(None), row.locked_until <= now),
        )
        .returning(row.failures, row.locked_until)
    )
    found = (await session.execute(counted)).one_or_none()
    return None if found is None else Attempt(found.failures, found.locked_until)


async def locked_until(session: AsyncSession, login_sha256: bytes) -> datetime | None:
    """Return until when a login is locked, if it is."""
    return await session.scalar(
        select(SignInFailureRow.locked_until).where(SignInFailureRow.login_sha256 == login_sha256)
    )


async def take_back_attempt(session: AsyncSession, login_sha256: bytes, attempt: Attempt) -> None:
    """Count an attempt no longer: the password was right, and the code is to follow."""
    row = SignInFailureRow
    await session.execute(
        update(row)
        .where(row.login_sha256 == login_sha256, row.failures > 0)
        .values(
            failures=row.failures - 1,
            locked_until=case((row.locked_until == attempt.locked_until, None), else_=row.locked_until),
        )
    )


async def clear_failures(session: AsyncSession, login_sha256: bytes) -> None:
    """Forget the failures of a login: somebody has signed in, or an administrator has given a new password."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.login_sha256 == login_sha256))


async def delete_failures(session: AsyncSession, before: datetime) -> None:
    """Delete counts whose last failure was before a moment."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.last_at < before))
