"""Finds the county that covers a point, exactly and fast.

The result equals PostGIS's ``ST_Covers(county, point)``. A point on a border is covered by the counties on both sides
and gets the first of them (the lowest code, as counties are numbered by code). Speed and alternatives:
``docs/decisions/0003-locator.md``.
"""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.geodesy import FloatArray
from app.jurisdictions.locator.borders import Borders, NearestBorder
from app.jurisdictions.locator.grid import IntArray
from app.jurisdictions.locator.raster import FIRST_BORDER, UNDECIDED, Progress, Raster, build_raster, first_covering

CELL_DEG: Final = 0.02
NEAR_BORDER_M: Final = 150.0
"""Within this distance of a border, an answer names both territories."""


class Locator:
    """Locates points in an array of polygons; immutable, safe to share between threads.

    Args:
        polygons: WGS-84, longitude first, shape ``(n,)``, ordered by adcode; they may overlap. They are prepared in
            place.
        raster: The raster of the same polygons; see ``build``.
    """

    def __init__(self, polygons: NDArray[np.object_], raster: Raster) -> None:
        shapely.prepare(polygons)
        west, south, east, north = shapely.bounds(polygons).T
        for _ in range(2):  # GEOS indexes a prepared polygon on its second query: 0.1 s, better now
            shapely.intersects_xy(polygons, (west + east) / 2, (south + north) / 2)
        self.polygons = polygons
        self._raster = raster
        self._borders = Borders(polygons, raster)

    @classmethod
    def build(
        cls, polygons: NDArray[np.object_], *, cell_deg: float = CELL_DEG, progress: Progress | None = None
    ) -> "Locator":
        """Build a locator and its raster (4 s for the counties of China); ``cell_deg``: a cell's size, degrees."""
        return cls(polygons, build_raster(polygons, cell_deg, progress))

    @classmethod
    def from_parts(cls, polygons: NDArray[np.object_], raster_bytes: bytes) -> "Locator":
        """Make a locator from polygons and their stored raster (1.5 s); ``ValueError`` where they do not match."""
        raster = Raster.from_bytes(raster_bytes)
        if raster.polygon_count != len(polygons):
            raise ValueError(f"the raster was made of {raster.polygon_count} polygons, not of {len(polygons)}")
        return cls(polygons, raster)

    @classmethod
    def restore(cls, polygons: NDArray[np.object_], raster_bytes: bytes) -> "Locator":
        """Make a locator from a stored layer; rebuilds a raster that an earlier version stored (5 s)."""
        try:
            return cls.from_parts(polygons, raster_bytes)
        except ValueError:
            return cls.build(polygons)

    def raster_bytes(self) -> bytes:
        """Pack the raster for storage with the layer."""
        return self._raster.to_bytes()

    def locate(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Find the polygon that covers each point (degrees, shape ``(n,)``).

        Returns the number of the first polygon that covers it, ``OUTSIDE`` (-1) where none does or a coordinate is
        NaN.
        """
        found = self._raster.values_at(lon, lat)
        asked = np.flatnonzero(found <= FIRST_BORDER)
        if asked.size:
            border_cell = FIRST_BORDER - found[asked]
            parts = self._raster.parts_at(lon[asked], lat[asked], border_cell)
            open_ = np.flatnonzero(parts == UNDECIDED)
            at = asked[open_]
            parts[open_] = first_covering(
                self.polygons, self._raster, lon[at], lat[at], border_cell[open_], self._borders.touches
            )
            found[asked] = parts
        return found

    def near_border(
        self,
        lon: FloatArray,
        lat: FloatArray,
        located: IntArray | None = None,
        *,
        within_m: float = NEAR_BORDER_M,
    ) -> NearestBorder:
        """Find the other polygon for points close to a border (degrees, shape ``(n,)``).

        Returns infinite and ``OUTSIDE`` where no polygon is that close. A point outside may have a neighbour too.

        Args:
            located: The result of ``locate`` for these points, if known.
            within_m: Largest distance, metres; less than a cell of the raster (about 1 km is safe).
        """
        return self._borders.near(lon, lat, self.locate(lon, lat) if located is None else located, within_m)

    def border_distance_m(self, lon: FloatArray, lat: FloatArray) -> NearestBorder:
        """Measure the distance to the nearest border at any distance (degrees, shape ``(n,)``; 0.3 ms a point).

        The distance is to the border of the polygon that contains the point; for a point outside, to the nearest
        polygon. The neighbour is ``OUTSIDE`` where the border is the edge of all territory.
        """
        located = self.locate(lon, lat)
        found = [self._borders.nearest(float(x), float(y), int(n)) for x, y, n in zip(lon, lat, located, strict=True)]
        return NearestBorder(
            np.array([metres for metres, _ in found], dtype=np.float64),
            np.array([number for _, number in found], dtype=np.int32),
        )
