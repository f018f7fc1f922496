"""The list of the worker's jobs. The room that owns the data holds a job's work; this module only calls it."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

from app.audit import daily
from app.audit.writer import ensure_partitions
from app.compliance.retention.service import delete_ended_sessions, delete_expired
from app.core.db.database import SERVICE
from app.ingest.aemp.poller import poll_due
from app.jurisdictions.errors import BoundariesNotLoaded
from app.telemetry.feeds.silence import check_silence
from app.telemetry.pings import partitions
from app.tracking.datum.monitor import DatumCheck
from app.tracking.history import late_data, rebind
from app.worker.cursors import cursor_of, keep_cursor
from app.worker.job_lock import job_lock
from app.worker.loop import Job, JobContext

_STATEMENT_TIMEOUT_S: Final = 120


def _connection(context: JobContext) -> AbstractAsyncContextManager[AsyncConnection]:
    return context.core.database.direct("leasetrace worker", statement_timeout_s=_STATEMENT_TIMEOUT_S)


async def _partitions(context: JobContext, now: datetime) -> bool:
    async with _connection(context) as connection, job_lock(connection, "partitions") as mine:
        if mine:
            await partitions.ensure(connection, now)
            await ensure_partitions(connection, now)
    return False


async def _trail_anchor(context: JobContext, now: datetime) -> bool:
    async with _connection(context) as connection, job_lock(connection, "trail_anchor") as mine:
        if mine:
            await daily.anchor(connection, context.core.settings.audit, now)
    return False


async def _late_data(context: JobContext, now: datetime) -> bool:
    async with _connection(context) as connection:
        return await late_data.process_late_windows(connection, context.core.settings.tracking, now)


async def _reattribution(context: JobContext, now: datetime) -> bool:
    async with _connection(context) as connection:
        return await rebind.process_binding_changes(connection, context.core.settings.tracking, now)


async def _aemp(context: JobContext, now: datetime) -> bool:
    await poll_due(context.core, context.ingest.receive_decoded, now, tokens=context.tokens)
    return False


async def _datum_check(context: JobContext, now: datetime) -> bool:
    try:
        layer = await context.locators.current()
    except BoundariesNotLoaded:
        return False
    async with _connection(context) as connection, job_lock(connection, "datum_check") as mine:
        if mine:
            check = DatumCheck(connection, context.core.settings.tracking, layer.inside, now)
            after = await cursor_of(connection, "datum_check")
            await keep_cursor(connection, "datum_check", await check.check_new_pings(after))
    return False  # devices come up repeatedly: the next run is soon enough


async def _retention(context: JobContext, now: datetime) -> bool:
    async with _connection(context) as connection, job_lock(connection, "retention") as mine:
        return mine and await delete_expired(connection, context.core.settings.retention, now)


async def _silence(context: JobContext, now: datetime) -> bool:
    async with context.core.database.writing(SERVICE) as session:
        await check_silence(session, now, context.core)
    return False


async def _sign_ins(context: JobContext, now: datetime) -> bool:
    async with context.core.database.writing(SERVICE) as session:
        await delete_ended_sessions(session, context.core.settings.retention, now)
    return False


JOBS: Final = (
    Job("partitions", timedelta(minutes=10), _partitions),
    Job("late_data", timedelta(seconds=5), _late_data),
    Job("reattribution", timedelta(seconds=5), _reattribution),
    Job("silence", timedelta(minutes=1), _silence),
    Job("aemp", timedelta(minutes=1), _aemp),
    Job("datum_check", timedelta(minutes=1), _datum_check),
    Job("retention", timedelta(hours=1), _retention),
    Job("trail_anchor", timedelta(minutes=10), _trail_anchor),
    Job("sign_ins", timedelta(hours=1), _sign_ins),
)
"""Every job that a worker runs."""
