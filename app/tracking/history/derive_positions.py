"""Derives positions of one device again from stored pings: the last good fix of each day, and the current position.

All statements run in the caller's transaction, which holds the device's lock (``lock_device``). They never undo what
the writer stores at the same time. A row is deleted only if its fix is doubted or its device was not on its asset
then; otherwise only a newer fix replaces it. Rows are locked in the writer's order, days before positions. The
writer's memory is safe: the writer moves a position, or doubts a fix, only against what is stored at its commit.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from psycopg import AsyncConnection, sql

from app.telemetry.domain import BLOCKING
from app.tracking.live.update_positions import MEMBERS

_DEVICES: Final = 7_153_003  # first half of the advisory lock's key; unique in this project

_FRAGMENTS: Final = {
    "payload": sql.SQL(", ".join(MEMBERS)),
    "moved": sql.SQL(", ".join(f"{m} = excluded.{m}" for m in MEMBERS)),
    # A position is wrong when history doubts its fix, or no binding says that its device was on its asset then.
    "wrong": sql.SQL("""(
        EXISTS (SELECT FROM later_doubt l WHERE l.device_id = c.device_id AND l.variant = 0
                  AND l.fixed_at = c.fixed_at AND l.doubts & %(blocking)s <> 0)
        OR NOT EXISTS (SELECT FROM device_binding b WHERE b.lessor_id = c.lessor_id AND b.device_id = c.device_id
                         AND b.asset_id = c.asset_id AND b.bound_from <= c.fixed_at
                         AND (b.bound_until IS NULL OR b.bound_until > c.fixed_at)))"""),
}


def _statement(text: str) -> sql.Composed:
    return sql.SQL(text).format(**_FRAGMENTS)


_LOCK: Final = """
    SELECT FROM current_position WHERE asset_id = ANY(%(assets)s) AND device_id = %(device)s
    ORDER BY asset_id FOR UPDATE"""
_WRONG_DAYS: Final = _statement("""
    DELETE FROM daily_position c
    WHERE c.asset_id = ANY(%(assets)s) AND c.device_id = %(device)s AND c.day BETWEEN %(first)s AND %(last)s
      AND {wrong}""")
_WRONG_NOW: Final = _statement("""
    DELETE FROM current_position c
    WHERE c.asset_id = ANY(%(assets)s) AND c.device_id = %(device)s AND {wrong}""")
# WGS-84, 1e-7 degrees. Uses the key of ping (device, variant, time); days are UTC.
_DAYS: Final = _statement("""
    INSERT INTO daily_position AS c (asset_id, day, device_id, {payload})
    SELECT g.asset_id, g.day, g.device_id, g.fixed_at, b.received_at, g.batch_id, g.lessor_id, g.lon_e7, g.lat_e7,
           g.territory_id, t.county_adcode, g.doubts, g.accuracy_m, g.speed_tenth_kmh / 10.0, g.course_deg,
           (g.origin %% 10)::smallint
    FROM (
        SELECT DISTINCT ON (p.asset_id, (p.fixed_at AT TIME ZONE 'UTC')::date)
               p.*, (p.fixed_at AT TIME ZONE 'UTC')::date AS day
        FROM ping p
        WHERE p.device_id = %(device)s AND p.variant = 0 AND p.asset_id = ANY(%(assets)s)
          AND p.fixed_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
          AND p.fixed_at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'UTC'
          AND p.doubts & %(blocking)s = 0
          AND NOT EXISTS (SELECT FROM later_doubt l WHERE l.device_id = p.device_id AND l.variant = 0
                            AND l.fixed_at = p.fixed_at AND l.doubts & %(blocking)s <> 0)
        ORDER BY p.asset_id, (p.fixed_at AT TIME ZONE 'UTC')::date, p.fixed_at DESC
    ) g
    JOIN ping_batch b USING (batch_id)
    LEFT JOIN territory t USING (territory_id)
    ON CONFLICT (asset_id, day, device_id) DO UPDATE SET {moved} WHERE excluded.fixed_at > c.fixed_at""")
# daily_position has every day with a good fix, except perhaps the day of the current position.
_NOW: Final = _statement("""
    INSERT INTO current_position AS c (asset_id, device_id, {payload})
    SELECT d.asset_id, d.device_id, d.fixed_at, d.received_at, d.batch_id, d.lessor_id, d.lon_e7, d.lat_e7,
           d.territory_id, d.county_adcode, d.doubts, d.accuracy_m, d.speed_kmh, d.course_deg, d.source
    FROM unnest(%(assets)s::integer[]) AS a(asset_id)
    CROSS JOIN LATERAL (
        SELECT * FROM daily_position c WHERE c.asset_id = a.asset_id AND c.device_id = %(device)s AND NOT {wrong}
        ORDER BY c.day DESC LIMIT 1
    ) d
    ON CONFLICT (asset_id, device_id) DO UPDATE
    SET (candidate_at, candidate_lon_e7, candidate_lat_e7, candidate_fixes) = (NULL, NULL, NULL, NULL), {moved}
    WHERE excluded.fixed_at > c.fixed_at""")


async def lock_device(connection: AsyncConnection, device_id: int) -> bool:
    """Take the device's advisory lock until the transaction ends; False when another worker holds it."""
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (_DEVICES, device_id))
    return bool((await cursor.fetchone() or (False,))[0])


async def derive(
    connection: AsyncConnection, device_id: int, asset_ids: Sequence[int], days: Sequence[tuple[date, date]]
) -> None:
    """Derive the last good fixes of some days again, and then the current positions.

    Only here does a current position move back: when its fix is doubted by later data, or its device was not on its
    asset. The newest accepted fix replaces it; without one the row is deleted.

    Args:
        connection: In a transaction that holds the device's lock.
        asset_ids: The assets whose positions by this device may change.
        days: First and last day (UTC) of each range that may change.
    """
    if not asset_ids:
        return
    values: dict[str, object] = {"assets": sorted(asset_ids), "device": device_id, "blocking": int(BLOCKING)}
    windows = [values | {"first": first, "last": last} for first, last in days]
    for window in windows:
        await connection.execute(_WRONG_DAYS, window)
        await connection.execute(_DAYS, window)
    await connection.execute(_LOCK, values)
    await connection.execute(_WRONG_NOW, values)
    for window in windows:
        # Between our first DELETE and the lock, the writer may have closed a day with a fix that is doubted here.
        if (await connection.execute(_WRONG_DAYS, window)).rowcount:
            await connection.execute(_DAYS, window)
    await connection.execute(_NOW, values)
