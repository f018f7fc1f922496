"""SQL of key administration; ``credential_queries`` checks keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Integer, Row, column, func, or_, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Role
from app.access.tables import PrincipalRow
from app.identity.tables import ApiKeyRow

_FEED: Final = table("feed_holder", column("feed_id", Integer), column("lessor_id", Integer))
"""The view ``feed_holder``: the lessor of each feed."""


async def keys(
    session: AsyncSession, lessor_id: int | None, after: int, limit: int
) -> Sequence[Row[ApiKeyRow, PrincipalRow]]:
    """Return up to ``limit + 1`` keys, of a lessor or of all, in order of creation."""
    query = (
        select(ApiKeyRow, PrincipalRow)
        .join(PrincipalRow, PrincipalRow.principal_id == ApiKeyRow.principal_id)
        .where(ApiKeyRow.api_key_id > after)
        .order_by(ApiKeyRow.api_key_id)
        .limit(limit + 1)
    )
    if lessor_id is not None:
        query = query.where(PrincipalRow.subject_id == lessor_id, PrincipalRow.role.in_(LESSOR_ROLES))
    return (await session.execute(query)).all()


LESSOR_ROLES: Final = (Role.LESSOR_FEED, Role.LESSOR_READER, Role.LESSOR_MANAGER)


async def locked_key(session: AsyncSession, prefix: str) -> tuple[ApiKeyRow, PrincipalRow] | None:
    """Return a key with its holder, locked until the transaction ends."""
    row = (
        await session.execute(
            select(ApiKeyRow, PrincipalRow)
            .join(PrincipalRow, PrincipalRow.principal_id == ApiKeyRow.principal_id)
            .where(ApiKeyRow.prefix == prefix)
            .with_for_update(of=ApiKeyRow)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def key_by_id(session: AsyncSession, api_key_id: int) -> ApiKeyRow | None:
    """Return a key by its id."""
    return await session.get(ApiKeyRow, api_key_id)


async def made_in_force(session: AsyncSession, principal_id: int, now: datetime) -> Sequence[str]:
    """Return the prefixes of the valid keys that a principal created, in order of creation."""
    key = ApiKeyRow
    found = select(key.prefix).where(
        key.made_by == principal_id, key.revoked_at.is_(None), or_(key.expires_at.is_(None), key.expires_at > now)
    )
    return (await session.scalars(found.order_by(key.api_key_id))).all()


async def end_key(session: AsyncSession, api_key_id: int, now: datetime, at: datetime) -> None:
    """Mark a key as rotated and set its end, unless it ends earlier."""
    key = ApiKeyRow
    await session.execute(
        update(key)
        .where(key.api_key_id == api_key_id)
        .values(expires_at=func.least(func.coalesce(key.expires_at, at), at), rotated_at=now)
    )


async def lessor_of_feed(session: AsyncSession, feed_id: int) -> int | None:
    """Return the lessor of a feed; None where there is no such feed."""
    lessor_id: int | None = await session.scalar(select(_FEED.c.lessor_id).where(_FEED.c.feed_id == feed_id))
    return lessor_id
