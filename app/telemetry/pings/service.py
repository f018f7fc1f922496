"""Use cases of acknowledged batches: find one, count the territories of its pings."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.core.errors import NotFound
from app.telemetry.pings import queries as batch_queries
from app.telemetry.tables import PingBatchRow


async def acknowledged_batch(session: AsyncSession, visibility: Visibility, batch_id: int) -> PingBatchRow:
    """Return a batch that was acknowledged.

    Raises:
        NotFound: There is none, or it is another lessor's.
    """
    if visibility.lessor_id is None and not visibility.sees_everything:
        raise NotFound("There is no such batch.")
    row = await batch_queries.batch(session, batch_id, visibility.lessor_id)
    if row is None:
        raise NotFound("There is no such batch.")
    return row


async def territories_of(session: AsyncSession, batch_ids: Sequence[int]) -> tuple[int, int]:
    """Return in how many court territories the pings of some batches lie, and how many of them lie in none.

    For the report of an import; it reads the whole history.
    """
    return await batch_queries.territories_of(session, batch_ids)
