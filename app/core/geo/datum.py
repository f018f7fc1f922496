"""Conversion between WGS-84 and the coordinate systems of pings.

GCJ-02 is WGS-84 with a smooth shift of up to 714 m, applied inside mainland China only; BD-09 adds a second shift.
The official algorithm is secret. This is the formula of the first open implementations, which all others use; its
error against the official one is not proven. The round trip is exact to better than 1 mm (measured 1e-8 m).

Every function takes a callable that says where "inside" is; ``app.jurisdictions`` builds one from the provinces. All
coordinates are degrees, longitude first, float64 arrays of one shape ``(n,)``.
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from app.core.geo.geodesy import BoolArray, FloatArray

TRANSFORM_VERSION = "gcj02-published-1"
"""Version of the formulas below, stored with every converted row; changes whenever a result could change."""

Inside = Callable[[FloatArray, FloatArray], BoolArray]
"""``inside(lon, lat)``: for WGS-84 points, whether GCJ-02 is shifted there."""

_SEMI_MAJOR_M = 6_378_245.0  # the Krasovsky ellipsoid, as in the published formula
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
_BD09_TURN = np.pi * 3000.0 / 180.0
_ITERATIONS = 5  # each divides the error by about 150: two leave 31 mm, three 0.2 mm, five rounding only


class CoordSystem(StrEnum):
    """A coordinate system that a feed or a row may declare."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def everywhere(lon: FloatArray, lat: FloatArray) -> BoolArray:
    """An ``Inside`` for callers whose points are all inside (a boundary layer of the mainland)."""
    return np.ones(np.broadcast(lon, lat).shape, dtype=np.bool_)


def to_wgs84(lon: FloatArray, lat: FloatArray, system: CoordSystem, inside: Inside) -> tuple[FloatArray, FloatArray]:
    """Convert coordinates of one system to WGS-84. CGCS2000 equals WGS-84 at the accuracy of a fix.

    A GCJ-02 position counts as shifted when the WGS-84 point that it would come from is inside; otherwise it is
    returned unchanged. A position outside, but within 714 m of the outline, is ambiguous and counts as shifted: such
    feeds come from mainland equipment.
    """
    if system in {CoordSystem.WGS84, CoordSystem.CGCS2000}:
        return lon, lat
    if system is CoordSystem.BD09:
        lon, lat = _bd09_to_gcj02(lon, lat)
    back_lon, back_lat = _unshift(lon, lat)
    mask = inside(back_lon, back_lat)
    return np.where(mask, back_lon, lon), np.where(mask, back_lat, lat)


def from_wgs84(
    lon: FloatArray, lat: FloatArray, system: CoordSystem, inside: Inside
) -> tuple[FloatArray, FloatArray]:
    """Convert WGS-84 to ``system``, longitude first, degrees: for links to map applications and for test data."""
    if system in {CoordSystem.WGS84, CoordSystem.CGCS2000}:
        return lon, lat
    d_lon, d_lat = _shift(lon, lat)
    mask = inside(lon, lat)
    lon, lat = np.where(mask, lon + d_lon, lon), np.where(mask, lat + d_lat, lat)
    return _gcj02_to_bd09(lon, lat) if system is CoordSystem.BD09 else (lon, lat)


def _shift(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the degrees that GCJ-02 adds to WGS-84 at a point."""
    x, y = lon - 105.0, lat - 35.0
    root, pi = np.sqrt(np.abs(x)), np.pi
    common = (20.0 * np.sin(6.0 * pi * x) + 20.0 * np.sin(2.0 * pi * x)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * np.sin(pi * y) + 40.0 * np.sin(pi * y / 3.0)) * 2.0 / 3.0
    north += (160.0 * np.sin(pi * y / 12.0) + 320.0 * np.sin(pi * y / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * np.sin(pi * x) + 40.0 * np.sin(pi * x / 3.0)) * 2.0 / 3.0
    east += (150.0 * np.sin(pi * x / 12.0) + 300.0 * np.sin(pi * x / 30.0)) * 2.0 / 3.0
    phi = np.radians(lat)
    w2 = 1.0 - _ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    w = np.sqrt(w2)
    d_lat = np.degrees(north / (_SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / (w2 * w)))
    d_lon = np.degrees(east / (_SEMI_MAJOR_M / w * np.cos(phi)))
    return d_lon, d_lat


def _unshift(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Invert ``_shift`` by fixed-point iteration; it converges because the shift changes slowly."""
    back_lon, back_lat = lon, lat
    for _ in range(_ITERATIONS):
        d_lon, d_lat = _shift(back_lon, back_lat)
        back_lon, back_lat = lon - d_lon, lat - d_lat
    return back_lon, back_lat


def _gcj02_to_bd09(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BD09_TURN)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BD09_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _bd09_to_gcj02(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    back_lon, back_lat = lon - 0.0065, lat - 0.006
    for _ in range(_ITERATIONS):
        there_lon, there_lat = _gcj02_to_bd09(back_lon, back_lat)
        back_lon, back_lat = back_lon + (lon - there_lon), back_lat + (lat - there_lat)
    return back_lon, back_lat
