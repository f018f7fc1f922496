"""SQL of retention: what is expired and not held, its deletion, and the record in ``retention_log``.

Each function works in the caller's transaction, which starts with ``held_assets``. Days are UTC. ``before`` is the
moment from which data are kept. A ping's age counts from its fix time or its arrival, whichever is later.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.compliance.register import RetentionClass
from app.compliance.retention.domain import Deletion
from app.compliance.tables import RetentionLogRow

_LOCK_HOLDS: Final = "SELECT lock_legal_holds()"
_HELD_ASSETS: Final = "SELECT asset_id FROM held_asset ORDER BY asset_id"
_RECORD: Final = """
    INSERT INTO retention_log (class, day, rows, held_rows, at)
    SELECT %s, day, rows, held_rows, %s
    FROM unnest(%s::date[], %s::bigint[], %s::bigint[]) AS deleted(day, rows, held_rows)"""
_LAST_DELETIONS: Final = text("""
    SELECT DISTINCT ON (class) class, at, sum(rows) OVER run, sum(held_rows) OVER run
    FROM retention_log WINDOW run AS (PARTITION BY class, at) ORDER BY class, at DESC""")

# The index of bodies that are kept (raw_body_kept_idx) leads to the oldest; batches are numbered by arrival.
_EXPIRED_BODIES: Final = """
    SELECT r.batch_id, (b.received_at AT TIME ZONE 'UTC')::date
    FROM raw_body r JOIN ping_batch b USING (batch_id)
    WHERE r.body_zstd IS NOT NULL AND r.batch_id > %(after)s AND b.received_at < %(before)s
      AND r.batch_id < (SELECT first_batch_since(%(before)s))
    ORDER BY r.batch_id LIMIT %(limit)s"""
_EMPTY_BODIES: Final = "UPDATE raw_body SET body_zstd = NULL WHERE batch_id = ANY(%s)"
# Pings of an asset are those of devices that are on it, or were, by its positions. Uses the key of ping.
_HELD_BATCHES: Final = """
    SELECT DISTINCT p.batch_id
    FROM (
        SELECT asset_id, device_id FROM device_binding WHERE asset_id = ANY(%(held)s)
        UNION SELECT asset_id, device_id FROM daily_position WHERE asset_id = ANY(%(held)s)
        UNION SELECT asset_id, device_id FROM current_position WHERE asset_id = ANY(%(held)s)
    ) pair
    JOIN ping p USING (asset_id, device_id)
    WHERE p.batch_id < (SELECT first_batch_since(%(before)s))"""

_PARTITION_DAYS: Final = """
    SELECT to_date(substr(relname, 6), 'YYYYMMDD') AS day
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.ping'::regclass AND relname ~ '^ping_[0-9]{8}$' AND relname < %s
    ORDER BY day"""
_DROP_PARTITION: Final = "SELECT ping_partition_drop(%s, %s)"
_IN_DAY: Final = """
    p.fixed_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
          AND p.fixed_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'"""
_ANY_TIME: Final = "true"
_DELETE_PINGS: Final = """
    WITH old AS MATERIALIZED (
        SELECT p.device_id, p.variant, p.fixed_at FROM {table} p
        WHERE {where} AND p.batch_id < (SELECT first_batch_since(%(before)s))
          AND (p.asset_id IS NULL OR p.asset_id <> ALL(%(held)s))
        LIMIT %(limit)s
    ), deleted AS (
        DELETE FROM {table} p USING old o
        WHERE {where} AND (p.device_id, p.variant, p.fixed_at) = (o.device_id, o.variant, o.fixed_at)
        RETURNING p.device_id, p.variant, p.fixed_at, p.batch_id, p.row_index
    ), extras AS (
        DELETE FROM ping_extra e USING deleted g
        WHERE (e.device_id, e.batch_id, e.row_index) = (g.device_id, g.batch_id, g.row_index)
    ), doubts AS (
        DELETE FROM later_doubt l USING deleted g
        WHERE (l.device_id, l.variant, l.fixed_at) = (g.device_id, g.variant, g.fixed_at)
    )
    SELECT count(*) FROM deleted"""
_HELD_PINGS: Final = "SELECT count(*) FROM {table} p WHERE {where} AND p.asset_id = ANY(%(held)s)"

# The BRIN index of the days finds the oldest pages.
_DELETE_DAILY_POSITIONS: Final = """
    WITH old AS MATERIALIZED (
        SELECT asset_id, day, device_id FROM daily_position
        WHERE day < %(before)s AND asset_id <> ALL(%(held)s) LIMIT %(limit)s
    ), deleted AS (
        DELETE FROM daily_position d USING old o
        WHERE (d.asset_id, d.day, d.device_id) = (o.asset_id, o.day, o.device_id)
        RETURNING d.day
    )
    SELECT g.day, count(*), (SELECT count(*) FROM daily_position h WHERE h.day = g.day AND h.asset_id = ANY(%(held)s))
    FROM deleted g GROUP BY g.day"""


