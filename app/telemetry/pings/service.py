"""Use cases of acknowledged batches."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.core.errors import NotFound
from app.telemetry.pings import queries as batch_queries
from app.telemetry.tables import PingBatchRow


async def acknowledged_batch(session: AsyncSession, visibility: Visibility, batch_id: int) -> PingBatchRow:
    """Return an acknowledged batch; raises ``NotFound`` if it does not exist or is another lessor's."""
    if visibility.lessor_id is None and not visibility.sees_everything:
        raise NotFound("There is no such batch.")
    row = await batch_queries.batch(session, batch_id, visibility.lessor_id)
    if row is None:
        raise NotFound("There is no such batch.")
    return row


async def territories_of(session: AsyncSession, batch_ids: Sequence[int]) -> tuple[int, int]:
    """Return the number of court territories of the batches' pings, and of pings in none; reads the whole history."""
    return await batch_queries.territories_of(session, batch_ids)
