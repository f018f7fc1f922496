"""Loading a layer: all of it or nothing, the same again changes nothing, and processes take notice."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest
import shapely
from psycopg import sql
from pyogrio import raw

from app.core.db.database import SERVICE, Database
from app.core.geo.datum import CoordSystem, everywhere, from_wgs84
from app.core.geo.geodesy import FloatArray
from app.jurisdictions import service
from app.jurisdictions.errors import BoundariesNotLoaded, DatumMismatch
from app.jurisdictions.loading import queries
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.service import (
    LocatorProvider,
    boundaries_loaded,
    court_by_code,
    load_boundaries,
    load_boundary_file,
)
from app.localdb.cluster import ClusterUrls
from tests.factories.settings import settings_for

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Already the 24th in Shanghai."""


def counts(urls: ClusterUrls) -> list[int]:
    with psycopg.connect(urls.owner_url) as connection:
        statement = sql.SQL("SELECT count(*) FROM {}")
        tables = ("boundary_layer", "division", "court", "territory")
        rows = [connection.execute(statement.format(sql.Identifier(table))).fetchone() for table in tables]
    return [int(row[0]) for row in rows if row]


def one(urls: ClusterUrls, statement: str) -> tuple[object, ...]:
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return tuple(row)


@pytest.fixture
async def database(empty: ClusterUrls) -> AsyncIterator[Database]:
    opened = Database(settings_for(empty.app_url))
    yield opened
    await opened.close()


def test_a_layer_is_loaded_with_its_courts_and_territories(empty: ClusterUrls, shanghai: BoundaryLayer) -> None:
    seen: list[tuple[str, int, int]] = []
    report = load_boundaries(empty.owner_url, shanghai, now=NOW, stage=lambda *told: seen.append(told))
    assert report.loaded
    assert (report.counties, report.courts) == (16, {"basic": 16, "intermediate": 0, "high": 1})
    assert any("several intermediate courts" in caveat for caveat in report.caveats)
    assert counts(empty) == [1, 18, 17, 16]
    assert {name for name, _, _ in seen} == {"raster", "store"}
    assert seen[-1] == ("store", 3, 3)
    layer = one(empty, "SELECT active, county_count, encode(sha256, 'hex'), loaded_at FROM boundary_layer")
    assert layer == (True, 16, shanghai.sha256, NOW)
    changning = one(
        empty,
        "SELECT c.code, c.name, c.level, p.code, c.verified, c.source, t.verified, t.valid_from FROM territory t"
        " JOIN court c USING (court_id) JOIN court p ON p.court_id = c.parent_court_id WHERE county_adcode = 310105",
    )
    assert changning == (
        "沪0105", "上海市长宁区人民法院", "basic", "沪", False, "naming rule", False, date(2026, 11, 24),
    )  # fmt: skip
    area = one(
        empty,
        "SELECT full_name, prefecture_adcode, ST_SRID(geom), ST_Covers(geom, ST_Point(121.4, 31.2, 4326))"
        " FROM division WHERE level = 'county' AND adcode = 310105",
    )
    assert area == ("上海市长宁区", 310000, 4326, True)


def test_the_same_layer_again_changes_nothing(empty: ClusterUrls, shanghai: BoundaryLayer) -> None:
    first = load_boundaries(empty.owner_url, shanghai, now=NOW)
    before = one(empty, "SELECT md5(string_agg(t::text, ',' ORDER BY territory_id)) FROM territory t")
    again = load_boundaries(empty.owner_url, shanghai, now=NOW.replace(year=2027))
    assert (again.loaded, again.layer_id) == (False, first.layer_id)
    assert counts(empty) == [1, 18, 17, 16]
    assert one(empty, "SELECT md5(string_agg(t::text, ',' ORDER BY territory_id)) FROM territory t") == before


def test_a_second_layer_becomes_active_and_keeps_the_courts(
    empty: ClusterUrls, shanghai: BoundaryLayer, delta: BoundaryLayer
) -> None:
    first = load_boundaries(empty.owner_url, shanghai, now=NOW)
    court = one(empty, "SELECT court_id FROM court WHERE code = '沪0105'")
    second = load_boundaries(empty.owner_url, delta, now=NOW)
    assert one(empty, "SELECT array_agg(layer_id) FROM boundary_layer WHERE active") == ([second.layer_id],)
    assert one(empty, "SELECT court_id FROM court WHERE code = '沪0105'") == court
    assert one(empty, "SELECT count(*) FROM territory WHERE county_adcode = 310105") == (2,)
    back = load_boundaries(empty.owner_url, shanghai, now=NOW)
    assert (back.loaded, back.layer_id) == (False, first.layer_id)
    assert one(empty, "SELECT array_agg(layer_id) FROM boundary_layer WHERE active") == ([first.layer_id],)


