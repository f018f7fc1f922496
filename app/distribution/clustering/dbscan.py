"""Density clusters of points on the earth: exact DBSCAN, independent of the order of the points.

Points are unit vectors, so that a radius in metres means the same everywhere. A fourth coordinate, one unit a group,
keeps groups (territories) apart. No list of point pairs is built: ten thousand assets in one yard have fifty million.
Cores are found by the distance to their ``min_assets``-th neighbour and joined by cells. Points in one cell are
within the radius of each other; two cells are joined when their nearest points are. Memory grows with the number of
points, in any arrangement (docs/decisions/0006-clusters.md has the measurements).

References:
    Ester, Kriegel, Sander, Xu: A density-based algorithm for discovering clusters, KDD 1996.
    Gunawan: A faster algorithm for DBSCAN, Eindhoven 2013 (the cells).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from app.core.geo.geodesy import BoolArray, FloatArray, chord_for_distance, unit_vectors

IntArray = NDArray[np.int64]

NOISE: Final = -1
MAX_RADIUS_M: Final = 100_000.0
"""Chords of longer radii would approach the distance that separates groups."""

_TIE: Final = 1e-9
"""Cores whose distances differ by less than this fraction are equally near: less than a micrometre."""
_CELLS_PER_RADIUS: Final = 3**0.5 * (1 + 1e-9)
"""A cube of this fraction of the radius has a diagonal just under the radius."""
_REACH_CELLS: Final = 2
"""Points within the radius of each other are at most this many cells apart along each axis."""
_APART: Final = 8
"""Groups are this many cells apart: more than ``_REACH_CELLS``."""


@dataclass(frozen=True, slots=True)
class Points:
    """The points to cluster: one row per asset, in any order."""

    lon: FloatArray  # longitudes, WGS-84 degrees, shape `(n,)`
    lat: FloatArray  # latitudes, WGS-84 degrees, shape `(n,)`
    group: IntArray  # the territory of each point, shape `(n,)`: points of different groups are never neighbours
    asset_id: IntArray  # distinct, shape `(n,)`


@dataclass(frozen=True, slots=True)
class Clustering:
    """The cluster of each point, in the order of the points."""

    label: IntArray  # 0, 1, ... ordered by the clusters' lowest asset ids; `NOISE` (-1) for none; shape `(n,)`.
    core: BoolArray  # whether at least `min_assets` points, itself included, are within the radius; shape `(n,)`

    @property
    def count(self) -> int:
        """The number of clusters."""
        return int(self.label.max(initial=NOISE)) + 1


def dbscan(points: Points, *, radius_m: float, min_assets: int) -> Clustering:
    """Cluster points of the same group.

    A core point has at least ``min_assets`` points of its group within the radius, *itself included*. Cores within
    the radius of each other are in one cluster. Any other point belongs to the cluster of its nearest core within the
    radius (of equally near cores, that with the lowest asset id). A cluster may have fewer than ``min_assets``
    members, where a point that made its core one is nearer to a core of another cluster.

    Args:
        radius_m: Great-circle metres on a sphere of the mean radius, more than 0, at most ``MAX_RADIUS_M``.
        min_assets: At least 1.

    Raises:
        ValueError: A parameter is out of range.
    """
    if not 0 < radius_m <= MAX_RADIUS_M or min_assets < 1:
        raise ValueError(f"radius_m must be in (0, {MAX_RADIUS_M}] and min_assets at least 1")
    label = np.full(points.asset_id.shape, NOISE, dtype=np.int64)
    core = np.zeros(points.asset_id.shape, dtype=np.bool_)
    if points.asset_id.size < min_assets:
        return Clustering(label, core)
    reach = float(chord_for_distance(radius_m))
    spots, spot_of, lowest_id = _spots(points)
    spot_is_core = _core_spots(spots, np.bincount(spot_of), reach, min_assets)
    if spot_is_core.any():
        of_spot = np.full(len(spots), NOISE, dtype=np.int64)
        of_spot[spot_is_core] = _components(spots[spot_is_core], reach)
        nearest = _nearest_core(spots[~spot_is_core], spots[spot_is_core], lowest_id[spot_is_core], reach)
        of_spot[~spot_is_core] = np.where(nearest >= 0, of_spot[spot_is_core][nearest], NOISE)
        label, core = _in_id_order(of_spot[spot_of], points.asset_id), spot_is_core[spot_of]
    return Clustering(label, core)


def touching(points: Points, label: IntArray, *, radius_m: float) -> IntArray:
    """Find the clusters of different groups that have members within the radius of each other.

    ``label`` and ``radius_m`` are as in ``dbscan``. Returns pairs of labels, the lower first, in order; shape ``(k,
    2)``.
    """
    member = np.flatnonzero(label != NOISE)
    if not member.size:
        return np.empty((0, 2), dtype=np.int64)
    reach = float(chord_for_distance(radius_m))
    vectors = unit_vectors(points.lon[member], points.lat[member])
    cubes, unit = _distinct(np.column_stack([np.floor(vectors * (_CELLS_PER_RADIUS / reach)), label[member]]))
    of_unit = cubes[:, 3].astype(np.int64)
    group = points.group[member][_first_of(unit)]
    pairs = _cells_in_reach(cubes[:, :3])
    pairs = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]]
    ends = np.sort(of_unit[pairs], axis=1)
    together = (cubes[pairs[:, 0], :3] == cubes[pairs[:, 1], :3]).all(axis=1)
    _, link = _distinct(ends.astype(np.float64))
    left = ~np.isin(link, link[together])  # clusters that share a cell touch: no search needed
    together[left] = _near_enough(vectors, unit, pairs[left], reach)
    return np.unique(ends[together], axis=0)


def _spots(points: Points) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the distinct places, the place index of each point, and the lowest asset id of each place.

    A place is a unit vector and its group, shape ``(m, 4)``; places of different groups are at least 1 apart.
    """
    _, group = np.unique(points.group, return_inverse=True)
    distinct, spot_of = _distinct(np.column_stack([group, points.lon, points.lat]).astype(np.float64))
    lowest_id = np.full(len(distinct), np.iinfo(np.int64).max)
    np.minimum.at(lowest_id, spot_of, points.asset_id)
    return np.column_stack([unit_vectors(distinct[:, 1], distinct[:, 2]), distinct[:, 0]]), spot_of, lowest_id


