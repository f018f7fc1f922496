"""How far the nearest border is, and whose territory lies beyond it."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.geo.geodesy import destination, metres_per_degree
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.locator.locator import Locator
from app.jurisdictions.locator.raster import OUTSIDE

WEST, EAST, NORTH, SMALL = 0, 1, 2, 3
LAYER = np.array(
    [
        shapely.box(110.0, 25.0, 111.0, 26.0),
        shapely.box(111.0, 25.0, 112.0, 26.0) - shapely.box(111.5, 25.5, 111.504, 25.504),
        shapely.box(110.0, 26.0, 112.0, 27.0),
        shapely.box(111.5, 25.5, 111.504, 25.504),
    ],
    dtype=object,
)


@pytest.fixture(scope="module")
def locator() -> Locator:
    return Locator.build(LAYER)


def near(locator: Locator, lon: float, lat: float, within_m: float = 150.0) -> tuple[Any, int]:
    found = locator.near_border(np.array([lon]), np.array([lat]), within_m=within_m)
    return float(found.distance_m[0]), int(found.neighbour[0])


def nearest(locator: Locator, lon: float, lat: float) -> tuple[Any, int]:
    found = locator.border_distance_m(np.array([lon]), np.array([lat]))
    return float(found.distance_m[0]), int(found.neighbour[0])


@pytest.mark.parametrize("metres", [0.5, 20.0, 149.0, 900.0, 4_900.0])
@pytest.mark.parametrize(("side", "other"), [(-1, EAST), (1, WEST)])
def test_metres_across_a_meridian_border(locator: Locator, metres: float, side: int, other: int) -> None:
    east, _ = metres_per_degree(25.3)
    lon = 111.0 + side * metres / float(east)
    assert nearest(locator, lon, 25.3) == (pytest.approx(metres, abs=0.01), other)
    if metres < 1000:
        assert near(locator, lon, 25.3, 1000.0) == (pytest.approx(metres, abs=0.01), other)
    assert near(locator, lon, 25.3) == (
        (pytest.approx(metres, abs=0.01), other) if metres <= 150 else (np.inf, OUTSIDE)
    )


def test_metres_across_a_parallel_border(locator: Locator) -> None:
    _, north = metres_per_degree(26.0)
    assert nearest(locator, 110.5, 26.0 - 120.0 / float(north)) == (pytest.approx(120.0, abs=0.01), NORTH)
    assert near(locator, 110.5, 26.0 + 120.0 / float(north)) == (pytest.approx(120.0, abs=0.01), WEST)


def test_a_point_on_a_border_is_at_distance_zero_from_the_other(locator: Locator) -> None:
    assert near(locator, 111.0, 25.25) == (0.0, EAST)  # the border itself belongs to the first of the two
    assert nearest(locator, 111.0, 25.25) == (0.0, EAST)


def test_at_the_edge_of_all_territory_there_is_no_neighbour(locator: Locator) -> None:
    metres, other = nearest(locator, 110.0005, 25.5)
    assert (metres, other) == (pytest.approx(50.24, abs=0.05), OUTSIDE)
    assert near(locator, 110.0005, 25.5) == (np.inf, OUTSIDE)


def test_near_the_edge_the_other_court_is_still_named(locator: Locator) -> None:
    lon, lat = 110.9995, 25.0001  # 11 m from the edge in the south, 50 m from the county in the east
    assert nearest(locator, lon, lat) == (pytest.approx(11.08, abs=0.05), OUTSIDE)
    assert near(locator, lon, lat) == (pytest.approx(50.4, abs=0.1), EAST)


def test_a_county_inside_another(locator: Locator) -> None:
    assert nearest(locator, 111.502, 25.502)[1] == EAST
    assert near(locator, 111.4995, 25.502) == (pytest.approx(50.2, abs=0.1), SMALL)


def test_where_three_counties_meet_the_first_is_named(locator: Locator) -> None:
    assert near(locator, 111.0 - 1e-5, 26.0 + 1e-5)[1] == WEST
    assert near(locator, 111.0, 26.0) == (0.0, EAST)


def test_outside_the_nearest_county_is_a_neighbour_but_not_the_place(locator: Locator) -> None:
    located = locator.locate(np.array([109.9995]), np.array([25.5]))
    assert located.tolist() == [OUTSIDE]
    assert near(locator, 109.9995, 25.5) == (pytest.approx(50.24, abs=0.05), WEST)
    assert nearest(locator, 109.7, 25.5) == (pytest.approx(30_144, rel=1e-3), WEST)
    assert nearest(locator, 60.0, -30.0) == (np.inf, OUTSIDE)


def test_more_than_a_cell_is_refused(locator: Locator) -> None:
    with pytest.raises(ValueError, match="more than a cell"):
        near(locator, 110.5, 25.5, 5_000.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_both_searches_agree_near_real_borders(amap_locator: Locator, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = shapely.get_coordinates(amap_locator.polygons[rng.integers(0, len(amap_locator.polygons))])
    start = vertices[rng.integers(0, len(vertices), 20)]
    lon, lat = destination(start[:, 0], start[:, 1], rng.uniform(0, 360, 20), rng.uniform(0, 400, 20))
    quick, exact = amap_locator.near_border(lon, lat, within_m=300.0), amap_locator.border_distance_m(lon, lat)
    assert (exact.distance_m <= 400.0 * 1.004).all()
    inner = (exact.neighbour != OUTSIDE) & (exact.distance_m <= 300.0)
    assert quick.distance_m[inner] == pytest.approx(exact.distance_m[inner], abs=1.0)
    assert (quick.distance_m >= exact.distance_m - 1e-6).all()


def test_1000_points_at_once_are_answered_one_by_one(amap: BoundaryLayer, amap_locator: Locator) -> None:
    rng = np.random.default_rng(3)
    middle = shapely.get_coordinates(shapely.centroid(amap.county_areas))[rng.integers(0, 2877, 1000)]
    lon, lat = middle[:, 0] + rng.normal(0, 0.1, 1000), middle[:, 1] + rng.normal(0, 0.1, 1000)
    together = amap_locator.near_border(lon, lat)
    apart = [near(amap_locator, lon[n], lat[n]) for n in range(1000)]
    assert list(zip(together.distance_m, together.neighbour, strict=True)) == apart
    assert 10 < np.isfinite(together.distance_m).sum() < 300
