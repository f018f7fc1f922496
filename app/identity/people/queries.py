"""SQL of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Integer, Row, String, column, func, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Role
from app.access.tables import PrincipalRow
from app.identity.tables import AccountRow, SignInFailureRow

_SUBJECT: Final = table(
    "access_subject", column("kind", String), column("subject_id", Integer), column("code", String)
)
"""The view ``access_subject``: courts and lessors."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts that an administrator manages; ``subject_id`` None means those of all courts and lessors."""

    roles: frozenset[Role]
    subject_id: int | None = None


Person = tuple[AccountRow, PrincipalRow]


async def account_by_login(session: AsyncSession, login: str) -> AccountRow | None:
    """Return the account of a normalised login."""
    return (await session.scalars(select(AccountRow).where(AccountRow.login == login))).one_or_none()


async def locked_account(session: AsyncSession, principal_id: int) -> Person | None:
    """Return an account with its principal, locked until the transaction ends."""
    row = (
        await session.execute(
            select(AccountRow, PrincipalRow)
            .join(PrincipalRow, PrincipalRow.principal_id == AccountRow.principal_id)
            .where(AccountRow.principal_id == principal_id)
            .with_for_update(of=AccountRow)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def spend_step(session: AsyncSession, principal_id: int, step: int) -> bool:
    """Mark a TOTP step and all earlier ones as used; return whether it was unused."""
    account = AccountRow
    spent = (
        update(account)
        .where(account.principal_id == principal_id, func.coalesce(account.totp_last_step, -1) < step)
        .values(totp_last_step=step)
        .returning(account.principal_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalar(spent)) is not None


async def spend_recovery_code(session: AsyncSession, principal_id: int, digest: bytes) -> bool:
    """Delete a recovery code; return whether it existed."""
    account = AccountRow
    spent = (
        update(account)
        .where(account.principal_id == principal_id, account.recovery_sha256.any_() == digest)
        .values(recovery_sha256=func.array_remove(account.recovery_sha256, digest))
        .returning(account.principal_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalar(spent)) is not None


async def people(
    session: AsyncSession, scope: Scope, after: int, limit: int, now: datetime
) -> Sequence[Row[AccountRow, PrincipalRow, datetime | None]]:
    """Return up to ``limit + 1`` accounts in scope, by id, with the end of each lock."""
    failure = SignInFailureRow
    locked = (
        select(failure.locked_until)
        .where(
            failure.login_sha256 == func.sha256(func.convert_to(AccountRow.login, "UTF8")), failure.locked_until > now
        )
        .scalar_subquery()
    )
    query = (
        select(AccountRow, PrincipalRow, locked)
        .join(PrincipalRow, PrincipalRow.principal_id == AccountRow.principal_id)
        .where(AccountRow.principal_id > after, PrincipalRow.role.in_(scope.roles))
        .order_by(AccountRow.principal_id)
        .limit(limit + 1)
    )
    if scope.subject_id is not None:
        query = query.where(PrincipalRow.subject_id == scope.subject_id)
    return (await session.execute(query)).all()


async def subject_exists(session: AsyncSession, kind: str, subject_id: int) -> bool:
    """Return whether a court or lessor exists."""
    found = select(_SUBJECT.c.subject_id).where(_SUBJECT.c.kind == kind, _SUBJECT.c.subject_id == subject_id)
    return (await session.scalar(found)) is not None


async def subject_code(session: AsyncSession, kind: str, subject_id: int | None) -> str | None:
    """Return the code of a court or lessor."""
    found = select(_SUBJECT.c.code).where(_SUBJECT.c.kind == kind, _SUBJECT.c.subject_id == subject_id)
    code: str | None = await session.scalar(found)
    return code
