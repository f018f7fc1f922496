"""HTTP routes of point lookup, courts and divisions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from app.access.domain import Permission, Principal
from app.core.web.paging import After, Limit, Page
from app.core.web.parameters import InContext, Latitude, Longitude
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, RequirePermission
from app.jurisdictions import reference_data
from app.jurisdictions.domain import CourtLevel, DivisionLevel
from app.jurisdictions.point_lookup import locate_point
from app.jurisdictions.schemas import CourtDetailOut, CourtOut, DivisionOut, LocationOut
from app.jurisdictions.service import locators_of

router = APIRouter(tags=["jurisdictions"])

MayReadPlaces = Annotated[Principal, Depends(RequirePermission(Permission.PLACES_READ))]

Adcode = Annotated[int, Path(ge=100_000, le=999_999, description="Six-digit division code.", examples=[310105])]
Province = Annotated[
    int | None, Query(ge=100_000, le=999_999, description="Six-digit code of a province.", examples=[310000])
]
Search = Annotated[str | None, Query(max_length=60, description="Part of a name.", examples=["长宁"])]


@router.get("/jurisdictions/locate", summary="Which divisions and courts does a point belong to?")
async def locate_point_in_courts(
    request: Request, _: MayReadPlaces, context: InContext, lon: Longitude, lat: Latitude
) -> LocationOut:
    """Return the county, prefecture and province that cover a point, and the courts with that territory.

    For a point within 150 m of a border, the answer also has the other side. A point outside every county is outside;
    it is never assigned to the nearest county. Longitude and latitude are WGS-84 degrees.
    """
    layer = await locators_of(request).current()
    return locate_point(layer, lon, lat, context.settings.jurisdictions.border_near_m)


@router.get("/courts", summary="Courts of the register")
async def list_courts(
    _: MayReadPlaces,
    session: ReadSession,
    level: CourtLevel | None = None,
    province: Province = None,
    q: Search = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[CourtOut]:
    """List courts, a page at a time; `q` is part of the name or of the code."""
    return await reference_data.list_courts(session, after, limit, level, province, q)


@router.get("/courts/{court_id}", summary="One court")
async def read_court(_: MayReadPlaces, session: ReadSession, court_id: Key) -> CourtDetailOut:
    """Return a court and the counties that are its territory in the active boundary layer."""
    return await reference_data.read_court(session, court_id)


@router.get("/divisions", summary="Divisions of the active boundary layer")
async def list_divisions(
    _: MayReadPlaces,
    session: ReadSession,
    level: DivisionLevel | None = None,
    province: Province = None,
    q: Search = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[DivisionOut]:
    """List provinces, prefectures and counties, a page at a time; `q` is part of the full name."""
    return await reference_data.list_divisions(session, after, limit, level, province, q)


@router.get("/divisions/{level}/{adcode}", summary="One division")
async def read_division(_: MayReadPlaces, session: ReadSession, level: DivisionLevel, adcode: Adcode) -> DivisionOut:
    """Return a division of the active boundary layer; the level is required, since some codes exist at two levels."""
    return await reference_data.read_division(session, level, adcode)
