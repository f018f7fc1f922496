"""What grows too old is deleted: raw bodies and pings, by class, never what a legal hold keeps, and with a record.

Every transaction is bounded, takes the table of holds in SHARE mode first, and so either sees a hold or ends before
it is placed. Days are UTC. A ping is as old as the younger of its fix and its arrival: history that was brought in
yesterday is not deleted today.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.compliance.tables import RetentionLogRow

ROWS: Final = 10_000
"""So many pings are deleted in a transaction."""
BODIES: Final = 2_000
"""So many raw bodies are looked at in a transaction."""
AT_ONCE: Final = 50
"""So many such transactions are done in a run at most."""
DAYS: Final = 7
"""So many days are dropped or thinned out in a run."""
HOLDS: Final = "LOCK TABLE legal_hold, case_asset IN SHARE MODE"
"""First in every transaction that deletes: no hold is placed while it lasts."""
HELD: Final = "SELECT asset_id FROM held_asset ORDER BY asset_id"
LOG: Final = """
    INSERT INTO retention_log (class, day, rows, held_rows, at)
    SELECT %s, day, rows, held_rows, %s
    FROM unnest(%s::date[], %s::bigint[], %s::bigint[]) AS gone(day, rows, held_rows)"""

# The index of bodies that are kept (raw_body_kept_idx) leads to the oldest; batches are numbered as they come.
_OLD_BODIES: Final = """
    SELECT r.batch_id, (b.received_at AT TIME ZONE 'UTC')::date
    FROM raw_body r JOIN ping_batch b USING (batch_id)
    WHERE r.body_zstd IS NOT NULL AND r.batch_id > %(after)s AND b.received_at < %(before)s
      AND r.batch_id < (SELECT first_batch_since(%(before)s))
    ORDER BY r.batch_id LIMIT %(limit)s"""
_EMPTY: Final = "UPDATE raw_body SET body_zstd = NULL WHERE batch_id = ANY(%s)"
# Pings of an asset are those of devices that are, or by its positions were, on it. Uses the key of ping.
_HELD_BATCHES: Final = """
    SELECT DISTINCT p.batch_id
    FROM (
        SELECT asset_id, device_id FROM device_binding WHERE asset_id = ANY(%(held)s)
        UNION SELECT asset_id, device_id FROM daily_position WHERE asset_id = ANY(%(held)s)
        UNION SELECT asset_id, device_id FROM current_position WHERE asset_id = ANY(%(held)s)
    ) pair
    JOIN ping p USING (asset_id, device_id)
    WHERE p.batch_id < (SELECT first_batch_since(%(before)s))"""
_DAYS_THERE: Final = """
    SELECT to_date(substr(relname, 6), 'YYYYMMDD') AS day
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.ping'::regclass AND relname ~ '^ping_[0-9]{8}$' AND relname < %s
    ORDER BY day"""
_IN_DAY: Final = """
    p.fixed_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
          AND p.fixed_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'"""
_EVER: Final = "true"
_DELETE: Final = """
    WITH old AS MATERIALIZED (
        SELECT p.device_id, p.variant, p.fixed_at FROM {table} p
        WHERE {where} AND p.batch_id < (SELECT first_batch_since(%(before)s))
          AND (p.asset_id IS NULL OR p.asset_id <> ALL(%(held)s))
        LIMIT %(limit)s
    ), gone AS (
        DELETE FROM {table} p USING old o
        WHERE {where} AND (p.device_id, p.variant, p.fixed_at) = (o.device_id, o.variant, o.fixed_at)
        RETURNING p.device_id, p.variant, p.fixed_at, p.batch_id, p.row_index
    ), extras AS (
        DELETE FROM ping_extra e USING gone g
        WHERE (e.device_id, e.batch_id, e.row_index) = (g.device_id, g.batch_id, g.row_index)
    ), doubts AS (
        DELETE FROM later_doubt l USING gone g
        WHERE (l.device_id, l.variant, l.fixed_at) = (g.device_id, g.variant, g.fixed_at)
    )
    SELECT count(*) FROM gone"""
_HELD_ROWS: Final = "SELECT count(*) FROM {table} p WHERE {where} AND p.asset_id = ANY(%(held)s)"


async def held_assets(connection: AsyncConnection) -> list[int]:
    """Return the assets under a legal hold, and let no other be placed until the transaction ends."""
    await connection.execute(HOLDS)
    return [row[0] for row in await (await connection.execute(HELD)).fetchall()]


