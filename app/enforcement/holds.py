"""Legal holds: data that a court may still need is not deleted, whatever its age."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets import service as assets
from app.audit.notes import Note, note
from app.core.errors import Conflict, InvalidInput, NotFound
from app.enforcement import queries
from app.enforcement.schemas import HoldIn, HoldOut
from app.enforcement.service import case_to_change
from app.enforcement.tables import LegalHoldRow


async def place(session: AsyncSession, visibility: Visibility, wanted: HoldIn, now: datetime) -> HoldOut:
    """Place a hold on an asset; several holds on one asset are possible.

    Raises:
        InvalidInput: A court gave no case.
        NotFound: No such case is visible, or the asset does not exist or is not confirmed in it.
        Conflict: The case is closed.
    """
    if wanted.case_id is None:
        if not visibility.sees_everything:
            raise InvalidInput("case_id: required; name one of your cases", field="case_id")
        if not await assets.assets_by_id(session, [wanted.asset_id]):
            raise NotFound("asset_id: there is no such asset", field="asset_id")
    else:
        await case_to_change(session, visibility, wanted.case_id, now)
        if not await queries.confirmed_assets(session, wanted.case_id, [wanted.asset_id]):
            raise NotFound("asset_id: there is no such asset in this case", field="asset_id")
    row = LegalHoldRow(
        asset_id=wanted.asset_id,
        case_id=wanted.case_id,
        reason=wanted.reason,
        from_at=now,
        placed_by=visibility.principal.principal_id,
    )
    session.add(row)
    await session.flush()
    note(session, Note("hold.place", row.case_id, (wanted.asset_id,), detail=f"hold {row.hold_id}"))
    return HoldOut.model_validate(row)


async def place_on_case(
    session: AsyncSession, visibility: Visibility, case_id: int, reason: str, now: datetime
) -> HoldOut:
    """Hold all assets of a case, including those confirmed later and those it releases.

    Raises:
        NotFound: No such case is visible.
        NotPermitted: Another court handles it.
        Conflict: The case is closed, or held already.
    """
    await case_to_change(session, visibility, case_id, now)
    existing = await queries.hold_of_case(session, case_id)
    if existing is not None:
        raise Conflict(f"The whole case is held already, by hold {existing.hold_id}.")
    row = LegalHoldRow(
        asset_id=None, case_id=case_id, reason=reason, from_at=now, placed_by=visibility.principal.principal_id
    )
    session.add(row)
    await session.flush()
    note(session, Note("hold.place", case_id, detail=f"hold {row.hold_id} on the whole case"))
    return HoldOut.model_validate(row)


async def release_case(session: AsyncSession, visibility: Visibility, case_id: int, now: datetime) -> HoldOut:
    """Release the hold on a whole case, closed or not; holds on single assets stay.

    Raises:
        NotFound: No such case is visible, or it is not held as a whole.
        NotPermitted: Another court handles it.
    """
    await case_to_change(session, visibility, case_id, now, closed_too=True)
    row = await queries.hold_of_case(session, case_id)
    if row is None:
        raise NotFound("There is no legal hold on this whole case.")
    return await _release(session, row, now)


async def release(session: AsyncSession, visibility: Visibility, hold_id: int, now: datetime) -> HoldOut:
    """Release a hold.

    Raises:
        NotFound: No such hold is visible.
        Conflict: It was released before.
    """
    row = await queries.lock_hold(session, visibility, hold_id)
    if row is None:
        raise NotFound("There is no such legal hold.")
    if row.until_at is not None:
        raise Conflict(f"The hold was released at {row.until_at.isoformat()}.")
    return await _release(session, row, now)


async def _release(session: AsyncSession, row: LegalHoldRow, now: datetime) -> HoldOut:
    row.until_at = now
    await session.flush()
    assets_held = [] if row.asset_id is None else [row.asset_id]
    note(session, Note("hold.release", row.case_id, assets_held, detail=f"hold {row.hold_id}"))
    return HoldOut.model_validate(row)


async def list_holds(
    session: AsyncSession, visibility: Visibility, *, asset_id: int | None, after: int, limit: int
) -> list[HoldOut]:
    """Return up to ``limit + 1`` visible legal holds after a key."""
    found = await queries.find_holds(session, visibility, asset_id=asset_id, after=after, limit=limit)
    return [HoldOut.model_validate(row) for row in found]
