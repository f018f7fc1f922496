"""A stretch of one device's past judged again from what is stored, and what follows from it derived again.

Stored pings do not change, and a doubt that they were stored with is never taken back. What only history tells stands
in ``later_doubt`` and goes when it no longer holds. A run reads the last fix that is believed before the stretch, and
goes on past its end until judgement and store agree again; repeated, it comes to the same rows.
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
from app.tracking.history.judge import Judgement, Past, judge_history
from app.tracking.live.last_known import NO_ASSET, slack_of
from app.tracking.speed_gate import SpeedGate

FROM_HISTORY: Final = int(Doubt.JUMP | Doubt.TOO_FAST)
"""The doubts that come from a device's past."""
PIECE: Final = 20_000
"""So many pings are judged in one go; a longer stretch is done piece by piece."""
_AFTER: Final = 50
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_SPANS: Final = (timedelta(days=3), timedelta(days=90), _LAST - _FIRST)
"""How far to look for a neighbour: near first, so that few partitions are opened."""

# Pings that could be believed but for what their past says; a speed that the device itself told is not of its past.
# Uses the keys of ping and later_doubt (device, variant, time).
_USABLE: Final = """
    SELECT (extract(epoch FROM p.fixed_at) * 1000000)::bigint, p.lon_e7, p.lat_e7, coalesce(p.asset_id, %(nowhere)s),
           p.origin %% 10, p.accuracy_m, p.doubts & %(history)s, coalesce(l.doubts, 0) & %(history)s
    FROM ping p
    LEFT JOIN later_doubt l ON l.device_id = p.device_id AND l.variant = 0 AND l.fixed_at = p.fixed_at
    WHERE p.device_id = %(device)s AND p.variant = 0 AND p.fixed_at BETWEEN %(low)s AND %(high)s
      AND (p.doubts | coalesce(l.doubts, 0)) & %(elsewhere)s = 0 AND coalesce(p.speed_tenth_kmh, 0) <= %(fastest)s"""
