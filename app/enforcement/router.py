"""HTTP routes of cases, offers, confirmations, measures and legal holds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError

from app.access.domain import Permission, Principal, Visibility
from app.audit.notes import Note, note_for_grantee
from app.core.errors import InvalidInput
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.enforcement import case_assets, holds, service
from app.enforcement.delegation.router import router as delegation_router
from app.enforcement.errors import RowsRefused
from app.enforcement.measures import service as measures
from app.enforcement.schemas import (
    CaseAssetOut,
    CaseChangeIn,
    CaseHoldIn,
    CaseIn,
    CaseNumberText,
    CaseOut,
    ConfirmationIn,
    ConfirmationOut,
    HoldIn,
    HoldOut,
    MeasureChangeIn,
    MeasureOut,
    MeasuresIn,
    MeasuresOut,
    OfferIn,
    OfferOut,
    SeizureOut,
)
from app.enforcement.seizable import Phase
from app.identity.dependencies import ReadSession, RequirePermission, VisibilityFor, WriteSession

router = APIRouter(tags=["enforcement"])

MayRecordCases = Annotated[Principal, Depends(RequirePermission(Permission.CASES_RECORD))]
MayWriteCases = Annotated[Principal, Depends(RequirePermission(Permission.CASES_WRITE))]
MayOffer = Annotated[Principal, Depends(RequirePermission(Permission.CASES_OFFER))]
MayConfirm = Annotated[Principal, Depends(RequirePermission(Permission.CASES_CONFIRM))]
MayWriteMeasures = Annotated[Principal, Depends(RequirePermission(Permission.MEASURES_WRITE))]
MayReadHolds = Annotated[Principal, Depends(RequirePermission(Permission.HOLDS_READ))]
MayWriteHolds = Annotated[Principal, Depends(RequirePermission(Permission.HOLDS_WRITE))]
CaseVisibility = Annotated[Visibility, Depends(VisibilityFor(Permission.CASES_READ))]
router.include_router(delegation_router)


@router.post("/cases", status_code=201, summary="Record a case")
async def create_case(body: CaseIn, principal: MayRecordCases, session: WriteSession, context: InContext) -> CaseOut:
    """A court records its own cases; an administrator names the court.

    The court code in the number may differ from the court's current code, since courts keep old codes when divisions
    change: `court_code_differs` is then true.
    """
    court_id = principal.subject_id or body.court_id
    if court_id is None:
        raise InvalidInput("court_id: required for an administrator", field="court_id")
    if body.court_id not in {None, court_id}:
        raise InvalidInput("court_id: a court records its own cases; leave it out", field="court_id")
    return await service.open_case(session, body, court_id, context.clock.now())


@router.get("/cases", summary="List the visible cases")
async def list_cases(
    visibility: CaseVisibility,
    session: ReadSession,
    context: InContext,
    case_number: Annotated[CaseNumberText | None, Query()] = None,
    phase: Annotated[Phase | None, Query()] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[CaseOut]:
    """List the visible cases, in the order in which they were recorded.

    A court sees its own cases, those of lower courts and those entrusted to it. A lessor sees those that it applied
    for, a dispatcher those of its assignments.
    """
    found = await service.list_cases(
        session,
        visibility,
        context.clock.now(),
        case_number=case_number,
        phase=phase,
        after=decode_token(after),
        limit=limit,
    )
    return page_of(found, limit, lambda case: case.case_id)


@router.get("/cases/{case_id}", summary="Read a case")
async def read_case(case_id: Key, visibility: CaseVisibility, session: ReadSession, context: InContext) -> CaseOut:
    """The current state of a case."""
    return await service.visible_case(session, visibility, case_id, context.clock.now())


@router.patch("/cases/{case_id}", summary="Change or close a case")
async def change_case(
    case_id: Key, body: CaseChangeIn, principal: MayWriteCases, session: WriteSession, context: InContext
) -> CaseOut:
    """Closing a case ends all access that it gave: the positions of its assets can no longer be read."""
    changes = body.model_dump(exclude_unset=True)
    return await service.change_case(session, Visibility(principal), case_id, changes, context.clock.now())


@router.post("/cases/{case_id}/offers", summary="Offer assets to a case")
async def offer_assets(
    case_id: Key, body: OfferIn, principal: MayOffer, session: WriteSession, context: InContext
) -> OfferOut:
    """The applicant offers its own assets; the answer lists the rows that were not accepted."""
    return await case_assets.offer_assets(
        session, Visibility(principal), case_id, body.asset_ids, context.clock.now()
    )


@router.post("/cases/{case_id}/confirmations", summary="Confirm offered assets by exact identifiers")
async def confirm_assets(
    case_id: Key, body: ConfirmationIn, principal: MayConfirm, session: WriteSession, context: InContext
) -> ConfirmationOut:
    """The officer confirms offered assets; the confirmation makes them visible to the court.

    `not_found` means that no asset offered to this case has the identifier, whether or not it exists elsewhere.
    """
    return await case_assets.confirm_assets(session, Visibility(principal), case_id, body.rows, context.clock.now())


@router.get("/cases/{case_id}/assets", summary="List the assets of a case")
async def list_case_assets(
    case_id: Key,
    visibility: CaseVisibility,
    session: ReadSession,
    context: InContext,
    limit: Limit = 100,
    after: After = None,
) -> Page[CaseAssetOut]:
    """Confirmed assets with today's result of the seizability rule; the applicant also sees its offers."""
    now = context.clock.now()
    found = await service.list_case_assets(session, visibility, case_id, now, after=decode_token(after), limit=limit)
    page = page_of(found, limit, lambda asset: asset.asset_id)
    ids = [asset.asset_id for asset in page.items]
    note_for_grantee(session, visibility, Note("case.assets", case_id, ids, results=len(ids)))
    return page


