"""SQL that reads divisions, courts and territories; for loading see ``loading.queries``."""

from collections.abc import Collection, Sequence
from typing import cast

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.jurisdictions.domain import CountyInfo, CourtInfo, CourtLevel, DivisionLevel, LayerInfo
from app.jurisdictions.tables import BoundaryLayerRow, CourtRow, DivisionRow, TerritoryRow

COUNTY_AREAS = """
    SELECT adcode, ST_AsBinary(geom) FROM division
    WHERE layer_id = %s AND level = 'county' ORDER BY adcode"""


async def active_layer(session: AsyncSession) -> LayerInfo | None:
    """Return the active layer."""
    row = (await session.scalars(select(BoundaryLayerRow).where(BoundaryLayerRow.active))).one_or_none()
    if row is None:
        return None
    return LayerInfo(row.layer_id, row.name, row.source, row.source_version, row.sha256.hex())


async def active_layer_id(session: AsyncSession) -> int | None:
    """Return the id of the active layer."""
    return await session.scalar(select(BoundaryLayerRow.layer_id).where(BoundaryLayerRow.active))


async def raster(session: AsyncSession, layer_id: int) -> bytes:
    """Return the locator's raster that is stored with a layer."""
    return (await session.scalars(select(BoundaryLayerRow.raster).where(BoundaryLayerRow.layer_id == layer_id))).one()


async def county_areas(session: AsyncSession, layer_id: int) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """Return codes and areas of a layer's counties, ordered by code.

    The 40 MB are transferred in binary: the driver's own cursor supports that, SQLAlchemy's does not.
    """
    raw = await (await session.connection()).get_raw_connection()
    connection = cast("psycopg.AsyncConnection", raw.driver_connection)
    async with connection.cursor(binary=True) as cursor:
        rows = await (await cursor.execute(COUNTY_AREAS, (layer_id,))).fetchall()
    codes = np.array([row[0] for row in rows], dtype=np.int32)
    areas: NDArray[np.object_] = shapely.from_wkb(np.array([row[1] for row in rows], dtype=object))
    return codes, areas


async def counties(session: AsyncSession) -> list[CountyInfo]:
    """Return the counties of all layers with the divisions above them; those of the active layer come last."""
    county, prefecture, province = aliased(DivisionRow), aliased(DivisionRow), aliased(DivisionRow)
    query = (
        select(
            county.adcode,
            county.name,
            prefecture.adcode,
            prefecture.name,
            province.adcode,
            province.name,
        )
        .join(BoundaryLayerRow, BoundaryLayerRow.layer_id == county.layer_id)
        .join(
            prefecture,
            (prefecture.layer_id == county.layer_id)
            & (prefecture.level == DivisionLevel.PREFECTURE)
            & (prefecture.adcode == county.prefecture_adcode),
        )
        .join(
            province,
            (province.layer_id == county.layer_id)
            & (province.level == DivisionLevel.PROVINCE)
            & (province.adcode == county.province_adcode),
        )
        .where(county.level == DivisionLevel.COUNTY)
        .order_by(BoundaryLayerRow.active, county.layer_id, county.adcode)
    )
    return [CountyInfo(*row) for row in await session.execute(query)]


async def all_courts(session: AsyncSession) -> dict[int, tuple[CourtInfo, int | None]]:
    """Return every court by id, with the id of the court above it."""
    return {row.court_id: (court_info(row), row.parent_court_id) for row in await session.scalars(select(CourtRow))}


async def all_territories(session: AsyncSession) -> Sequence[TerritoryRow]:
    """Return the territories of all layers."""
    return (await session.scalars(select(TerritoryRow).order_by(TerritoryRow.territory_id))).all()


def court_info(row: CourtRow) -> CourtInfo:
    """Convert a row to the domain type."""
    return CourtInfo(
        row.court_id,
        row.code,
        row.name,
        CourtLevel(row.level),
        row.province_adcode,
        row.verified,
        row.source,
        row.caveat,
    )


async def court(session: AsyncSession, court_id: int) -> CourtRow | None:
    """Return one court."""
    return await session.get(CourtRow, court_id)


async def courts_by_id(session: AsyncSession, court_ids: Collection[int]) -> Sequence[CourtRow]:
    """Return some courts, in no particular order."""
    return (await session.scalars(select(CourtRow).where(CourtRow.court_id == func.any(list(court_ids))))).all()


async def court_by_code(session: AsyncSession, code: str) -> CourtRow | None:
    """Return the court with a code."""
    return (await session.scalars(select(CourtRow).where(CourtRow.code == code))).one_or_none()


async def courts(
    session: AsyncSession,
    *,
    after: int,
    limit: int,
    level: CourtLevel | None,
    province_adcode: int | None,
    q: str | None,
) -> Sequence[CourtRow]:
    """Return up to ``limit + 1`` courts ordered by id; ``q`` is part of the name or of the code."""
    query = select(CourtRow).where(CourtRow.court_id > after).order_by(CourtRow.court_id).limit(limit + 1)
    if level is not None:
        query = query.where(CourtRow.level == level)
    if province_adcode is not None:
        query = query.where(CourtRow.province_adcode == province_adcode)
    if q is not None:
        query = query.where(CourtRow.name.contains(q, autoescape=True) | CourtRow.code.contains(q, autoescape=True))
    return (await session.scalars(query)).all()


async def court_counties(session: AsyncSession, court_id: int) -> Sequence[int]:
    """Return the codes of the counties that are a court's territory in the active layer."""
    query = (
        select(TerritoryRow.county_adcode)
        .join(BoundaryLayerRow, BoundaryLayerRow.layer_id == TerritoryRow.layer_id)
        .where(TerritoryRow.court_id == court_id, BoundaryLayerRow.active)
        .order_by(TerritoryRow.county_adcode)
    )
    return (await session.scalars(query)).all()


def _divisions() -> Select[DivisionRow, BoundaryLayerRow]:
    return (
        select(DivisionRow, BoundaryLayerRow)
        .join(BoundaryLayerRow, BoundaryLayerRow.layer_id == DivisionRow.layer_id)
        .where(BoundaryLayerRow.active)
    )


async def division(
    session: AsyncSession, level: DivisionLevel, adcode: int
) -> tuple[DivisionRow, BoundaryLayerRow] | None:
    """Return one division of the active layer, and the layer."""
    query = _divisions().where(DivisionRow.level == level, DivisionRow.adcode == adcode)
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def divisions(
    session: AsyncSession,
    *,
    after: int,
    limit: int,
    level: DivisionLevel | None,
    province_adcode: int | None,
    q: str | None,
) -> Sequence[tuple[DivisionRow, BoundaryLayerRow]]:
    """Return up to ``limit + 1`` divisions of the active layer, ordered by id."""
    query = _divisions().where(DivisionRow.division_id > after).order_by(DivisionRow.division_id).limit(limit + 1)
    if level is not None:
        query = query.where(DivisionRow.level == level)
    if province_adcode is not None:
        query = query.where(DivisionRow.province_adcode == province_adcode)
    if q is not None:
        query = query.where(DivisionRow.full_name.contains(q, autoescape=True))
    return [(row[0], row[1]) for row in await session.execute(query)]
