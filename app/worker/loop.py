"""The worker's loop: each job at its own interval. A failing job backs off and does not block others."""

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
"""Seconds for running jobs after a stop; then they are cancelled, and done again later."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job works with; ``locators`` loads the boundary layer in force when a job first needs it."""

    core: Context
    locators: LocatorProvider
    ingest: Ingest
    tokens: TokenCache = field(default_factory=TokenCache)


@dataclass(frozen=True, slots=True)
class Job:
    """A repeated job.

    A run is bounded. It may be killed at any moment and run again, so related changes share one transaction. Several
    workers may run it at once.

    Attributes:
        run: Does a bounded part of the work. Returns whether more is waiting; then it runs again at once.
    """

    name: str  # in logs and metrics
    every: timedelta  # the pause between two runs
    run: Callable[[JobContext, datetime], Awaitable[bool]]


class Worker:
    """Runs jobs until ``stop``."""

    def __init__(self, context: JobContext, jobs: Sequence[Job]) -> None:
        self._context = context
        self._jobs = tuple(jobs)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping.set()

    async def work(self) -> None:
        """Run the jobs; returns after ``stop``, when the current runs have ended."""
        running = [asyncio.create_task(self._repeat(job), name=f"job-{job.name}") for job in self._jobs]
        await self._stopping.wait()
        _, late = await asyncio.wait(running, timeout=GRACE_S) if running else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def run_once(self, job: Job) -> bool:
        """Run a job now; return whether more is waiting. An error of the job is counted and raised."""
        metrics = self._context.core.metrics
        metrics.job_runs.labels(job.name).inc()
        started = time.perf_counter()
        try:
            return await job.run(self._context, self._context.core.clock.now())
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
async def in_background(context: JobContext, jobs: Sequence[Job]) -> AsyncIterator[None]:
    """Run jobs while the block lasts."""
    worker = Worker(context, jobs)
    task = asyncio.create_task(worker.work(), name="worker")
    try:
        yield
    finally:
        worker.stop()
        await task
