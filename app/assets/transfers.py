"""Use cases of transfers: an asset that is no longer its lessor's, and what of it the lessor still sees."""

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
    """Record that an asset went to somebody else: where it is from that moment on, its lessor does not see.

    Raises:
        NotFound: There is no such asset in sight.
        InvalidInput: The moment is in the future.
        Conflict: It was transferred before.
    """
    asset = await visible_asset(session, visibility, asset_id, now, for_change=True)
    if transfer.transferred_at > now:
        raise InvalidInput(
            "transferred_at: it is recorded when it has happened: expected a moment that has passed",
            field="transferred_at",
        )
    standing = await queries.transfer(session, asset_id)
    if standing is not None:
        raise Conflict(f"The asset was transferred at {standing.transferred_at.isoformat()} already.")
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
    """Take back a transfer that was recorded by mistake: the lessor sees the asset as if nothing had been recorded.

    Raises:
        NotFound: There is no such asset in sight, or it was not transferred.
        NotPermitted: Whoever asks is no administrator: a lessor cannot open its own sight again.
    """
    await visible_asset(session, visibility, asset_id, now, for_change=True)
    row = await queries.transfer(session, asset_id)
    if row is None:
        raise NotFound("There is no transfer of this asset.")
    if not visibility.sees_everything:
        raise NotPermitted("Only a platform administrator takes a transfer back.")
    await session.delete(row)
    await session.flush()
    detail = f"the transfer at {row.transferred_at.isoformat()}, recorded at {row.recorded_at.isoformat()}"
    note(session, Note("asset.transfer_undo", asset_ids=[asset_id], detail=detail))


async def transferred(
    session: AsyncSession, visibility: Visibility, asset_ids: Collection[int]
) -> dict[int, datetime]:
    """Return since when those of some assets that were transferred are out of a lessor's sight, UTC.

    For anybody else nothing: a court sees the whole track of what a case opens to it.
    """
    return {} if visibility.lessor_id is None else await queries.transferred(session, asset_ids)
