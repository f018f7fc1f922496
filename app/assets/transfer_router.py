"""HTTP routes of transfers."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.access.domain import Permission, Principal, Visibility
from app.assets import transfers
from app.assets.schemas import TransferIn, TransferOut
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import RequirePermission, WriteSession

router = APIRouter()

MayWriteTransfers = Annotated[Principal, Depends(RequirePermission(Permission.TRANSFERS_WRITE))]


@router.post("/assets/{asset_id}/transfer", status_code=201, summary="Record that an asset was transferred")
async def transfer_asset(
    asset_id: Key, body: TransferIn, principal: MayWriteTransfers, session: WriteSession, context: InContext
) -> TransferOut:
    """The lessor no longer sees positions of the asset from that time on; it keeps the earlier ones.

    Pings that its devices still send are stored, and courts see them through their cases. The lessor can no longer
    change its bindings.
    """
    row = await transfers.record(session, Visibility(principal), asset_id, body, context.clock.now())
    return TransferOut.model_validate(row)


@router.delete("/assets/{asset_id}/transfer", status_code=204, summary="Delete a transfer recorded by mistake")
async def undo_transfer(
    asset_id: Key, principal: MayWriteTransfers, session: WriteSession, context: InContext
) -> None:
    """Only for a platform administrator: a lessor cannot restore its own access."""
    await transfers.undo(session, Visibility(principal), asset_id, context.clock.now())
