"""Daily partitions ahead of time, and for days whose pings are in the default partition."""

from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg import AsyncConnection

AHEAD: Final = timedelta(days=3)  # how long before its day a partition is made
MOVABLE_AHEAD: Final = timedelta(days=7)  # the database makes no partition of a later day

# Days far in the past or future come from wrong clocks and stay in the default partition.
_WAITING: Final = """
    SELECT DISTINCT (fixed_at AT TIME ZONE 'UTC')::date AS day
    FROM ping_default
    WHERE fixed_at >= TIMESTAMPTZ '1990-01-01Z' AND fixed_at < %(end)s
    ORDER BY day DESC"""


async def ensure(connection: AsyncConnection, now: datetime) -> tuple[int, int]:
    """Make the partitions of today, the days ahead, and of every day with pings in the default partition.

    Each in a transaction of its own. A partition whose lock is busy is left for the next run, so that pings never
    wait long. Returns how many were made, and how many could not be.

    Args:
        connection: In autocommit.
        now: The present, UTC.
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
