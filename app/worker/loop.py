"""The loop of the worker: every job at its own pace; one that fails backs off and hinders no other."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.core.context import Context
from app.ingest.aemp.tokens import TokenCache
from app.ingest.service import Ingest
from app.jurisdictions.service import LocatorProvider

_log = structlog.get_logger("leasetrace.worker")
_LONGEST_REST_S: Final = 600.0
_FIRST_REST_S: Final = 1.0
GRACE_S: Final = 20.0
"""A run under way when the worker is told to stop may take so long; then it is cancelled, and done again later."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job has to work with.

    Attributes:
        core: Settings, clock, database, metrics.
        locators: Gives the boundary layer in force; loaded when a job first asks for it.
        ingest: Takes in pings that a job has fetched.
        tokens: Access tokens of the interfaces that are polled, until they expire.
    """

    core: Context
    locators: LocatorProvider
    ingest: Ingest
    tokens: TokenCache = field(default_factory=TokenCache)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again.

    A run is bounded, and may be killed at any moment and run again: what belongs together is one transaction. Several
    workers may run it at once.

    Attributes:
        name: In logs and metrics.
        every: The rest between two runs.
        run: ``await run(around, now)`` does a bounded piece and tells whether more is waiting, which is done at once.
    """

    name: str
    every: timedelta
    run: Callable[[JobContext, datetime], Awaitable[bool]]


class Worker:
    """Runs jobs until it is told to stop.

    Args:
        around: What the jobs work with.
        jobs: The jobs.
    """

    def __init__(self, around: JobContext, jobs: Sequence[Job]) -> None:
        self._around = around
        self._jobs = tuple(jobs)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping.set()

    async def work(self) -> None:
        """Run the jobs; returns after ``stop``, when the runs under way have ended."""
        running = [asyncio.create_task(self._repeat(job), name=f"job-{job.name}") for job in self._jobs]
        await self._stopping.wait()
        _, late = await asyncio.wait(running, timeout=GRACE_S) if running else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def run_once(self, job: Job) -> bool:
        """Run a job now, and tell whether more is waiting.

        Raises:
            Exception: Whatever the job raised; it is counted.
        """
        metrics = self._around.core.metrics
        metrics.job_runs.labels(job.name).inc()
        started = time.perf_counter()
        try:
            return await job.run(self._around, self._around.core.clock.now())
        except Exception:
            metrics.job_failures.labels(job.name).inc()
            raise
        finally:
            metrics.job_seconds.labels(job.name).observe(time.perf_counter() - started)

    async def _repeat(self, job: Job) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                more = await self.run_once(job)
            except Exception as error:  # noqa: BLE001 whatever it is, the job is tried again and the others go on
                rest = min(_FIRST_REST_S * 2**failures, _LONGEST_REST_S)
                failures = min(failures + 1, 20)
                _log.warning("job_failed", job=job.name, error=type(error).__name__, again_in_s=rest, exc_info=error)
            else:
                failures = 0
                rest = 0.0 if more else job.every.total_seconds()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), rest)


@asynccontextmanager
async def in_background(around: JobContext, jobs: Sequence[Job]) -> AsyncIterator[None]:
    """Run jobs while the block lasts."""
    worker = Worker(around, jobs)
    task = asyncio.create_task(worker.work(), name="worker")
    try:
        yield
    finally:
        worker.stop()
        await task