async def note(
    connection: AsyncConnection, kind: str, gone: Collection[tuple[date | None, int, int]], now: datetime
) -> None:
    """Record what was deleted: of which class, and for each day how many rows went and how many a hold kept."""
    if gone:
        days, rows, held = zip(*gone, strict=True)
        await connection.execute(LOG, (kind, now, list(days), list(rows), list(held)))


async def empty_raw_bodies(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Empty the bodies of batches that came in before a moment; their digests, and so the chain, stay.

    A body is kept when any of its pings is of a held asset.

    Args:
        connection: In autocommit.
        before: The moment.
        now: The present, UTC.

    Returns:
        Whether more may be waiting.
    """
    after = emptied = 0
    held: list[int] | None = None
    kept: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    while emptied < AT_ONCE * BODIES:
        async with connection.transaction():
            still_held = await held_assets(connection)
            if still_held != held:
                held, kept = still_held, await _held_batches(connection, still_held, before)
            cursor = await connection.execute(_OLD_BODIES, {"after": after, "before": before, "limit": BODIES})
            rows = await cursor.fetchall()
            if not rows:
                return False
            ids = np.array([row[0] for row in rows], dtype=np.int64)
            keep = np.isin(ids, kept)
            await connection.execute(_EMPTY, (ids[~keep].tolist(),))
            await note(connection, "raw", _by_day([row[1] for row in rows], keep), now)
        after = int(ids[-1])
        emptied += int(np.count_nonzero(~keep))
    return True


async def _held_batches(connection: AsyncConnection, held: list[int], before: datetime) -> NDArray[np.int64]:
    if not held:
        return np.zeros(0, dtype=np.int64)
    rows = await (await connection.execute(_HELD_BATCHES, {"held": held, "before": before})).fetchall()
    return np.array([row[0] for row in rows], dtype=np.int64)


def _by_day(days: list[date], keep: NDArray[np.bool_]) -> list[tuple[date | None, int, int]]:
    """Count by day what goes and what is kept; days of which nothing goes are left out."""
    counts: dict[date, list[int]] = {}
    for day, kept in zip(days, keep.tolist(), strict=True):
        counts.setdefault(day, [0, 0])[kept] += 1
    return [(day, gone, held) for day, (gone, held) in counts.items() if gone]


async def delete_pings(connection: AsyncConnection, before: datetime, now: datetime) -> bool:
    """Delete the pings whose fix and arrival are before a moment, with their extras and later doubts.

    A whole day goes with its partition; where some are held or came in later, the others go row by row.

    Args:
        connection: In autocommit.
        before: The moment.
        now: The present, UTC.

    Returns:
        Whether more may be waiting.
    """
    cursor = await connection.execute(_DAYS_THERE, (f"ping_{before.date():%Y%m%d}",))
    done = 0
    for (day,) in await cursor.fetchall():
        done += await _drop_day(connection, day, before, now) or await _thin_out(connection, day, before, now)
        if done >= DAYS:
            return True
    await _thin_out(connection, None, before, now)
    return False


async def _drop_day(connection: AsyncConnection, day: date, before: datetime, now: datetime) -> bool:
    try:
        async with connection.transaction():
            cursor = await connection.execute("SELECT ping_partition_drop(%s, %s)", (day, before))
            (rows,) = await cursor.fetchone() or (None,)
            if rows:
                await note(connection, "ping", [(day, rows, 0)], now)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.CheckViolation):
        return False  # others are at it, or the database's clock finds it too young: next time
    return rows is not None


async def _thin_out(connection: AsyncConnection, day: date | None, before: datetime, now: datetime) -> bool:
    """Delete the old pings of a day that are not held; tell whether there were any.

    Without a day, those in the default partition: their clocks are impossible, so only their arrival tells their age.
    """
    table, where = ("ping", _IN_DAY) if day is not None else ("ping_default", _EVER)
    deleting, counting = (text.replace("{table}", table).replace("{where}", where) for text in (_DELETE, _HELD_ROWS))
    some = False
    while True:
        async with connection.transaction():
            held = await held_assets(connection)
            values: dict[str, Any] = {"day": day, "before": before, "held": held, "limit": ROWS}
            (rows,) = await (await connection.execute(deleting.encode(), values)).fetchone() or (0,)
            if rows:
                (kept,) = await (await connection.execute(counting.encode(), values)).fetchone() or (0,)
                await note(connection, "ping", [(day, rows, kept)], now)
        some = some or rows > 0
        if rows < ROWS:
            return some


async def note_in(session: AsyncSession, kind: str, rows: int, now: datetime) -> None:
    """Record that so many rows of a class were deleted, in the transaction of the service that deletes them."""
    session.add(RetentionLogRow(kind=kind, day=None, rows=rows, held_rows=0, at=now))
    await session.flush()