@router.post("/cases/{case_id}/measures", status_code=201, summary="Record seizure measures")
async def create_measures(
    case_id: Key, body: MeasuresIn, principal: MayWriteMeasures, session: WriteSession, context: InContext
) -> MeasuresOut:
    """All measures of the list are recorded, or none; every invalid row is listed."""
    try:
        ids = await measures.order_measures(
            session, Visibility(principal), case_id, body.measures, context.clock.now()
        )
    except RowsRefused as refused:
        faults = [
            {"type": "value_error", "loc": ("body", refused.name, f.index, f.field), "msg": f.message}
            for f in refused.faults
        ]
        raise RequestValidationError(faults) from refused
    return MeasuresOut(measure_ids=ids)


@router.get("/cases/{case_id}/measures", summary="List the measures of a case")
async def list_measures(
    case_id: Key,
    visibility: CaseVisibility,
    session: ReadSession,
    context: InContext,
    asset_id: Annotated[Key | None, Query(description="Only on this asset.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[MeasureOut]:
    """Measures of this case, including past ones; those of other cases are not included."""
    found = await measures.list_measures(
        session,
        visibility,
        case_id,
        context.clock.now(),
        asset_id=asset_id,
        after=decode_token(after),
        limit=limit,
    )
    return page_of(found, limit, lambda measure: measure.measure_id)


@router.patch("/measures/{measure_id}", summary="Renew or lift a measure")
async def change_measure(
    measure_id: Key, body: MeasureChangeIn, principal: MayWriteMeasures, session: WriteSession, context: InContext
) -> MeasureOut:
    """A measure is renewed before it lapses, by two years at most; a lapsed or lifted measure cannot change."""
    changes = body.model_dump(exclude_unset=True)
    return await measures.change_measure(session, Visibility(principal), measure_id, changes, context.clock.now())


@router.get("/assets/{asset_id}/seizures", summary="List the seizures of an asset")
async def list_seizures(
    asset_id: Key,
    visibility: CaseVisibility,
    session: ReadSession,
    context: InContext,
    limit: Limit = 100,
    after: After = None,
) -> Page[SeizureOut]:
    """Measures of all cases on an asset, including past ones, in the order in which they were recorded.

    A lessor sees court and case number for its own assets, and nothing more of a case that it did not apply for. For
    a court or a dispatcher, a case that it does not see has neither.
    """
    now, key = context.clock.now(), decode_token(after)
    found = await measures.seizures_of(session, visibility, asset_id, now, after=key, limit=limit)
    return page_of(found, limit, lambda seizure: seizure.measure_id)


@router.post("/cases/{case_id}/legal-hold", status_code=201, summary="Place a legal hold on a case")
async def place_case_hold(
    case_id: Key, body: CaseHoldIn, principal: MayWriteHolds, session: WriteSession, context: InContext
) -> HoldOut:
    """One hold for all assets of the case, including those confirmed later and those that it releases."""
    return await holds.place_on_case(session, Visibility(principal), case_id, body.reason, context.clock.now())


@router.post("/cases/{case_id}/legal-hold/release", summary="Release the legal hold on a case")
async def release_case_hold(
    case_id: Key, principal: MayWriteHolds, session: WriteSession, context: InContext
) -> HoldOut:
    """Release the hold on the whole case, closed or not; holds on single assets stay."""
    return await holds.release_case(session, Visibility(principal), case_id, context.clock.now())


@router.post("/legal-holds", status_code=201, summary="Place a legal hold on an asset")
async def place_hold(body: HoldIn, principal: MayWriteHolds, session: WriteSession, context: InContext) -> HoldOut:
    """Pings, daily positions and raw bodies of the asset are not deleted until the hold is released.

    A court places it for its own open case, on an asset that is confirmed in it.
    """
    return await holds.place(session, Visibility(principal), body, context.clock.now())


@router.get("/legal-holds", summary="List legal holds")
async def list_holds(
    principal: MayReadHolds,
    session: ReadSession,
    asset_id: Annotated[Key | None, Query()] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[HoldOut]:
    """List the holds of a court's cases, including released ones; an administrator sees all.

    A hold without an asset is on its whole case; `asset_id` also lists the holds on the asset's cases.
    """
    found = await holds.list_holds(
        session, Visibility(principal), asset_id=asset_id, after=decode_token(after), limit=limit
    )
    return page_of(found, limit, lambda hold: hold.hold_id)


@router.post("/legal-holds/{hold_id}/release", summary="Release a legal hold")
async def release_hold(hold_id: Key, principal: MayWriteHolds, session: WriteSession, context: InContext) -> HoldOut:
    """From now on the asset's data are deleted when old enough, unless another hold keeps them."""
    return await holds.release(session, Visibility(principal), hold_id, context.clock.now())
