"""A device whose declared datum proves wrong is marked, its positions go back, and it recovers by itself."""

import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from app.core.geo.datum import CoordSystem, everywhere, from_wgs84
from app.telemetry.domain import Doubt
from tests.database import OwnerDatabase
from tests.factories.constants import DAY, NOW
from tests.factories.fleets import LessorFleet
from tests.factories.jobs import JobRunner

HOME, YARD, SITE = (121.4241, 31.2205), (121.5440, 31.2210), (121.3600, 31.1500)
DATUM = int(Doubt.DATUM_SUSPECT)
HOUR = 60


def gcj02(at: tuple[float, float]) -> tuple[float, float]:
    lon, lat = from_wgs84(np.array([at[0]]), np.array([at[1]]), CoordSystem.GCJ02, everywhere)
    return float(lon[0]), float(lat[0])


async def rest(
    fleet: LessorFleet, device: str, minutes_ago: float, at: tuple[float, float], chance: random.Random, **more: Any
) -> list[dict[str, Any]]:
    """Rest at a place for an hour from so many minutes ago; return what is told of the rows."""
    rows = [
        (device, minutes_ago - minute, (at[0] + chance.gauss(0, 5e-5), at[1] + chance.gauss(0, 5e-5)))
        for minute in range(0, 60, 10)
    ]
    return list((await fleet.post(*rows, **more))["results"])


async def days_of_work(
    fleet: LessorFleet, device: str, first: int, last: int, chance: random.Random, *, wrong: bool
) -> None:
    """Rest at home, in the yard and at the site, each day from so many days ago until (not including) others."""
    for day in range(first, last, -1):
        for hour, place in ((20, HOME), (12, YARD), (6, SITE)):
            at = gcj02(place) if wrong else place
            await rest(fleet, device, (day - 1) * DAY + hour * HOUR, at, chance)


def suspects(owner_db: OwnerDatabase) -> list[int]:
    return [r["device_id"] for r in owner_db.rows("SELECT device_id FROM device WHERE datum_suspect ORDER BY 1")]


def marked(owner_db: OwnerDatabase) -> list[float]:
    """Days before now of the first and the last fix that was marked later."""
    row = owner_db.rows(
        "SELECT min(fixed_at) AS a, max(fixed_at) AS b FROM later_doubt WHERE doubts & %s <> 0", DATUM
    )[0]
    return [] if row["a"] is None else [round((NOW - row[name]) / timedelta(days=1), 1) for name in ("a", "b")]


async def test_a_device_that_begins_to_send_gcj02_is_found_marked_and_released(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    chance = random.Random(1)
    truck = await fleet.truck("d")
    await days_of_work(fleet, "d", 12, 7, chance, wrong=False)
    await run_job("datum_check")
    assert suspects(owner_db) == []
    await days_of_work(fleet, "d", 7, 5, chance, wrong=True)
    await run_job("datum_check")
    assert suspects(owner_db) == [fleet.devices["d"]]
    assert marked(owner_db) == [6.8, 5.2]
    place = await fleet.place(truck)
    assert place is not None
    assert place[0] == pytest.approx(SITE, abs=1e-3)
    assert place[1] == pytest.approx(7 * DAY + 5 * HOUR + 10)
    told = await rest(fleet, "d", 5 * DAY, gcj02(HOME), chance)
    assert {row["code"] for row in told} == {"datum_suspect"}  # from now on at once
    before = owner_db.derived()
    await run_job("datum_check")
    assert owner_db.derived() == before
    await days_of_work(fleet, "d", 4, 3, chance, wrong=False)
    await run_job("datum_check")
    assert suspects(owner_db) == []
    assert {row["code"] for row in await rest(fleet, "d", 2 * DAY, HOME, chance)} == {"backfill"}
    await run_job("datum_check")
    assert suspects(owner_db) == []
    place = await fleet.place(truck)
    assert place is not None
    assert place[1] == pytest.approx(2 * DAY - 50)


async def test_a_suspicion_whose_marking_was_killed_is_marked_by_the_next_run(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    chance = random.Random(2)
    await fleet.truck("d")
    await days_of_work(fleet, "d", 8, 4, chance, wrong=False)
    await days_of_work(fleet, "d", 4, 2, chance, wrong=True)
    owner_db.execute("UPDATE device SET datum_suspect = true")  # as far as it came
    await run_job("datum_check")
    assert marked(owner_db) == [3.8, 2.2]


async def test_a_sister_device_tells(fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase) -> None:
    chance = random.Random(3)
    truck = await fleet.truck("right")
    await fleet.device("wrong")
    await fleet.bind("wrong", truck, NOW.replace(year=2020))
    for hours in (9, 6, 3):
        await rest(fleet, "right", hours * HOUR, HOME, chance)
        await rest(fleet, "wrong", hours * HOUR, gcj02(HOME), chance)
    await run_job("datum_check")
    assert suspects(owner_db) == [fleet.devices["wrong"]]
    kept = owner_db.rows("SELECT device_id FROM current_position")
    assert [r["device_id"] for r in kept] == [fleet.devices["right"]]
    for hours in (2, 1):
        await rest(fleet, "right", hours * HOUR, HOME, chance)
        await rest(fleet, "wrong", hours * HOUR, HOME, chance)
    await run_job("datum_check")
    assert suspects(owner_db) == []


async def test_depots_tell(fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase) -> None:
    chance = random.Random(4)
    truck = await fleet.truck("d")
    await days_of_work(fleet, "d", 3, 1, chance, wrong=True)
    await run_job("datum_check")
    assert suspects(owner_db) == []
    for name, at in (("home", HOME), ("yard", YARD)):
        body = {"name": name, "lon": at[0], "lat": at[1], "radius_m": 60}
        assert (await fleet.lessor.client.post("/v1/depots", json=body)).status_code == 201
    await rest(fleet, "d", 5 * HOUR, gcj02(HOME), chance)
    await run_job("datum_check")
    assert suspects(owner_db) == [fleet.devices["d"]]
    assert await fleet.place(truck) is None


async def test_only_devices_with_new_pings_are_looked_at(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    chance = random.Random(5)
    await fleet.truck("d")
    await days_of_work(fleet, "d", 8, 4, chance, wrong=False)
    await run_job("datum_check")
    newest = owner_db.value("SELECT chain_no FROM batch_chain")
    assert owner_db.value("SELECT chain_no FROM worker_cursor WHERE job = 'datum_check'") == newest
    await days_of_work(fleet, "d", 4, 2, chance, wrong=True)
    owner_db.execute("UPDATE worker_cursor SET chain_no = chain_no + 1000")
    await run_job("datum_check")
    assert suspects(owner_db) == []
    owner_db.execute("UPDATE worker_cursor SET chain_no = 0")
    await run_job("datum_check")
    assert suspects(owner_db) == [fleet.devices["d"]]
