"""Partitions ahead, and days that wait in the default partition, also while pings of those days come in."""

import asyncio
from datetime import date, timedelta

from psycopg import sql
from structlog.testing import capture_logs

from app.localdb.cluster import ClusterUrls
from app.telemetry.pings import partitions
from app.worker.loop import JobContext
from tests.database import OwnerDatabase
from tests.factories.constants import CHANGNING, DAY, NOW
from tests.factories.fleets import LessorFleet
from tests.factories.jobs import JobRunner


def name_of(day: date) -> str:
    return f"ping_{day:%Y%m%d}"


def put_back(owner_db: OwnerDatabase, day: date) -> None:
    """Leave a day without its partition, as if it could not have been made; its pings wait in the default one."""
    partition = sql.Identifier(name_of(day))
    with owner_db.connection.transaction():
        owner_db.connection.execute(sql.SQL("ALTER TABLE ping DETACH PARTITION {}").format(partition))
        owner_db.connection.execute(sql.SQL("INSERT INTO ping SELECT * FROM {}").format(partition))
        owner_db.connection.execute(sql.SQL("DROP TABLE {}").format(partition))


def partitions_of(owner_db: OwnerDatabase) -> set[str]:
    return {
        r["name"] for r in owner_db.rows("SELECT relname AS name FROM pg_class WHERE relname ~ '^ping_[0-9]{8}$'")
    }


async def test_today_and_three_days_ahead_have_their_partitions(run_job: JobRunner, owner_db: OwnerDatabase) -> None:
    await run_job("partitions")
    assert {name_of((NOW + timedelta(days=n)).date()) for n in range(4)} <= partitions_of(owner_db)


async def test_days_that_wait_are_moved_and_impossible_clocks_stay(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 9 * DAY, CHANGNING), ("d", 8 * DAY, CHANGNING))
    await fleet.post(("d", 40 * 366 * DAY, CHANGNING), ("d", -400 * DAY, CHANGNING))
    for days in (9, 8):
        put_back(owner_db, (NOW - timedelta(days=days)).date())
    assert owner_db.value("SELECT count(*) FROM ping_default") == 4
    await run_job("partitions")
    assert owner_db.value("SELECT count(*) FROM ping_default") == 2
    assert owner_db.value("SELECT count(*) FROM ping") == 4
    assert owner_db.value("SELECT count(*) FROM ping_20261114") == 1


async def test_a_lock_that_others_hold_is_left_for_the_next_time(
    fleet: LessorFleet, surroundings: JobContext, owner_db: OwnerDatabase, urls: ClusterUrls
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 9 * DAY, CHANGNING))
    async with surroundings.core.database.direct("test", statement_timeout_s=30) as connection:
        await partitions.ensure(connection, NOW)  # the days ahead, whichever tests ran before
        put_back(owner_db, (NOW - timedelta(days=9)).date())
        with owner_db.connection.transaction():
            owner_db.execute("LOCK TABLE ping_default IN ACCESS SHARE MODE")
            assert (await partitions.ensure(connection, NOW))[1] == 1
        assert await partitions.ensure(connection, NOW) == (1, 0)


async def test_posts_go_on_while_days_move_and_nothing_is_lost_or_doubled(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    for n in range(4):
        await fleet.truck(f"d{n}")
    days = range(20, 28)
    await fleet.post(*((f"d{n}", d * DAY + 1, CHANGNING) for n in range(4) for d in days))
    for d in days:
        put_back(owner_db, (NOW - timedelta(days=d, minutes=1)).date())
    moved = asyncio.Event()
    stored = [0] * 4

    async def keep_posting(n: int) -> None:
        times = 0
        while not moved.is_set() or times < 30:
            times += 1
            rows = [(f"d{n}", d * DAY + 2 + times / 10, CHANGNING) for d in days]
            receipts = await asyncio.gather(fleet.post(*rows), fleet.post(*rows))  # each batch twice
            assert sum(receipt["stored"] for receipt in receipts) == len(rows)
            stored[n] += len(rows)

    async def move() -> None:
        await asyncio.sleep(0.2)
        while owner_db.value("SELECT count(*) FROM ping_default"):
            await run_job("partitions")
        moved.set()

    with capture_logs() as logs:
        await asyncio.gather(move(), *(keep_posting(n) for n in range(4)))
    assert [line["event"] for line in logs if line["log_level"] != "info"] == []
    assert owner_db.value("SELECT count(*) FROM ping") == sum(stored) + 32
    assert owner_db.value("SELECT count(DISTINCT (device_id, fixed_at)) FROM ping") == sum(stored) + 32
    assert {name_of((NOW - timedelta(days=d, minutes=1)).date()) for d in days} <= partitions_of(owner_db)
