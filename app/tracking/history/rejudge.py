"""Judges a time window of one device again from stored pings, and derives the positions that depend on it.

Stored pings do not change, and a doubt that they were stored with is never taken back. Doubts that only history shows
are in ``later_doubt``; they are deleted when they no longer hold. A run reads the last accepted fix before the
window, and continues past its end until judgement and store agree. Repeated, it gives the same rows.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
from psycopg import AsyncConnection

from app.core.clock import EPOCH, MICROSECOND
from app.core.settings import TrackingSettings
from app.telemetry.domain import BLOCKING, Doubt, Mask, Small
from app.tracking.history.derive_positions import derive
from app.tracking.history.judge import FixHistory, Judgement, judge_history
from app.tracking.live.last_known import NO_ASSET, uncertainty_of
from app.tracking.speed_gate import SpeedGate

FROM_HISTORY: Final = int(Doubt.JUMP | Doubt.TOO_FAST)
"""The doubts that depend on a device's other fixes."""
PIECE: Final = 20_000  # pings that are judged at once
_AFTER: Final = 50
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
# How far to search for a neighbour: near first, so that few partitions are opened.
_SPANS: Final = (timedelta(days=3), timedelta(days=90), _LAST - _FIRST)

# Pings without a blocking doubt, except doubts from history; a too high reported speed is no doubt from history.
# Uses the keys of ping and later_doubt (device, variant, time).
_USABLE: Final = """
    SELECT (extract(epoch FROM p.fixed_at) * 1000000)::bigint, p.lon_e7, p.lat_e7, coalesce(p.asset_id, %(nowhere)s),
           p.origin %% 10, p.accuracy_m, p.doubts & %(history)s, coalesce(l.doubts, 0) & %(history)s
    FROM ping p
    LEFT JOIN later_doubt l ON l.device_id = p.device_id AND l.variant = 0 AND l.fixed_at = p.fixed_at
    WHERE p.device_id = %(device)s AND p.variant = 0 AND p.fixed_at BETWEEN %(low)s AND %(high)s
      AND (p.doubts | coalesce(l.doubts, 0)) & %(others)s = 0 AND coalesce(p.speed_tenth_kmh, 0) <= %(fastest)s"""
_FORWARD: Final = _USABLE + " ORDER BY p.fixed_at LIMIT %(limit)s"
_BACKWARD: Final = _USABLE + " ORDER BY p.fixed_at DESC LIMIT %(limit)s"
_ACCEPTED: Final = (
    _USABLE + " AND (p.doubts | coalesce(l.doubts, 0)) & %(history)s = 0 ORDER BY p.fixed_at DESC LIMIT %(limit)s"
)
_FORGET: Final = """
    DELETE FROM later_doubt
    WHERE device_id = %(device)s AND variant = 0 AND fixed_at = ANY(%(at)s) AND doubts & ~%(history)s = 0"""
_KEEP_OTHERS: Final = """
    UPDATE later_doubt SET doubts = doubts & ~%(history)s
    WHERE device_id = %(device)s AND variant = 0 AND fixed_at = ANY(%(at)s)"""
_DOUBT: Final = """
    INSERT INTO later_doubt AS l (device_id, variant, fixed_at, lessor_id, doubts, found_at)
    SELECT p.device_id, 0, p.fixed_at, p.lessor_id, d.doubts, %(now)s
    FROM unnest(%(at)s::timestamptz[], %(doubts)s::integer[]) AS d(at, doubts)
    CROSS JOIN LATERAL (
        SELECT * FROM ping WHERE device_id = %(device)s AND variant = 0 AND fixed_at = d.at LIMIT 1
    ) p
    ON CONFLICT (device_id, variant, fixed_at)
    DO UPDATE SET doubts = l.doubts & ~%(history)s | excluded.doubts, found_at = excluded.found_at"""

_Row = tuple[int, int, int, int, int, float | None, int, int]


@dataclass(frozen=True, slots=True)
class DeviceWindow:
    """A time window of a device to judge again, end included; ``asset_ids``: assets to derive besides those found."""

    device_id: int
    from_at: datetime
    until_at: datetime  # included
    asset_ids: Collection[int] = ()  # assets whose positions may change, besides those of the pings found


@dataclass(frozen=True, slots=True)
class _Found:
    """The pings of a piece as columns: before the window, in it, and after it."""

    history: FixHistory
    stored: Small
    later: Small
    before: int
    inside: int

    @property
    def first(self) -> int:
        """The first row that may be doubted: the row before it is accepted."""
        return int(self.before > 0 and not (self.stored[0] | self.later[0]))

    def good(self) -> Mask:
        """Return which rows have no doubt in the store."""
        good: Mask = (self.stored | self.later) == 0
        return good


async def rebuild(
    connection: AsyncConnection, window: DeviceWindow, settings: TrackingSettings, now: datetime
) -> datetime | None:
    """Judge a window again, write the doubts that history shows, and derive the positions that depend on them.

    In a transaction that holds the device's lock. A long window is judged in pieces: returns the start of the next
    piece, None when done.
    """
    reader = _Reader(connection, window, settings)
    found, whole = await reader.read()
    judgement = await _judged(found.history, SpeedGate.of(settings))
    while whole and not reader.at_end and _agreeing_again(found, judgement) is None:
        found = await reader.read_on()
        judgement = await _judged(found.history, SpeedGate.of(settings))
    rows = len(found.stored)
    if whole:
        agreed = _agreeing_again(found, judgement)
        end = rows - 1 if agreed is None else agreed
    else:
        settled = np.flatnonzero(judgement.settled[found.before :])
        end = found.before + int(settled[-1]) if len(settled) else rows - 1
    await _write_doubts(connection, window.device_id, found, judgement.doubts, end, now)
    assets = set(found.history.asset_id[: end + 1].tolist()) - {NO_ASSET} | set(window.asset_ids)
    await derive(connection, window.device_id, sorted(assets), _days(window, found, end, whole=whole))
    return None if whole else _at(int(found.history.fixed_us[end])) + MICROSECOND


