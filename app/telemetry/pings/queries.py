"""The SQL of acknowledged batches."""

from collections.abc import Sequence

from sqlalchemy import (
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.telemetry.tables import PingBatchRow, PingRow


async def batch(session: AsyncSession, batch_id: int, lessor_id: int | None) -> PingBatchRow | None:
    """Return an acknowledged batch, of one lessor or of any."""
    query = select(PingBatchRow).where(PingBatchRow.batch_id == batch_id)
    if lessor_id is not None:
        query = query.where(PingBatchRow.lessor_id == lessor_id)
    return (await session.scalars(query)).one_or_none()


async def territories_of(session: AsyncSession, batch_ids: Sequence[int]) -> tuple[int, int]:
    """Return the number of court territories of the batches' pings, and of pings in none. Scans the whole history."""
    query = select(
        func.count(PingRow.territory_id.distinct()),
        func.count().filter(PingRow.territory_id.is_(None)),
    ).where(PingRow.batch_id == func.any(list(batch_ids)))
    territories, outside = (await session.execute(query)).one()
    return territories, outside
