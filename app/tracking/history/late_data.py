"""The job for late pings: judges the time windows again that the writer noted, device by device."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

from app.core.settings import TrackingSettings
from app.tracking.history.device_queue import process_devices
from app.tracking.history.rejudge import DeviceWindow, rebuild

AT_ONCE: Final = 200  # devices in a run; the next run does the rest
TOGETHER: Final = timedelta(days=1)  # windows of a device that are not farther apart are judged as one

_NEXT: Final = """
    SELECT device_id FROM late_window WHERE device_id <> ALL(%s) ORDER BY late_window_id LIMIT 1
    FOR UPDATE SKIP LOCKED"""
_WINDOWS: Final = """
    SELECT late_window_id, from_at, until_at FROM late_window WHERE device_id = %s ORDER BY from_at, late_window_id
    FOR UPDATE"""
_DONE: Final = "DELETE FROM late_window WHERE device_id = %s AND late_window_id = ANY(%s)"
_LEFT: Final = "UPDATE late_window SET from_at = %s, until_at = %s WHERE device_id = %s AND late_window_id = %s"


async def process_late_windows(connection: AsyncConnection, settings: TrackingSettings, now: datetime) -> bool:
    """Judge late windows again, one transaction each, which also deletes the window; return whether more may wait.

    The connection is in autocommit. ``now`` is the date of new doubts, UTC.
    """
    return await process_devices(
        connection, _NEXT, AT_ONCE, lambda device_id: _process_one(connection, device_id, settings, now)
    )


async def _process_one(
    connection: AsyncConnection, device_id: int, settings: TrackingSettings, now: datetime
) -> None:
    rows = await (await connection.execute(_WINDOWS, (device_id,))).fetchall()
    _, from_at, until_at = rows[0]
    ids = []
    for window_id, begins, ends in rows:
        if begins > until_at + TOGETHER:
            break
        ids.append(window_id)
        until_at = max(until_at, ends)
    left = await rebuild(connection, DeviceWindow(device_id, from_at, until_at), settings, now)
    if left is None or left > until_at:
        await connection.execute(_DONE, (device_id, ids))
    else:
        await connection.execute(_DONE, (device_id, ids[1:]))
        await connection.execute(_LEFT, (left, until_at, device_id, ids[0]))