def test_what_a_table_has_verified_is_left_alone(
    empty: ClusterUrls, shanghai: BoundaryLayer, delta: BoundaryLayer
) -> None:
    load_boundaries(empty.owner_url, shanghai, now=NOW)
    with psycopg.connect(empty.owner_url) as connection:
        connection.execute("UPDATE court SET name = '真名', verified = true, source = 'table' WHERE code = '沪0105'")
        connection.execute("UPDATE court SET name = '旧名' WHERE code = '沪0107'")
    load_boundaries(empty.owner_url, delta, now=NOW)
    assert one(empty, "SELECT name, verified FROM court WHERE code = '沪0105'") == ("真名", True)
    assert one(empty, "SELECT name, verified FROM court WHERE code = '沪0107'") == ("上海市普陀区人民法院", False)
    assert one(empty, "SELECT bool_and(verified) FROM territory WHERE county_adcode = 310105") == (False,)
    newest = "SELECT verified FROM territory WHERE county_adcode = 310105 ORDER BY layer_id DESC LIMIT 1"
    assert one(empty, newest) == (True,)


def test_a_load_that_fails_leaves_nothing_behind(
    empty: ClusterUrls, shanghai: BoundaryLayer, delta: BoundaryLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_boundaries(empty.owner_url, shanghai, now=NOW)
    before = counts(empty)

    def fails(*_: object) -> None:
        raise RuntimeError("the cable")

    monkeypatch.setattr(queries, "insert_territories", fails)
    with pytest.raises(RuntimeError, match="the cable"):
        load_boundaries(empty.owner_url, delta, now=NOW)
    assert counts(empty) == before
    assert one(empty, "SELECT layer_id FROM boundary_layer WHERE active") == (first.layer_id,)


def test_a_file_in_the_wrong_datum_changes_nothing(
    empty: ClusterUrls, shanghai: BoundaryLayer, tmp_path: Path
) -> None:
    load_boundaries(empty.owner_url, shanghai, now=NOW)

    def there(points: FloatArray) -> FloatArray:
        return np.stack(from_wgs84(points[:, 0], points[:, 1], CoordSystem.GCJ02, everywhere), axis=1)

    path = tmp_path / "own.fgb"
    raw.write(
        path,
        shapely.to_wkb(shapely.transform(shanghai.county_areas, there)),
        [np.array([c.adcode for c in shanghai.counties]), np.array([c.name for c in shanghai.counties])],
        ["adcode", "name"],
        driver="FlatGeobuf",
        geometry_type="Unknown",
        crs="EPSG:4326",
    )
    before = counts(empty)
    with pytest.raises(DatumMismatch, match="best as gcj02"):
        load_boundary_file(empty.owner_url, path, now=NOW)
    assert counts(empty) == before
    report = load_boundary_file(empty.owner_url, path, now=NOW, datum=CoordSystem.GCJ02)
    assert report.loaded
    assert report.datum is not None
    assert counts(empty) == [2, 36, 17, 32]


async def test_before_the_first_load_nothing_can_be_located(database: Database) -> None:
    with pytest.raises(BoundariesNotLoaded, match="leasetrace boundaries load"):
        await LocatorProvider(database).current()
    async with database.reading(SERVICE) as session:
        check = await boundaries_loaded(session)
    assert (check.name, check.ok) == ("boundaries", False)


async def test_a_process_takes_up_a_new_layer_and_still_knows_the_old_territories(
    empty: ClusterUrls,
    database: Database,
    shanghai: BoundaryLayer,
    delta: BoundaryLayer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_boundaries(empty.owner_url, shanghai, now=NOW)
    provider = LocatorProvider(database)
    first = await provider.current()
    assert await provider.current() is first
    old = int(first.territory_id[first.county_adcode.tolist().index(310105)])
    hangzhou = (np.array([120.15]), np.array([30.28]))
    assert first.locator.locate(*hangzhou).tolist() == [-1]

    load_boundaries(empty.owner_url, delta, now=NOW)
    assert await provider.current() is first  # not looked at again for a moment
    monkeypatch.setattr(service, "CHECK_EVERY_S", 0.0)
    second = await provider.current()
    assert second.layer_id > first.layer_id
    (number,) = second.locator.locate(*hangzhou).tolist()
    found = second.territory(int(second.territory_id[number]))
    assert (found.prefecture, found.province) == ("杭州市", "浙江省")
    assert found.intermediate is not None
    assert (found.intermediate.code, found.intermediate.name) == ("浙01", "浙江省杭州市中级人民法院")
    assert found.high is not None
    assert found.high.code == "浙"
    assert second.territory(old).county == "长宁区"
    assert await provider.current() is second
    async with database.reading(SERVICE) as session:
        assert (await boundaries_loaded(session)).ok
        assert (await court_by_code(session, "沪0105")).name == "上海市长宁区人民法院"