def _core_spots(spots: FloatArray, weight: IntArray, reach: float, min_assets: int) -> BoolArray:
    """Return which places are cores: by a full cell, or by the distance to the last point needed."""
    _, unit = _cells(spots, reach)
    core = np.bincount(unit, weights=weight)[unit] >= min_assets
    open_ = np.flatnonzero(~core)
    if open_.size:
        tree = cKDTree(np.repeat(spots, np.minimum(weight, min_assets), axis=0))
        core[open_] = _nearest(tree, spots[open_], [min_assets], reach)[0][:, 0] <= reach
    return core


def _components(cores: FloatArray, reach: float) -> IntArray:
    """Return the connected component of each core, shape ``(m, 4)``."""
    cells, unit = _cells(cores, reach)
    pairs = _cells_in_reach(cells)
    some = _first_of(unit)
    near = np.linalg.norm(cores[some[pairs[:, 0]]] - cores[some[pairs[:, 1]]], axis=1) <= reach
    known = _joined(len(cells), pairs[near])  # cheap, and leaves few pairs for the exact search
    pairs = pairs[known[pairs[:, 0]] != known[pairs[:, 1]]]
    exact = pairs[_near_enough(cores[:, :3], unit, pairs, reach)]
    joined = _joined(int(known.max()) + 1, known[exact])
    return joined[known][unit]


def _joined(count: int, edges: IntArray) -> IntArray:
    """Return the connected component of ``count`` nodes with these edges, shape ``(k, 2)``."""
    ones = np.ones(len(edges), dtype=np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)


def _cells(places: FloatArray, reach: float) -> tuple[FloatArray, IntArray]:
    """Return the occupied cubes of places, shape ``(m, 4)``, and the cube number of each place.

    The fourth column, whole numbers, separates the cubes of different groups.
    """
    cube = np.floor(places[:, :3] * (_CELLS_PER_RADIUS / reach))
    cells, unit = _distinct(np.column_stack([cube, places[:, 3] * _APART]))
    return cells, unit


