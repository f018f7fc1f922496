"""Partitions ahead of time, and the days that wait in the default partition."""

from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg import AsyncConnection

AHEAD: Final = timedelta(days=3)
"""Partitions are made so long before their day."""
MOVABLE_AHEAD: Final = timedelta(days=7)
"""The database makes no partition of a later day."""

# Days far behind or ahead are of impossible clocks and stay where they are.
_WAITING: Final = """
    SELECT DISTINCT (fixed_at AT TIME ZONE 'UTC')::date AS day
    FROM ping_default
    WHERE fixed_at >= TIMESTAMPTZ '1990-01-01Z' AND fixed_at < %(end)s
    ORDER BY day DESC"""


async def ensure(connection: AsyncConnection, now: datetime) -> tuple[int, int]:
    """Make the partitions of today and the days ahead, and of every day of which pings wait in the default partition.

    Each in a transaction of its own; a partition whose lock cannot be had soon is left for the next time, so that
    pings never wait long.

    Args:
        connection: In autocommit.
        now: The present, UTC.

    Returns:
        How many were made, and how many could not be.
    """
    today = now.date()
    days = [today + timedelta(days=n) for n in range(AHEAD.days + 1)]
    end = datetime.combine(today + MOVABLE_AHEAD + timedelta(days=1), datetime.min.time(), now.tzinfo)
    waiting = await (await connection.execute(_WAITING, {"end": end})).fetchall()
    made = left = 0
    for day in dict.fromkeys([*days, *(row[0] for row in waiting)]):
        try:
            cursor = await connection.execute("SELECT ping_partition_ensure(%s)", (day,))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.CheckViolation):
            left += 1  # the last: the database's clock is behind ours by days
            continue
        made += bool((await cursor.fetchone() or (False,))[0])
    return made, left
