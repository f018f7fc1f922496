"""Id, centroid and hull of a cluster; pure."""

import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely

from app.core.geo.geodesy import FloatArray, unit_vectors
from app.distribution.clustering.dbscan import IntArray

_METHOD: Final = "dbscan/1"
"""Part of every id: another clustering method gives other ids."""
_ID_DIGITS: Final = 16


def cluster_id(radius_m: float, min_assets: int, asset_ids: Iterable[int]) -> str:
    """Return the id of a cluster, 16 hexadecimal digits of a SHA-256.

    The same parameters and members, in any order, always give the same id. ``radius_m`` is in metres.
    """
    members = ",".join(str(i) for i in sorted(asset_ids))
    return hashlib.sha256(f"{_METHOD} {float(radius_m)!r} {min_assets} {members}".encode()).hexdigest()[:_ID_DIGITS]


def centroid(lon: FloatArray, lat: FloatArray) -> tuple[float, float]:
    """Return the direction of the mean of the points' unit vectors.

    Points are WGS-84 degrees, shape ``(n,)``, at least one. The result is longitude and latitude, seven decimals.
    """
    x, y, z = unit_vectors(lon, lat).sum(axis=0)
    return round(float(np.degrees(np.arctan2(y, x))), 7), round(float(np.degrees(np.arctan2(z, np.hypot(x, y)))), 7)


def hull_ring(lon_e7: IntArray, lat_e7: IntArray) -> tuple[tuple[float, float], ...] | None:
    """Return the convex hull of points as a closed GeoJSON ring, or None where it has no area.

    The hull is computed in whole units of 1e-7 degrees, so no rounding can leave a member outside. It is convex on
    the plane of longitude and latitude; for the size of a yard that equals convex on the earth.

    Args:
        lon_e7: Longitudes, WGS-84 degrees times 1e7, shape ``(n,)``.
        lat_e7: Latitudes, the same.

    Returns:
        Longitude and latitude of the corners in degrees, counter-clockwise (RFC 7946, section 3.1.6), the first
            repeated at the end.
    """
    hull = shapely.convex_hull(shapely.multipoints(np.column_stack([lon_e7, lat_e7]).astype(np.float64)))
    if hull.geom_type != "Polygon":
        return None
    corners = shapely.get_coordinates(shapely.orient_polygons(hull))
    return tuple((lon / 1e7, lat / 1e7) for lon, lat in corners.tolist())
