"""Where each device was last believed to be, kept in memory, and whether its next fixes can be believed.

A fix is doubted when the device cannot have come there from where it was last believed to be: ``too_fast`` when no
vehicle covers the distance in the time, ``jump`` when the distance is so large that it is not believed at once even
after a long silence (longitude and latitude swapped, a spoofed or cloned receiver, but also a machine that was moved
while its tracker slept). A doubted fix is a candidate. When ``confirmed_by`` fixes in a row agree with each other,
the device really is there: the last of them is believed again.

What stands here mirrors ``current_position``: one belief per device, on the asset that it was last on. The writer
sees to it that both agree (it writes only over the fix that memory believed in) and forgets what proves to be out of
date. Positions are WGS-84 degrees, longitude first; times are microseconds since 1970, UTC; ``NO_TIME_US`` means
none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.geodesy import distance_m
from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, NO_TIME_US, Float, Int, Mask, Small, Source
from app.tracking.speed_gate import SpeedGate, Spot

NO_ASSET: Final = 0
"""Stands for "on no asset"; such a belief lives in memory only."""
_NOT_LOADED: Final = -1
_DAY_US: Final = 86_400_000_000

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Moves:
    """Fixes that could be believed (no blocking doubt), sorted by device and then by time; columns of shape ``(n,)``.

    Attributes:
        device_id: The device.
        asset_id: The asset that it was on, ``NO_ASSET`` for none.
        fixed_us: Time of the fix.
        lon_e7: Degrees east, times ``E7``.
        lat_e7: Degrees north, times ``E7``.
        slack_m: By how much the fix may be wrong, metres; see ``slack_of``.
    """

    device_id: Small
    asset_id: Small
    fixed_us: Int
    lon_e7: Small
    lat_e7: Small
    slack_m: Float


@dataclass(frozen=True, slots=True)
class LastKnown:
    """A row of ``current_position`` as far as beliefs need it."""

    asset_id: int
    device_id: int
    fixed_us: int
    lon_e7: int
    lat_e7: int
    slack_m: float
    candidate_us: int
    candidate_lon_e7: int
    candidate_lat_e7: int
    candidate_fixes: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place at which a device has been reported since, not yet believed, by so many fixes in a row."""

    asset_id: int
    device_id: int
    fixed_us: int
    lon_e7: int
    lat_e7: int
    fixes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a group of moves; nothing has changed in memory yet.

    Attributes:
        doubts: ``JUMP`` or ``TOO_FAST`` of each move, else 0; shape ``(n,)``.
        late: Moves not newer than what is believed, or on another asset than the device is on now; shape ``(n,)``.
        heads: Rows of the moves that are believed now, one a device.
        believed_us: For each head, the time of the belief that it replaces; ``NO_TIME_US`` where there was none.
        day_ends: Rows of moves without doubt that are the last of their day (UTC) on their asset, heads excluded.
        elsewhere: Rows of late moves, the last of each device on an asset that it has left since.
        candidates: Changed candidates of devices that have no head.
        crossed: Whether a head is of a later day than the belief that it replaces.
    """

    doubts: Small
    late: Mask
    heads: Rows
    believed_us: Int
    day_ends: Rows
    elsewhere: Rows
    candidates: tuple[Candidate, ...]
    crossed: bool


def slack_of(source: Small, accuracy_m: Float, settings: TrackingSettings) -> Float:
    """Return by how many metres each fix may be wrong: noise, and what the device or its source makes of it."""
    network = (source == Source.CELL) | (source == Source.WIFI)
    told = np.clip(np.nan_to_num(accuracy_m, nan=0.0), 0.0, settings.network_noise_m)
    return settings.noise_m + np.where(network, np.maximum(told, settings.network_noise_m), told)


class LastKnownPositions:
    """The beliefs of one process, as columns indexed by device number.

    Args:
        settings: ``max_speed_kmh``, ``jump_m``, ``jump_ends_after``.
    """

    def __init__(self, settings: TrackingSettings) -> None:
        self._reach = SpeedGate.of(settings)
        self._asset = np.full(0, _NOT_LOADED, dtype=np.int32)
        self._fixed_us = np.zeros(0, dtype=np.int64)
        self._lon_e7 = np.zeros(0, dtype=np.int32)
        self._lat_e7 = np.zeros(0, dtype=np.int32)
        self._slack_m = np.zeros(0, dtype=np.float64)
        self._candidates: dict[int, Candidate] = {}

    def unknown(self, moves: Moves) -> tuple[Small, Small]:
        """Return the (asset, device) pairs whose belief must be read from ``current_position`` before ``judge``.

        Returns:
            Assets and devices, shapes ``(m,)``; beliefs of devices on no asset are made here.
        """
        self._grow(moves.device_id)
        last = _last_of_runs(moves.device_id)
        device, asset = moves.device_id[last], moves.asset_id[last]
        stale = (self._asset[device] != asset) & (
            (self._asset[device] == _NOT_LOADED) | (self._fixed_us[device] < moves.fixed_us[last])
        )
        device, asset = device[stale], asset[stale]
        self._asset[device], self._fixed_us[device] = asset, NO_TIME_US
        for one in device.tolist() if self._candidates else ():
            self._candidates.pop(one, None)
        stored = asset != NO_ASSET
        return asset[stored], device[stored]

    def learn(self, last_known: Iterable[LastKnown]) -> None:
        """Take over what is stored for the pairs of ``unknown``."""
        for one in last_known:
            d = one.device_id
            self._fixed_us[d], self._slack_m[d] = one.fixed_us, one.slack_m
            self._lon_e7[d], self._lat_e7[d] = one.lon_e7, one.lat_e7
            if one.candidate_fixes:
                self._candidates[d] = Candidate(
                    one.asset_id,
                    d,
                    one.candidate_us,
                    one.candidate_lon_e7,
                    one.candidate_lat_e7,
                    one.candidate_fixes,
                )

    def believed_us(self, device_id: Small) -> Int:
        """Return the times of what is believed of some devices, ``NO_TIME_US`` where nothing is."""
        return self._fixed_us[device_id]

    def forget(self, device_id: Small) -> None:
        """Drop what is believed of some devices: it will be read again."""
        known = device_id[device_id < len(self._asset)]
        self._asset[known] = _NOT_LOADED
        for one in known.tolist() if self._candidates else ():
            self._candidates.pop(one, None)

    def judge(self, moves: Moves) -> Verdict:
        """Return which moves can be believed; every pair of ``unknown`` has been learnt."""
        device = moves.device_id
        newer = (moves.fixed_us > self._fixed_us[device]) & (moves.asset_id == self._asset[device])
        rows = np.flatnonzero(newer)
        doubts = np.zeros(len(device), dtype=np.int32)
        troubled = self._troubled(moves, rows)
        candidates = self._one_by_one(moves, rows[troubled], doubts) if troubled.any() else []
        believed = rows[doubts[rows] == 0]
        heads = believed[_last_of_runs(device[believed])]
        believed_us = self._fixed_us[device[heads]]
        day = moves.fixed_us // _DAY_US
        clear = np.flatnonzero((doubts == 0) & (moves.asset_id != NO_ASSET))
        ends_day = _last_of_keys(clear, moves.fixed_us, day, moves.asset_id, device)
        left = np.flatnonzero(~newer & (moves.asset_id != self._asset[device]) & (moves.asset_id != NO_ASSET))
        return Verdict(
            doubts=doubts,
            late=~newer,
            heads=heads,
            believed_us=believed_us,
            day_ends=np.setdiff1d(ends_day, heads, assume_unique=True),
            elsewhere=_last_of_keys(left, moves.fixed_us, moves.asset_id, device),
            candidates=tuple(candidates),
            crossed=bool(((believed_us != NO_TIME_US) & (believed_us // _DAY_US < day[heads])).any()),
        )

    def accept(self, moves: Moves, verdict: Verdict) -> None:
        """Believe the heads, after they were committed."""
        heads = verdict.heads
        device = moves.device_id[heads]
        self._fixed_us[device] = moves.fixed_us[heads]
        self._lon_e7[device], self._lat_e7[device] = moves.lon_e7[heads], moves.lat_e7[heads]
        self._slack_m[device] = moves.slack_m[heads]
        for one in device.tolist() if self._candidates else ():
            self._candidates.pop(one, None)
        for candidate in verdict.candidates:
            self._candidates[candidate.device_id] = candidate

    def _grow(self, device_id: Small) -> None:
        wanted = int(device_id.max()) + 1 if len(device_id) else 0
        have = len(self._asset)
        if wanted <= have:
            return
        more = max(wanted, 2 * have) - have
        self._asset = np.append(self._asset, np.full(more, _NOT_LOADED, dtype=np.int32))
        self._fixed_us = np.append(self._fixed_us, np.full(more, NO_TIME_US, dtype=np.int64))
        self._lon_e7 = np.append(self._lon_e7, np.zeros(more, dtype=np.int32))
        self._lat_e7 = np.append(self._lat_e7, np.zeros(more, dtype=np.int32))
        self._slack_m = np.append(self._slack_m, np.zeros(more))

    def _troubled(self, moves: Moves, rows: Rows) -> Mask:
        """Tell which of some rows are of devices that have a row too far from the one before, or a candidate.

        The rows of all other devices can be believed: each was compared with the one that is believed before it.
        """
        device, fixed = moves.device_id[rows], moves.fixed_us[rows]
        lon, lat, slack = moves.lon_e7[rows] / E7, moves.lat_e7[rows] / E7, moves.slack_m[rows]
        first = np.ones(len(rows), dtype=np.bool_)
        first[1:] = device[1:] != device[:-1]
        before_us = np.where(first, self._fixed_us[device], np.roll(fixed, 1))
        before_lon = np.where(first, self._lon_e7[device] / E7, np.roll(lon, 1))
        before_lat = np.where(first, self._lat_e7[device] / E7, np.roll(lat, 1))
        before_slack = np.where(first, self._slack_m[device], np.roll(slack, 1))
        with np.errstate(over="ignore"):
            elapsed = np.where(before_us == NO_TIME_US, 0, fixed - before_us)
        metres = distance_m(before_lon, before_lat, lon, lat)
        allowed = np.minimum(slack + before_slack + elapsed * self._reach.metres_per_us, self._reach.jump_m)
        troubled: Mask = (metres > allowed) & (before_us != NO_TIME_US)
        if self._candidates:
            troubled |= np.isin(device, np.fromiter(self._candidates, np.int32, len(self._candidates)))
        return np.isin(device, device[troubled]) if troubled.any() else troubled

    def _one_by_one(self, moves: Moves, rows: Rows, doubts: Small) -> list[Candidate]:
        """Judge the rows of devices with something odd, each against what was believed before; fills ``doubts``.

        Returns:
            The candidates that changed and are still candidates after the last row of their device.
        """
        changed: dict[int, Candidate | None] = {}
        last_known: dict[int, Spot] = {}
        for row in rows.tolist():
            d = int(moves.device_id[row])
            asset_id = int(moves.asset_id[row])
            spot = Spot(
                int(moves.fixed_us[row]),
                int(moves.lon_e7[row]),
                int(moves.lat_e7[row]),
                float(moves.slack_m[row]),
            )
            believed = last_known.get(d) or self._spot(d)
            doubt = self._reach.doubt(believed, spot)
            if doubt:
                candidate = changed[d] if d in changed else self._candidates.get(d)
                fixes = self._agreeing(candidate, spot)
                if fixes < self._reach.confirmed_by:
                    doubts[row] = doubt
                    if candidate is None or spot.fixed_us > candidate.fixed_us:
                        changed[d] = Candidate(asset_id, d, spot.fixed_us, spot.lon_e7, spot.lat_e7, fixes)
                    continue
            last_known[d] = spot
            changed[d] = None
        return [candidate for candidate in changed.values() if candidate is not None]

    def _spot(self, device_id: int) -> Spot | None:
        fixed_us = int(self._fixed_us[device_id])
        if fixed_us == NO_TIME_US:
            return None
        return Spot(
            fixed_us,
            int(self._lon_e7[device_id]),
            int(self._lat_e7[device_id]),
            float(self._slack_m[device_id]),
        )

    def _agreeing(self, candidate: Candidate | None, spot: Spot) -> int:
        """Return how many fixes in a row say that the device is here, this one included."""
        if candidate is None or not candidate.fixes:
            return 1
        if spot.fixed_us <= candidate.fixed_us:
            return 0  # the same fix sent again proves nothing
        there = Spot(candidate.fixed_us, candidate.lon_e7, candidate.lat_e7, spot.slack_m)
        return candidate.fixes + 1 if self._reach.agrees(there, spot) else 1


def _last_of_keys(rows: Rows, fixed_us: Int, *keys: NDArray[np.integer]) -> Rows:
    """Return of some rows the newest for each combination of keys: a device may come back to an asset."""
    rows = rows[np.lexsort((fixed_us[rows], *(key[rows] for key in keys)))]
    return np.sort(rows[_last_of_runs(*(key[rows] for key in keys))])


def _last_of_runs(*keys: Sequence[int] | NDArray[np.integer]) -> Rows:
    """Return the places at which a run of equal keys ends."""
    n = len(keys[0])
    if n == 0:
        return np.zeros(0, dtype=np.intp)
    ends = np.zeros(n, dtype=np.bool_)
    ends[-1] = True
    for key in keys:
        column = np.asarray(key)
        ends[:-1] |= column[1:] != column[:-1]
    return np.flatnonzero(ends)
