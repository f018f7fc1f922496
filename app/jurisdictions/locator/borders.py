"""Distance from a point to a border, and the polygon on the other side.

A border segment is straight in degrees, as in PostGIS's ``geometry``. The foot of the perpendicular is found in a
frame scaled to metres at the point's latitude. The distance uses the ellipsoid's radii at the middle latitude: right
to 0.1 m within 5 km.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.geodesy import BoolArray, FloatArray, metres_per_degree
from app.jurisdictions.locator.grid import Edges, IntArray, LongArray
from app.jurisdictions.locator.raster import FIRST_BORDER, OUTSIDE, Raster

_SAME_BORDER_M: Final = 1.0
"""Borders of two counties this close together are one shared border."""
_FIRST_RADIUS_M: Final = 2_000.0
_LAST_RADIUS_M: Final = 100_000.0
_NO_POLYGON: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class NearestBorder:
    """The nearest border of each point; both arrays have shape ``(n,)``."""

    distance_m: FloatArray  # metres, infinite where none was found
    neighbour: IntArray  # number of the polygon on the other side, `OUTSIDE` (-1) where there is none


class Borders:
    """Distances to the borders of the polygons of a raster, shape ``(n,)``; immutable."""

    def __init__(self, polygons: NDArray[np.object_], raster: Raster) -> None:
        self._raster = raster
        self._edges = Edges.of(polygons)
        self._owners = self._edges.owners()
        self._boxes = shapely.STRtree(shapely.box(*shapely.bounds(polygons).T))
        # The edges of each candidate of each border cell, in the order of the raster's list of candidates.
        cell, edge = raster.grid.cells_near(self._edges)
        count = np.int64(len(polygons))
        key = (FIRST_BORDER - raster.cells[cell]) * count + self._owners[edge]
        order = np.argsort(key, kind="stable")
        self._listed = edge[order]
        border_cell = np.repeat(np.arange(len(raster.starts) - 1), np.diff(raster.starts))
        firsts = np.searchsorted(key[order], border_cell * count + raster.candidates)
        self._firsts = np.append(firsts, len(edge))

    def touches(self, lon: FloatArray, lat: FloatArray, candidate: IntArray) -> BoolArray:
        """Return whether PostGIS would find points on the border of a candidate of their cell.

        PostGIS takes the side of a segment from the difference of two rounded products. Within about 1e-19 degrees of
        a segment the difference is zero, and the point counts as on the border although it is not exactly on it.
        Points are degrees; ``candidate`` holds indices into the raster's ``candidates``; all have shape ``(n,)``.
        """
        point, member = _spans(self._firsts[candidate], self._firsts[candidate + 1])
        edge = self._listed[member]
        x, y = lon[point], lat[point]
        x0, y0 = self._edges.start[edge].T
        x1, y1 = self._edges.end[edge].T
        flat = np.flatnonzero((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0) == 0.0)
        x, y, x0, y0, x1, y1 = x[flat], y[flat], x0[flat], y0[flat], x1[flat], y1[flat]
        on = (
            (np.minimum(x0, x1) <= x)
            & (x <= np.maximum(x0, x1))
            & (np.minimum(y0, y1) <= y)
            & (y <= np.maximum(y0, y1))
        )
        found = np.zeros(lon.shape, dtype=np.bool_)
        found[point[flat[on]]] = True
        return found

    def near(self, lon: FloatArray, lat: FloatArray, located: IntArray, within_m: float) -> NearestBorder:
        """Find the nearest *other* polygon of each point (degrees), where its border is within a small distance.

        ``located`` is the polygon that contains each point, or ``OUTSIDE``. ``within_m`` is in metres, less than the
        size of a cell. Arrays have shape ``(n,)``.
        """
        distance = np.full(lon.shape, np.inf)
        neighbour = np.full(lon.shape, OUTSIDE, dtype=np.int32)
        point, cell = self._cells_around(lon, lat, within_m)
        starts = self._raster.starts
        pair, member = _spans(self._firsts[starts[cell]], self._firsts[starts[cell + 1]])
        point = point[pair]
        edge = self._listed[member]
        foreign = self._owners[edge] != located[point]
        point, edge = point[foreign], edge[foreign]
        if not point.size:
            return NearestBorder(distance, neighbour)
        metres = _distances(lon[point], lat[point], self._edges.start[edge], self._edges.end[edge])
        near = metres <= within_m
        point, edge, metres = point[near], edge[near], metres[near]
        np.minimum.at(distance, point, metres)
        nearest = metres == distance[point]  # at a corner several counties are equally near: take the first
        first = np.full(lon.shape, _NO_POLYGON, dtype=np.int32)
        np.minimum.at(first, point[nearest], self._owners[edge[nearest]])
        return NearestBorder(distance, np.where(first == _NO_POLYGON, neighbour, first))

    def nearest(self, lon: float, lat: float, located: int) -> tuple[float, int]:
        """Find the nearest border of a point (degrees) at any distance.

        Args:
            located: Number of the polygon that contains the point, or ``OUTSIDE``.

        Returns:
            Metres to the nearest border; for a point outside, to the nearest polygon, infinite beyond 100 km. And the
                polygon on the other side, ``OUTSIDE`` where the border is the edge of all territory.
        """
        own = np.inf if located == OUTSIDE else self._to_polygon(lon, lat, located)
        radius = _FIRST_RADIUS_M if located == OUTSIDE else own + _SAME_BORDER_M
        while True:
            others = [int(n) for n in self._boxes_within(lon, lat, radius) if n != located]
            distances = [self._to_polygon(lon, lat, n) for n in others]
            best = int(np.argmin(distances)) if distances else 0
            if distances and distances[best] <= radius:
                return min(own, distances[best]), others[best]
            if located != OUTSIDE or radius > _LAST_RADIUS_M:
                return own, OUTSIDE
            radius *= 4.0

    def _to_polygon(self, lon: float, lat: float, number: int) -> float:
        part = slice(self._edges.firsts[number], self._edges.firsts[number + 1])
        start, end = self._edges.start[part], self._edges.end[part]
        return float(_distances(np.full(len(start), lon), np.full(len(start), lat), start, end).min())

    def _boxes_within(self, lon: float, lat: float, distance_m: float) -> IntArray:
        _, north = metres_per_degree(0.0)  # a degree is never shorter northward
        up = distance_m / float(north)
        east, _ = metres_per_degree(min(abs(lat) + up, 89.0))
        along = distance_m / float(east)
        numbers: IntArray = self._boxes.query(shapely.box(lon - along, lat - up, lon + along, lat + up))
        return np.sort(numbers)

    def _cells_around(self, lon: FloatArray, lat: FloatArray, within_m: float) -> tuple[LongArray, LongArray]:
        """Return points and numbers of the border cells within a distance of them, ascending by point.

        The square around a point spans at most two cells each way, so its corners hit all its cells.
        """
        grid = self._raster.grid
        highest = grid.south + grid.rows / grid.cells_per_degree
        east, north = metres_per_degree(np.clip(lat, grid.south, highest))  # at a pole the width would be zero
        along, up = 1.01 * within_m / east, 1.01 * within_m / north
        if max(along.max(initial=0.0), up.max(initial=0.0)) * grid.cells_per_degree >= 1.0:
            raise ValueError(f"{within_m} m is more than a cell of the raster")
        corners = [self._raster.values_at(lon + x * along, lat + y * up) for x in (-1.0, 1.0) for y in (-1.0, 1.0)]
        values = np.sort(np.stack(corners, axis=1), axis=1)
        new: BoolArray = values <= FIRST_BORDER
        new[:, 1:] &= values[:, 1:] != values[:, :-1]
        point, corner = np.nonzero(new)
        return point, (FIRST_BORDER - values[point, corner]).astype(np.int64)


def _spans(firsts: LongArray, stops: LongArray) -> tuple[LongArray, LongArray]:
    """Expand spans: return the span of every member and the member's number."""
    lengths = stops - firsts
    span = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(span)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return span, firsts[span] + within


def _distances(lon: FloatArray, lat: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return metres from each point to its segment."""
    east, north = metres_per_degree(lat)
    to_x, to_y = (start[:, 0] - lon) * east, (start[:, 1] - lat) * north
    way_x, way_y = (end[:, 0] - start[:, 0]) * east, (end[:, 1] - start[:, 1]) * north
    length_2 = way_x * way_x + way_y * way_y
    share = -(to_x * way_x + to_y * way_y) / np.where(length_2 > 0.0, length_2, 1.0)
    foot = start + (end - start) * share.clip(0.0, 1.0)[:, None]
    middle_east, middle_north = metres_per_degree((foot[:, 1] + lat) / 2.0)
    metres: FloatArray = np.hypot((foot[:, 0] - lon) * middle_east, (foot[:, 1] - lat) * middle_north)
    return metres
