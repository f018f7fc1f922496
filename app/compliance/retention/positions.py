"""The last positions of days that have grown too old are deleted, unless a legal hold keeps their asset."""

from datetime import date, datetime
from typing import Final

from psycopg import AsyncConnection

from app.compliance.retention.pings import AT_ONCE, held_assets, note

ROWS: Final = 10_000
"""So many are deleted in a transaction."""

# The BRIN index of the days finds the oldest pages.
_DELETE: Final = """
    WITH old AS MATERIALIZED (
        SELECT asset_id, day, device_id FROM daily_position
        WHERE day < %(before)s AND asset_id <> ALL(%(held)s) LIMIT %(limit)s
    ), gone AS (
        DELETE FROM daily_position d USING old o
        WHERE (d.asset_id, d.day, d.device_id) = (o.asset_id, o.day, o.device_id)
        RETURNING d.day
    )
    SELECT g.day, count(*), (SELECT count(*) FROM daily_position h WHERE h.day = g.day AND h.asset_id = ANY(%(held)s))
    FROM gone g GROUP BY g.day"""


async def delete_days(connection: AsyncConnection, before: date, now: datetime) -> bool:
    """Delete the last positions of the days before a day (UTC).

    Args:
        connection: In autocommit.
        before: The first day that is kept.
        now: The present, UTC.

    Returns:
        Whether more may be waiting.
    """
    for _ in range(AT_ONCE):
        async with connection.transaction():
            held = await held_assets(connection)
            cursor = await connection.execute(_DELETE, {"before": before, "held": held, "limit": ROWS})
            gone = await cursor.fetchall()
            await note(connection, "derived", gone, now)
        if sum(row[1] for row in gone) < ROWS:
            return False
    return True
