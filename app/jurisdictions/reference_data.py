"""Use cases of the reference data: courts and divisions."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import InvalidInput
from app.core.web.paging import Page, decode_token, page_of
from app.jurisdictions import queries
from app.jurisdictions.domain import CourtLevel, DivisionLevel
from app.jurisdictions.errors import CourtNotFound, DivisionNotFound
from app.jurisdictions.point_lookup import court_ref
from app.jurisdictions.schemas import CourtDetailOut, CourtOut, DivisionOut
from app.jurisdictions.tables import BoundaryLayerRow, CourtRow, DivisionRow


async def list_courts(
    session: AsyncSession,
    after: str | None,
    limit: int,
    level: CourtLevel | None,
    province: int | None,
    q: str | None,
) -> Page[CourtOut]:
    """Return a page of courts; ``q`` is part of the name or of the code."""
    key, searched = decode_token(after), _searchable(q)
    rows = await queries.courts(session, after=key, limit=limit, level=level, province_adcode=province, q=searched)
    return page_of([_court_out(row) for row in rows], limit, lambda court: court.court_id)


async def read_court(session: AsyncSession, court_id: int) -> CourtDetailOut:
    """Return a court with its territory, or raise ``CourtNotFound``."""
    row = await queries.court(session, court_id)
    if row is None:
        raise CourtNotFound(f"No court has the id {court_id}.", field="court_id")
    counties = await queries.court_counties(session, court_id)
    return CourtDetailOut(**_court_out(row).model_dump(), county_adcodes=list(counties))


async def list_divisions(
    session: AsyncSession,
    after: str | None,
    limit: int,
    level: DivisionLevel | None,
    province: int | None,
    q: str | None,
) -> Page[DivisionOut]:
    """Return a page of the active layer's divisions; ``q`` is part of the full name."""
    key, searched = decode_token(after), _searchable(q)
    rows = await queries.divisions(session, after=key, limit=limit, level=level, province_adcode=province, q=searched)
    return page_of([_division_out(*row) for row in rows], limit, lambda division: division.division_id)


async def read_division(session: AsyncSession, level: DivisionLevel, adcode: int) -> DivisionOut:
    """Return a division of the active layer, or raise ``DivisionNotFound``."""
    found = await queries.division(session, level, adcode)
    if found is None:
        raise DivisionNotFound(f"No {level} has the code {adcode}.", field="adcode")
    return _division_out(*found)


def _searchable(q: str | None) -> str | None:
    """Return the search text without surrounding blanks; None where it is empty."""
    if q is not None and "\0" in q:
        raise InvalidInput("q: must not contain NUL characters, which PostgreSQL refuses", field="q")
    return (q or "").strip() or None


def _court_out(row: CourtRow) -> CourtOut:
    return CourtOut(
        **court_ref(queries.court_info(row)).model_dump(),
        parent_court_id=row.parent_court_id,
        province_adcode=row.province_adcode,
        adcode=row.adcode,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _division_out(row: DivisionRow, layer: BoundaryLayerRow) -> DivisionOut:
    return DivisionOut(
        division_id=row.division_id,
        level=DivisionLevel(row.level),
        adcode=row.adcode,
        name=row.name,
        full_name=row.full_name,
        province_adcode=row.province_adcode,
        prefecture_adcode=row.prefecture_adcode,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        layer_id=layer.layer_id,
        source=layer.source,
        source_version=layer.source_version,
    )
