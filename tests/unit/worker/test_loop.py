"""The loop of the worker: jobs do not hinder each other, and it stops in good order."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.core.clock import FixedClock
from app.core.context import Context
from app.core.db.database import Database
from app.core.metrics import Metrics
from app.ingest.service import Ingest
from app.jurisdictions.service import LocatorProvider
from app.worker import loop
from app.worker.jobs import JOBS
from app.worker.loop import Job, JobContext, Worker, in_background
from tests.factories.settings import settings_for

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def unconnected_surroundings() -> JobContext:
    settings = settings_for()
    database = Database(settings)
    context, locators = Context(settings, FixedClock(NOW), database, Metrics()), LocatorProvider(database)
    return JobContext(context, locators, Ingest(context, locators))


def counted(unconnected_surroundings: JobContext, name: str, job: str) -> float:
    return unconnected_surroundings.core.metrics.registry.get_sample_value(name, {"job": job}) or 0.0


async def test_a_job_that_fails_is_counted_and_hinders_no_other(
    unconnected_surroundings: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_FIRST_REST_S", 0.0)
    enough = asyncio.Event()
    tries: list[datetime] = []

    async def bad(_: JobContext, now: datetime) -> bool:
        tries.append(now)
        raise ValueError(now)

    async def good(_: JobContext, now: datetime) -> bool:
        assert now == NOW
        if len(tries) >= 3:
            enough.set()
        await asyncio.sleep(0)
        return True

    hour = timedelta(hours=1)
    async with in_background(unconnected_surroundings, [Job("bad", hour, bad), Job("good", hour, good)]):
        await asyncio.wait_for(enough.wait(), 30)
    assert counted(unconnected_surroundings, "leasetrace_job_failures_total", "bad") == len(tries) >= 3
    assert counted(unconnected_surroundings, "leasetrace_job_failures_total", "good") == 0
    assert counted(unconnected_surroundings, "leasetrace_job_runs_total", "good") >= 3
    assert counted(unconnected_surroundings, "leasetrace_job_seconds_count", "bad") == len(tries)


async def test_a_job_that_fails_rests_longer_each_time_and_not_for_ever(
    unconnected_surroundings: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []

    async def wait_for(waiting: asyncio.Future[bool], rest: float) -> None:
        asyncio.ensure_future(waiting).cancel()
        rests.append(rest)
        if len(rests) == 14:
            worker.stop()

    async def bad(_: JobContext, __: datetime) -> bool:
        raise OSError

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    worker = Worker(unconnected_surroundings, [Job("bad", timedelta(seconds=1), bad)])
    await worker.work()
    assert rests[:5] == [1, 2, 4, 8, 16]
    assert max(rests) == 600


async def test_stopping_lets_the_run_under_way_end_and_begins_no_other(
    unconnected_surroundings: JobContext,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    ended: list[int] = []

    async def slow(_: JobContext, __: datetime) -> bool:
        begun.set()
        await may_end.wait()
        ended.append(1)
        return True

    worker = Worker(unconnected_surroundings, [Job("slow", timedelta(0), slow)])
    working = asyncio.create_task(worker.work())
    await begun.wait()
    worker.stop()
    may_end.set()
    await asyncio.wait_for(working, 30)
    assert ended == [1]


async def test_a_run_that_does_not_end_is_cancelled(
    unconnected_surroundings: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "GRACE_S", 0.01)
    begun = asyncio.Event()

    async def stuck(_: JobContext, __: datetime) -> bool:
        begun.set()
        await asyncio.Event().wait()
        return False

    async with in_background(unconnected_surroundings, [Job("stuck", timedelta(0), stuck)]):
        await begun.wait()


def test_every_job_has_a_name_of_its_own() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS) > 0
