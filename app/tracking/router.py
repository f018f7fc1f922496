"""Positions and tracks over HTTP."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from app.core.web.parameters import InContext, Moment
from app.core.web.schema_types import Duration, Key
from app.identity.position_reads import PositionSession, PositionVisibility
from app.jurisdictions.service import InLayer
from app.tracking import service
from app.tracking.geojson import position_feature, track_collection
from app.tracking.schemas import GeoJson, PositionOut, TrackOut

router = APIRouter(tags=["tracking"])

Format = Annotated[Literal["json", "geojson"], Query(description="JSON, or GeoJSON for a map.")]
GEOJSON = "application/geo+json"
_BOTH: dict[int | str, dict[str, Any]] = {200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}}


def _geojson(body: GeoJson) -> Response:
    return JSONResponse(body, media_type=GEOJSON)


@router.get(
    "/assets/{asset_id}/position",
    summary="Where is this asset?",
    response_model=PositionOut,
    responses=_BOTH,
)
async def get_position(
    asset_id: Key,
    visibility: PositionVisibility,
    layer: InLayer,
    session: PositionSession,
    context: InContext,
    fresh_within: Annotated[Duration | None, Query(description="Older is stale; P7D by default.")] = None,
    format: Format = "json",  # noqa: A002 the parameter's name on the wire
) -> PositionOut | Response:
    """Return the current position with its age, its doubts, the court, and its confidence."""
    limit = context.settings.tracking.fresh_within if fresh_within is None else fresh_within
    found = await service.position_of(session, visibility, asset_id, context, layer, limit)
    return _geojson(position_feature(found)) if format == "geojson" else found


@router.get(
    "/assets/{asset_id}/track",
    summary="Where was this asset in a window of time?",
    response_model=TrackOut,
    responses=_BOTH,
)
async def get_track(
    asset_id: Key,
    visibility: PositionVisibility,
    session: PositionSession,
    context: InContext,
    from_: Annotated[Moment, Query(alias="from", description="First moment, with offset.")],
    to: Annotated[Moment, Query(description="First moment after the window, with offset.")],
    gap_after: Annotated[Duration, Query(description="A longer silence is a gap.")] = timedelta(minutes=30),
    after: Annotated[str | None, Query(max_length=400, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 5_000,
    format: Format = "json",  # noqa: A002 the parameter's name on the wire
) -> TrackOut | Response:
    """Return every ping of the window in the order of time, with gaps and doubts."""
    track = await service.track_of(
        session, visibility, asset_id, (from_, to), context, gap_after=gap_after, after=after, limit=limit
    )
    return _geojson(track_collection(track)) if format == "geojson" else track
