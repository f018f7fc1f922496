"""Real tracks through the command line's import: GeoLife in its counties, Liverpool's buses outside them all."""

import gzip
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from sqlalchemy import text

import app
from app.cli.imports import import_pings
from app.core.clock import SystemClock
from app.core.db.database import SERVICE, Database
from app.core.geo.datum import CoordSystem
from app.core.settings import Settings
from app.telemetry.formats.ping_files import FileOptions

DATA = Path(app.__file__).parents[2] / "shared" / "data" / "trajectories"
pytestmark = pytest.mark.skipif(
    not DATA.exists(),
    reason="the real tracks lie beside the checkout on developers' machines; they are not ours to ship",
)


async def bring_in(settings: Settings, file: Path) -> tuple[int, int, int, int]:
    """Import a file; return its pings, their counties, how many are outside, and how many of these not in Macau."""
    database = Database(settings)
    async with database.writing(SERVICE) as session:
        await session.execute(text("INSERT INTO lessor (code, name, created_at) VALUES ('t', 't', now())"))
    reading = FileOptions(coord_system=CoordSystem.WGS84, zone=ZoneInfo("UTC"))
    console = Console(quiet=True)
    await import_pings(settings, SystemClock(), console, file, "t", reading, register_devices=True)
    async with database.reading(SERVICE) as session:
        row = (
            await session.execute(
                text(
                    "SELECT count(*), count(DISTINCT t.county_adcode), count(*) FILTER (WHERE territory_id IS NULL),"
                    " count(*) FILTER (WHERE territory_id IS NULL AND NOT (lon_e7 BETWEEN 1135000000 AND 1136500000"
                    " AND lat_e7 BETWEEN 220500000 AND 222200000))"
                    " FROM ping LEFT JOIN territory t USING (territory_id)"
                )
            )
        ).one()
    await database.close()
    return row[0], row[1], row[2], row[3]


def unpacked(name: str, into: Path) -> Path:
    target = into / name
    with gzip.open(DATA / f"{name}.gz", "rb") as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return target


async def test_geolife_lands_in_77_territories_and_in_macau(own_settings: Settings, tmp_path: Path) -> None:
    pings, counties, outside, lost = await bring_in(own_settings, unpacked("geolife_beijing.csv", tmp_path))
    assert counties == 77  # and Macau, which is a division, but in no mainland court's territory
    assert lost == 0 < outside
    assert pings > 350_000


async def test_liverpools_buses_are_all_outside(own_settings: Settings, tmp_path: Path) -> None:
    pings, counties, outside, lost = await bring_in(own_settings, unpacked("liverpool_bus_route14.csv", tmp_path))
    assert counties == 0
    assert outside == lost == pings > 1_500
