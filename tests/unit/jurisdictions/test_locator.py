"""Locating is exact: shapely's own predicate, asked for every polygon, is the oracle."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.core.geo.geodesy import FloatArray
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.locator.locator import Locator
from app.jurisdictions.locator.raster import OUTSIDE

Polygons = NDArray[np.object_]


def oracle(polygons: Polygons, lon: FloatArray, lat: FloatArray) -> NDArray[np.int32]:
    """The first polygon that covers each point, by asking every polygon whose box holds it."""
    points = shapely.points(lon, lat)
    point, polygon = shapely.STRtree(polygons).query(points, predicate="covered_by")
    found = np.full(len(points), len(polygons), dtype=np.int32)
    np.minimum.at(found, point, polygon.astype(np.int32))
    return np.where(found == len(polygons), OUTSIDE, found)


def check(locator: Locator, lon: FloatArray, lat: FloatArray) -> None:
    """The oracle's answer; or a lower number whose border is nearer than any float can tell (PostGIS's rounding)."""
    found, right = locator.locate(lon, lat), oracle(locator.polygons, lon, lat)
    for n in np.flatnonzero(found != right):
        assert found[n] != OUTSIDE
        assert right[n] == OUTSIDE or found[n] < right[n]
        assert shapely.distance(locator.polygons[found[n]], shapely.Point(lon[n], lat[n])) < 1e-13


def partition(seed: int, count: int) -> Polygons:
    """A patchwork of cells with shared borders, one with a hole, one a multipolygon, one lying over others."""
    rng = np.random.default_rng(seed)
    box = shapely.box(110.0, 25.0, 112.0, 26.5)
    seeds = shapely.MultiPoint(np.stack([rng.uniform(110, 112, count), rng.uniform(25, 26.5, count)], axis=1))
    cells = list(shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(seeds)), box))
    cells[0] = cells[0].difference(cells[0].centroid.buffer(0.02))
    cells[1] = shapely.union(cells[1], shapely.box(113.0, 25.0, 113.007, 25.3))
    return np.array([*cells, shapely.box(110.4, 25.3, 110.9, 25.6)], dtype=object)


def trial_points(polygons: Polygons, rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    """Points everywhere, on vertices, between vertices, and next to them by the smallest step of a float."""
    west, south, east, north = shapely.total_bounds(polygons)
    vertices = shapely.get_coordinates(polygons)
    some = vertices[rng.integers(0, len(vertices) - 1, count)]
    middles = (vertices[:-1] + vertices[1:])[rng.integers(0, len(vertices) - 1, count)] / 2
    beside = np.nextafter(some, rng.choice([-np.inf, np.inf], some.shape))
    lon = np.concatenate([rng.uniform(west - 0.1, east + 0.1, count), some[:, 0], middles[:, 0], beside[:, 0]])
    lat = np.concatenate([rng.uniform(south - 0.1, north + 0.1, count), some[:, 1], middles[:, 1], beside[:, 1]])
    return lon, lat


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(3, 40), cell_deg=st.sampled_from([0.01, 0.02, 0.05, 0.3, 5.0]))
def test_every_point_of_a_patchwork_gets_the_first_polygon_that_covers_it(
    seed: int, count: int, cell_deg: float
) -> None:
    polygons = partition(seed, count)
    lon, lat = trial_points(polygons, np.random.default_rng(seed), 500)
    check(Locator.build(polygons, cell_deg=cell_deg), lon, lat)


def test_borders_that_run_along_the_cells_lines() -> None:
    polygons = np.array(
        [shapely.box(x, y, x + 0.1, y + 0.1) for y in (25.0, 25.1, 25.2) for x in (110.0, 110.1, 110.2)], dtype=object
    )
    locator = Locator.build(polygons, cell_deg=0.05)
    steps = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    exact = np.array(list(itertools.product(steps, steps))) + np.array([110.0, 25.0])
    points = np.concatenate([exact, np.nextafter(exact, np.inf), np.nextafter(exact, -np.inf)])
    assert np.array_equal(locator.locate(points[:, 0], points[:, 1]), oracle(polygons, points[:, 0], points[:, 1]))


def test_a_point_on_a_shared_border_belongs_to_the_lower_number() -> None:
    locator = Locator.build(np.array([shapely.box(110, 25, 111, 26), shapely.box(111, 25, 112, 26)], dtype=object))
    lon, lat = np.array([110.5, 111.0, 111.5]), np.full(3, 25.5)
    assert locator.locate(lon, lat).tolist() == [0, 0, 1]


def test_what_is_no_place_is_outside(amap_locator: Locator) -> None:
    lon = np.array([np.nan, 116.4, np.inf, -np.inf, 0.0, 180.0, -180.0, 1e300, 116.4, 116.4])
    lat = np.array([39.9, np.nan, 39.9, 39.9, 0.0, 90.0, -90.0, -1e300, 90.0, 39.9])
    found = amap_locator.locate(lon, lat)
    assert found[:-1].tolist() == [OUTSIDE] * 9
    assert found[-1] != OUTSIDE
    assert np.isinf(amap_locator.near_border(lon[:-1], lat[:-1]).distance_m).all()


def test_no_points_no_answers(amap_locator: Locator) -> None:
    nothing = np.empty(0)
    assert amap_locator.locate(nothing, nothing).shape == (0,)
    assert amap_locator.near_border(nothing, nothing).distance_m.shape == (0,)


def test_the_counties_of_china(amap_locator: Locator) -> None:
    lon, lat = trial_points(amap_locator.polygons, np.random.default_rng(20261123), 10_000)
    check(amap_locator, lon, lat)


def test_a_stored_raster_gives_the_same_answers(amap_locator: Locator) -> None:
    stored = amap_locator.raster_bytes()
    assert len(stored) < 4_000_000
    again = Locator.from_parts(amap_locator.polygons, stored)
    lon, lat = trial_points(amap_locator.polygons, np.random.default_rng(5), 5_000)
    assert np.array_equal(again.locate(lon, lat), amap_locator.locate(lon, lat))


def test_a_raster_that_an_earlier_version_stored_is_made_anew() -> None:
    polygons = partition(4, 20)
    lon, lat = trial_points(polygons, np.random.default_rng(4), 500)
    check(Locator.restore(polygons, b"of another form"), lon, lat)


def test_points_that_postgis_counts_to_a_border_by_its_rounding(amap: BoundaryLayer, amap_locator: Locator) -> None:
    # Found on border segments among 1.2 million; for each ST_Covers names both counties, exact arithmetic one.
    points = np.array(
        [
            (119.83183207335814, 27.31765011012),
            (100.8082818572961, 27.899894493952257),
            (111.83785331687284, 25.178398774218714),
            (105.47048989963004, 35.562503415858004),
        ]
    )
    found = amap_locator.locate(points[:, 0], points[:, 1])
    assert [amap.counties[n].adcode for n in found] == ["330329", "513422", "431124", "620422"]
    exactly = oracle(amap_locator.polygons, points[:, 0], points[:, 1])
    assert [amap.counties[n].adcode for n in exactly] == ["350926", "513423", "431129", "620826"]


def test_a_raster_of_other_polygons_is_refused(amap_locator: Locator) -> None:
    with pytest.raises(ValueError, match="2877 polygons, not of 10"):
        Locator.from_parts(amap_locator.polygons[:10], amap_locator.raster_bytes())
    with pytest.raises(ValueError, match="not a locator raster"):
        Locator.from_parts(amap_locator.polygons, b"something else")


def test_progress_comes_to_its_end() -> None:
    seen: list[tuple[int, int]] = []
    polygons = partition(1, 80)
    Locator.build(polygons, progress=lambda done, total: seen.append((done, total)))
    assert len({total for _, total in seen}) == 1
    assert seen[-1][0] == seen[-1][1] == 2 * len(polygons)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
