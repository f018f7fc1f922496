"""What is too old goes, with a record; what a legal hold keeps stays, and what came in lately too."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.compliance.retention import queries, service
from app.localdb.cluster import ClusterUrls
from app.telemetry.pings import batches
from app.tracking.service import positions_as_of
from app.worker.jobs import JOBS
from app.worker.loop import JobContext
from tests.api import Principals
from tests.database import AS_SERVICE, OwnerDatabase
from tests.factories.cases import open_case
from tests.factories.constants import CHANGNING, DAY, NOW, PUDONG
from tests.factories.fleets import LessorFleet
from tests.factories.jobs import JobRunner
from tests.factories.settings import changed

HANGZHOU = (120.1551, 30.2741)
YEAR = 366 * DAY
FOUR_YEARS_AGO = NOW - timedelta(minutes=4 * YEAR)


def grow_old(owner_db: OwnerDatabase, years: int = 4) -> None:
    """Move the arrival of all stored data that many years back."""
    owner_db.execute("UPDATE ping_batch SET received_at = received_at - %s * interval '366 days'", years)


async def hold(principals: Principals, asset_id: int) -> int:
    admin = await principals.administrator()
    answer = await admin.post("/v1/legal-holds", json={"asset_id": asset_id, "reason": "诉讼保全"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["hold_id"])


async def hold_case_of(principals: Principals, fleet: LessorFleet, asset_id: int) -> str:
    """Confirm an asset in a case that is held as a whole already; return the path of the case."""
    court = await principals.court()
    case_id = await open_case(court, fleet.lessor)
    path = f"/v1/cases/{case_id}"
    placed = await court.client.post(f"{path}/legal-hold", json={"reason": "诉讼保全"})
    assert placed.status_code == 201, placed.text
    await fleet.lessor.client.post(f"{path}/offers", json={"asset_ids": [asset_id]})
    serial = (await fleet.lessor.client.get(f"/v1/assets/{asset_id}")).json()["serial_no"]
    rows = {"rows": [{"matched_by": "serial_no", "value": serial}]}
    confirmed = await court.client.post(f"{path}/confirmations", json=rows)
    assert confirmed.json()["assets_confirmed"] == 1, confirmed.text
    assert (await court.client.patch(path, json={"phase": "closed"})).status_code == 200
    return path


async def release(principals: Principals, hold_id: int) -> None:
    answer = await (await principals.administrator()).post(f"/v1/legal-holds/{hold_id}/release")
    assert answer.status_code == 200, answer.text


def logged(owner_db: OwnerDatabase, kind: str) -> list[tuple[date | None, int, int]]:
    rows = owner_db.rows("SELECT day, rows, held_rows FROM retention_log WHERE class = %s ORDER BY 1, 2, 3", kind)
    return [(r["day"], r["rows"], r["held_rows"]) for r in rows]


def bodies(owner_db: OwnerDatabase) -> list[bool]:
    rows = owner_db.rows("SELECT body_zstd IS NOT NULL AS there, sha256 FROM raw_body ORDER BY batch_id")
    assert all(len(r["sha256"]) == 32 for r in rows)
    return [r["there"] for r in rows]


def counts(owner_db: OwnerDatabase) -> list[int]:
    """How many pings, extras and later doubts there are."""
    queries = ("SELECT count(*) FROM ping", "SELECT count(*) FROM ping_extra", "SELECT count(*) FROM later_doubt")
    return [owner_db.value(query) for query in queries]


def partition(owner_db: OwnerDatabase, day: datetime) -> bool:
    return bool(owner_db.value("SELECT to_regclass(%s) IS NOT NULL", f"ping_{day:%Y%m%d}"))


async def test_bodies_go_and_their_digests_stay_so_that_the_chain_holds(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, surroundings: JobContext
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 10, CHANGNING))
    await fleet.post(("d", 9, CHANGNING))
    grow_old(owner_db, 3)
    await fleet.post(("d", 8, CHANGNING))
    await run_job("retention")
    assert bodies(owner_db) == [False, False, True]
    assert logged(owner_db, "raw") == [((NOW - timedelta(days=3 * 366)).date(), 2, 0)]
    assert owner_db.value("SELECT count(*) FROM ping") == 3
    await run_job("retention")
    assert len(logged(owner_db, "raw")) == 1


async def test_an_emptied_body_is_no_fault_of_the_chain(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, surroundings: JobContext
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 10, CHANGNING))
    await fleet.post(("d", 9, CHANGNING))
    keep = changed(surroundings.core.settings, retention={"raw_days": 1})
    (job,) = (job for job in JOBS if job.name == "retention")
    await job.run(replace(surroundings, core=replace(surroundings.core, settings=keep)), NOW + timedelta(days=3))
    assert bodies(owner_db) == [False, False]
    async with (
        surroundings.core.database.direct("test", statement_timeout_s=30) as connection,
        connection.transaction(),
    ):
        steps = [step async for step in batches.verify(connection)]
    assert [step[0] for step in steps if not isinstance(step, batches.ChainFault)] == [1, 2]


async def test_a_body_with_a_ping_of_a_held_asset_is_kept_until_the_release(
    fleet: LessorFleet,
    run_job: JobRunner,
    owner_db: OwnerDatabase,
    principals: Principals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "BODIES_PER_TRANSACTION", 2)
    held, _ = await fleet.truck("a"), await fleet.truck("b")
    await fleet.post(("a", 10, CHANGNING))
    await fleet.post(("b", 10, CHANGNING))
    await fleet.post(("a", 9, CHANGNING), ("b", 9, CHANGNING))
    await fleet.post(("b", 8, CHANGNING))
    await fleet.post(("b", 7, CHANGNING))
    grow_old(owner_db, 3)
    hold_id = await hold(principals, held)
    await run_job("retention")
    assert bodies(owner_db) == [True, False, True, False, False]
    day = (NOW - timedelta(days=3 * 366)).date()
    assert logged(owner_db, "raw") == [(day, 1, 0), (day, 1, 1), (day, 1, 1)]
    await release(principals, hold_id)
    await run_job("retention")
    assert bodies(owner_db) == [False] * 5


async def test_a_day_goes_whole_with_what_hangs_on_it(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 4 * YEAR, CHANGNING), ("d", 4 * YEAR - 1, CHANGNING), alarms=["sos"])
    await fleet.post(("d", 10, CHANGNING), alarms=["sos"])
    await run_job("partitions")
    owner_db.execute("INSERT INTO later_doubt SELECT device_id, variant, fixed_at, lessor_id, 16, now() FROM ping")
    owner_db.execute("UPDATE ping_batch SET received_at = %s WHERE received = 2", FOUR_YEARS_AGO)
    assert partition(owner_db, FOUR_YEARS_AGO)
    await run_job("retention")
    assert not partition(owner_db, FOUR_YEARS_AGO)
    assert counts(owner_db) == [1, 1, 1]
    assert logged(owner_db, "ping") == [(FOUR_YEARS_AGO.date(), 2, 0)]
    assert (await fleet.post(("d", 4 * YEAR, CHANGNING)))["stored"] == 1  # such a day can come again


async def test_nothing_of_an_asset_of_a_held_case_goes(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, principals: Principals
) -> None:
    held, _ = await fleet.truck("a"), await fleet.truck("b")
    await fleet.post(("a", 4 * YEAR, CHANGNING), ("b", 4 * YEAR, CHANGNING))
    await fleet.post(("a", 4 * YEAR - DAY, CHANGNING), ("b", 4 * YEAR - DAY, CHANGNING))
    await fleet.post(("a", 10, CHANGNING), ("b", 10, CHANGNING))
    await run_job("partitions")
    grow_old(owner_db)
    path = await hold_case_of(principals, fleet, held)
    await run_job("retention")
    old = owner_db.rows("SELECT DISTINCT asset_id FROM ping WHERE fixed_at < now() - interval '3 years'")
    assert [r["asset_id"] for r in old] == [held]
    assert bodies(owner_db) == [True] * 3
    court = await principals.court()
    assert (await court.client.post(f"{path}/legal-hold/release")).status_code == 200
    await run_job("retention")
    assert owner_db.value("SELECT count(*) FROM ping WHERE fixed_at < now() - interval '3 years'") == 0


async def test_nothing_of_a_held_asset_goes(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, principals: Principals
) -> None:
    held, _ = await fleet.truck("a"), await fleet.truck("b")
    await fleet.device("loose")
    rows = [(d, 4 * YEAR - n, CHANGNING) for d in ("a", "b", "loose") for n in range(3)]
    await fleet.post(*rows, alarms=["sos"])
    await run_job("partitions")  # an earlier test dropped the day, and the writer does not know
    owner_db.execute("INSERT INTO later_doubt SELECT device_id, variant, fixed_at, lessor_id, 16, now() FROM ping")
    grow_old(owner_db)
    hold_id = await hold(principals, held)
    await run_job("retention")
    left = {r["asset_id"] for r in owner_db.rows("SELECT asset_id FROM ping")}
    assert left == {held}
    assert counts(owner_db) == [3, 3, 3]
    assert logged(owner_db, "ping") == [(FOUR_YEARS_AGO.date(), 6, 3)]
    await run_job("retention")
    assert len(logged(owner_db, "ping")) == 1
    await release(principals, hold_id)
    await run_job("retention")
    assert owner_db.value("SELECT count(*) FROM ping") == 0
    assert not partition(owner_db, FOUR_YEARS_AGO)
    assert logged(owner_db, "ping") == [(FOUR_YEARS_AGO.date(), 3, 0), (FOUR_YEARS_AGO.date(), 6, 3)]


async def test_history_that_was_brought_in_lately_stays(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PINGS_PER_TRANSACTION", 2)
    await fleet.truck("d")
    await fleet.post(*(("d", 4 * YEAR - n, CHANGNING) for n in range(5)))
    await run_job("partitions")
    grow_old(owner_db)
    await fleet.post(("d", 4 * YEAR - 9, PUDONG))
    await run_job("retention")
    assert owner_db.value("SELECT count(*) FROM ping") == 1
    assert partition(owner_db, FOUR_YEARS_AGO)
    assert sum(rows for _, rows, _ in logged(owner_db, "ping")) == 5


async def test_impossible_clocks_are_as_old_as_their_arrival(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 40 * YEAR, CHANGNING), ("d", -4 * YEAR, CHANGNING))
    grow_old(owner_db)
    await fleet.post(("d", 41 * YEAR, CHANGNING), ("d", -5 * YEAR, CHANGNING))
    assert owner_db.value("SELECT count(*) FROM ping_default") == 4
    await run_job("retention")
    assert owner_db.value("SELECT count(*) FROM ping_default") == 2
    assert logged(owner_db, "ping") == [(None, 2, 0)]


async def test_last_positions_of_days_go_later(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, principals: Principals
) -> None:
    held, other = await fleet.truck("a"), await fleet.truck("b")
    for minutes in (3 * DAY, 2 * DAY, 10):
        await fleet.post(("a", minutes, CHANGNING), ("b", minutes, CHANGNING))
    owner_db.execute("UPDATE daily_position SET day = day - 6 * 366 WHERE day < %s", (NOW - timedelta(days=2)).date())
    await hold(principals, held)
    await run_job("retention")
    kept = owner_db.rows("SELECT asset_id, day FROM daily_position ORDER BY day, asset_id")
    assert [r["asset_id"] for r in kept] == [held, held, other]
    assert [(rows, held_rows) for _, rows, held_rows in logged(owner_db, "derived")] == [(1, 1)]


async def test_a_day_without_its_pings_still_answers_with_its_last_position(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, session: AsyncSession
) -> None:
    truck = await fleet.truck("d")
    for minutes, place in ((5 * DAY, HANGZHOU), (3 * DAY, CHANGNING), (10, PUDONG)):
        await fleet.post(("d", minutes, place))
    owner_db.execute("DELETE FROM ping WHERE fixed_at < %s", NOW - timedelta(days=1))

    async def at(minutes_ago: float) -> tuple[float, float]:
        (found,) = await positions_as_of(session, [truck], NOW - timedelta(minutes=minutes_ago))
        return found.lon, found.lat

    assert await at(3 * DAY - 30) == CHANGNING
    assert await at(3 * DAY + 30) == HANGZHOU


@pytest.mark.parametrize("kind", ["raw", "ping", "derived"])
async def test_zero_days_keep_for_ever(
    fleet: LessorFleet,
    owner_db: OwnerDatabase,
    surroundings: JobContext,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 4 * YEAR, CHANGNING))
    await fleet.post(("d", 3 * DAY, CHANGNING), ("d", 10, CHANGNING))
    owner_db.execute("UPDATE daily_position SET day = day - 6 * 366")
    grow_old(owner_db)
    keep = changed(surroundings.core.settings, retention={f"{kind}_days": 0})
    (job,) = (job for job in JOBS if job.name == "retention")
    await job.run(replace(surroundings, core=replace(surroundings.core, settings=keep)), NOW)
    gone = {r["class"] for r in owner_db.rows("SELECT class FROM retention_log")}
    assert gone == {"raw", "ping", "derived"} - {kind}


FAR = datetime(9999, 1, 1, tzinfo=UTC)


async def test_the_applications_role_cannot_drop_a_young_day(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, urls: ClusterUrls
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 20 * DAY, CHANGNING), ("d", 4 * YEAR, CHANGNING))
    await run_job("partitions")
    assert partition(owner_db, FOUR_YEARS_AGO)
    with psycopg.connect(urls.app_url, options=AS_SERVICE, autocommit=True) as connection:

        def drop(day: object, before: object) -> Any:
            return connection.execute("SELECT ping_partition_drop(%s, %s)", (day, before)).fetchone()

        for day in ((NOW - timedelta(days=20)).date(), NOW.date(), None):
            with pytest.raises(psycopg.errors.CheckViolation):
                drop(day, FAR)
        with pytest.raises(psycopg.errors.CheckViolation):
            drop(FOUR_YEARS_AGO.date(), None)
        assert drop(FOUR_YEARS_AGO.date(), FAR) == (None,)  # old, but it came in lately
        for statement in (
            f"DROP TABLE ping_{FOUR_YEARS_AGO:%Y%m%d}",
            "DELETE FROM retention_log",
            "UPDATE retention_log SET rows = 0",
            "DELETE FROM legal_hold",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert owner_db.value("SELECT count(*) FROM ping") == 2


async def test_no_hold_is_placed_while_something_is_deleted(
    fleet: LessorFleet, owner_db: OwnerDatabase, surroundings: JobContext
) -> None:
    truck = await fleet.truck("d")
    async with (
        surroundings.core.database.direct("test", statement_timeout_s=30) as connection,
        connection.transaction(),
    ):
        assert await queries.held_assets(connection) == []
        with owner_db.connection.transaction(force_rollback=True):
            owner_db.execute("SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner_db.execute(
                    "INSERT INTO legal_hold (asset_id, reason, from_at, placed_by)"
                    " SELECT %s, 'r', now(), min(principal_id) FROM principal",
                    truck,
                )


async def test_a_day_that_is_in_use_waits_for_the_next_time(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, surroundings: JobContext
) -> None:
    await fleet.truck("d")
    await fleet.post(("d", 4 * YEAR, CHANGNING))
    grow_old(owner_db)
    with owner_db.connection.transaction():
        owner_db.execute("LOCK TABLE legal_hold IN ROW EXCLUSIVE MODE")
        async with surroundings.core.database.direct("test", statement_timeout_s=30) as connection:
            assert not await service._drop_day(connection, FOUR_YEARS_AGO.date(), NOW, NOW)
    assert owner_db.value("SELECT count(*) FROM ping") == 1
    await run_job("retention")
    assert owner_db.value("SELECT count(*) FROM ping") == 0
