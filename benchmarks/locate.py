"""Points per second of the locator on one core, and agreement with PostGIS for every point."""

import time
from typing import Any, Final

import numpy as np
import psycopg

from app.jurisdictions.locator.locator import Locator

CHECKED: Final = 200_000
_CHINA: Final = (73.0, 17.5, 136.0, 54.0)
"""West, south, east, north in degrees: a box around the country, a third of it outside."""


def measure(owner_url: str, locator: Locator, county_adcode: np.ndarray[Any, Any], points: int) -> dict[str, Any]:
    """Measure the locator, and count the points where it differs from ``ST_Covers``.

    Args:
        owner_url: A database with the layer that the locator was made from.
        county_adcode: Adcode of each county of the locator, shape ``(counties,)``.
        points: Number of points in the timed run.
    """
    random = np.random.default_rng(11)
    west, south, east, north = _CHINA
    lon, lat = random.uniform(west, east, points), random.uniform(south, north, points)
    locator.locate(lon[:1000], lat[:1000])
    began = time.perf_counter()
    found = locator.locate(lon, lat)
    seconds = time.perf_counter() - began
    batch_s = _seconds_in_batches(locator, lon, lat)
    checked = min(points, CHECKED)
    adcode = np.where(found[:checked] >= 0, county_adcode[found[:checked]], 0)
    return {
        "points": points,
        "points_per_s": round(points / seconds),
        "points_per_s_in_batches_of_500": round(len(lon[:50_000]) / batch_s),
        "checked": checked,
        "differences_from_st_covers": _differences(owner_url, lon[:checked], lat[:checked], adcode),
    }


def _seconds_in_batches(locator: Locator, lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any]) -> float:
    began = time.perf_counter()
    for i in range(0, 50_000, 500):
        locator.locate(lon[i : i + 500], lat[i : i + 500])
    return time.perf_counter() - began


def _differences(
    owner_url: str, lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any], adcode: np.ndarray[Any, Any]
) -> int:
    with psycopg.connect(owner_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE asked (point geometry(Point, 4326), adcode integer)")
        with connection.cursor().copy("COPY asked FROM STDIN") as copy:
            for x, y, code in zip(lon.tolist(), lat.tolist(), adcode.tolist(), strict=True):
                copy.write_row((f"SRID=4326;POINT({x!r} {y!r})", code))
        row = connection.execute(
            "SELECT count(*) FROM asked a LEFT JOIN LATERAL ("
            " SELECT min(d.adcode) AS adcode FROM division d JOIN boundary_layer l USING (layer_id)"
            " WHERE l.active AND d.level = 'county' AND ST_Covers(d.geom, a.point)) truth ON true"
            " WHERE coalesce(truth.adcode, 0) <> a.adcode"
        ).fetchone()
    return int(row[0]) if row else -1
