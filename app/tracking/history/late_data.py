"""Late data followed: the windows that the writer noted are looked at again, device by device."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

from app.core.settings import TrackingSettings
from app.tracking.history.device_queue import follow_devices
from app.tracking.history.rejudge import Stretch, rebuild

AT_ONCE: Final = 200
"""So many stretches are done in a run; what is left is done in the next one."""
TOGETHER: Final = timedelta(days=1)
"""Windows of a device that are not farther apart are one stretch."""

_NEXT: Final = """
    SELECT device_id FROM late_window WHERE device_id <> ALL(%s) ORDER BY late_window_id LIMIT 1
    FOR UPDATE SKIP LOCKED"""
_WINDOWS: Final = """
    SELECT late_window_id, from_at, until_at FROM late_window WHERE device_id = %s ORDER BY from_at, late_window_id
    FOR UPDATE"""
_DONE: Final = "DELETE FROM late_window WHERE device_id = %s AND late_window_id = ANY(%s)"
_LEFT: Final = "UPDATE late_window SET from_at = %s, until_at = %s WHERE device_id = %s AND late_window_id = %s"


async def follow(connection: AsyncConnection, settings: TrackingSettings, now: datetime) -> bool:
    """Look again at what came late; every stretch is a transaction, and its windows go in the same one.

    Args:
        connection: In autocommit.
        settings: Thresholds.
        now: The present, UTC.

    Returns:
        Whether more may be waiting.
    """
    return await follow_devices(
        connection, _NEXT, AT_ONCE, lambda device_id: _follow_one(connection, device_id, settings, now)
    )


async def _follow_one(connection: AsyncConnection, device_id: int, settings: TrackingSettings, now: datetime) -> None:
    rows = await (await connection.execute(_WINDOWS, (device_id,))).fetchall()
    _, from_at, until_at = rows[0]
    ids = []
    for window_id, begins, ends in rows:
        if begins > until_at + TOGETHER:
            break
        ids.append(window_id)
        until_at = max(until_at, ends)
    left = await rebuild(connection, Stretch(device_id, from_at, until_at), settings, now)
    if left is None or left > until_at:
        await connection.execute(_DONE, (device_id, ids))
    else:
        await connection.execute(_DONE, (device_id, ids[1:]))
        await connection.execute(_LEFT, (left, until_at, device_id, ids[0]))
