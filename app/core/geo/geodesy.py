"""Distances and directions on the earth, vectorised.

Every function takes longitude before latitude, in degrees (WGS-84), as scalars or NumPy arrays that broadcast
together, and works in float64.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the WGS-84 ellipsoid, (2a + b) / 3, in metres."""

_SEMI_MAJOR_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 6.694_379_990_141_3e-3


def distance_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> FloatArray:
    """Return the great-circle distance (haversine) in metres; within 0.56 % of the ellipsoid's distance."""
    lam1, phi1, lam2, phi2 = (np.radians(np.asarray(v, dtype=np.float64)) for v in (lon1, lat1, lon2, lat2))
    half = np.sin((phi2 - phi1) / 2) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin((lam2 - lam1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> FloatArray:
    """Convert points to unit vectors, shape ``(..., 3)``: x towards (0, 0), y towards (90, 0), z to the north pole.

    The chord between two vectors grows with the distance, so a tree on them finds neighbours across any meridian.
    """
    lam, phi = np.radians(np.asarray(lon, dtype=np.float64)), np.radians(np.asarray(lat, dtype=np.float64))
    return np.stack(np.broadcast_arrays(np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)), axis=-1)


def chord_for_distance(distance_m: ArrayLike) -> FloatArray:
    """Convert great-circle metres to the length of the chord between two unit vectors (0 to 2)."""
    return np.asarray(2 * np.sin(np.asarray(distance_m, dtype=np.float64) / (2 * EARTH_RADIUS_M)))


def destination(
    lon: ArrayLike, lat: ArrayLike, bearing_deg: ArrayLike, distance_m: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the end of a great-circle path: longitude in [-180, 180) and latitude, degrees.

    The bearing at the start is in degrees clockwise from north, the distance in metres on the mean sphere.
    """
    lam, phi, bearing = (np.radians(np.asarray(v, dtype=np.float64)) for v in (lon, lat, bearing_deg))
    delta = np.asarray(distance_m, dtype=np.float64) / EARTH_RADIUS_M
    sin_phi2 = np.sin(phi) * np.cos(delta) + np.cos(phi) * np.sin(delta) * np.cos(bearing)
    phi2 = np.arcsin(np.clip(sin_phi2, -1.0, 1.0))
    lam2 = lam + np.arctan2(np.sin(bearing) * np.sin(delta) * np.cos(phi), np.cos(delta) - np.sin(phi) * np.sin(phi2))
    return (np.degrees(lam2) + 180.0) % 360.0 - 180.0, np.degrees(phi2)


def metres_per_degree(lat: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return metres per degree east and north on the WGS-84 ellipsoid at a latitude.

    Taken at the middle latitude, they convert small differences to metres that are right to 1 cm over 5 km.
    """
    phi = np.radians(np.asarray(lat, dtype=np.float64))
    w2 = 1.0 - _ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    east = np.radians(_SEMI_MAJOR_M * np.cos(phi) / np.sqrt(w2))
    north = np.radians(_SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / (w2 * np.sqrt(w2)))
    return east, north
