"""SQL of identities at an OpenID provider."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.identity.tables import AwaitedIdentityRow, PersonIdentityRow


async def find_identity(session: AsyncSession, issuer: str, subject: str) -> int | None:
    """Return the principal linked to a subject of an issuer."""
    found = select(PersonIdentityRow.principal_id).where(
        PersonIdentityRow.issuer == issuer, PersonIdentityRow.subject == subject
    )
    return await session.scalar(found)


async def any_awaited(session: AsyncSession, issuer: str) -> bool:
    """Return whether any account still awaits its first sign-in with this issuer."""
    found = select(AwaitedIdentityRow.principal_id).where(AwaitedIdentityRow.issuer == issuer).limit(1)
    return (await session.scalar(found)) is not None


async def awaited(session: AsyncSession, issuer: str, logins: Sequence[str]) -> list[int]:
    """Return the principals that await one of some names, locked until the transaction ends."""
    found = (
        select(AwaitedIdentityRow.principal_id)
        .where(AwaitedIdentityRow.issuer == issuer, AwaitedIdentityRow.login == func.any(list(logins)))
        .with_for_update()
    )
    return list(await session.scalars(found))


async def put_identity(session: AsyncSession, principal_id: int, issuer: str, subject: str, now: datetime) -> None:
    """Link a principal to a subject of an issuer, replacing an earlier link and an awaited name."""
    values = {"subject": subject, "created_at": now, "last_used_at": None}
    await session.execute(
        insert(PersonIdentityRow)
        .values(principal_id=principal_id, issuer=issuer, **values)
        .on_conflict_do_update(constraint="person_identity_pkey", set_=values)
    )
    await _drop_awaited(session, principal_id, issuer)


async def put_awaited(session: AsyncSession, principal_id: int, issuer: str, login: str, now: datetime) -> None:
    """Record the name of a principal's first sign-in, replacing an earlier one."""
    values = {"login": login, "created_at": now}
    await session.execute(
        insert(AwaitedIdentityRow)
        .values(principal_id=principal_id, issuer=issuer, **values)
        .on_conflict_do_update(constraint="awaited_identity_pkey", set_=values)
    )


async def drop_identity(session: AsyncSession, principal_id: int, issuer: str) -> bool:
    """Remove a principal's link and awaited name at an issuer; return whether there was one."""
    deletion = delete(PersonIdentityRow).where(
        PersonIdentityRow.principal_id == principal_id, PersonIdentityRow.issuer == issuer
    )
    known = (await session.scalars(deletion.returning(PersonIdentityRow.principal_id))).all()
    return bool(await _drop_awaited(session, principal_id, issuer) or known)


async def _drop_awaited(session: AsyncSession, principal_id: int, issuer: str) -> bool:
    deletion = delete(AwaitedIdentityRow).where(
        AwaitedIdentityRow.principal_id == principal_id, AwaitedIdentityRow.issuer == issuer
    )
    return bool((await session.scalars(deletion.returning(AwaitedIdentityRow.principal_id))).all())


async def is_linked(session: AsyncSession, principal_id: int, issuer: str) -> bool:
    """Return whether a principal is linked to a subject of an issuer."""
    return (await session.get(PersonIdentityRow, (principal_id, issuer))) is not None


async def identity_used(session: AsyncSession, principal_id: int, issuer: str, now: datetime) -> None:
    """Record when a person signed in with a provider."""
    await session.execute(
        update(PersonIdentityRow)
        .where(PersonIdentityRow.principal_id == principal_id, PersonIdentityRow.issuer == issuer)
        .values(last_used_at=now)
    )
