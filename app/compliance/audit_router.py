"""The audit trail over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.access.domain import Permission, Principal, Visibility
from app.audit.notes import Note, note
from app.audit.queries import TrailFilter, entries
from app.audit.tables import TrailRow
from app.compliance.audit_schemas import TrailEntryOut
from app.core.web.paging import BIG_KEY, After, Limit, Page, decode_token, page_of
from app.core.web.parameters import Moment
from app.core.web.schema_types import SINGLE_LINE, Key
from app.identity.dependencies import ReadSession, RequirePermission

router = APIRouter(tags=["audit"])

MayReadTrail = Annotated[Principal, Depends(RequirePermission(Permission.TRAIL_READ))]

Word = Annotated[str, Query(min_length=1, max_length=64), *SINGLE_LINE]


@router.get("/audit", summary="Who read what, and who changed what?")
async def list_trail(
    principal: MayReadTrail,
    session: ReadSession,
    from_: Annotated[Moment | None, Query(alias="from", description="First moment, with offset.")] = None,
    to: Annotated[Moment | None, Query(description="First moment after the window, with offset.")] = None,
    principal_id: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="0: the command line.")] = None,
    case_id: Annotated[Key | None, Query()] = None,
    asset_id: Annotated[Key | None, Query(description="Entries in which this asset is among others, too.")] = None,
    action: Annotated[Word | None, Query(description="Whole, for example `position.read`.")] = None,
    request_id: Annotated[Word | None, Query(description="As in the header `X-Request-ID`.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[TrailEntryOut]:
    """List entries of the audit trail in the order in which they were committed.

    An auditor sees all, a court's administrator those of its court's own people. This read is an entry too.
    """
    wanted = TrailFilter(from_, to, principal_id, case_id, asset_id, action, request_id)
    rows = await entries(session, Visibility(principal), wanted, decode_token(after, BIG_KEY), limit)
    page = page_of([_out(row, asset_ids) for row, asset_ids in rows], limit, lambda entry: entry.trail_no)
    about = () if asset_id is None else (asset_id,)
    filters = wanted.describe() or None
    note(session, Note("trail.read", case_id, about, (from_, to), results=len(page.items), detail=filters))
    return page


def _out(row: TrailRow, asset_ids: list[int] | None) -> TrailEntryOut:
    values = {name: getattr(row, name) for name in TrailEntryOut.model_fields if name != "asset_ids"}
    digest = row.assets_sha256
    values |= {"link": row.link.hex(), "assets_sha256": None if digest is None else digest.hex()}
    return TrailEntryOut(**values, asset_ids=asset_ids if row.asset_count else [])
