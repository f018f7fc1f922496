"""Late data: doubts that only history tells, and positions that depend on them."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from app.telemetry.domain import Doubt
from app.tracking.history import derive_positions, rejudge
from app.worker.loop import JobContext
from tests.database import OwnerDatabase
from tests.factories.constants import BEIJING, CHANGNING, DAY, NOW, PUDONG
from tests.factories.fleets import LessorFleet, assert_positions_match_pings
from tests.factories.jobs import JobRunner

NANJING = (118.7800, 32.0600)
JUMP, TOO_FAST = int(Doubt.JUMP), int(Doubt.TOO_FAST)


def doubts(owner_db: OwnerDatabase) -> list[tuple[int, int]]:
    """Minutes before now and bits of the doubts found later."""
    rows = owner_db.rows("SELECT fixed_at, doubts FROM later_doubt ORDER BY fixed_at")
    return [(round((NOW - r["fixed_at"]) / timedelta(minutes=1)), r["doubts"]) for r in rows]


def days(owner_db: OwnerDatabase, asset_id: int) -> list[tuple[int, float]]:
    """Minutes before now and longitude of the last good fixes of days."""
    rows = owner_db.rows("SELECT fixed_at, lon_e7 FROM daily_position WHERE asset_id = %s ORDER BY day", asset_id)
    return [(round((NOW - r["fixed_at"]) / timedelta(minutes=1)), r["lon_e7"] / 1e7) for r in rows]


async def test_a_late_fix_that_fits_nowhere_is_doubted_and_ends_no_day(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.truck("d")
    await fleet.post(("d", 3 * DAY, CHANGNING))
    await fleet.post(("d", 10, PUDONG))
    await fleet.post(("d", 3 * DAY - 5, BEIJING))
    assert days(owner_db, truck) == [(3 * DAY - 5, BEIJING[0])]
    await run_job("late_data")
    assert doubts(owner_db) == [(3 * DAY - 5, JUMP)]
    assert days(owner_db, truck)[0] == (3 * DAY, CHANGNING[0])
    assert await fleet.place(truck) == (PUDONG, 10)
    assert owner_db.value("SELECT count(*) FROM late_window") == 0
    assert owner_db.value("SELECT count(*) FROM ping WHERE doubts & %s <> 0", JUMP) == 0  # stored pings do not change


async def test_a_doubt_that_no_longer_holds_goes(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.truck("d")
    await fleet.post(("d", 1000, CHANGNING), ("d", 10, CHANGNING))
    await fleet.post(("d", 990, NANJING))
    await run_job("late_data")
    assert doubts(owner_db) == [(990, TOO_FAST)]
    await fleet.post(("d", 985, NANJING), ("d", 980, NANJING))
    await run_job("late_data")
    assert doubts(owner_db) == []
    assert await fleet.place(truck) == (CHANGNING, 10)


async def test_as_much_is_read_after_a_stretch_as_it_takes_to_agree_again(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejudge, "_AFTER", 1)
    truck = await fleet.truck("d")
    await fleet.post(("d", 1000, CHANGNING), *(("d", 900 - 5 * n, CHANGNING) for n in range(9)))
    await fleet.post(*(("d", 907 - n, BEIJING) for n in range(3)))
    await run_job("late_data")
    assert doubts(owner_db) == []  # three confirm Beijing, and the three after them that it was left again
    assert await fleet.place(truck) == (CHANGNING, 860)


async def test_a_doubt_of_another_kind_stays(fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 1000, CHANGNING), ("d", 10, CHANGNING))
    await fleet.post(("d", 990, NANJING))
    await run_job("late_data")
    owner_db.execute("UPDATE later_doubt SET doubts = doubts | %s", int(Doubt.OUTSIDE))
    await fleet.post(("d", 985, NANJING), ("d", 980, NANJING))
    await run_job("late_data")
    assert doubts(owner_db) == [(990, int(Doubt.OUTSIDE))]


async def test_a_confirmed_place_keeps_the_doubts_it_was_stored_with(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.truck("d")
    await fleet.post(("d", 100, CHANGNING), ("d", 90, BEIJING), ("d", 80, BEIJING), ("d", 70, BEIJING))
    before = owner_db.rows("SELECT fixed_at, doubts FROM ping ORDER BY 1")
    assert [bool(r["doubts"] & JUMP) for r in before] == [False, True, True, False]
    await fleet.post(("d", 85, BEIJING))
    await run_job("late_data")
    assert doubts(owner_db) == []
    assert [r for r in owner_db.rows("SELECT fixed_at, doubts FROM ping ORDER BY 1") if r in before] == before
    assert await fleet.place(truck) == (BEIJING, 70)


async def test_a_position_found_doubtful_goes_back_and_the_next_ping_moves_it_again(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    """The writer's memory believes in the doubtful fix; it notices, and reads again."""
    truck = await fleet.truck("d")
    await fleet.post(("d", 600, CHANGNING), ("d", 50, NANJING))
    assert await fleet.place(truck) == (NANJING, 50)
    await fleet.post(("d", 60, PUDONG))
    await run_job("late_data")
    assert doubts(owner_db) == [(50, TOO_FAST)]
    assert await fleet.place(truck) == (PUDONG, 60)
    receipt = await fleet.post(("d", 40, CHANGNING))
    assert receipt["doubted"] == 0
    assert await fleet.place(truck) == (CHANGNING, 40)
    assert (await fleet.post(("d", 30, NANJING)))["results"][0]["code"] == "too_fast"
    assert await fleet.place(truck) == (CHANGNING, 40)