def _distinct(rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the distinct rows in lexical order, and the index of each row among them."""
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(len(rows), dtype=np.int64)
    number[order] = np.cumsum(first) - 1
    return ordered[first], number


def _first_of(unit: IntArray) -> IntArray:
    """Return for each unit 0, 1, ... the index of its first occurrence."""
    return np.unique(unit, return_index=True)[1]


def _cells_in_reach(cells: FloatArray) -> IntArray:
    """Return the pairs of cells that can hold points within the radius of each other, shape ``(k, 2)``."""
    found = cKDTree(cells).query_pairs(_REACH_CELLS, p=np.inf, output_type="ndarray")
    return found.astype(np.int64).reshape(-1, 2)


def _near_enough(vectors: FloatArray, unit: IntArray, pairs: IntArray, reach: float) -> BoolArray:
    """Return for each pair of units whether a point of one is within reach of a point of the other.

    Each point of the smaller unit searches its nearest neighbour in the larger one. A fourth axis separates the
    units; the search runs at the coordinate of the other unit. ``vectors`` has shape ``(n, 3)``, ``unit`` ``(n,)``,
    ``pairs`` ``(k, 2)``; ``reach`` is the length of a chord.
    """
    if not len(pairs):
        return np.zeros(0, dtype=np.bool_)
    size = np.bincount(unit)
    smaller_first = size[pairs[:, 0]] <= size[pairs[:, 1]]
    source = np.where(smaller_first, pairs[:, 0], pairs[:, 1])
    target = np.where(smaller_first, pairs[:, 1], pairs[:, 0])
    order, start = np.argsort(unit, kind="stable"), np.cumsum(size) - size
    pair = np.repeat(np.arange(len(pairs)), size[source])
    within = np.arange(len(pair)) - np.repeat(np.cumsum(size[source]) - size[source], size[source])
    point = order[start[source][pair] + within]
    tree = cKDTree(np.column_stack([vectors, unit.astype(np.float64)]))
    query_points = np.column_stack([vectors[point], target[pair].astype(np.float64)])
    distance, _ = _nearest(tree, query_points, [1], reach)
    return np.bincount(pair[distance[:, 0] <= reach], minlength=len(pairs)) > 0


def _nearest(tree: cKDTree, points: FloatArray, ranks: Sequence[int], reach: float) -> tuple[FloatArray, IntArray]:
    """Return distance and index of the neighbours of these ranks (1 is the nearest); infinity beyond reach.

    The search goes a little beyond ``reach``, since the tree's bound is strict; both have shape ``(n, ranks)``.
    """
    distance, number = tree.query(points, k=list(ranks), distance_upper_bound=reach * 1.01)
    return np.asarray(distance, dtype=np.float64), np.asarray(number, dtype=np.int64)


def _nearest_core(others: FloatArray, cores: FloatArray, core_id: IntArray, reach: float) -> IntArray:
    """Return the index of the nearest core within reach for each place, -1 for none; shape ``(len(others),)``."""
    if not len(others):
        return np.empty(0, dtype=np.int64)
    tree = cKDTree(cores)
    distance, nearest = _nearest(tree, others, [1, 2], reach)
    chosen = np.where(distance[:, 0] <= reach, nearest[:, 0], NOISE)
    tied = np.flatnonzero((chosen >= 0) & (distance[:, 1] <= distance[:, 0] * (1 + _TIE)))
    for row in tied:
        equally_near = tree.query_ball_point(others[row], distance[row, 0] * (1 + _TIE))
        chosen[row] = min(equally_near, key=core_id.__getitem__)
    return chosen


def _in_id_order(label: IntArray, asset_id: IntArray) -> IntArray:
    """Renumber clusters 0, 1, ... by their lowest asset id; ``NOISE`` stays."""
    member = label != NOISE
    lowest_id = np.full(int(label.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest_id, label[member], asset_id[member])
    rank = np.empty(len(lowest_id), dtype=np.int64)
    rank[np.argsort(lowest_id)] = np.arange(len(lowest_id))
    return np.where(member, rank[label], NOISE)
