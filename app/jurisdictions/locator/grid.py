"""Border segments, and the grid of cells in degrees that they pass through."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.geodesy import FloatArray

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]

NEAR_DEG: Final = 1e-9
"""A border this near touches a cell (0.1 mm): a million times the rounding error of cell arithmetic."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The border segments of an array of polygons, holes included, ordered by polygon."""

    start: FloatArray  # longitude and latitude of the start points, degrees, shape `(n, 2)`
    end: FloatArray  # the same of the end points
    firsts: LongArray  # number of the first edge of each polygon, then the number of edges; shape `(polygons + 1,)`

    @staticmethod
    def of(polygons: NDArray[np.object_]) -> "Edges":
        """Split polygons and multipolygons into segments."""
        parts, part_owner = shapely.get_parts(polygons, return_index=True)
        rings, ring_part = shapely.get_rings(parts, return_index=True)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        joined = ring[1:] == ring[:-1]
        owner = part_owner[ring_part[ring[1:][joined]]]
        firsts = np.searchsorted(owner, np.arange(len(polygons) + 1))
        return Edges(points[:-1][joined], points[1:][joined], firsts)

    def owners(self) -> IntArray:
        """Return the polygon of each edge, shape ``(n,)``."""
        return np.repeat(np.arange(len(self.firsts) - 1, dtype=np.int32), np.diff(self.firsts))


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of equal size in degrees, numbered row by row from the south-west corner.

    ``west`` and ``south`` are the edges in degrees. Rows count northward, columns eastward.
    """

    west: float
    south: float
    cells_per_degree: float
    rows: int
    columns: int

    @staticmethod
    def around(polygons: NDArray[np.object_], cell_deg: float) -> "Grid":
        """Return a grid over all polygons with a margin of one cell."""
        min_x, min_y, max_x, max_y = shapely.total_bounds(polygons)
        rows = int((max_y - min_y) / cell_deg) + 3
        columns = int((max_x - min_x) / cell_deg) + 3
        return Grid(min_x - cell_deg, min_y - cell_deg, 1.0 / cell_deg, rows, columns)

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.rows * self.columns

    def finer(self, times: int) -> "Grid":
        """Return the grid with cells ``times`` smaller each way; ``times`` must be a power of two.

        A point's finer cell then lies in its own cell without rounding between the two.
        """
        return Grid(self.west, self.south, self.cells_per_degree * times, self.rows * times, self.columns * times)

    def column(self, lon: FloatArray) -> LongArray:
        """Return the column of longitudes; they must not lie west of the grid."""
        return ((lon - self.west) * self.cells_per_degree).astype(np.int64)

    def row(self, lat: FloatArray) -> LongArray:
        """Return the row of latitudes; they must not lie south of the grid."""
        return ((lat - self.south) * self.cells_per_degree).astype(np.int64)

    def cells_near(self, edges: Edges) -> tuple[LongArray, IntArray]:
        """Find the cells that edges pass through or come within ``NEAR_DEG`` of.

        None is missed. Some cells beside an edge are included too: the rest of a two-by-two block whose corner the
        edge cuts.

        Returns:
            Cells and, for each, the edge; a pair may occur twice.
        """
        start, end, of = _cut(edges, 1.0 / self.cells_per_degree)
        low, high = np.minimum(start, end) - NEAR_DEG, np.maximum(start, end) + NEAR_DEG
        left, right = self.column(low[:, 0]), self.column(high[:, 0])
        bottom, top = self.row(low[:, 1]), self.row(high[:, 1])
        cells, numbers = [bottom * self.columns + left], [of]
        for up, along in _offsets(int((top - bottom).max()), int((right - left).max())):
            also = np.flatnonzero((bottom + up <= top) & (left + along <= right))
            cells.append((bottom[also] + up) * self.columns + left[also] + along)
            numbers.append(of[also])
        return np.concatenate(cells), np.concatenate(numbers)


def _offsets(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    return ((up, along) for up in range(rows + 1) for along in range(columns + 1) if up or along)


def _cut(edges: Edges, longest: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Cut edges to at most one cell each way; return starts, ends and the edge of each piece."""
    pieces = np.ceil(np.abs(edges.end - edges.start).max(axis=1) / longest).astype(np.int64).clip(1)
    of = np.repeat(np.arange(len(pieces), dtype=np.int32), pieces)
    if len(of) == len(pieces):
        return edges.start, edges.end, of
    step = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    way = ((edges.end - edges.start) / pieces[:, None])[of]
    start = edges.start[of] + way * step[:, None]
    return start, start + way, of
