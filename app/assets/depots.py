"""Use cases of depots: a lessor's yards; the datum check compares device positions with them."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets import queries
from app.assets.schemas import DepotIn, DepotOut
from app.assets.service import flush, owner
from app.assets.tables import DepotRow
from app.audit.notes import Note, note
from app.core.clock import Clock
from app.core.errors import NotFound

_E7: Final = 10_000_000


def depot_out(row: DepotRow) -> DepotOut:
    """Convert a depot to its response model."""
    return DepotOut(
        depot_id=row.depot_id,
        lessor_id=row.lessor_id,
        name=row.name,
        lon=row.lon_e7 / _E7,
        lat=row.lat_e7 / _E7,
        radius_m=row.radius_m,
        created_at=row.created_at,
    )


async def create_depot(session: AsyncSession, visibility: Visibility, depot: DepotIn, clock: Clock) -> DepotOut:
    """Register a depot of a lessor.

    Raises:
        InvalidInput: An administrator named no lessor.
        NotFound: The lessor does not exist, or is not the key's own.
        Conflict: The lessor has a depot with this name.
    """
    row = DepotRow(
        lessor_id=await owner(session, visibility, depot.lessor_id),
        name=depot.name,
        lon_e7=round(depot.lon * _E7),
        lat_e7=round(depot.lat * _E7),
        radius_m=depot.radius_m,
        created_at=clock.now(),
    )
    session.add(row)
    await flush(session)
    note(session, Note("depot.create", detail=f"depot {row.depot_id} of lessor {row.lessor_id}"))
    return depot_out(row)


async def delete_depot(session: AsyncSession, visibility: Visibility, depot_id: int) -> None:
    """Delete a depot, or raise ``NotFound`` where it is not visible."""
    row = await queries.depot(session, visibility, depot_id)
    if row is None:
        raise NotFound("There is no such depot.")
    await session.delete(row)
    await flush(session)
    note(session, Note("depot.delete", detail=f"depot {depot_id} of lessor {row.lessor_id}"))
