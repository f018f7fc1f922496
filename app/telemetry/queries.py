"""All SQL of this room's registers and receipts; the store of pings is in ``store``."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.telemetry.tables import FeedRow, PingBatchRow, PingRow


async def feeds_after(session: AsyncSession, lessor_id: int | None, after: int, limit: int) -> Sequence[FeedRow]:
    """Return feeds in the order of their ids, of one lessor or of all."""
    query = select(FeedRow).where(FeedRow.feed_id > after).order_by(FeedRow.feed_id).limit(limit)
    return (await session.scalars(query if lessor_id is None else query.where(FeedRow.lessor_id == lessor_id))).all()


async def feed(session: AsyncSession, feed_id: int) -> FeedRow | None:
    """Return a feed."""
    return await session.get(FeedRow, feed_id)


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
