"""Distances and directions on the earth."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.geo import geodesy

longitudes = st.floats(-180, 180)
latitudes = st.floats(-89.9, 89.9)


def test_a_quarter_of_the_equator_is_a_quarter_of_the_circumference() -> None:
    expected = np.pi / 2 * geodesy.EARTH_RADIUS_M
    assert geodesy.distance_m(0, 0, 90, 0) == pytest.approx(expected)
    assert geodesy.distance_m(10, 0, 10, 90) == pytest.approx(expected)


def test_shanghai_to_beijing_is_the_published_distance() -> None:
    # People's Square to Tiananmen; the geodesic on the ellipsoid is 1,067.3 km.
    assert geodesy.distance_m(121.4737, 31.2304, 116.3975, 39.9087) == pytest.approx(1_067_300, rel=0.0056)


def test_distance_broadcasts_and_crosses_the_date_line() -> None:
    metres = geodesy.distance_m(179.5, 0.0, np.array([-179.5, 179.5, 0.0]), np.zeros(3))
    assert metres.shape == (3,)
    assert metres[0] == pytest.approx(geodesy.distance_m(0, 0, 1, 0))
    assert metres[1] == 0.0


@given(longitudes, latitudes, longitudes, latitudes)
def test_distance_is_symmetric_and_agrees_with_the_chord(lon1: float, lat1: float, lon2: float, lat2: float) -> None:
    metres = geodesy.distance_m(lon1, lat1, lon2, lat2)
    assert metres == pytest.approx(float(geodesy.distance_m(lon2, lat2, lon1, lat1)), abs=1e-6)
    first, second = geodesy.unit_vectors([lon1, lon2], [lat1, lat2])
    assert np.linalg.norm(first) == pytest.approx(1.0)
    assert np.linalg.norm(first - second) == pytest.approx(float(geodesy.chord_for_distance(metres)), abs=1e-7)


def test_unit_vectors_point_along_the_axes() -> None:
    vectors = geodesy.unit_vectors([0, 90, 0], [0, 0, 90])
    assert vectors == pytest.approx(np.eye(3), abs=1e-15)


@given(longitudes, latitudes, st.floats(0, 360), st.floats(0, 2_000_000))
def test_destination_lies_as_far_away_as_asked(lon: float, lat: float, bearing: float, metres: float) -> None:
    end_lon, end_lat = geodesy.destination(lon, lat, bearing, metres)
    assert -180 <= end_lon < 180
    assert geodesy.distance_m(lon, lat, end_lon, end_lat) == pytest.approx(metres, abs=0.02)


def test_destination_follows_the_compass() -> None:
    lon, lat = geodesy.destination(121.0, 31.0, [0, 90, 180, 270], 1000.0)
    assert lon - 121.0 == pytest.approx(np.array([0, 1, 0, -1]) * 0.010491, abs=1e-6)
    assert lat - 31.0 == pytest.approx(np.array([1, 0, -1, 0]) * 0.008993, abs=1e-6)


@pytest.mark.parametrize(
    ("lat", "east", "north"),
    [(0, 111_319.458, 110_574.307), (30, 96_486.248, 110_852.456), (45, 78_846.806, 111_131.779)],  # the usual series
)
def test_metres_per_degree_are_those_of_the_ellipsoid(lat: float, east: float, north: float) -> None:
    assert [float(v) for v in geodesy.metres_per_degree(lat)] == pytest.approx([east, north], abs=0.05)


@given(longitudes, st.floats(-60, 60), st.floats(0, 360), st.floats(1, 5000))
def test_metres_per_degree_agree_with_the_sphere_within_its_error(
    lon: float, lat: float, bearing: float, metres: float
) -> None:
    end_lon, end_lat = geodesy.destination(lon, lat, bearing, metres)
    assume(abs(end_lon - lon) < 1)
    east, north = geodesy.metres_per_degree((lat + end_lat) / 2)
    assert np.hypot((end_lon - lon) * east, (end_lat - lat) * north) == pytest.approx(metres, rel=0.0066)