async def _judged(history: FixHistory, gate: SpeedGate) -> Judgement:
    return await asyncio.to_thread(judge_history, history, gate)  # takes seconds when many fixes are doubted


def _agreeing_again(found: _Found, judgement: Judgement) -> int | None:
    """Return the first row after the window that is accepted in store and judgement: later rows cannot change."""
    after = found.before + found.inside
    agrees = np.flatnonzero(judgement.settled[after:] & found.good()[after:])
    return after + int(agrees[0]) if len(agrees) else None


def _days(window: DeviceWindow, found: _Found, end: int, *, whole: bool) -> list[tuple[date, date]]:
    """Return the day ranges (UTC) to derive again, with the day of the fix before, which may be its last good one."""
    times = [_at(us) for us in found.history.fixed_us[: end + 1].tolist()]
    first = min([window.from_at, *times[found.first :]]).date()
    last = max([window.until_at, *times] if whole else times).date()
    before = [(times[0].date(), times[0].date())] if found.first and times[0].date() < first else []
    return [*before, (first, last)]


async def _write_doubts(
    connection: AsyncConnection, device_id: int, found: _Found, doubts: Small, end: int, now: datetime
) -> None:
    """Write doubts that history shows and the ping was not stored with; delete those that no longer hold."""
    wanted = np.where(found.stored == 0, doubts, 0)
    changed = np.flatnonzero(wanted != found.later)
    changed = changed[(changed >= found.first) & (changed <= end)]
    gone, new = changed[wanted[changed] == 0], changed[wanted[changed] != 0]
    values: dict[str, Any] = {"device": device_id, "history": FROM_HISTORY, "now": now}
    if len(gone):
        values["at"] = [_at(us) for us in found.history.fixed_us[gone].tolist()]
        await connection.execute(_FORGET, values)
        await connection.execute(_KEEP_OTHERS, values)
    if len(new):
        values |= {"at": [_at(us) for us in found.history.fixed_us[new].tolist()], "doubts": wanted[new].tolist()}
        await connection.execute(_DOUBT, values)


class _Reader:
    """Reads the pings of a window with their neighbours, and more pings after it on request."""

    def __init__(self, connection: AsyncConnection, window: DeviceWindow, settings: TrackingSettings) -> None:
        self._connection = connection
        self._stretch = window
        self._settings = settings
        self._before: list[_Row] = []
        self._inside: list[_Row] = []
        self._after: list[_Row] = []
        self.at_end = False

    async def read(self) -> tuple[_Found, bool]:
        """Read the window and its neighbours; the flag says whether the whole window was read."""
        window = self._stretch
        self._before = await self._neighbours()
        self._inside = await self._query(_FORWARD, window.from_at, window.until_at, PIECE)
        if len(self._inside) == PIECE:
            return self._found(), False
        return await self.read_on(), True

    async def read_on(self) -> _Found:
        """Read more pings after the window."""
        last = _at(self._after[-1][0]) if self._after else self._stretch.until_at
        limit = max(_AFTER, 3 * len(self._after))
        rows: list[_Row] = []
        for span in _SPANS:
            if last < _LAST and len(rows) < limit:
                rows = await self._query(_FORWARD, last + MICROSECOND, _plus(last, span), limit)
        self._after += rows
        self.at_end = len(rows) < limit or len(self._after) >= PIECE
        return self._found()

    async def _neighbours(self) -> list[_Row]:
        """Read the last accepted ping before the window, and the doubted ones after it that may be confirmed."""
        high = self._stretch.from_at - MICROSECOND if self._stretch.from_at > _FIRST else _FIRST
        accepted: list[_Row] = []
        for span in _SPANS:
            accepted = accepted or await self._query(_ACCEPTED, _minus(high, span), high, 1)
        low = _at(accepted[0][0]) + MICROSECOND if accepted else _FIRST
        doubted = await self._query(_BACKWARD, low, high, self._settings.jump_ends_after - 1)
        return accepted + doubted[::-1]

    async def _query(self, query: str, low: datetime, high: datetime, limit: int) -> list[_Row]:
        values = {
            "device": self._stretch.device_id,
            "low": low,
            "high": high,
            "limit": limit,
            "history": FROM_HISTORY,
            "others": int(BLOCKING) & ~FROM_HISTORY,
            "fastest": round(self._settings.max_speed_kmh * 10),
            "nowhere": NO_ASSET,
        }
        return await (await self._connection.execute(query, values)).fetchall()

    def _found(self) -> _Found:
        rows = self._before + self._inside + self._after
        columns: list[Any] = list(zip(*rows, strict=True)) or [()] * 8
        accuracy = np.array([np.nan if a is None else a for a in columns[5]], dtype=np.float64)
        small = [np.array(columns[n], dtype=np.int32) for n in (1, 2, 3, 4, 6, 7)]
        lon_e7, lat_e7, asset_id, source, stored, later = small
        history = FixHistory(
            asset_id=asset_id,
            fixed_us=np.array(columns[0], dtype=np.int64),
            lon_e7=lon_e7,
            lat_e7=lat_e7,
            uncertainty_m=uncertainty_of(source, accuracy, self._settings),
        )
        return _Found(history, stored, later, len(self._before), len(self._inside))


def _at(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def _minus(at: datetime, span: timedelta) -> datetime:
    return at - span if at - _FIRST > span else _FIRST


def _plus(at: datetime, span: timedelta) -> datetime:
    return at + span if _LAST - at > span else _LAST
