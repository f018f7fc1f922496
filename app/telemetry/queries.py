"""All SQL of this room's registers and receipts; the store of pings is in ``store``."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Integer, column, func, select, table
from sqlalchemy.dialects.postgresql import TIMESTAMP, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.telemetry.tables import FeedRow, PingBatchRow, PingRow

_HEARD: Final = table(
    "device_heard",
    column("lessor_id", Integer),
    column("device_id", Integer),
    column("batch_id", BigInteger),
    column("received_at", TIMESTAMP(timezone=True)),
)
"""The view of migration 0011: with which batch each device was last believed, a row for each asset that it was on."""


async def feeds_after(session: AsyncSession, lessor_id: int | None, after: int, limit: int) -> Sequence[FeedRow]:
    """Return feeds in the order of their ids, of one lessor or of all."""
    query = select(FeedRow).where(FeedRow.feed_id > after).order_by(FeedRow.feed_id).limit(limit)
    return (await session.scalars(query if lessor_id is None else query.where(FeedRow.lessor_id == lessor_id))).all()


async def feed(session: AsyncSession, feed_id: int) -> FeedRow | None:
    """Return a feed."""
    return await session.get(FeedRow, feed_id)


async def feed_in_sight(
    session: AsyncSession, visibility: Visibility, feed_id: int, *, for_change: bool = False
) -> FeedRow | None:
    """Return a feed, of the caller's lessor or, for an administrator, of any."""
    query = select(FeedRow).where(FeedRow.feed_id == feed_id)
    if not visibility.sees_everything:
        query = query.where(FeedRow.lessor_id == visibility.lessor_id)
    return (await session.scalars(query.with_for_update(key_share=True) if for_change else query)).one_or_none()


async def heard_through(session: AsyncSession, feed_id: int, device_ids: Sequence[int]) -> Sequence[int]:
    """Return those of some devices whose newest good fix came through a feed.

    Reads all current positions (they have no index by device): meant for a change of a feed, not for a page.
    """
    newest = (
        select(_HEARD.c.device_id, _HEARD.c.batch_id)
        .where(_HEARD.c.device_id == func.any(list(device_ids)))
        .ext(distinct_on(_HEARD.c.device_id))
        .order_by(_HEARD.c.device_id, _HEARD.c.received_at.desc())
        .subquery("newest")
    )
    query = select(newest.c.device_id).join(PingBatchRow, PingBatchRow.batch_id == newest.c.batch_id)
    return (await session.scalars(query.where(PingBatchRow.feed_id == feed_id))).all()


async def batch(session: AsyncSession, batch_id: int, lessor_id: int | None) -> PingBatchRow | None:
    """Return an acknowledged batch, of one lessor or of any."""
    query = select(PingBatchRow).where(PingBatchRow.batch_id == batch_id)
    if lessor_id is not None:
        query = query.where(PingBatchRow.lessor_id == lessor_id)
    return (await session.scalars(query)).one_or_none()


async def territories_of(session: AsyncSession, batch_ids: Sequence[int]) -> tuple[int, int]:
    """Return how many court territories the pings of some batches lie in, and how many of the pings are in no territory.

    History has no index by batch, so this reads all of it: meant for the report of an import, not for a request.
    """
    query = select(
        func.count(PingRow.territory_id.distinct()),
        func.count().filter(PingRow.territory_id.is_(None)),
    ).where(PingRow.batch_id == func.any(list(batch_ids)))
    territories, outside = (await session.execute(query)).one()
    return territories, outside
