"""Retention: deletes what is past the term of its class, keeps what a legal hold keeps, and records the deletion.

Every transaction is bounded. History that was imported yesterday is not deleted today: a ping's age counts from its
fix time or its arrival, whichever is later.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.compliance.register import RetentionClass
from app.compliance.retention import queries
from app.compliance.retention.domain import Deletion, Term, term_of, terms_of
from app.core.settings import RetentionSettings
from app.dispatch.shares.service import delete_shares as delete_expired_shares
from app.identity.sessions.service import delete_expired_sessions

PINGS_PER_TRANSACTION: Final = 10_000
BODIES_PER_TRANSACTION: Final = 2_000
DAILY_POSITIONS_PER_TRANSACTION: Final = 10_000
TRANSACTIONS_PER_RUN: Final = 50
DAYS_PER_RUN: Final = 7
"""At most this many days of pings are dropped or thinned out in a run."""


async def delete_expired(connection: AsyncConnection, settings: RetentionSettings, now: datetime) -> bool:
    """Delete what is past its term, class by class; sessions are deleted by ``delete_ended_sessions``.

    Args:
        connection: In autocommit.
        now: UTC.

    Returns:
        Whether more may be expired.
    """
    more = False
    for kind, delete in DELETIONS.items():
        before = term_of(kind, settings).limit(now)
        if before is not None:
            more |= await delete(connection, before, now)
    return more


async def terms_and_last_deletions(
    session: AsyncSession, settings: RetentionSettings
) -> list[tuple[Term, Deletion | None]]:
    """Return each class with its last deletion; the session is the service's or a platform administrator's."""
    deleted = await queries.last_deletions(session)
    return [(term, deleted.get(term.kind)) for term in terms_of(settings)]


async def empty_raw_bodies(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Delete the bodies of batches that arrived before a moment; their digests, and so the chain, stay.

    A body is kept when one of its pings belongs to a held asset.
    """
    after = emptied = 0
    held: list[int] | None = None
    held_batches: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    while emptied < TRANSACTIONS_PER_RUN * BODIES_PER_TRANSACTION:
        async with connection.transaction():
            still_held = await queries.held_assets(connection)
            if still_held != held:
                held, held_batches = still_held, await queries.held_batches(connection, still_held, before)
            rows = await queries.expired_bodies(connection, before, after=after, limit=BODIES_PER_TRANSACTION)
            if not rows:
                return False
            ids = np.array([row[0] for row in rows], dtype=np.int64)
            keep = np.isin(ids, held_batches)
            await queries.empty_bodies(connection, ids[~keep].tolist())
            await queries.record(connection, RetentionClass.RAW, _by_day([row[1] for row in rows], keep), now)
        after = int(ids[-1])
        emptied += int(np.count_nonzero(~keep))
    return True


def _by_day(days: list[date], keep: NDArray[np.bool_]) -> list[tuple[date | None, int, int]]:
    """Count deleted and held rows by day; leave out days without a deletion."""
    counts: dict[date, list[int]] = {}
    for day, kept in zip(days, keep.tolist(), strict=True):
        counts.setdefault(day, [0, 0])[kept] += 1
    return [(day, deleted, held) for day, (deleted, held) in counts.items() if deleted]


async def delete_pings(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Delete the pings whose fix and arrival are before a moment, with their extras and later doubts.

    A whole day is dropped with its partition. Where some pings are held or arrived later, the others are deleted row
    by row.
    """
    done = 0
    for day in await queries.partition_days(connection, before.date()):
        done += await _drop_day(connection, day, before, now) or await _thin_out(connection, day, before, now)
        if done >= DAYS_PER_RUN:
            return True
    await _thin_out(connection, None, before, now)
    return False


async def _drop_day(connection: AsyncConnection, day: date, before: datetime, now: datetime) -> bool:
    try:
        async with connection.transaction():
            rows = await queries.drop_partition(connection, day, before)
            if rows:
                await queries.record(connection, RetentionClass.PING, [(day, rows, 0)], now)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.CheckViolation):
        return False  # others use the day, or it is too young by the database's clock: the next run tries again
    return rows is not None


async def _thin_out(connection: AsyncConnection, day: date | None, before: datetime, now: datetime) -> bool:
    """Delete the expired pings of a day (None: of the default partition); return whether there were any."""
    found = False
    while True:
        async with connection.transaction():
            held = await queries.held_assets(connection)
            rows, kept = await queries.delete_pings_of_day(connection, day, before, held, PINGS_PER_TRANSACTION)
            if rows:
                await queries.record(connection, RetentionClass.PING, [(day, rows, kept)], now)
        found = found or rows > 0
        if rows < PINGS_PER_TRANSACTION:
            return found


async def delete_daily_positions(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Delete the last positions of the days before the day (UTC) of a moment."""
    for _ in range(TRANSACTIONS_PER_RUN):
        async with connection.transaction():
            held = await queries.held_assets(connection)
            deleted = await queries.delete_daily_positions(
                connection, before.date(), held, DAILY_POSITIONS_PER_TRANSACTION
            )
            await queries.record(connection, RetentionClass.DERIVED, deleted, now)
        if sum(row[1] for row in deleted) < DAILY_POSITIONS_PER_TRANSACTION:
            return False
    return True


async def delete_shares(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Delete the shares that expired before a moment, all of them."""
    async with connection.transaction():
        deleted = [(day, rows, 0) for day, rows in await delete_expired_shares(connection, before)]
        await queries.record(connection, RetentionClass.SHARE, deleted, now)
    return False


async def delete_ended_sessions(session: AsyncSession, settings: RetentionSettings, now: datetime) -> None:
    """Delete sessions past their term, and failures of sign-ins that count no more."""
    deleted = await delete_expired_sessions(session, now, term_of(RetentionClass.SESSION, settings).days or 0)
    if deleted:
        await queries.record_in_session(session, RetentionClass.SESSION, deleted, now)


Delete = Callable[[AsyncConnection, datetime, datetime], Awaitable[bool]]
"""Takes a connection in autocommit, the moment from which data are kept, and the present; returns whether more may be
expired."""
DELETIONS: Final[Mapping[RetentionClass, Delete]] = {
    RetentionClass.RAW: empty_raw_bodies,
    RetentionClass.PING: delete_pings,
    RetentionClass.DERIVED: delete_daily_positions,
    RetentionClass.SHARE: delete_shares,
}
"""The classes that ``delete_expired`` deletes, in this order."""
