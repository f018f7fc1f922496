"""HTTP routes of distributions and clusters."""

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response

from app.core.clock import in_shanghai
from app.core.web.examples import load_example
from app.core.web.parameters import InContext, Moment
from app.core.web.schema_types import Duration, Key
from app.distribution import service
from app.distribution.domain import RollUpLevel
from app.distribution.filters import MAX_WKT_CHARS
from app.distribution.rollup.export_table import to_csv, to_xlsx
from app.distribution.schemas import ClusterParametersOut, ClustersOut, DistributionOut, to_json
from app.exports.headers import export_headers, repr_digest
from app.identity.position_reads import (
    CasePositionSession,
    CasePositionVisibility,
    NamedCaseSession,
    NamedCaseVisibility,
)
from app.jurisdictions.service import InLayer

router = APIRouter(tags=["clusters"])

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Format = Literal["json", "csv", "xlsx"]
_BY_MEDIA_TYPE: Final[dict[str, Format]] = {"application/json": "json", CSV: "csv", XLSX: "xlsx"}

FreshWithin = Annotated[
    Duration | None,
    Query(description="A position older than this is stale; ISO 8601, default P7D.", examples=["P7D"]),
]


class GeoJSONResponse(JSONResponse):
    """A response in GeoJSON."""

    media_type = "application/geo+json"


_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/cases/{case_id}/distribution",
    summary="Count the assets of a case by court or division",
    response_model=DistributionOut,
    responses={
        200: {
            "description": "JSON, or a table as a file (`format`, or else `Accept`).",
            "content": {
                "application/json": {"example": load_example("app.distribution", "distribution")},
                CSV: {"schema": {"type": "string"}},
                XLSX: _BINARY,
            },
        }
    },
)
async def get_case_distribution(
    case_id: Key,
    visibility: CasePositionVisibility,
    layer: InLayer,
    session: CasePositionSession,
    context: InContext,
    level: Annotated[RollUpLevel, Query(description="Courts of one level, or divisions of one level.")] = (
        RollUpLevel.BASIC
    ),
    fresh_within: FreshWithin = None,
    as_of: Annotated[
        Moment | None,
        Query(description="A past moment, with offset: answered from history. Leave it out for now."),
    ] = None,
    format: Annotated[  # noqa: A002 the parameter's name on the wire
        Format | None, Query(description="Overrides the `Accept` header.")
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Count every confirmed asset of the case exactly once, by court or division and by state.

    `rows` has the located assets (fresh or stale), `unplaced` the others; together they are the `totals`. A court is
    a candidate by its territory, not a ruling. A table shows user, time and case, and ends with a digest over its
    rows; the audit trail records the export.
    """
    answer = await service.distribution_of(
        session, visibility, case_id, level, context, layer, fresh_within=fresh_within, as_of=as_of
    )
    wanted = format or _preferred(accept)
    if wanted == "json":
        plain = to_json(answer)
        return Response(plain, media_type="application/json", headers=repr_digest(plain))
    export_table = await service.export_table_of(session, visibility, answer, wanted, context.clock)
    body = await asyncio.to_thread(to_csv if wanted == "csv" else to_xlsx, export_table)
    day = in_shanghai(answer.as_of).strftime("%Y%m%d-%H%M")
    name = f"distribution-{case_id}-{level.value}-{day}.{wanted}"
    media_type = f"{CSV}; charset=utf-8" if wanted == "csv" else XLSX
    return Response(body, media_type=media_type, headers=export_headers(body, export_table.stamp, name))


@router.get(
    "/clusters",
    summary="List the clusters of the assets of a case",
    response_model=ClustersOut,
    response_class=GeoJSONResponse,
    responses={
        200: {"content": {GeoJSONResponse.media_type: {"example": load_example("app.distribution", "clusters")}}}
    },
)
async def list_clusters(
    visibility: NamedCaseVisibility,
    layer: InLayer,
    session: NamedCaseSession,
    context: InContext,
    court: Annotated[
        Key | None, Query(description="Only clusters in the area of this court (its id), of any level.")
    ] = None,
    radius_m: Annotated[
        float, Query(ge=10, le=10_000, allow_inf_nan=False, description="Metres, great circle.")
    ] = 500,
    min_assets: Annotated[
        int, Query(ge=2, le=10_000, description="Assets within the radius that make a core, itself counted.")
    ] = 5,
    state: Annotated[
        Literal["seizable", "all"],
        Query(description="`seizable`: assets that may be seized; `all`: every confirmed asset that is located."),
    ] = "seizable",
    fresh_within: FreshWithin = None,
    within: Annotated[
        str | None,
        Query(
            max_length=MAX_WKT_CHARS,
            description="A POLYGON in WKT, longitude first: assets outside it are left out.",
            examples=["POLYGON((121 31, 122 31, 122 32, 121 32, 121 31))"],
        ),
    ] = None,
) -> Response:
    """Return clusters (exact DBSCAN, great-circle metres) of the located assets of the case, fresh and stale.

    Clusters are made within territories: a yard across a border is two clusters that refer to each other in
    `touches`. An asset with too few neighbours belongs to the cluster of its nearest core, so the order of assets
    never matters. A cluster's `id` depends only on its members and the parameters.
    """
    parameters = ClusterParametersOut(
        court=court,
        radius_m=radius_m,
        min_assets=min_assets,
        state=state,
        fresh_within=context.settings.tracking.fresh_within if fresh_within is None else fresh_within,
        within=within,
        near_border_m=context.settings.jurisdictions.border_near_m,
    )
    found = await service.clusters_in(session, visibility, visibility.purpose, context, layer, parameters)
    body = await asyncio.to_thread(to_json, found)
    return Response(body, media_type=GeoJSONResponse.media_type, headers=repr_digest(body))


def _preferred(accept: str) -> Format:
    """Return the format that an ``Accept`` header prefers (RFC 9110, 12.5.1); JSON where it names none of ours."""
    best: tuple[float, Format] = (0.0, "json")
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        named = _BY_MEDIA_TYPE.get(media_type)
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if named is not None and quality > best[0]:
            best = (quality, named)
    return best[1]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
