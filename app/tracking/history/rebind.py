"""The job for changed bindings: attributes stored pings to the asset that their device was on.

A trigger notes every change of ``device_binding``. The writer holds the lessor's version until its commit, and a
change waits for that. So a ping that was stored with the old bindings is always visible when the change is read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

from app.core.settings import TrackingSettings
from app.telemetry.domain import Doubt
from app.tracking.history.derive_positions import derive
from app.tracking.history.device_queue import process_devices
from app.tracking.history.rejudge import DeviceWindow, rebuild

AT_ONCE: Final = 100  # devices in a run
TOGETHER: Final = timedelta(days=10)  # the longest window of one transaction
_DELETE_LIMIT: Final = 2_000
_END: Final = datetime(9999, 12, 31, tzinfo=UTC)

# Devices that have never sent a ping need no work (an import may bring thousands). Uses the key of ping.
_DELETE_IRRELEVANT: Final = """
    WITH newest AS (
        SELECT binding_change_id FROM binding_change ORDER BY binding_change_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    DELETE FROM binding_change c USING newest n
    WHERE c.binding_change_id = n.binding_change_id
      AND (SELECT 1 FROM ping p WHERE p.device_id = c.device_id AND p.variant = 0 LIMIT 1) IS NULL
      AND (SELECT 1 FROM current_position o WHERE (o.asset_id, o.device_id) = (c.asset_id, c.device_id)) IS NULL"""
_NEXT: Final = """
    SELECT device_id FROM binding_change WHERE device_id <> ALL(%s) ORDER BY binding_change_id LIMIT 1
    FOR UPDATE SKIP LOCKED"""
_CHANGES: Final = """
    SELECT binding_change_id, asset_id, from_at, least(until_at, %s) FROM binding_change WHERE device_id = %s
    ORDER BY binding_change_id FOR UPDATE"""
_DONE: Final = "DELETE FROM binding_change WHERE binding_change_id = ANY(%s)"
_LEFT: Final = """
    UPDATE binding_change SET from_at = %s, until_at = %s WHERE binding_change_id = ANY(%s)"""
_NEWEST: Final = """
    SELECT max(fixed_at) FROM ping WHERE device_id = %s AND variant = 0 AND fixed_at >= %s AND fixed_at < %s"""
_ATTRIBUTE: Final = """
    WITH wrong AS MATERIALIZED (
        SELECT g.variant, g.fixed_at, g.asset_id AS was, b.asset_id AS is_now
        FROM ping g
        LEFT JOIN device_binding b
          ON b.lessor_id = g.lessor_id AND b.device_id = g.device_id AND b.bound_from <= g.fixed_at
         AND (b.bound_until IS NULL OR b.bound_until > g.fixed_at)
        WHERE g.device_id = %(device)s AND g.fixed_at BETWEEN %(low)s AND %(high)s
          AND g.asset_id IS DISTINCT FROM b.asset_id
    ), moved AS (
        UPDATE ping p
        SET asset_id = w.is_now,
            doubts = CASE WHEN w.is_now IS NULL THEN p.doubts | %(unbound)s ELSE p.doubts & ~%(unbound)s END
        FROM wrong w
        WHERE p.device_id = %(device)s AND p.fixed_at BETWEEN %(low)s AND %(high)s
          AND p.variant = w.variant AND p.fixed_at = w.fixed_at
        RETURNING w.was, w.is_now
    )
    SELECT DISTINCT asset_id FROM moved CROSS JOIN LATERAL (VALUES (was), (is_now)) one(asset_id)
    WHERE asset_id IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class _Changes:
    """The waiting changes of one device, as one time range ``[from_at, until_at)``."""

    ids: Sequence[int]
    asset_ids: frozenset[int]
    from_at: datetime
    until_at: datetime


async def process_binding_changes(connection: AsyncConnection, settings: TrackingSettings, now: datetime) -> bool:
    """Attribute the pings of devices with changed bindings, newest first; return whether more may wait.

    Each window is a transaction; the connection is in autocommit. ``now`` is the date of new doubts, UTC.
    """
    await connection.execute(_DELETE_IRRELEVANT, {"limit": _DELETE_LIMIT})
    return await process_devices(
        connection, _NEXT, AT_ONCE, lambda device_id: _process_one(connection, device_id, settings, now)
    )


async def _process_one(
    connection: AsyncConnection, device_id: int, settings: TrackingSettings, now: datetime
) -> None:
    changes = await _waiting(connection, device_id)
    cursor = await connection.execute(_NEWEST, (device_id, changes.from_at, changes.until_at))
    (newest,) = await cursor.fetchone() or (None,)
    if newest is None:
        days = [(changes.from_at.date(), changes.until_at.date())]
        await derive(connection, device_id, sorted(changes.asset_ids), days)  # positions from pings deleted since
        await connection.execute(_DONE, (list(changes.ids),))
        return
    low = max(changes.from_at, newest - TOGETHER) if newest - changes.from_at > TOGETHER else changes.from_at
    cursor = await connection.execute(
        _ATTRIBUTE, {"device": device_id, "low": low, "high": newest, "unbound": int(Doubt.UNBOUND)}
    )
    asset_ids = changes.asset_ids | {row[0] for row in await cursor.fetchall()}
    left: datetime | None = low
    while left is not None and left <= newest:
        left = await rebuild(connection, DeviceWindow(device_id, left, newest, asset_ids), settings, now)
    await connection.execute(_LEFT, (changes.from_at, low, list(changes.ids)))


async def _waiting(connection: AsyncConnection, device_id: int) -> _Changes:
    rows = await (await connection.execute(_CHANGES, (_END, device_id))).fetchall()
    ids, asset_ids, begins, ends = zip(*rows, strict=True)
    return _Changes(ids, frozenset(asset_ids), min(begins), max(ends))
