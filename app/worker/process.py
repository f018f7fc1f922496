"""Starts the worker in a process of its own, or beside the service."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager

from app.core.clock import Clock
from app.core.context import Context
from app.core.db.database import Database
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.ingest.service import Ingest
from app.jurisdictions.service import LocatorProvider
from app.worker.jobs import JOBS
from app.worker.loop import JobContext, Worker, in_background


def background_work(context: Context, locators: LocatorProvider, ingest: Ingest) -> AbstractAsyncContextManager[None]:
    """Return the worker as a companion of the application (``app.main.create_app``)."""
    return in_background(JobContext(context, locators, ingest), JOBS)


async def work_until_stopped(settings: Settings, clock: Clock) -> None:
    """Run the worker until SIGTERM or SIGINT; current runs are finished."""
    database = Database(settings)
    context = Context(settings, clock, database, Metrics())
    locators = LocatorProvider(database)
    loop = asyncio.get_running_loop()
    try:
        async with Ingest(context, locators) as ingest:
            worker = Worker(JobContext(context, locators, ingest), JOBS)
            for one in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(one, worker.stop)
            await worker.work()
    finally:
        await database.close()