async def held_assets(connection: AsyncConnection) -> list[int]:
    """Return the assets under a legal hold; no hold can be placed until the transaction ends.

    The lock (SHARE mode on the tables of holds) comes first in each transaction that deletes. So the transaction
    either sees a hold or ends before the hold is placed.
    """
    await connection.execute(_LOCK_HOLDS)
    return [row[0] for row in await (await connection.execute(_HELD_ASSETS)).fetchall()]


async def record(
    connection: AsyncConnection,
    kind: RetentionClass,
    deleted: Collection[tuple[date | None, int, int]],
    now: datetime,
) -> None:
    """Record a deletion: for each day how many rows were deleted and how many a hold kept."""
    if deleted:
        days, rows, held = zip(*deleted, strict=True)
        await connection.execute(_RECORD, (kind.value, now, list(days), list(rows), list(held)))


async def record_in_session(session: AsyncSession, kind: RetentionClass, rows: int, now: datetime) -> None:
    """Record how many rows of a class without days and holds were deleted."""
    session.add(RetentionLogRow(kind=kind.value, day=None, rows=rows, held_rows=0, at=now))
    await session.flush()


async def last_deletions(session: AsyncSession) -> dict[str, Deletion]:
    """Return the last deletion of each class; the session is the service's or a platform administrator's."""
    rows = (await session.execute(_LAST_DELETIONS)).all()
    return {kind: Deletion(at, int(deleted), int(held)) for kind, at, deleted, held in rows}


async def expired_bodies(
    connection: AsyncConnection, before: datetime, *, after: int, limit: int
) -> list[tuple[int, date]]:
    """Return the oldest batches after a number that still have their body, each with its day of arrival."""
    cursor = await connection.execute(_EXPIRED_BODIES, {"after": after, "before": before, "limit": limit})
    return await cursor.fetchall()


async def empty_bodies(connection: AsyncConnection, batch_ids: list[int]) -> None:
    """Delete the bodies of batches; their digests, and so the chain, stay."""
    await connection.execute(_EMPTY_BODIES, (batch_ids,))


async def held_batches(connection: AsyncConnection, held: list[int], before: datetime) -> NDArray[np.int64]:
    """Return the batches before a moment that hold a ping of a held asset, in no order."""
    if not held:
        return np.zeros(0, dtype=np.int64)
    rows = await (await connection.execute(_HELD_BATCHES, {"held": held, "before": before})).fetchall()
    return np.array([row[0] for row in rows], dtype=np.int64)


async def partition_days(connection: AsyncConnection, before: date) -> list[date]:
    """Return the days before a day that have a partition of pings, the oldest first."""
    cursor = await connection.execute(_PARTITION_DAYS, (f"ping_{before:%Y%m%d}",))
    return [day for (day,) in await cursor.fetchall()]


async def drop_partition(connection: AsyncConnection, day: date, before: datetime) -> int | None:
    """Drop the pings of a day with their partition; return how many, or None when some are held or too young.

    Raises:
        LockNotAvailable: Others use the partition.
        CheckViolation: The day is too young by the database's clock.
    """
    row = await (await connection.execute(_DROP_PARTITION, (day, before))).fetchone()
    return None if row is None else row[0]


async def delete_pings_of_day(
    connection: AsyncConnection, day: date | None, before: datetime, held: list[int], limit: int
) -> tuple[int, int]:
    """Delete expired pings of a day that are not held, with their extras and later doubts, at most ``limit``.

    Args:
        day: None: the default partition. Clocks there are impossible, so the age counts from the arrival.

    Returns:
        How many were deleted, and how many of the day a hold keeps (0 where none was deleted).
    """
    table, where = ("ping", _IN_DAY) if day is not None else ("ping_default", _ANY_TIME)
    delete, count = (s.replace("{table}", table).replace("{where}", where) for s in (_DELETE_PINGS, _HELD_PINGS))
    values: dict[str, Any] = {"day": day, "before": before, "held": held, "limit": limit}
    (rows,) = await (await connection.execute(delete.encode(), values)).fetchone() or (0,)
    if not rows:
        return 0, 0
    (kept,) = await (await connection.execute(count.encode(), values)).fetchone() or (0,)
    return rows, kept


async def delete_daily_positions(
    connection: AsyncConnection, before: date, held: list[int], limit: int
) -> list[tuple[date | None, int, int]]:
    """Delete the positions of days before a day, at most ``limit``; return deleted and held rows for each day."""
    cursor = await connection.execute(_DELETE_DAILY_POSITIONS, {"before": before, "held": held, "limit": limit})
    return await cursor.fetchall()
