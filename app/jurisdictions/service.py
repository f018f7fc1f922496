"""Use cases of this room that other rooms use: the active layer, loading a layer, courts by id and code."""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from app.core.db.database import SERVICE, Database
from app.core.db.readiness import Check
from app.core.web.parameters import CoreServices, services_of
from app.identity.dependencies import AnyPrincipal
from app.jurisdictions import queries
from app.jurisdictions.active_layer import ActiveLayer
from app.jurisdictions.domain import CountyInfo, CourtInfo, CourtLevel, LayerInfo, TerritoryInfo
from app.jurisdictions.errors import BoundariesNotLoaded, CourtNotFound
from app.jurisdictions.loading.service import LoadReport, load_boundaries, load_boundary_file, load_bundled_layer
from app.jurisdictions.locator.locator import Locator
from app.jurisdictions.tables import TerritoryRow

__all__ = [
    "ActiveLayer",
    "InLayer",
    "JurisdictionServices",
    "LoadReport",
    "LocatorProvider",
    "boundaries_loaded",
    "court_by_code",
    "court_by_id",
    "courts_by_id",
    "current_layer",
    "load_boundaries",
    "load_boundary_file",
    "load_bundled_layer",
    "locators_of",
]

CHECK_EVERY_S: Final = 2.0
"""Seconds until a process notices, at the latest, that another layer was activated."""


class LocatorProvider:
    """Holds the active layer in memory: loads it on first use and again when another layer becomes active."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._layer: ActiveLayer | None = None
        self._checked_at = 0.0
        self._loading = asyncio.Lock()

    async def current(self) -> ActiveLayer:
        """Return the active layer (the previous one while a newer loads), or raise ``BoundariesNotLoaded``."""
        layer = self._layer
        if layer is not None and (self._loading.locked() or time.monotonic() < self._checked_at + CHECK_EVERY_S):
            return layer
        async with self._loading:
            async with self._database.reading(SERVICE) as session:
                if self._layer is None or self._layer.layer_id != await queries.active_layer_id(session):
                    self._layer = await _load(session)
            self._checked_at = time.monotonic()
            return self._layer


async def _load(session: AsyncSession) -> ActiveLayer:
    info = await queries.active_layer(session)
    if info is None:
        raise BoundariesNotLoaded("No boundaries are loaded yet: run `leasetrace boundaries load`.", retry_after_s=30)
    codes, areas = await queries.county_areas(session, info.layer_id)
    raster = await queries.raster(session, info.layer_id)
    locator = await asyncio.to_thread(Locator.restore, areas, raster)
    counties = {county.adcode: county for county in await queries.counties(session)}
    rows = await queries.all_territories(session)
    territories = _territories(rows, counties, await queries.all_courts(session))
    own = {row.county_adcode: row.territory_id for row in rows if row.layer_id == info.layer_id}
    territory_id = np.array([own.get(code, -1) for code in codes.tolist()], dtype=np.int32)
    return ActiveLayer(info, locator, codes, territory_id, territories, counties)


def _territories(
    rows: Sequence[TerritoryRow],
    counties: dict[int, CountyInfo],
    courts: dict[int, tuple[CourtInfo, int | None]],
) -> dict[int, TerritoryInfo]:
    found = {}
    for row in rows:
        county = counties[row.county_adcode]
        basic, above = courts[row.court_id]
        chain = {basic.level: basic}
        while above is not None:
            court, above = courts[above]
            chain[court.level] = court
        found[row.territory_id] = TerritoryInfo(
            territory_id=row.territory_id,
            county_adcode=county.adcode,
            county=county.name,
            prefecture_adcode=county.prefecture_adcode,
            prefecture=county.prefecture,
            province_adcode=county.province_adcode,
            province=county.province,
            basic=basic,
            intermediate=chain.get(CourtLevel.INTERMEDIATE),
            high=chain.get(CourtLevel.HIGH),
            basis=row.basis,
            verified=row.verified,
            caveat=basic.caveat,
        )
    return found


@dataclass(frozen=True, kw_only=True)
class JurisdictionServices(CoreServices):
    """This room's part of ``application.state.services``."""

    locators: LocatorProvider


def locators_of(request: Request) -> LocatorProvider:
    """Return the provider of the application that serves this request."""
    return services_of(request.app, JurisdictionServices).locators


async def current_layer(request: Request, _: AnyPrincipal) -> ActiveLayer:
    """Return the active layer, or raise ``BoundariesNotLoaded``; declare it before the session (it may connect)."""
    return await locators_of(request).current()


InLayer = Annotated[ActiveLayer, Depends(current_layer)]
"""The active layer as a route parameter; declare it before the session's."""


async def boundaries_loaded(session: AsyncSession) -> Check:
    """Return the check of ``/readyz`` that a layer is active."""
    layer = await queries.active_layer(session)
    detail = "none is active; run `leasetrace boundaries load`" if layer is None else layer_label(layer)
    return Check(name="boundaries", ok=layer is not None, detail=detail)


def layer_label(layer: LayerInfo) -> str:
    """Return a short name of a layer: name, source with version, start of the content hash."""
    return f"{layer.name} of {layer.source} {layer.source_version}, {layer.sha256[:12]}"


async def court_by_id(session: AsyncSession, court_id: int) -> CourtInfo:
    """Return a court, or raise ``CourtNotFound``."""
    row = await queries.court(session, court_id)
    if row is None:
        raise CourtNotFound(f"No court has the id {court_id}.", field="court_id")
    return queries.court_info(row)


async def courts_by_id(session: AsyncSession, court_ids: Collection[int]) -> dict[int, CourtInfo]:
    """Return courts by id in one statement; unknown ids are left out."""
    return {row.court_id: queries.court_info(row) for row in await queries.courts_by_id(session, court_ids)}


async def court_by_code(session: AsyncSession, code: str) -> CourtInfo:
    """Return the court with a code, for example 沪0105, or raise ``CourtNotFound``."""
    row = await queries.court_by_code(session, code)
    if row is None:
        raise CourtNotFound(f"No court has the code {code}.", field="court_code")
    return queries.court_info(row)
