"""The raster under a locator: for each grid cell, the one polygon that fills it or the few that touch it.

A cell away from all borders belongs to one polygon or to none, so every point in it has that answer. A cell that a
border touches is divided once more, in the same way. Parts that the border touches stay undecided: their candidate
polygons are listed, and the locator tests those exactly.
"""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from app.core.geo.geodesy import BoolArray, FloatArray
from app.jurisdictions.locator.grid import Edges, Grid, IntArray, LongArray

Progress = Callable[[int, int], None]
"""``progress(done, total)``, called from time to time."""
Touches = Callable[[FloatArray, FloatArray, IntArray], BoolArray]
"""``touches(lon, lat, indices into the list of candidates)``."""

OUTSIDE: Final = -1
FIRST_BORDER: Final = -2
"""A cell value ``FIRST_BORDER - k`` is border cell number ``k``."""
UNDECIDED: Final = -2
"""The value of a part of a border cell that the border touches."""
FINER: Final = 4
"""A border cell is divided into this many parts each way."""

_FORMAT: Final = 2
_PROGRESS_STEP: Final = 64
_CHUNK: Final = 1 << 18
_ARRAYS: Final = ("cells", "starts", "candidates", "parts")


@dataclass(frozen=True, slots=True)
class Raster:
    """The value of each cell of a grid."""

    grid: Grid
    polygon_count: int  # number of polygons that the raster was built from
    # shape `(rows * columns,)`: number of the polygon that fills the cell, `OUTSIDE`, or `FIRST_BORDER - k`; border
    # cells are numbered in the order of the cells
    cells: IntArray
    starts: IntArray  # index of the first candidate of border cell `k`, shape `(border cells + 1,)`
    candidates: IntArray  # numbers of the polygons that touch the border cells, ascending within a cell
    # for each border cell the values of its parts, row by row: a number, `OUTSIDE` or `UNDECIDED`; shape `(border
    # cells, FINER * FINER)`
    parts: IntArray

    def values_at(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Return the values of the cells at points; ``OUTSIDE`` beyond the grid and for NaN."""
        grid = self.grid
        x, y = (lon - grid.west) * grid.cells_per_degree, (lat - grid.south) * grid.cells_per_degree
        within = (x >= 0) & (x < grid.columns) & (y >= 0) & (y < grid.rows)
        if within.all():
            return self.cells[y.astype(np.int64) * grid.columns + x.astype(np.int64)]
        values = np.full(lon.shape, OUTSIDE, dtype=np.int32)
        values[within] = self.values_at(lon[within], lat[within])
        return values

    def parts_at(self, lon: FloatArray, lat: FloatArray, border_cell: IntArray) -> IntArray:
        """Return the values of the parts of border cells at points."""
        finer = self.grid.finer(FINER)
        part = (finer.row(lat) % FINER) * FINER + finer.column(lon) % FINER
        values: IntArray = self.parts[border_cell, part]
        return values

    def to_bytes(self) -> bytes:
        """Pack the raster for storage with its layer: 3 MB at 0.02 degrees."""
        grid, buffer = self.grid, io.BytesIO()
        np.savez(
            buffer,
            head=np.array([_FORMAT, self.polygon_count, grid.rows, grid.columns]),
            frame=np.array([grid.west, grid.south, grid.cells_per_degree]),
            **{name: getattr(self, name) for name in _ARRAYS},
        )
        return zlib.compress(buffer.getvalue(), 6)

    @staticmethod
    def from_bytes(data: bytes) -> "Raster":
        """Unpack the result of ``to_bytes``; ``ValueError`` where it is not a raster of this version."""
        try:
            with np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False) as parts:
                version, polygon_count, rows, columns = (int(v) for v in parts["head"])
                west, south, cells_per_degree = (float(v) for v in parts["frame"])
                arrays = [parts[name] for name in _ARRAYS if version == _FORMAT]
        except (zlib.error, KeyError, ValueError, OSError) as error:
            raise ValueError(f"not a locator raster: {error}") from error
        if version != _FORMAT:
            raise ValueError(f"a locator raster of version {version}, expected {_FORMAT}")
        grid = Grid(west, south, cells_per_degree, rows, columns)
        return Raster(grid, polygon_count, *arrays)


def build_raster(polygons: NDArray[np.object_], cell_deg: float, progress: Progress | None = None) -> Raster:
    """Build the raster of polygons (degrees; they may overlap); ``cell_deg`` is the size of a cell in degrees."""
    shapely.prepare(polygons)
    grid, edges = Grid.around(polygons, cell_deg), Edges.of(polygons)
    cell, edge = grid.cells_near(edges)
    owner, cell = np.divmod(np.unique(edges.owners()[edge] * np.int64(grid.size) + cell), grid.size)
    firsts = np.searchsorted(owner, np.arange(len(polygons) + 1))
    touched = np.zeros(grid.size, dtype=np.bool_)
    touched[cell] = True
    cells = np.full(grid.size, OUTSIDE, dtype=np.int32)
    pairs = [np.stack([owner, cell])]
    for number, polygon in enumerate(polygons):
        filled = _filled(polygon, cell[firsts[number] : firsts[number + 1]], grid)
        cells[filled[cells[filled] == OUTSIDE]] = number
        # A polygon that fills a cell is also a candidate there if another polygon's border touches the cell.
        also = filled[touched[filled]]
        pairs.append(np.stack([np.full_like(also, number), also]))
        if progress is not None and number % _PROGRESS_STEP == 0:
            progress(number, 2 * len(polygons))
    owner, cell = np.concatenate(pairs, axis=1)
    order = np.lexsort((owner, cell))
    border_cells, starts = np.unique(cell[order], return_index=True)
    cells[border_cells] = FIRST_BORDER - np.arange(len(border_cells), dtype=np.int32)
    stops = np.append(starts, len(cell)).astype(np.int32)
    parts = np.full((len(border_cells), FINER * FINER), UNDECIDED, dtype=np.int32)
    raster = Raster(grid, len(polygons), cells, stops, owner[order].astype(np.int32), parts)
    return _with_parts(raster, polygons, edges, border_cells, progress)


def _with_parts(
    raster: Raster,
    polygons: NDArray[np.object_],
    edges: Edges,
    border_cells: LongArray,
    progress: Progress | None,
) -> Raster:
    """Decide the parts of border cells that no border touches, each by its centre point."""
    finer = raster.grid.finer(FINER)
    row, column = np.divmod(border_cells, raster.grid.columns)
    inner_row, inner_column = np.divmod(np.arange(FINER * FINER), FINER)
    rows, columns = row[:, None] * FINER + inner_row, column[:, None] * FINER + inner_column
    touched = np.zeros(finer.size, dtype=np.bool_)
    touched[finer.cells_near(edges)[0]] = True
    cell, part = np.nonzero(~touched[rows * finer.columns + columns])
    parts = raster.parts.copy()
    for first in range(0, len(cell), _CHUNK):
        some = slice(first, first + _CHUNK)
        lon = finer.west + (columns[cell[some], part[some]] + 0.5) / finer.cells_per_degree
        lat = finer.south + (rows[cell[some], part[some]] + 0.5) / finer.cells_per_degree
        parts[cell[some], part[some]] = first_covering(polygons, raster, lon, lat, cell[some])
        if progress is not None:
            progress(len(polygons) + len(polygons) * first // len(cell), 2 * len(polygons))
    if progress is not None:
        progress(2 * len(polygons), 2 * len(polygons))
    return replace(raster, parts=parts)


def first_covering(
    polygons: NDArray[np.object_],
    raster: Raster,
    lon: FloatArray,
    lat: FloatArray,
    border_cell: LongArray | IntArray,
    touches: Touches | None = None,
) -> IntArray:
    """Test the candidates of border cells one after the other, lowest number first.

    Returns the number of the first polygon that covers each point, or ``OUTSIDE``. ``lon`` and ``lat`` are degrees,
    shape ``(n,)``; ``border_cell`` is the cell that contains each point. ``touches`` decides about points that a
    candidate does not cover: whether they count as on its border. The polygons must be prepared.
    """
    at, stop = raster.starts[border_cell], raster.starts[border_cell + 1]
    found = np.full(lon.shape, OUTSIDE, dtype=np.int32)
    left = np.argsort(raster.candidates[at], kind="stable")  # group by polygon: its index stays in cache
    while left.size:
        number = raster.candidates[at[left]]
        covers = shapely.intersects_xy(polygons[number], lon[left], lat[left])
        if touches is not None:
            refused = left[~covers]
            covers[~covers] = touches(lon[refused], lat[refused], at[refused])
        found[left[covers]] = number[covers]
        left = left[~covers]
        at[left] += 1
        left = left[at[left] < stop[left]]
    return found


def _filled(polygon: shapely.Geometry, edge_cells: LongArray, grid: Grid) -> LongArray:
    """Return the cells that a polygon fills.

    Connected cells that its border does not touch are all inside or all outside, so one sample point decides.
    """
    rows, columns = np.divmod(edge_cells, grid.columns)
    base_row, base_column = int(rows.min()), int(columns.min())
    free = np.ones((int(rows.max()) - base_row + 1, int(columns.max()) - base_column + 1), dtype=np.bool_)
    free[rows - base_row, columns - base_column] = False
    if not free.any():
        return np.empty(0, dtype=np.int64)
    parts, _ = cast("tuple[IntArray, int]", ndimage.label(free))
    _, sample = np.unique(parts, return_index=True)  # part 0 are the border cells
    row, column = np.unravel_index(sample, parts.shape)
    inside: BoolArray = shapely.intersects_xy(
        polygon,
        grid.west + (column + base_column + 0.5) / grid.cells_per_degree,
        grid.south + (row + base_row + 0.5) / grid.cells_per_degree,
    )
    inside[0] = False
    row, column = np.nonzero(inside[parts])
    return (row + base_row) * grid.columns + column + base_column
