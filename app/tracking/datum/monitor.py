"""The datum job: marks devices that send another datum than they declare, and clears them when that ends.

The check itself is in ``datum.check``. When ``device.datum_suspect`` is set, a trigger raises the lessor's version,
and the writer marks every later fix of the device. Fixes stored before get a later doubt.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from psycopg import AsyncConnection

from app.core.clock import EPOCH
from app.core.geo.datum import Inside
from app.core.settings import TrackingSettings
from app.telemetry.domain import BLOCKING, E7, Doubt, Mask, Source
from app.tracking.datum.check import Fixes, Places, compare_with_reference, find_stays, shift_has_ended, shifted_since
from app.tracking.history.derive_positions import lock_device
from app.tracking.history.rejudge import DeviceWindow, rebuild

AT_ONCE: Final = 200  # devices with new pings that are checked in a run; a large batch may bring more
SUSPECTS: Final = 20  # suspected devices that are checked in a run
_FIXES: Final = 3_000
_RECENT: Final = timedelta(days=30)
_LONG: Final = timedelta(days=180)
_AHEAD: Final = timedelta(days=1)
_REST_TENTH_KMH: Final = 50
_DATUM: Final = int(Doubt.DATUM_SUSPECT)

# current_position has the newest ping of a device. Batches are numbered in the order of commits, without gaps.
_MOVED: Final = """
    SELECT c.device_id, max(b.chain_no) AS chain_no
    FROM current_position c JOIN ping_batch b USING (batch_id)
    WHERE b.chain_no > %s
    GROUP BY c.device_id ORDER BY 2 FETCH FIRST %s ROWS WITH TIES"""
_UNDER_SUSPICION: Final = "SELECT device_id FROM device WHERE datum_suspect ORDER BY random() LIMIT %s"
_DEVICE: Final = """
    SELECT d.lessor_id, d.datum_suspect,
           ARRAY(SELECT b.asset_id FROM device_binding b
                 WHERE b.lessor_id = d.lessor_id AND b.device_id = d.device_id AND b.bound_from <= %(now)s
                   AND (b.bound_until IS NULL OR b.bound_until > %(now)s)) AS assets
    FROM device d WHERE d.device_id = %(device)s"""
_DEPOTS: Final = "SELECT lon_e7, lat_e7, radius_m FROM depot WHERE lessor_id = %s ORDER BY depot_id"
_REFERENCES: Final = """
    SELECT b.device_id FROM device_binding b JOIN device d USING (lessor_id, device_id)
    WHERE b.asset_id = ANY(%(assets)s) AND b.device_id <> %(device)s AND NOT d.datum_suspect
      AND b.bound_from <= %(now)s AND (b.bound_until IS NULL OR b.bound_until > %(now)s)
    ORDER BY b.device_id LIMIT 5"""
_AT_REST: Final = """
    SELECT (extract(epoch FROM p.fixed_at) * 1000000)::bigint, p.lon_e7, p.lat_e7, p.origin / 10,
           (p.doubts | coalesce(l.doubts, 0)) & %(datum)s <> 0
    FROM ping p
    LEFT JOIN later_doubt l ON l.device_id = p.device_id AND l.variant = 0 AND l.fixed_at = p.fixed_at
    WHERE p.device_id = %(device)s AND p.variant = 0 AND p.fixed_at BETWEEN %(low)s AND %(high)s
      AND (p.doubts | coalesce(l.doubts, 0)) & %(blocking)s = 0 AND p.origin %% 10 = %(gnss)s
      AND coalesce(p.speed_tenth_kmh, 0) < %(rest)s
    ORDER BY p.fixed_at DESC LIMIT %(limit)s"""
_SET_SUSPECT: Final = "UPDATE device SET datum_suspect = %s WHERE device_id = %s AND datum_suspect <> %s"
_MARK: Final = """
    WITH wrong AS (
        SELECT p.variant, p.fixed_at, p.lessor_id, p.asset_id
        FROM ping p
        LEFT JOIN later_doubt l ON l.device_id = p.device_id AND l.variant = p.variant AND l.fixed_at = p.fixed_at
        WHERE p.device_id = %(device)s AND p.fixed_at BETWEEN %(low)s AND %(high)s
          AND (p.doubts | coalesce(l.doubts, 0)) & %(datum)s = 0
    ), marked AS (
        INSERT INTO later_doubt AS l (device_id, variant, fixed_at, lessor_id, doubts, found_at)
        SELECT %(device)s, variant, fixed_at, lessor_id, %(datum)s, %(now)s FROM wrong
        ON CONFLICT (device_id, variant, fixed_at)
        DO UPDATE SET doubts = l.doubts | excluded.doubts, found_at = excluded.found_at
    )
    SELECT array_agg(DISTINCT asset_id) FILTER (WHERE asset_id IS NOT NULL), max(fixed_at) FROM wrong"""


@dataclass(frozen=True, slots=True)
class _Device:
    device_id: int
    lessor_id: int
    suspect: bool
    asset_ids: list[int]


class DatumCheck:
    """Checks devices, one transaction each.

    Args:
        connection: In autocommit.
        inside: Where GCJ-02 is shifted.
        now: The present, UTC.
    """

    def __init__(
        self, connection: AsyncConnection, settings: TrackingSettings, inside: Inside, now: datetime
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._inside = inside
        self._now = now

    async def check_new_pings(self, after: int) -> int:
        """Check devices with pings after a batch, and some suspected ones.

        ``after`` is the chain number of the last processed batch; returns that of the last one processed now.
        """
        moved = await (await self._connection.execute(_MOVED, (after, AT_ONCE))).fetchall()
        suspects = await (await self._connection.execute(_UNDER_SUSPICION, (SUSPECTS,))).fetchall()
        for device_id in dict.fromkeys(row[0] for row in [*moved, *suspects]):
            await self._look_at(device_id)
        return max([after, *(int(row[1]) for row in moved)])

    async def _look_at(self, device_id: int) -> None:
        values = {"device": device_id, "now": self._now}
        async with self._connection.transaction():
            row = await (await self._connection.execute(_DEVICE, values)).fetchone()
            if row is None or not await lock_device(self._connection, device_id):
                return  # another worker holds it; its next pings bring it back
            device = _Device(device_id, *row)
            since = await self._judge(device)
        if since is not None:
            async with self._connection.transaction():
                if await lock_device(self._connection, device_id):
                    await self._mark(device_id, since)

    async def _judge(self, device: _Device) -> datetime | None:
        """Set or clear the suspicion; return since when the device's pings are shifted, None if they are not.

        The suspicion is a transaction of its own, because it makes the lessor's pings wait. ``_mark`` sees the pings
        that were stored before it.
        """
        fixes = await self._fixes(device.device_id, with_past=device.suspect)
        stays, member = find_stays(fixes)
        depots = await self._depots(device.lessor_id)
        needed = self._settings.datum_matches
        sinces = [shifted_since(stays, depots, self._inside, needed)]
        agrees = False
        for reference in await self._reference_devices(device):
            said = compare_with_reference(_chosen(fixes, member), reference, self._inside)
            sinces.append(said.since_us)
            agrees = agrees or said.agrees
        ended = shift_has_ended(stays, depots, self._inside, needed) or agrees
        shown = [since for since in sinces if since is not None]
        if device.suspect and ended:
            await self._connection.execute(_SET_SUSPECT, (False, device.device_id, False))
            return None
        if not shown or ended:
            return None
        await self._connection.execute(_SET_SUSPECT, (True, device.device_id, True))
        return EPOCH + timedelta(microseconds=min(shown))

    async def _mark(self, device_id: int, since: datetime) -> None:
        values = {"device": device_id, "low": since, "high": self._now + _AHEAD, "datum": _DATUM, "now": self._now}
        asset_ids, until = await (await self._connection.execute(_MARK, values)).fetchone() or (None, None)
        left: datetime | None = since
        while until is not None and left is not None and left <= until:
            window = DeviceWindow(device_id, left, until, asset_ids or [])
            left = await rebuild(self._connection, window, self._settings, self._now)

    async def _reference_devices(self, device: _Device) -> list[Fixes]:
        values = {"assets": device.asset_ids, "device": device.device_id, "now": self._now}
        rows = await (await self._connection.execute(_REFERENCES, values)).fetchall() if device.asset_ids else []
        found = []
        for (device_id,) in rows:
            fixes = await self._fixes(device_id, with_past=False)
            _, member = find_stays(fixes)
            found.append(_chosen(fixes, member & ~fixes.flagged))
        return found

    async def _depots(self, lessor_id: int) -> Places:
        rows = await (await self._connection.execute(_DEPOTS, (lessor_id,))).fetchall()
        lon_e7, lat_e7, radius_m = np.array(rows, dtype=np.float64).reshape(-1, 3).T
        return Places(lon_e7 / E7, lat_e7 / E7, radius_m)

    async def _fixes(self, device_id: int, *, with_past: bool) -> Fixes:
        """Read the newest fixes at rest; of a suspected device also those from before the suspicion."""
        values: dict[str, Any] = {
            "device": device_id,
            "low": self._now - _RECENT,
            "high": self._now + _AHEAD,
            "datum": _DATUM,
            "blocking": int(BLOCKING) & ~_DATUM,
            "gnss": int(Source.GNSS),
            "rest": _REST_TENTH_KMH,
            "limit": _FIXES,
        }
        rows = await (await self._connection.execute(_AT_REST, values)).fetchall()
        if with_past:
            values |= {"low": self._now - _LONG, "blocking": int(BLOCKING)}
            rows += await (await self._connection.execute(_AT_REST, values)).fetchall()
        columns: list[Any] = list(zip(*sorted(set(rows)), strict=True)) or [()] * 5
        return Fixes(
            fixed_us=np.array(columns[0], dtype=np.int64),
            lon=np.array(columns[1], dtype=np.float64) / E7,
            lat=np.array(columns[2], dtype=np.float64) / E7,
            datum=np.array(columns[3], dtype=np.int32),
            flagged=np.array(columns[4], dtype=np.bool_),
        )


def _chosen(fixes: Fixes, rows: Mask) -> Fixes:
    return Fixes(fixes.fixed_us[rows], fixes.lon[rows], fixes.lat[rows], fixes.datum[rows], fixes.flagged[rows])
