"""Transfers over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.access.domain import Permission, Principal, Visibility
from app.assets import transfers
from app.assets.schemas import TransferIn, TransferOut
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import May, WriteSession

router = APIRouter()

MayWriteTransfers = Annotated[Principal, Depends(May(Permission.TRANSFERS_WRITE))]


@router.post("/assets/{asset_id}/transfer", status_code=201, summary="Record that an asset was transferred")
async def transfer_asset(
    asset_id: Key, body: TransferIn, principal: MayWriteTransfers, session: WriteSession, context: InContext
) -> TransferOut:
    """Where the asset is from that moment on, its lessor no longer sees; what was before, it keeps.

    Pings that its devices still send are stored, and courts see them through their cases. Its bindings cannot be
    changed by the lessor any more.
    """
    row = await transfers.record(session, Visibility(principal), asset_id, body, context.clock.now())
    return TransferOut.model_validate(row)


@router.delete("/assets/{asset_id}/transfer", status_code=204, summary="Take back a transfer recorded by mistake")
async def undo_transfer(
    asset_id: Key, principal: MayWriteTransfers, session: WriteSession, context: InContext
) -> None:
    """Only a platform administrator may: a lessor cannot open its own sight again."""
    await transfers.undo(session, Visibility(principal), asset_id, context.clock.now())
