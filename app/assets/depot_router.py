"""HTTP routes of depots."""

from fastapi import APIRouter

from app.access.domain import Visibility
from app.assets import depots, queries
from app.assets.dependencies import MayReadFleet, MayWriteRegisters
from app.assets.schemas import DepotIn, DepotOut
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, WriteSession

router = APIRouter()


@router.post("/depots", status_code=201, summary="Register a depot")
async def create_depot(
    session: WriteSession, context: InContext, body: DepotIn, principal: MayWriteRegisters
) -> DepotOut:
    """Register a yard. A device that rests exactly one GCJ-02 offset away from yards declares a wrong datum."""
    return await depots.create_depot(session, Visibility(principal), body, context.clock)


@router.get("/depots", summary="List depots")
async def list_depots(
    session: ReadSession, principal: MayReadFleet, limit: Limit = 100, after: After = None
) -> Page[DepotOut]:
    """List depots in the order of their registration."""
    rows = await queries.depots(session, Visibility(principal), decode_token(after), limit)
    return page_of([depots.depot_out(row) for row in rows], limit, lambda row: row.depot_id)


@router.delete("/depots/{depot_id}", status_code=204, summary="Delete a depot")
async def delete_depot(session: WriteSession, depot_id: Key, principal: MayWriteRegisters) -> None:
    """Delete a depot."""
    await depots.delete_depot(session, Visibility(principal), depot_id)
