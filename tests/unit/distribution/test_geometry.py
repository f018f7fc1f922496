"""Identity, middle and outline of clusters."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app.core.geo.geodesy import distance_m
from app.distribution.clustering.geometry import centroid, cluster_id, hull_ring

PLACES = st.lists(
    st.tuples(st.integers(1_214_700_000, 1_214_800_000), st.integers(312_300_000, 312_400_000)),
    min_size=1,
    max_size=40,
)


@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, unique=True), st.randoms(use_true_random=False))
def test_the_id_does_not_depend_on_the_order_of_members(ids: list[int], random: object) -> None:
    shuffled = ids.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis hands in a random.Random
    assert cluster_id(500, 5, ids) == cluster_id(500, 5, shuffled)


def test_the_id_depends_on_parameters_and_members() -> None:
    ids = {
        cluster_id(500.0, 5, [1, 2, 3]),
        cluster_id(500.0, 5, [1, 2]),
        cluster_id(500.0, 5, [12, 3]),
        cluster_id(500.0, 4, [1, 2, 3]),
        cluster_id(500.5, 5, [1, 2, 3]),
        cluster_id(500, 5, [1, 2, 3]),  # the same as with 500.0
    }
    assert len(ids) == 5
    assert all(len(i) == 16 and int(i, 16) >= 0 for i in ids)


def test_the_id_is_the_same_in_every_release() -> None:
    """Ids stand in letters and plans: this one may only change together with the method."""
    assert cluster_id(500.0, 5, [3, 1, 2]) == "99524e5253807de2"


def test_centroid_is_the_middle_also_across_the_meridian_of_180_degrees() -> None:
    assert centroid(np.array([121.0, 121.2]), np.array([0.0, 0.0])) == (121.1, 0.0)
    lon, lat = centroid(np.array([179.9, -179.9]), np.array([10.0, 10.0]))
    assert abs(lon) == pytest.approx(180.0)
    assert lat == pytest.approx(10.0, abs=1e-4)


@given(PLACES)
def test_the_hull_holds_every_member_and_turns_left(places: list[tuple[int, int]]) -> None:
    lon_e7, lat_e7 = (np.array(v, dtype=np.int64) for v in zip(*places, strict=True))
    ring = hull_ring(lon_e7, lat_e7)
    if ring is None:
        assert shapely.convex_hull(shapely.MultiPoint(places)).area == 0
        return
    assert ring[0] == ring[-1]
    assert shapely.LinearRing(ring).is_ccw
    assert all(round(lon, 7) == lon and round(lat, 7) == lat for lon, lat in ring)
    corners_e7 = [(round(lon * 1e7), round(lat * 1e7)) for lon, lat in ring]
    assert shapely.Polygon(corners_e7).covers(shapely.MultiPoint(places))
    assert set(corners_e7) <= set(places)


def test_points_on_one_spot_or_line_have_no_area() -> None:
    assert hull_ring(np.array([1, 1, 1]), np.array([2, 2, 2])) is None
    assert hull_ring(np.array([1, 2, 3]), np.array([2, 4, 6])) is None


@given(PLACES)
def test_the_centroid_is_no_further_from_members_than_they_are_from_each_other(places: list[tuple[int, int]]) -> None:
    lon, lat = (np.array(v) / 1e7 for v in zip(*places, strict=True))
    to_middle = distance_m(*centroid(lon, lat), lon, lat).max()
    apart = max(distance_m(lon[i], lat[i], lon, lat).max() for i in range(len(lon)))
    assert to_middle <= apart + 0.02