def look_at_everything_again(owner_db: OwnerDatabase) -> None:
    owner_db.execute(
        "INSERT INTO late_window (device_id, lessor_id, from_at, until_at)"
        " SELECT device_id, min(lessor_id), min(fixed_at), max(fixed_at) FROM ping GROUP BY device_id"
    )


async def scrambled(fleet: LessorFleet, seed: int) -> None:
    """Post the tracks of three devices, with leaps, in a random order and in batches of any size."""
    chance = random.Random(seed)
    rows: list[tuple[str, float, tuple[float, float]]] = []
    for n in range(3):
        await fleet.truck(f"d{n}")
        minute, at = 6.0 * DAY, CHANGNING
        while minute > 30:
            minute -= chance.choice([7.0, 60.0, 500.0])
            at = chance.choice([at, at, at, PUDONG, NANJING, BEIJING])
            rows.append((f"d{n}", minute, at))
    chance.shuffle(rows)
    while rows:
        size = chance.randint(1, 12)
        await fleet.post(*rows[:size])
        rows = rows[size:]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_order_of_arrival_positions_are_what_the_pings_say(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    await scrambled(fleet, seed)
    await run_job("late_data")
    assert_positions_match_pings(owner_db)
    look_at_everything_again(owner_db)
    await run_job("late_data")
    assert_positions_match_pings(owner_db)
    once = owner_db.derived()
    look_at_everything_again(owner_db)
    await run_job("late_data")
    assert owner_db.derived() == once
    monkeypatch.setattr(rejudge, "PIECE", 7)
    look_at_everything_again(owner_db)
    await run_job("late_data")
    assert owner_db.derived() == once
    assert owner_db.value("SELECT count(*) FROM late_window") == 0


async def test_a_run_that_is_killed_leaves_nothing_behind_and_can_be_repeated(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scrambled(fleet, 7)
    before, waiting = owner_db.derived(), owner_db.rows("SELECT * FROM late_window ORDER BY 1")
    assert waiting
    derive = derive_positions.derive
    done: list[object] = []

    async def dies(*arguments: Any) -> None:
        await derive(*arguments)
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(arguments)

    monkeypatch.setattr(rejudge, "derive", dies)
    with pytest.raises(KeyboardInterrupt):
        await run_job("late_data")
    left = owner_db.rows("SELECT * FROM late_window ORDER BY 1")
    assert 0 < len(left) < len(waiting)
    touched = {row["device_id"] for row in waiting if row not in left}
    after = owner_db.derived()
    for kind, rows in before.items():
        untouched = [r for r in rows if r["device_id"] not in touched]
        assert [r for r in after[kind] if r["device_id"] not in touched] == untouched
    monkeypatch.setattr(rejudge, "derive", derive)
    await run_job("late_data")
    assert_positions_match_pings(owner_db)


async def test_workers_side_by_side_come_to_the_same(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, surroundings: JobContext
) -> None:
    await scrambled(fleet, 3)
    await asyncio.gather(*(JobRunner(surroundings)("late_data") for _ in range(3)))
    await run_job("late_data")
    assert owner_db.value("SELECT count(*) FROM late_window") == 0
    assert_positions_match_pings(owner_db)


async def test_pings_that_come_in_meanwhile_are_not_undone(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    await scrambled(fleet, 5)

    async def go_on() -> None:
        for n in range(25, 0, -1):
            await fleet.post(*((f"d{d}", n, CHANGNING) for d in range(3)), ("d0", 2 * DAY + n / 10, CHANGNING))

    async def process_late_windows() -> None:
        for _ in range(6):
            look_at_everything_again(owner_db)
            await run_job("late_data")

    await asyncio.gather(go_on(), process_late_windows())
    await run_job("late_data")
    assert_positions_match_pings(owner_db)
