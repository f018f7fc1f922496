"""HTTP routes of planning assignments and entrustments."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.access.domain import Permission, Principal, Visibility
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.enforcement.delegation import service as delegation
from app.enforcement.schemas import AssignmentIn, AssignmentOut, EntrustmentIn, EntrustmentOut
from app.identity.dependencies import ReadSession, RequirePermission, WriteSession

router = APIRouter()

MayReadAssignments = Annotated[Principal, Depends(RequirePermission(Permission.ASSIGNMENTS_READ))]
MayWriteAssignments = Annotated[Principal, Depends(RequirePermission(Permission.ASSIGNMENTS_WRITE))]
MayReadEntrustments = Annotated[Principal, Depends(RequirePermission(Permission.ENTRUSTMENTS_READ))]
MayWriteEntrustments = Annotated[Principal, Depends(RequirePermission(Permission.ENTRUSTMENTS_WRITE))]


@router.post("/cases/{case_id}/assignments", status_code=201, summary="Let a dispatcher plan for a case")
async def create_assignment(
    case_id: Key, body: AssignmentIn, principal: MayWriteAssignments, session: WriteSession, context: InContext
) -> AssignmentOut:
    """The dispatcher sees the case's confirmed assets while the assignment lasts."""
    return await delegation.assign(session, Visibility(principal), case_id, body, context.clock.now())


@router.get("/cases/{case_id}/assignments", summary="List the assignments of a case")
async def list_assignments(
    case_id: Key,
    principal: MayReadAssignments,
    session: ReadSession,
    context: InContext,
    limit: Limit = 100,
    after: After = None,
) -> Page[AssignmentOut]:
    """A dispatcher sees only its own assignments."""
    now = context.clock.now()
    found = await delegation.list_assignments(
        session, Visibility(principal), case_id, now, after=decode_token(after), limit=limit
    )
    return page_of(found, limit, lambda a: a.assignment_id)


@router.post("/cases/{case_id}/entrustments", status_code=201, summary="Entrust another court")
async def create_entrustment(
    case_id: Key, body: EntrustmentIn, principal: MayWriteEntrustments, session: WriteSession, context: InContext
) -> EntrustmentOut:
    """Another court of the same level sees the case and the entrusted assets, from `starts_at` until `ends_at`.

    Without `asset_ids` it sees all assets of the case, also those confirmed later. The entrustment ends at `ends_at`,
    when it is withdrawn, and when the case closes; for an asset, when it is released. The entrusted court cannot
    change the case, entrust another court or assign a dispatcher.
    """
    return await delegation.entrust(session, Visibility(principal), case_id, body, context.clock.now())


@router.get("/cases/{case_id}/entrustments", summary="List the entrustments of a case")
async def list_entrustments(
    case_id: Key,
    principal: MayReadEntrustments,
    session: ReadSession,
    context: InContext,
    limit: Limit = 100,
    after: After = None,
) -> Page[EntrustmentOut]:
    """Includes past and withdrawn ones; an entrusted court sees only its own."""
    now = context.clock.now()
    found = await delegation.list_entrustments(
        session, Visibility(principal), case_id, now, after=decode_token(after), limit=limit
    )
    return page_of(found, limit, lambda e: e.entrustment_id)


@router.post("/entrustments/{entrustment_id}/withdraw", summary="Withdraw an entrustment")
async def withdraw_entrustment(
    entrustment_id: Key, principal: MayWriteEntrustments, session: WriteSession, context: InContext
) -> EntrustmentOut:
    """The other court loses access at once; only the court that handles the case may withdraw."""
    return await delegation.withdraw(session, Visibility(principal), entrustment_id, context.clock.now())
