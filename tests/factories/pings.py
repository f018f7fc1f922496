"""Pings of the one truck that the tests of the HTTP entrances register."""

from datetime import timedelta
from typing import Any

from tests.factories.constants import CHANGNING, NOW

DEVICE = "860123456789012"


def ping(minutes_ago: float = 5, at: tuple[float, float] = CHANGNING, **more: Any) -> dict[str, Any]:
    """A ping of the truck's device, WGS-84, longitude first."""
    fixed_at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return {"device_id": DEVICE, "fixed_at": fixed_at, "lon": at[0], "lat": at[1], "coord_system": "wgs84", **more}
