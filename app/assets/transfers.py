"""Use cases of transfers: an asset that is no longer its lessor's, and what the lessor still sees."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets import queries
from app.assets.schemas import TransferIn
from app.assets.service import visible_asset
from app.assets.tables import TransferRow
from app.audit.notes import Note, note
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted


async def record(
    session: AsyncSession, visibility: Visibility, asset_id: int, transfer: TransferIn, now: datetime
) -> TransferRow:
    """Record that an asset went to another owner; the lessor sees no position from that time on.

    Raises:
        NotFound: No such asset is visible.
        InvalidInput: The time is in the future.
        Conflict: It was transferred before.
    """
    asset = await visible_asset(session, visibility, asset_id, now, for_change=True)
    if transfer.transferred_at > now:
        raise InvalidInput(
            "transferred_at: must not be in the future",
            field="transferred_at",
        )
    existing = await queries.transfer(session, asset_id)
    if existing is not None:
        raise Conflict(f"The asset was transferred at {existing.transferred_at.isoformat()} already.")
    row = TransferRow(
        asset_id=asset_id,
        from_lessor_id=asset.lessor_id,
        to_name=transfer.to_name,
        ground=transfer.ground,
        transferred_at=transfer.transferred_at,
        recorded_at=now,
        recorded_by=visibility.principal.principal_id,
    )
    session.add(row)
    await session.flush()
    detail = f"from lessor {asset.lessor_id} at {row.transferred_at.isoformat()}: {row.ground}"
    note(session, Note("asset.transfer", asset_ids=[asset_id], detail=detail))
    return row


async def undo(session: AsyncSession, visibility: Visibility, asset_id: int, now: datetime) -> None:
    """Delete a transfer that was recorded by mistake; the lessor sees the whole track again.

    Raises:
        NotFound: No such asset is visible, or it was not transferred.
        NotPermitted: The caller is not an administrator: a lessor cannot restore its own access.
    """
    await visible_asset(session, visibility, asset_id, now, for_change=True)
    row = await queries.transfer(session, asset_id)
    if row is None:
        raise NotFound("There is no transfer of this asset.")
    if not visibility.sees_everything:
        raise NotPermitted("Only a platform administrator may delete a transfer.")
    await session.delete(row)
    await session.flush()
    detail = f"the transfer at {row.transferred_at.isoformat()}, recorded at {row.recorded_at.isoformat()}"
    note(session, Note("asset.transfer_undo", asset_ids=[asset_id], detail=detail))


async def transferred(
    session: AsyncSession, visibility: Visibility, asset_ids: Collection[int]
) -> dict[int, datetime]:
    """Return since when some assets are hidden from a lessor by a transfer, UTC.

    Empty for other callers: a court sees the whole track that a case makes visible.
    """
    return {} if visibility.lessor_id is None else await queries.transferred(session, asset_ids)
