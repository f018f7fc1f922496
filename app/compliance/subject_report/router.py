"""The subject report over HTTP."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, Visibility
from app.audit.notes import note_export
from app.compliance.subject_report import service as subject_report
from app.compliance.subject_report.export_table import report_rows
from app.compliance.subject_report.schemas import SubjectReportOut
from app.core.context import Context
from app.core.web.paging import After, decode_token
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key, Text
from app.exports.csv_file import to_csv
from app.exports.digest import content_digest
from app.exports.headers import export_headers
from app.exports.service import stamp_of
from app.identity.dependencies import RequirePermission, WriteSession

router = APIRouter(tags=["data rights"])

MayReadSubjects = Annotated[Principal, Depends(RequirePermission(Permission.SUBJECT_READ))]

CSV: Final = "text/csv"
Format = Annotated[Literal["json", "csv"], Query(description="JSON, or a table to hand over.")]
_BOTH: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


@router.get(
    "/assets/{asset_id}/subject-report",
    summary="What is stored about an asset, and who read it?",
    response_model=SubjectReportOut,
    responses=_BOTH,
)
async def get_asset_subject_report(
    asset_id: Key,
    principal: MayReadSubjects,
    session: WriteSession,
    context: InContext,
    format: Format = "json",  # noqa: A002 the parameter's name on the wire
) -> SubjectReportOut | Response:
    """For a lessor about its own assets, and for platform administrators: counts and dates, no position.

    Reads are shown by court, with their number and days. The audit trail records the report.
    """
    report = await subject_report.report_on_asset(session, Visibility(principal), asset_id, context)
    if format == "json":
        return report
    return await _as_csv(session, principal, report, context, f"subject-report-{asset_id}.csv")


@router.get(
    "/lessees/subject-report",
    summary="What is stored about the assets of a lessee, and who read it?",
    response_model=SubjectReportOut,
    responses=_BOTH,
)
async def get_lessee_subject_report(
    name: Annotated[Text, Query(description="The lessee's name, exactly as it was registered.")],
    principal: MayReadSubjects,
    session: WriteSession,
    context: InContext,
    limit: Annotated[int, Query(ge=1, le=200, description="Assets on a page.")] = 50,
    after: After = None,
    format: Format = "json",  # noqa: A002 the parameter's name on the wire
) -> SubjectReportOut | Response:
    """The report about an asset, for each visible asset that is leased to a lessee of that name."""
    report = await subject_report.report_on_lessee(
        session, Visibility(principal), name, context, after=decode_token(after), limit=limit
    )
    if format == "json":
        return report
    return await _as_csv(session, principal, report, context, "subject-report.csv")


async def _as_csv(
    session: AsyncSession, principal: Principal, report: SubjectReportOut, context: Context, filename: str
) -> Response:
    stamp = await stamp_of(session, principal, context.clock)
    rows = report_rows(report, stamp)
    digest = content_digest(rows)
    note_export(session, "subject.export", f"{digest} export:{stamp.export_id} format:csv")
    body = to_csv(rows, digest)
    return Response(body, media_type=f"{CSV}; charset=utf-8", headers=export_headers(body, stamp, filename))
