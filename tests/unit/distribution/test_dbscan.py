"""Clusters equal those of the textbook, whatever the order of the points and however they are heaped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.geo.geodesy import EARTH_RADIUS_M, FloatArray, destination, distance_m
from app.distribution.clustering.dbscan import NOISE, Clustering, IntArray, Points, dbscan, touching

RADIUS_M = 500.0
BUND = (121.4903, 31.2397)


def points_at(lon: FloatArray, lat: FloatArray, group: IntArray | None = None) -> Points:
    n = len(lon)
    return Points(lon, lat, np.zeros(n, dtype=np.int64) if group is None else group, np.arange(1, n + 1))


def yard(n: int, radius_m: float, seed: int, centre: tuple[float, float] = BUND) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    lon, lat = destination(*centre, rng.uniform(0, 360, n), radius_m * np.sqrt(rng.uniform(0, 1, n)))
    return np.round(lon, 7), np.round(lat, 7)


def naive(points: Points, radius_m: float, min_assets: int) -> list[int]:
    """The textbook, all pairs: a label per point, clusters numbered by their lowest asset id."""
    n = len(points.lon)
    away = np.array([distance_m(points.lon[i], points.lat[i], points.lon, points.lat) for i in range(n)])
    near = (away <= radius_m) & (points.group[:, None] == points.group[None, :])
    core = near.sum(axis=1) >= min_assets
    component = list(range(n))
    for i in range(n):
        for j in range(n):
            if core[i] and core[j] and near[i, j] and component[i] != component[j]:
                old = component[j]
                component = [component[i] if c == old else c for c in component]
    label: list[int] = [component[i] if core[i] else NOISE for i in range(n)]
    for i in np.flatnonzero(~core).tolist():
        cores = [j for j in range(n) if core[j] and near[i, j]]
        if cores:
            least = min(away[i, j] for j in cores)
            tied = [j for j in cores if away[i, j] <= least + 1e-6]
            label[i] = component[min(tied, key=lambda j: points.asset_id[j])]
    lowest = {c: min(int(points.asset_id[j]) for j in range(n) if label[j] == c) for c in set(label) - {NOISE}}
    rank = {c: r for r, c in enumerate(sorted(lowest, key=lowest.__getitem__))}
    return [rank.get(c, NOISE) for c in label]


def clusters_by_id(points: Points, clustering: Clustering) -> list[list[int]]:
    return [sorted(points.asset_id[clustering.label == c].tolist()) for c in range(clustering.count)]


@st.composite
def scenes(draw: st.DrawFn) -> Points:
    """Up to 40 points on a coarse net (so that many coincide or are equally far), in up to three groups."""
    n = draw(st.integers(1, 40))
    step = draw(st.sampled_from([1e-7, 3e-5, 1e-3, 2.2e-3, 4.1e-3]))
    base_lat = draw(st.sampled_from([0.0, 31.2, 52.9]))
    whole = st.integers(-6, 6)
    net = draw(st.lists(st.tuples(whole, whole, st.integers(1, 3)), min_size=n, max_size=n))
    ids = draw(st.permutations(range(1, n + 1)))
    x, y, group = (np.array(v) for v in zip(*net, strict=True))
    return Points(121.4 + x * step, base_lat + y * step, group.astype(np.int64), np.array(ids, dtype=np.int64))


@given(scenes(), st.integers(1, 8), st.sampled_from([50.0, 300.0, 500.0, 2000.0]))
def test_equals_the_textbook(points: Points, min_assets: int, radius_m: float) -> None:
    found = dbscan(points, radius_m=radius_m, min_assets=min_assets)
    assert found.label.tolist() == naive(points, radius_m, min_assets)


@given(scenes(), st.integers(1, 8), st.randoms(use_true_random=False))
def test_order_of_points_never_matters(points: Points, min_assets: int, random: object) -> None:
    order = list(range(len(points.lon)))
    random.shuffle(order)  # type: ignore[attr-defined] # hypothesis hands in a random.Random
    shuffled = Points(points.lon[order], points.lat[order], points.group[order], points.asset_id[order])
    found = dbscan(points, radius_m=RADIUS_M, min_assets=min_assets)
    again = dbscan(shuffled, radius_m=RADIUS_M, min_assets=min_assets)
    assert again.label.tolist() == found.label[order].tolist()
    assert again.core.tolist() == found.core[order].tolist()
    pairs = touching(points, found.label, radius_m=RADIUS_M)
    assert touching(shuffled, again.label, radius_m=RADIUS_M).tolist() == pairs.tolist()


@given(scenes(), st.sampled_from([50.0, 300.0, 500.0, 2000.0]))
def test_touching_equals_all_pairs(points: Points, radius_m: float) -> None:
    label = dbscan(points, radius_m=radius_m, min_assets=2).label
    expected = {
        (min(label[i], label[j]), max(label[i], label[j]))
        for i in range(len(label))
        for j in range(i)
        if label[i] != NOISE and label[j] != NOISE and points.group[i] != points.group[j]
        if distance_m(points.lon[i], points.lat[i], points.lon[j], points.lat[j]) <= radius_m
    }
    assert {(a, b) for a, b in touching(points, label, radius_m=radius_m).tolist()} == expected


@pytest.mark.parametrize("min_assets", [2, 3, 5])
def test_larger_random_scenes_equal_the_textbook(min_assets: int) -> None:
    lon, lat = yard(250, 4000, seed=min_assets)
    points = points_at(lon, lat)
    found = dbscan(points, radius_m=RADIUS_M, min_assets=min_assets)
    assert found.count > 1
    assert (found.label == NOISE).any()
    assert found.label.tolist() == naive(points, RADIUS_M, min_assets)


def test_the_point_itself_is_counted() -> None:
    lon, lat = yard(5, 100, seed=1)
    assert dbscan(points_at(lon, lat), radius_m=RADIUS_M, min_assets=5).count == 1
    assert dbscan(points_at(lon[:4], lat[:4]), radius_m=RADIUS_M, min_assets=5).count == 0


def test_radius_is_a_great_circle_at_every_latitude() -> None:
    for lat in (0.0, 18.2, 31.2, 53.4, 80.0):
        for bearing in (0.0, 45.0, 90.0):
            for metres, together in ((499.9, True), (500.1, False)):
                lon2, lat2 = destination(121.0, lat, bearing, metres)
                points = points_at(np.array([121.0, float(lon2)]), np.array([lat, float(lat2)]))
                assert (dbscan(points, radius_m=500, min_assets=2).count == 1) is together


def test_the_meridian_of_180_degrees_is_no_border() -> None:
    points = points_at(np.array([179.9999, -179.9999]), np.array([10.0, 10.0]))
    assert dbscan(points, radius_m=500, min_assets=2).count == 1


def test_a_border_point_goes_to_its_nearest_core() -> None:
    """Two yards and a point between them that sees one core of each, the second a little nearer."""
    degree_m = EARTH_RADIUS_M * np.pi / 180
    north_m = np.array([-450, -400, -350, 0, 900, 1250, 1300, 1350, 460.0])
    found = dbscan(points_at(np.full(9, 121.0), 31 + north_m / degree_m), radius_m=500, min_assets=4)
    assert found.core.tolist() == [True] * 8 + [False]
    assert found.label.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("ids", "label"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 0, 1, 1, 1, 1, 0]),
        ([5, 6, 7, 8, 1, 2, 3, 4, 9], [1, 1, 1, 1, 0, 0, 0, 0, 0]),
        ([2, 3, 4, 8, 1, 5, 6, 7, 9], [1, 1, 1, 1, 0, 0, 0, 0, 0]),
        ([2, 3, 4, 5, 8, 6, 7, 1, 9], [1, 1, 1, 1, 0, 0, 0, 0, 1]),
    ],
)
def test_of_cores_equally_near_the_lowest_asset_id_decides(ids: list[int], label: list[int]) -> None:
    """The cores at 121.000 and 121.008 are equally far from the point between: their own ids decide."""
    lon = np.array([120.997, 120.997, 120.997, 121.0, 121.008, 121.011, 121.011, 121.011, 121.004])
    points = Points(lon, np.zeros(9), np.zeros(9, dtype=np.int64), np.array(ids))
    found = dbscan(points, radius_m=450, min_assets=4)
    assert found.core.tolist() == [True] * 8 + [False]
    assert found.label.tolist() == label


def test_territories_are_clustered_apart_and_touch() -> None:
    lon, lat = yard(40, 300, seed=3)
    far_lon, far_lat = yard(10, 100, seed=4, centre=(121.6, 31.3))
    group = np.array([7] * 20 + [9] * 20 + [9] * 10)
    points = points_at(np.append(lon, far_lon), np.append(lat, far_lat), group)
    found = dbscan(points, radius_m=RADIUS_M, min_assets=5)
    assert clusters_by_id(points, found) == [list(range(1, 21)), list(range(21, 41)), list(range(41, 51))]
    assert touching(points, found.label, radius_m=RADIUS_M).tolist() == [[0, 1]]


def test_ten_thousand_points_in_one_yard_fit_in_memory() -> None:
    """All pairs would be fifty million; half of the assets have one and the same fix."""
    lon, lat = yard(10_000, 300, seed=5)
    lon[:5000], lat[:5000] = BUND
    found = dbscan(points_at(lon, lat), radius_m=RADIUS_M, min_assets=5)
    assert found.count == 1
    assert found.core.all()


def test_two_heaps_on_both_sides_of_a_border_touch() -> None:
    lon, lat = yard(6000, 300, seed=6)
    points = points_at(lon, lat, (lon > BUND[0]).astype(np.int64))
    label = dbscan(points, radius_m=RADIUS_M, min_assets=5).label
    assert touching(points, label, radius_m=RADIUS_M).tolist() == [[0, 1]]


def test_no_points_and_too_few() -> None:
    empty = points_at(np.empty(0), np.empty(0))
    assert dbscan(empty, radius_m=RADIUS_M, min_assets=1).count == 0
    assert touching(empty, np.empty(0, dtype=np.int64), radius_m=RADIUS_M).shape == (0, 2)
    alone = points_at(np.array([121.0]), np.array([31.0]))
    assert dbscan(alone, radius_m=RADIUS_M, min_assets=1).label.tolist() == [0]
    assert dbscan(alone, radius_m=RADIUS_M, min_assets=2).label.tolist() == [NOISE]


@pytest.mark.parametrize(("radius_m", "min_assets"), [(0.0, 5), (-1.0, 5), (float("nan"), 5), (1e6, 5), (500.0, 0)])
def test_parameters_out_of_range_are_refused(radius_m: float, min_assets: int) -> None:
    with pytest.raises(ValueError, match="radius_m"):
        dbscan(points_at(np.array([121.0]), np.array([31.0])), radius_m=radius_m, min_assets=min_assets)
