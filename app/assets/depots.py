"""Use cases of depots: the yards that a lessor knows; the check of declared datums compares devices with them."""

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


def described(row: DepotRow) -> DepotOut:
    """Return a depot as it goes out."""
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
        InvalidInput: An administrator has named no lessor.
        NotFound: The named lessor does not exist, or is not the key's own.
        Conflict: The lessor has a depot of this name.
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
    return described(row)


async def delete_depot(session: AsyncSession, visibility: Visibility, depot_id: int) -> None:
    """Forget a depot.

    Raises:
        NotFound: There is none in sight.
    """
    row = await queries.depot(session, visibility, depot_id)
    if row is None:
        raise NotFound("There is no such depot.")
    await session.delete(row)
    await flush(session)
    note(session, Note("depot.delete", detail=f"depot {depot_id} of lessor {row.lessor_id}"))
