"""The locator in memory against PostGIS, on the boundaries that the service runs with."""

import numpy as np
import psycopg
import pytest
import shapely
from numpy.typing import NDArray

from app.core.geo.geodesy import FloatArray, destination
from app.jurisdictions.loading.queries import active_county_areas
from app.jurisdictions.locator.locator import Locator
from app.jurisdictions.locator.raster import OUTSIDE
from app.localdb.cluster import ClusterUrls
from tests.database import AS_SERVICE


@pytest.fixture(scope="module")
def stored_locator(urls: ClusterUrls) -> Locator:
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        stored = active_county_areas(connection)
    assert stored is not None
    return Locator.from_parts(*stored)


@pytest.fixture(scope="module")
def codes(urls: ClusterUrls) -> NDArray[np.int64]:
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        rows = connection.execute(
            "SELECT d.adcode FROM division d JOIN boundary_layer l USING (layer_id)"
            " WHERE l.active AND d.level = 'county' ORDER BY d.adcode"
        ).fetchall()
    return np.array([row[0] for row in rows])


def st_covers(url: str, points: FloatArray) -> NDArray[np.int64]:
    """The lowest code of the counties for which ``ST_Covers`` is true, -1 for none."""
    found = np.full(len(points), OUTSIDE)
    ewkb = shapely.to_wkb(shapely.set_srid(shapely.points(points), 4326), hex=True, include_srid=True)
    with psycopg.connect(url, options=AS_SERVICE) as connection:
        connection.execute("CREATE TEMPORARY TABLE asked (n integer, geom geometry(Point, 4326)) ON COMMIT DROP")
        with connection.cursor().copy("COPY asked FROM STDIN") as rows:
            for row in enumerate(ewkb):
                rows.write_row(row)
        connection.execute("CREATE INDEX ON asked USING gist (geom)")
        connection.execute("ANALYZE asked")
        answers = connection.execute(
            "SELECT a.n, min(d.adcode) FROM boundary_layer l JOIN division d USING (layer_id)"
            " JOIN asked a ON ST_Covers(d.geom, a.geom) WHERE l.active AND d.level = 'county' GROUP BY a.n"
        )
        for number, code in answers:
            found[number] = code
    return found


def test_200_000_points_have_the_answer_of_st_covers(
    urls: ClusterUrls, stored_locator: Locator, codes: NDArray[np.int64]
) -> None:
    rng = np.random.default_rng(20261123)
    vertices = shapely.get_coordinates(stored_locator.polygons)
    on_border = vertices[rng.integers(0, len(vertices) - 1, 40_000)]
    between = (vertices[:-1] + vertices[1:])[rng.integers(0, len(vertices) - 1, 30_000)] / 2
    beside = np.nextafter(on_border[:30_000], rng.choice([-np.inf, np.inf], (30_000, 2)))
    anywhere = np.stack([rng.uniform(73.0, 136.0, 100_000), rng.uniform(3.0, 54.0, 100_000)], axis=1)
    points = np.concatenate([anywhere, on_border, between, beside])
    number = stored_locator.locate(points[:, 0], points[:, 1])
    found = np.where(number == OUTSIDE, OUTSIDE, codes[number])
    right = st_covers(urls.app_url, points)
    assert np.count_nonzero(found != right) == 0
    assert 50_000 < np.count_nonzero(right == OUTSIDE) < 150_000


def test_metres_to_the_border_are_those_of_the_ellipsoid_to_one_metre_within_5_km(
    urls: ClusterUrls, stored_locator: Locator, codes: NDArray[np.int64]
) -> None:
    rng = np.random.default_rng(7)
    vertices = shapely.get_coordinates(stored_locator.polygons)
    start = vertices[rng.integers(0, len(vertices), 120)]
    lon, lat = destination(start[:, 0], start[:, 1], rng.uniform(0, 360, 120), rng.uniform(0, 5_000, 120))
    inside = stored_locator.locate(lon, lat) != OUTSIDE
    lon, lat = lon[inside], lat[inside]
    county = codes[stored_locator.locate(lon, lat)]
    metres = stored_locator.border_distance_m(lon, lat).distance_m
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        # Distances between points only: that of PostGIS's geography to a line is up to 1.5 m wrong.
        right = [
            row[0]
            for row in connection.execute(
                """
                SELECT (SELECT min(ST_Distance(p.geom::geography, q.geom::geography)) FROM ST_DumpPoints(
                    ST_Segmentize(ST_Intersection(ST_Boundary(d.geom), ST_Expand(p.geom, 0.07)), 0.00005)) q)
                FROM boundary_layer l
                JOIN division d USING (layer_id)
                JOIN (SELECT n, code, ST_SetSRID(ST_Point(x, y), 4326) AS geom
                      FROM unnest(%s::float8[], %s::float8[], %s::int[]) WITH ORDINALITY AS given (x, y, code, n)) p
                  ON p.code = d.adcode
                WHERE l.active AND d.level = 'county' ORDER BY p.n""",
                (lon.tolist(), lat.tolist(), county.tolist()),
            )
        ]
    assert len(right) == len(lon) > 80
    assert np.abs(metres - np.array(right)).max() < 1.0
