"""The last known position of each device, in memory, and the speed gate for its next fixes.

A fix is doubted when the device cannot have moved there from its last known position. ``TOO_FAST``: no vehicle covers
the distance in the time. ``JUMP``: the distance is too large to accept at once, even after a long silence. Causes are
swapped longitude and latitude, a spoofed or cloned receiver, or a machine that was moved while its tracker slept. A
doubted fix is a candidate. When ``confirmed_by`` fixes in a row agree with each other, the last of them is accepted.

The memory mirrors ``current_position``: one position per device, on the asset that it was last on. The writer keeps
both equal: it replaces a stored position only if that is the one in memory, and forgets what is out of date.
Positions are WGS-84 degrees, longitude first. Times are microseconds since 1970, UTC; ``NO_TIME_US`` means none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.geodesy import distance_m
from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, NO_TIME_US, Float, Int, Mask, Small, Source
from app.tracking.speed_gate import SpeedGate, TimedPoint

NO_ASSET: Final = 0
"""The device is on no asset; such a position is in memory only."""
_NOT_LOADED: Final = -1
_DAY_US: Final = 86_400_000_000

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class DeviceFixes:
    """Fixes without a blocking doubt, sorted by device and then by time; columns of shape ``(n,)``."""

    device_id: Small
    asset_id: Small  # the asset at the time of the fix, ``NO_ASSET`` for none
    fixed_us: Int
    lon_e7: Small  # WGS-84 degrees east, times ``E7``; ``lat_e7`` is degrees north
    lat_e7: Small
    uncertainty_m: Float  # metres, from ``uncertainty_of``


@dataclass(frozen=True, slots=True)
class LastKnown:
    """A row of ``current_position`` with the columns that the speed gate needs."""

    asset_id: int
    device_id: int
    fixed_us: int
    lon_e7: int
    lat_e7: int
    uncertainty_m: float
    candidate_us: int
    candidate_lon_e7: int
    candidate_lat_e7: int
    candidate_fixes: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """The place of the last doubted fixes of a device; ``fixes`` of them in a row agree."""

    asset_id: int
    device_id: int
    fixed_us: int
    lon_e7: int
    lat_e7: int
    fixes: int


@dataclass(frozen=True, slots=True)
class GateResult:
    """Accepted and doubted fixes of a group; memory is not changed yet. Row numbers are places in ``DeviceFixes``.

    Attributes:
        late: Fixes not newer than the last known position, or on another asset than the device is on now; shape
            ``(n,)``.
    """

    doubts: Small  # ``JUMP`` or ``TOO_FAST`` of each fix, else 0; shape ``(n,)``
    late: Mask
    current: Rows  # rows that become the current position, one a device
    replaced_us: Int  # for each of them, the time of the position that it replaces; ``NO_TIME_US`` for none
    day_ends: Rows  # rows without doubt that are the last of their day (UTC) on their asset; without ``current``
    left_asset: Rows  # late rows, the newest of each device on an asset that it has left since
    candidates: tuple[Candidate, ...]  # changed candidates of devices that have no new current position
    crossed: bool  # whether a new current position is of a later day (UTC) than the one that it replaces


def uncertainty_of(source: Small, accuracy_m: Float, settings: TrackingSettings) -> Float:
    """Return the position uncertainty of each fix, metres: the noise of any fix plus the accuracy that was reported.

    A reported accuracy counts up to ``network_noise_m``; a fix from cells or Wi-Fi counts as at least that
    inaccurate.
    """
    network = (source == Source.CELL) | (source == Source.WIFI)
    reported_m = np.clip(np.nan_to_num(accuracy_m, nan=0.0), 0.0, settings.network_noise_m)
    return settings.noise_m + np.where(network, np.maximum(reported_m, settings.network_noise_m), reported_m)


class LastKnownPositions:
    """The last known positions of one process, as columns indexed by device id."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._gate = SpeedGate.of(settings)
        self._asset = np.full(0, _NOT_LOADED, dtype=np.int32)
        self._fixed_us = np.zeros(0, dtype=np.int64)
        self._lon_e7 = np.zeros(0, dtype=np.int32)
        self._lat_e7 = np.zeros(0, dtype=np.int32)
        self._uncertainty_m = np.zeros(0, dtype=np.float64)
        self._candidates: dict[int, Candidate] = {}

    def unknown(self, device_fixes: DeviceFixes) -> tuple[Small, Small]:
        """Return assets and devices, shapes ``(m,)``, whose position must be read before ``judge``.

        The caller reads them from ``current_position`` and passes them to ``load``. Devices on no asset need no read.
        """
        self._grow(device_fixes.device_id)
        last = _last_of_runs(device_fixes.device_id)
        device, asset = device_fixes.device_id[last], device_fixes.asset_id[last]
        stale = (self._asset[device] != asset) & (
            (self._asset[device] == _NOT_LOADED) | (self._fixed_us[device] < device_fixes.fixed_us[last])
        )
        device, asset = device[stale], asset[stale]
        self._asset[device], self._fixed_us[device] = asset, NO_TIME_US
        for one in device.tolist() if self._candidates else ():
            self._candidates.pop(one, None)
        stored = asset != NO_ASSET
        return asset[stored], device[stored]

    def load(self, last_known: Iterable[LastKnown]) -> None:
        """Take over the stored positions of the pairs of ``unknown``."""
        for one in last_known:
            d = one.device_id
            self._fixed_us[d], self._uncertainty_m[d] = one.fixed_us, one.uncertainty_m
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

    def fixed_us_of(self, device_id: Small) -> Int:
        """Return the time of the last known position of each device, ``NO_TIME_US`` where there is none."""
        return self._fixed_us[device_id]

    def forget(self, device_id: Small) -> None:
        """Drop the positions of some devices; they are read again."""
        known = device_id[device_id < len(self._asset)]
        self._asset[known] = _NOT_LOADED
        for one in known.tolist() if self._candidates else ():
            self._candidates.pop(one, None)

    def judge(self, device_fixes: DeviceFixes) -> GateResult:
        """Check fixes against the last known positions; every pair of ``unknown`` has been loaded."""
        device = device_fixes.device_id
        newer = (device_fixes.fixed_us > self._fixed_us[device]) & (device_fixes.asset_id == self._asset[device])
        rows = np.flatnonzero(newer)
        doubts = np.zeros(len(device), dtype=np.int32)
        suspicious = self._suspicious(device_fixes, rows)
        candidates = self._one_by_one(device_fixes, rows[suspicious], doubts) if suspicious.any() else []
        accepted = rows[doubts[rows] == 0]
        current = accepted[_last_of_runs(device[accepted])]
        replaced_us = self._fixed_us[device[current]]
        day = device_fixes.fixed_us // _DAY_US
        clear = np.flatnonzero((doubts == 0) & (device_fixes.asset_id != NO_ASSET))
        ends_day = _last_of_keys(clear, device_fixes.fixed_us, day, device_fixes.asset_id, device)
        left = np.flatnonzero(
            ~newer & (device_fixes.asset_id != self._asset[device]) & (device_fixes.asset_id != NO_ASSET)
        )
        return GateResult(
            doubts=doubts,
            late=~newer,
            current=current,
            replaced_us=replaced_us,
            day_ends=np.setdiff1d(ends_day, current, assume_unique=True),
            left_asset=_last_of_keys(left, device_fixes.fixed_us, device_fixes.asset_id, device),
            candidates=tuple(candidates),
            crossed=bool(((replaced_us != NO_TIME_US) & (replaced_us // _DAY_US < day[current])).any()),
        )

    def accept(self, device_fixes: DeviceFixes, result: GateResult) -> None:
        """Make the new current positions the last known ones, BEFORE the commit of their transaction.

        The next group is judged against them while this one is written. If the commit fails, the writer calls
        ``forget``.
        """
        current = result.current
        device = device_fixes.device_id[current]
        self._fixed_us[device] = device_fixes.fixed_us[current]
        self._lon_e7[device], self._lat_e7[device] = device_fixes.lon_e7[current], device_fixes.lat_e7[current]
        self._uncertainty_m[device] = device_fixes.uncertainty_m[current]
        for one in device.tolist() if self._candidates else ():
            self._candidates.pop(one, None)
        for candidate in result.candidates:
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
        self._uncertainty_m = np.append(self._uncertainty_m, np.zeros(more))

    def _suspicious(self, device_fixes: DeviceFixes, rows: Rows) -> Mask:
        """Return which rows are of devices with a row too far from the one before it, or with a candidate.

        The rows of all other devices are accepted: each was compared with the row before it.
        """
        device, fixed = device_fixes.device_id[rows], device_fixes.fixed_us[rows]
        lon, lat, uncertainty = (
            device_fixes.lon_e7[rows] / E7,
            device_fixes.lat_e7[rows] / E7,
            device_fixes.uncertainty_m[rows],
        )
        first = np.ones(len(rows), dtype=np.bool_)
        first[1:] = device[1:] != device[:-1]
        before_us = np.where(first, self._fixed_us[device], np.roll(fixed, 1))
        before_lon = np.where(first, self._lon_e7[device] / E7, np.roll(lon, 1))
        before_lat = np.where(first, self._lat_e7[device] / E7, np.roll(lat, 1))
        before_uncertainty = np.where(first, self._uncertainty_m[device], np.roll(uncertainty, 1))
        with np.errstate(over="ignore"):
            elapsed = np.where(before_us == NO_TIME_US, 0, fixed - before_us)
        metres = distance_m(before_lon, before_lat, lon, lat)
        allowed = np.minimum(uncertainty + before_uncertainty + elapsed * self._gate.metres_per_us, self._gate.jump_m)
        suspicious: Mask = (metres > allowed) & (before_us != NO_TIME_US)
        if self._candidates:
            suspicious |= np.isin(device, np.fromiter(self._candidates, np.int32, len(self._candidates)))
        return np.isin(device, device[suspicious]) if suspicious.any() else suspicious

    def _one_by_one(self, device_fixes: DeviceFixes, rows: Rows, doubts: Small) -> list[Candidate]:
        """Judge rows one after the other, each against the last accepted one; fills ``doubts``.

        Returns the candidates that changed and are still candidates after the last row of their device.
        """
        changed: dict[int, Candidate | None] = {}
        last_known: dict[int, TimedPoint] = {}
        for row in rows.tolist():
            d = int(device_fixes.device_id[row])
            asset_id = int(device_fixes.asset_id[row])
            point = TimedPoint(
                int(device_fixes.fixed_us[row]),
                int(device_fixes.lon_e7[row]),
                int(device_fixes.lat_e7[row]),
                float(device_fixes.uncertainty_m[row]),
            )
            accepted = last_known.get(d) or self._point(d)
            doubt = self._gate.doubt(accepted, point)
            if doubt:
                candidate = changed[d] if d in changed else self._candidates.get(d)
                fixes = self._confirmations(candidate, point)
                if fixes < self._gate.confirmed_by:
                    doubts[row] = doubt
                    if candidate is None or point.fixed_us > candidate.fixed_us:
                        changed[d] = Candidate(asset_id, d, point.fixed_us, point.lon_e7, point.lat_e7, fixes)
                    continue
            last_known[d] = point
            changed[d] = None
        return [candidate for candidate in changed.values() if candidate is not None]

    def _point(self, device_id: int) -> TimedPoint | None:
        fixed_us = int(self._fixed_us[device_id])
        if fixed_us == NO_TIME_US:
            return None
        return TimedPoint(
            fixed_us,
            int(self._lon_e7[device_id]),
            int(self._lat_e7[device_id]),
            float(self._uncertainty_m[device_id]),
        )

    def _confirmations(self, candidate: Candidate | None, point: TimedPoint) -> int:
        """Return how many fixes in a row agree on this place, this one included."""
        if candidate is None or not candidate.fixes:
            return 1
        if point.fixed_us <= candidate.fixed_us:
            return 0  # a repeated fix is no confirmation
        there = TimedPoint(candidate.fixed_us, candidate.lon_e7, candidate.lat_e7, point.uncertainty_m)
        return candidate.fixes + 1 if self._gate.agrees(there, point) else 1


def _last_of_keys(rows: Rows, fixed_us: Int, *keys: NDArray[np.integer]) -> Rows:
    """Return the newest row of each combination of keys: a device may come back to an asset."""
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
