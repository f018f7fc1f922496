"""Parses the filters of a query; pure."""

import re
from typing import Final

import numpy as np
import shapely

from app.core.errors import InvalidInput

MAX_WKT_CHARS: Final = 4_000
MAX_CORNERS: Final = 1_000
_WKT: Final = re.compile(r"\s*POLYGON\s*\([-+0-9.eE,()\s]+\)\s*", re.IGNORECASE)
"""No other geometry, no heights, no nesting: the parser gets only this form."""
_EXPECTED: Final = "expected WKT, longitude first, degrees, such as POLYGON((121 31, 122 31, 122 32, 121 31))"


def read_polygon(text: str, field: str) -> shapely.Polygon:
    """Parse the polygon of a query: ``POLYGON((lon lat, ...))``, WGS-84 degrees, holes allowed.

    Raises:
        InvalidInput: Not a polygon in WKT, too many corners, a corner out of range, or a self-intersection; the
            message names ``field`` and the place.
    """
    if not _WKT.fullmatch(text):
        raise InvalidInput(f"{field}: {_EXPECTED}", field=field)
    try:
        with np.errstate(over="ignore"):  # 1e400 becomes infinite, and is refused below
            polygon = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        raise InvalidInput(f"{field}: {_EXPECTED}; this cannot be read: {error}", field=field) from error
    corners = shapely.get_coordinates(polygon)
    if len(corners) > MAX_CORNERS:
        raise InvalidInput(f"{field}: at most {MAX_CORNERS} corners, this has {len(corners)}", field=field)
    if not ((abs(corners[:, 0]) <= 180) & (abs(corners[:, 1]) <= 90)).all():  # noqa: PLR2004 degrees
        raise InvalidInput(f"{field}: expected longitude, -180 to 180, then latitude, -90 to 90", field=field)
    if not polygon.is_valid:
        reason = shapely.is_valid_reason(polygon)
        raise InvalidInput(f"{field}: this polygon crosses itself or is not a polygon: {reason}", field=field)
    return polygon