_FORWARD: Final = _USABLE + " ORDER BY p.fixed_at LIMIT %(limit)s"
_BACKWARD: Final = _USABLE + " ORDER BY p.fixed_at DESC LIMIT %(limit)s"
_BELIEVED: Final = (
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
class Stretch:
    """A time of a device that is looked at again.

    Attributes:
        device_id: The device.
        from_at: From when.
        until_at: Until when, included.
        asset_ids: Assets that are concerned besides those of the pings found.
    """

    device_id: int
    from_at: datetime
    until_at: datetime
    asset_ids: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """The pings of a piece as columns: those before the stretch, in it, and after it."""

    past: Past
    stored: Small
    later: Small
    before: int
    inside: int

    @property
    def first(self) -> int:
        """The first row that may be doubted: the one in front of it is believed."""
        return int(self.before > 0 and not (self.stored[0] | self.later[0]))

    def good(self) -> Mask:
        """Tell which rows are believed as they stand in the store."""
        good: Mask = (self.stored | self.later) == 0
        return good


async def rebuild(
    connection: AsyncConnection, stretch: Stretch, settings: TrackingSettings, now: datetime
) -> datetime | None:
    """Judge a stretch again, write the doubts that history tells, and derive the positions that depend on them.

    Args:
        connection: In a transaction that holds the device (``deriving.hold_device``).
        stretch: Which; a long one is done piece by piece.
        settings: Thresholds, the same as when pings come in.
        now: What new doubts are dated, UTC.

    Returns:
        From when it is to be done still; None when all of it is done.
    """
    reader = _Reader(connection, stretch, settings)
    found, whole = await reader.read()
    judgement = await _judged(found.past, SpeedGate.of(settings))
    while whole and not reader.at_end and _agreeing_again(found, judgement) is None:
        found = await reader.read_on()
        judgement = await _judged(found.past, SpeedGate.of(settings))
    rows = len(found.stored)
    if whole:
        agreed = _agreeing_again(found, judgement)
        end = rows - 1 if agreed is None else agreed
    else:
        settled = np.flatnonzero(judgement.settled[found.before :])
        end = found.before + int(settled[-1]) if len(settled) else rows - 1
    await _write_doubts(connection, stretch.device_id, found, judgement.doubts, end, now)
    assets = set(found.past.asset_id[: end + 1].tolist()) - {NO_ASSET} | set(stretch.asset_ids)
    await derive(connection, stretch.device_id, sorted(assets), _days(stretch, found, end, whole=whole))
    return None if whole else _at(int(found.past.fixed_us[end])) + MICROSECOND


async def _judged(past: Past, reach: SpeedGate) -> Judgement:
    return await asyncio.to_thread(judge_history, past, reach)  # seconds, when much is doubtful


def _agreeing_again(found: _Found, judgement: Judgement) -> int | None:
    """Return the first row after the stretch that is believed, and was: from there on nothing can change."""
    after = found.before + found.inside
    agrees = np.flatnonzero(judgement.settled[after:] & found.good()[after:])
    return after + int(agrees[0]) if len(agrees) else None


def _days(stretch: Stretch, found: _Found, end: int, *, whole: bool) -> list[tuple[date, date]]:
    """Return the days that are concerned, that of the fix before among them: it may be the last good one of it."""
    times = [_at(us) for us in found.past.fixed_us[: end + 1].tolist()]
    first = min([stretch.from_at, *times[found.first :]]).date()
    last = max([stretch.until_at, *times] if whole else times).date()
    before = [(times[0].date(), times[0].date())] if found.first and times[0].date() < first else []
    return [*before, (first, last)]


async def _write_doubts(
    connection: AsyncConnection, device_id: int, found: _Found, doubts: Small, end: int, now: datetime
) -> None:
    """Write what history doubts and the ping was not stored with, and take back what it doubts no longer."""
    wanted = np.where(found.stored == 0, doubts, 0)
    changed = np.flatnonzero(wanted != found.later)
    changed = changed[(changed >= found.first) & (changed <= end)]
    gone, new = changed[wanted[changed] == 0], changed[wanted[changed] != 0]
    values: dict[str, Any] = {"device": device_id, "history": FROM_HISTORY, "now": now}
    if len(gone):
        values["at"] = [_at(us) for us in found.past.fixed_us[gone].tolist()]
        await connection.execute(_FORGET, values)
        await connection.execute(_KEEP_OTHERS, values)
    if len(new):
        values |= {"at": [_at(us) for us in found.past.fixed_us[new].tolist()], "doubts": wanted[new].tolist()}
        await connection.execute(_DOUBT, values)


class _Reader:
    """Reads the pings of a stretch with their neighbours, and as many after it as are asked for."""

    def __init__(self, connection: AsyncConnection, stretch: Stretch, settings: TrackingSettings) -> None:
        self._connection = connection
        self._stretch = stretch
        self._settings = settings
        self._before: list[_Row] = []
        self._inside: list[_Row] = []
        self._after: list[_Row] = []
        self.at_end = False

    async def read(self) -> tuple[_Found, bool]:
        """Read the stretch, its neighbours before and, if it was read whole, after it; tell whether it was."""
        stretch = self._stretch
        self._before = await self._neighbours()
        self._inside = await self._query(_FORWARD, stretch.from_at, stretch.until_at, PIECE)
        if len(self._inside) == PIECE:
            return self._found(), False
        return await self.read_on(), True

    async def read_on(self) -> _Found:
        """Read more pings after the stretch."""
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
        """Read the last ping that is believed, and of those after it as many as may be part of one confirmation."""
        high = self._stretch.from_at - MICROSECOND if self._stretch.from_at > _FIRST else _FIRST
        believed: list[_Row] = []
        for span in _SPANS:
            believed = believed or await self._query(_BELIEVED, _minus(high, span), high, 1)
        low = _at(believed[0][0]) + MICROSECOND if believed else _FIRST
        doubted = await self._query(_BACKWARD, low, high, self._settings.jump_ends_after - 1)
        return believed + doubted[::-1]

    async def _query(self, query: str, low: datetime, high: datetime, limit: int) -> list[_Row]:
        values = {
            "device": self._stretch.device_id,
            "low": low,
            "high": high,
            "limit": limit,
            "history": FROM_HISTORY,
            "elsewhere": int(BLOCKING) & ~FROM_HISTORY,
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
        past = Past(
            asset_id=asset_id,
            fixed_us=np.array(columns[0], dtype=np.int64),
            lon_e7=lon_e7,
            lat_e7=lat_e7,
            slack_m=slack_of(source, accuracy, self._settings),
        )
        return _Found(past, stored, later, len(self._before), len(self._inside))


def _at(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def _minus(at: datetime, span: timedelta) -> datetime:
    return at - span if at - _FIRST > span else _FIRST


def _plus(at: datetime, span: timedelta) -> datetime:
    return at + span if _LAST - at > span else _LAST
