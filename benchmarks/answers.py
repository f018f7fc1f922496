"""Response times of the two answers of a court: the distribution of a case, the clusters inside one court."""

import time
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np
import psycopg

from benchmarks.fleet import Registered, open_case
from benchmarks.numbers import percentile_ms

REQUESTS: Final = 60
_WARM_UP: Final = 5
_YARD_ASSETS: Final = 50
_SPREAD_DEG: Final = 0.05
_YARD_DEG: Final = 0.0015


@dataclass(frozen=True, slots=True)
class Spot:
    """A place inside a territory: WGS-84 degrees, territory, county."""

    lon: float
    lat: float
    territory_id: int
    county_adcode: int


def spots(owner_url: str) -> list[Spot]:
    """Return a place inside every territory."""
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            """
            SELECT ST_X(p), ST_Y(p), territory_id, county_adcode
            FROM (SELECT ST_PointOnSurface(d.geom) AS p, t.territory_id, t.county_adcode
                  FROM territory t
                  JOIN division d
                    ON d.layer_id = t.layer_id AND d.level = 'county' AND d.adcode = t.county_adcode) places
            ORDER BY county_adcode"""
        ).fetchall()
    return [Spot(*row) for row in rows]


def place(owner_url: str, fleet: Registered, first_asset: int, places: list[Spot]) -> list[int]:
    """Write a current position for as many assets as there are places; return their ids."""
    asset_ids = list(range(first_asset, first_asset + len(places)))
    with psycopg.connect(owner_url) as connection:
        with connection.cursor().copy(
            "COPY current_position (asset_id, device_id, fixed_at, received_at, batch_id, lessor_id, lon_e7, lat_e7,"
            " territory_id, county_adcode, doubts, source) FROM STDIN"
        ) as copy:
            for asset, spot in zip(asset_ids, places, strict=True):
                at = (round(spot.lon * 1e7), round(spot.lat * 1e7), spot.territory_id, spot.county_adcode)
                copy.write_row((asset, asset, "now", "now", 1, fleet.lessor_id, *at, 0, 1))
        connection.execute("ANALYZE current_position")
    return asset_ids


def yards_in(spot: Spot, assets: int, seed: int = 3) -> list[Spot]:
    """Return places of assets in yards of fifty, all in one territory."""
    random = np.random.default_rng(seed)
    yards = random.uniform(-_SPREAD_DEG, _SPREAD_DEG, (-(-assets // _YARD_ASSETS), 2))
    offsets = np.repeat(yards, _YARD_ASSETS, axis=0)[:assets] + random.normal(0, _YARD_DEG, (assets, 2))
    return [Spot(spot.lon + float(x), spot.lat + float(y), spot.territory_id, spot.county_adcode) for x, y in offsets]


def open_bench_case(owner_url: str, fleet: Registered, court_id: int, first_asset: int, places: list[Spot]) -> int:
    """Place assets and open a case of a court over them; return the case."""
    case_id = open_case(owner_url, court_id, place(owner_url, fleet, first_asset, places))
    with psycopg.connect(owner_url) as connection:
        connection.execute("ANALYZE case_asset, access_grant, asset")  # as autovacuum would have done
    return case_id


def time_answers(address: str, key: str, path: str) -> dict[str, Any]:
    """Request the same answer repeatedly over one connection.

    Returns:
        Milliseconds at the client: the median ``p50_ms`` and the 95th percentile ``p95_ms``.

    Raises:
        httpx.HTTPStatusError: The answer was an error.
    """
    seconds: list[float] = []
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False) as client:
        for _ in range(_WARM_UP + REQUESTS):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            seconds.append(time.perf_counter() - began)
    measured = seconds[_WARM_UP:]
    return {"requests": REQUESTS, "p50_ms": percentile_ms(measured, 50), "p95_ms": percentile_ms(measured, 95)}
