"""The same cores in the same groups as PostGIS finds, on thousands of random points."""

import numpy as np
import psycopg
import pytest

from app.core.geo.geodesy import destination
from app.distribution.clustering.dbscan import NOISE, Points, dbscan
from app.localdb.cluster import ClusterUrls
from tests.database import AS_SERVICE

CENTRE = (121.5, 31.2)
PLANE = f"+proj=aeqd +lon_0={CENTRE[0]} +lat_0={CENTRE[1]} +R=6371008.8 +units=m"
"""Distances in this plane are those of the sphere to a millimetre within 15 km of the centre."""


def scattered(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the points in yards, half anywhere within 15 km."""
    rng = np.random.default_rng(seed)
    lon, lat = destination(*CENTRE, rng.uniform(0, 360, n), 15_000 * np.sqrt(rng.uniform(0, 1, n)))
    yard = rng.integers(n // 2, n, n // 2)
    lon[: n // 2], lat[: n // 2] = destination(
        lon[yard], lat[yard], rng.uniform(0, 360, n // 2), np.abs(rng.normal(0, 120, n // 2))
    )
    return lon, lat


@pytest.mark.parametrize(
    ("seed", "n", "radius_m", "min_assets"), [(1, 4000, 250, 5), (2, 2000, 500, 8), (3, 3000, 90, 2)]
)
def test_cores_are_grouped_as_postgis_groups_them(
    urls: ClusterUrls, seed: int, n: int, radius_m: float, min_assets: int
) -> None:
    lon, lat = scattered(seed, n)
    points = Points(lon, lat, np.zeros(n, dtype=np.int64), np.arange(1, n + 1))
    ours = dbscan(points, radius_m=radius_m, min_assets=min_assets)
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        rows = connection.execute(
            """
            WITH wgs84 AS (  -- in one collection, since each call of ST_Transform parses the plane's definition
                SELECT ST_Collect(ST_SetSRID(ST_MakePoint(lon, lat), 4326) ORDER BY id) AS geom
                FROM unnest(%(ids)s::int[], %(lon)s::float8[], %(lat)s::float8[]) AS t(id, lon, lat)),
            spot AS (
                SELECT d.path[1] AS id, d.geom FROM wgs84, ST_Dump(ST_Transform(wgs84.geom, %(plane)s)) AS d)
            SELECT coalesce(ST_ClusterDBSCAN(geom, %(radius)s, %(least)s) OVER (), -1) FROM spot ORDER BY id""",
            {
                "plane": PLANE,
                "ids": points.asset_id.tolist(),
                "lon": lon.tolist(),
                "lat": lat.tolist(),
                "radius": radius_m,
                "least": min_assets,
            },
        ).fetchall()
    theirs = np.array([row[0] for row in rows])
    assert 10 < ours.count < n / 3
    assert 0 < ours.core.sum() < n
    assert ((theirs == NOISE) == (ours.label == NOISE)).all()
    pairs = set(zip(ours.label[ours.core].tolist(), theirs[ours.core].tolist(), strict=True))
    assert len(pairs) == ours.count == len({their for _, their in pairs}), "one to one"
