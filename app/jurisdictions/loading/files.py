"""County boundaries from the user's own file: GeoJSON, Shapefile, GeoPackage, FlatGeobuf."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyogrio.errors import DataSourceError, FieldError

from app.core.geo.datum import CoordSystem, everywhere, to_wgs84
from app.core.geo.geodesy import FloatArray
from app.jurisdictions.court_naming import PROVINCES, province_adcode
from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.errors import BoundaryFileRefused
from app.jurisdictions.loading.checks import DatumCheck, check_counties, check_datum, overlaps_and_gaps
from app.jurisdictions.loading.layer import BoundaryLayer, DivisionArea, prefecture_adcode, upper_levels
from app.jurisdictions.locator.locator import Locator

SUFFIXES: Final = (".geojson", ".json", ".shp", ".gpkg", ".fgb")
ADCODE_COLUMNS: Final = (
    "adcode",
    "county_adcode",
    "district_adcode",
    "code",
    "gb",
    "pac",
    "区划码",
    "区划代码",
    "县代码",
)
NAME_COLUMNS: Final = ("name", "county_name", "district_name", "county", "district", "名称", "县名", "地名", "区县")

_DEGREES: Final = re.compile(r"EPSG:(4326|4490)$|CRS84$", re.IGNORECASE)
_GEOGRAPHIC_WKT: Final = re.compile(r'^GEOG\w*\["[^"]*(WGS.?(19)?84|China|CGCS2000)', re.IGNORECASE)
_ADCODE: Final = re.compile(r"[1-9]\d{5}$")


@dataclass(frozen=True, slots=True)
class FileReport:
    """A layer read from a file, and the comparison of its datum."""

    layer: BoundaryLayer  # the layer, in WGS-84; its caveats list what the checks found
    datum: DatumCheck | None  # comparison with the borders of the installed layer, None where none was given


@dataclass(frozen=True, slots=True)
class _Table:
    crs: str | None
    columns: dict[str, NDArray[np.object_]]
    areas: NDArray[np.object_]


def read_boundary_file(
    path: Path,
    *,
    datum: CoordSystem | None = None,
    adcode_column: str | None = None,
    name_column: str | None = None,
    prefecture_names: dict[str, str] | None = None,
    installed: Locator | None = None,
) -> FileReport:
    """Read county areas, convert them to WGS-84 once, and check them.

    Prefectures and provinces are unions of their counties.

    Args:
        path: The suffix gives the format. A Shapefile without ``.cpg`` may be UTF-8 or GBK.
        datum: The coordinate system. Required where the file does not name one, and for GCJ-02 and BD-09, which no
            file format can name. EPSG:4326 and EPSG:4490 count as WGS-84.
        adcode_column: Column of the six-digit code; by default the first of ``ADCODE_COLUMNS`` in the file.
        name_column: Column of the name; by default the first of ``NAME_COLUMNS`` in the file.
        prefecture_names: Names of prefectures by code; a missing one gets its code as name.
        installed: A locator of counties in WGS-84; its borders are compared with the file's.

    Raises:
        BoundaryFileRefused: Unreadable, columns missing, areas invalid or repeated, or not in degrees.
        DatumMismatch: The borders fit the installed layer better in another coordinate system.
    """
    table = _read_table(path)
    system = _coordinate_system(table, datum, path.name)
    adcodes = _codes(_column(table, adcode_column, ADCODE_COLUMNS, "adcode_column"))
    names = [str(name).strip() for name in _column(table, name_column, NAME_COLUMNS, "name_column")]
    check_counties(adcodes, table.areas)
    comparison = None if installed is None else check_datum(table.areas, system, installed)
    counties = [
        DivisionArea(DivisionLevel.COUNTY, adcode, name, prefecture_adcode(adcode), area)
        for adcode, name, area in zip(adcodes, names, _converted(table.areas, adcodes, system), strict=True)
    ]
    upper, caveats = upper_levels(counties, prefecture_names or {})
    caveats = [*overlaps_and_gaps(counties), *caveats]
    if comparison is None:
        caveats.append("The coordinate system could not be checked: no other layer is installed")
    layer = BoundaryLayer(path.stem, path.name, _file_hash(path), system, [*upper, *counties], caveats)
    return FileReport(layer, comparison)


def _read_table(path: Path) -> _Table:
    if path.suffix.lower() not in SUFFIXES:
        raise BoundaryFileRefused(f"{path.name}: expected one of {', '.join(SUFFIXES)}", field="file")
    undeclared = path.suffix.lower() == ".shp" and not path.with_suffix(".cpg").exists()
    for encoding in ("utf-8", "gb18030") if undeclared else (None,):
        try:
            meta, _, geometry, fields = raw.read(path, encoding=encoding, force_2d=True)
        except UnicodeDecodeError:
            continue
        except (DataSourceError, FieldError) as error:
            raise BoundaryFileRefused(f"{path.name}: cannot be read: {error}", field="file") from error
        columns = {str(name): values for name, values in zip(meta["fields"], fields, strict=True)}
        if geometry is None or not len(geometry):
            raise BoundaryFileRefused(f"{path.name}: no areas in it", field="file")
        return _Table(meta["crs"], columns, shapely.from_wkb(geometry))
    raise BoundaryFileRefused(f"{path.name}: its text is neither UTF-8 nor GBK; add a .cpg file", field="file")


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _coordinate_system(table: _Table, declared: CoordSystem | None, file_name: str) -> CoordSystem:
    if table.crs is None and declared is None:
        raise BoundaryFileRefused(f"{file_name}: does not say its coordinate system; declare a datum", field="datum")
    if table.crs is not None and not (_DEGREES.search(table.crs) or _GEOGRAPHIC_WKT.match(table.crs)):
        raise BoundaryFileRefused(
            f"{file_name}: is in {table.crs[:80]}; expected degrees in EPSG:4326 or EPSG:4490, convert it first "
            "(for example `ogr2ogr -t_srs EPSG:4326`)",
            field="file",
        )
    west, south, east, north = shapely.total_bounds(table.areas)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004 - degrees
        raise BoundaryFileRefused(
            f"{file_name}: spans {west:g} to {east:g} and {south:g} to {north:g}; expected longitude, then latitude, "
            "in degrees",
            field="file",
        )
    return declared or (CoordSystem.CGCS2000 if "4490" in str(table.crs) else CoordSystem.WGS84)


def _column(table: _Table, wanted: str | None, known: Sequence[str], option: str) -> NDArray[np.object_]:
    there = {name.lower(): name for name in table.columns}
    for name in (wanted,) if wanted else known:
        if name.lower() in there:
            return table.columns[there[name.lower()]]
    raise BoundaryFileRefused(
        f"{option}: no column {wanted or ' or '.join(known)}; the file has {', '.join(table.columns)}", field=option
    )


def _codes(values: NDArray[np.object_]) -> list[str]:
    codes = []
    for row, value in enumerate(values, start=1):
        code = str(value).strip().removesuffix(".0")  # a numeric column may be floating-point
        if not _ADCODE.match(code) or province_adcode(code) not in PROVINCES:
            raise BoundaryFileRefused(
                f"feature {row}: {code!r} is not a six-digit division code", field="adcode_column"
            )
        codes.append(code)
    return codes


def _converted(areas: NDArray[np.object_], adcodes: Sequence[str], system: CoordSystem) -> NDArray[np.object_]:
    """Convert areas to WGS-84, whole counties at a time, so that neighbours still share their border afterwards."""
    mainland = np.array([PROVINCES[province_adcode(code)].abbreviation is not None for code in adcodes])

    def convert(points: FloatArray) -> FloatArray:
        return np.stack(to_wgs84(points[:, 0], points[:, 1], system, everywhere), axis=1)

    if system in {CoordSystem.WGS84, CoordSystem.CGCS2000}:
        return areas
    converted = areas.copy()
    converted[mainland] = shapely.transform(areas[mainland], convert)
    return converted
