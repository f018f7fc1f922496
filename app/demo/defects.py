"""Defects of devices and networks, added to clean pings.

Each function takes pings ordered by device and time. It returns them changed, with the devices it changed.
``exempt`` says by device whether it stays unchanged.
``*_ROW_SHARE`` constants are shares of rows. ``LOST_SHARE`` is a share of gaps. The others are shares of devices.
"""

from typing import Final, NamedTuple

import numpy as np

from app.core.geo.datum import CoordSystem, everywhere, from_wgs84
from app.core.geo.geodesy import BoolArray, FloatArray, destination
from app.demo.pings import MISSING, IntArray, Pings, concatenate

GAP_SHARE: Final = 0.12
LOST_SHARE: Final = 0.2
NETWORK_SHARE: Final = 0.06
ENDS_ON_NETWORK: Final = 5
ZERO_ROW_SHARE: Final = 0.005
FUTURE_SHARE: Final = 0.02
GCJ02_SHARE: Final = 0.05
DUPLICATE_ROW_SHARE: Final = 0.01
UNREGISTERED_ROWS: Final = 24
"""Pings of one unregistered terminal: the only rows that the service must reject."""

YEAR_S: Final = 31_557_600

_HOUR_S: Final = 3600
_KEPT_ROWS: Final = 12  # last rows of each device; defects that could hide its last position skip them


class Damaged(NamedTuple):
    """Pings with a defect, and the devices that have it."""

    pings: Pings
    devices: IntArray


def gaps(rng: np.random.Generator, pings: Pings) -> Damaged:
    """Make some devices silent for hours. Most send the rows in a burst afterwards; some lose them."""
    kept = np.ones(len(pings), dtype=np.bool_)
    arrival_s, sent_s, backfill = pings.arrival_s.copy(), pings.sent_s.copy(), pings.backfill.copy()
    touched = []
    for first, last in _runs_of(pings, _draw_devices(rng, pings, GAP_SHARE)):
        earliest, latest = int(pings.fixed_s[first]), int(pings.fixed_s[last])
        length_s = int(rng.integers(_HOUR_S, 6 * _HOUR_S))
        if latest - earliest < length_s + 8 * _HOUR_S:
            continue
        begin_s = int(rng.integers(earliest + _HOUR_S, latest - length_s - 5 * _HOUR_S))
        fixed_s = pings.fixed_s[first : last + 1]
        rows = first + np.flatnonzero((fixed_s > begin_s) & (fixed_s < begin_s + length_s))
        touched.append(int(pings.device[first]))
        if rng.random() < LOST_SHARE:
            kept[rows] = False
            continue
        back_s = begin_s + length_s + int(rng.integers(0, 3 * _HOUR_S))
        arrival_s[rows] = back_s + np.arange(len(rows)) // 50  # delay of the radio
        sent_s[rows], backfill[rows] = arrival_s[rows] - 1, True
    return Damaged(_with(pings, arrival_s=arrival_s, sent_s=sent_s, backfill=backfill).take(kept), np.array(touched))


def network_fixes(rng: np.random.Generator, pings: Pings, may_end: BoolArray) -> Damaged:
    """Replace fixes by cell tower positions, hundreds of metres away (last pings by ``may_end``)."""
    devices = _draw_devices(rng, pings, NETWORK_SHARE)
    rows: list[IntArray] = []
    ends_left = ENDS_ON_NETWORK
    for first, last in _runs_of(pings, devices):
        if last - first < 4 * _KEPT_ROWS:
            continue
        many = int(rng.integers(2, 7))
        start = int(rng.integers(first, last - _KEPT_ROWS - many))
        if ends_left and may_end[pings.device[last]]:
            start, ends_left = last + 1 - many, ends_left - 1
        rows.append(np.arange(start, start + many))
    touched = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
    cell = pings.cell.copy()
    cell[touched] = True
    lon, lat, accuracy_m = pings.lon.copy(), pings.lat.copy(), pings.accuracy_m.copy()
    accuracy_m[touched] = rng.uniform(300.0, 1500.0, len(touched))
    lon[touched], lat[touched] = destination(
        lon[touched], lat[touched], rng.uniform(0, 360, len(touched)), rng.rayleigh(0.4 * accuracy_m[touched])
    )
    without = {
        "satellites": np.where(cell, MISSING, pings.satellites),
        "course_deg": np.where(cell, MISSING, pings.course_deg),
    }
    speed_kmh = np.where(cell, np.nan, pings.speed_kmh)
    changed = _with(pings, cell=cell, lon=lon, lat=lat, accuracy_m=accuracy_m, speed_kmh=speed_kmh, **without)
    return Damaged(changed, np.unique(pings.device[touched]))


def future_clocks(rng: np.random.Generator, pings: Pings, exempt: BoolArray) -> Damaged:
    """Set the clock of some devices one to twenty years ahead for a few rows."""
    devices = _draw_devices(rng, pings, FUTURE_SHARE)
    fixed_s, sent_s = pings.fixed_s.copy(), pings.sent_s.copy()
    touched = []
    for device, (first, last) in zip(devices.tolist(), _runs_of(pings, devices), strict=True):
        if exempt[device] or last - first < 2 * _KEPT_ROWS:
            continue
        start = int(rng.integers(first, last - _KEPT_ROWS))
        rows = slice(start, start + int(rng.integers(3, 11)))
        fixed_s[rows] += int(rng.integers(YEAR_S, 20 * YEAR_S))
        sent_s[rows] = MISSING
        touched.append(device)
    return Damaged(_with(pings, fixed_s=fixed_s, sent_s=sent_s), np.array(touched, dtype=np.int64))


def gcj02(rng: np.random.Generator, pings: Pings, exempt: BoolArray) -> Damaged:
    """Make some devices send, and declare, GCJ-02 (from WGS-84; it has no shift outside the mainland)."""
    devices = _draw_devices(rng, pings, GCJ02_SHARE)
    devices = devices[~exempt[devices]]
    shifted = np.isin(pings.device, devices)
    lon, lat = pings.lon.copy(), pings.lat.copy()
    lon[shifted], lat[shifted] = from_wgs84(lon[shifted], lat[shifted], CoordSystem.GCJ02, everywhere)
    return Damaged(_with(pings, lon=lon, lat=lat, gcj02=shifted), devices)


def zero_fixes(rng: np.random.Generator, pings: Pings, exempt: BoolArray) -> Damaged:
    """Set some satellite fixes to latitude 0, longitude 0, as receivers without a fix send."""
    zero = (rng.random(len(pings)) < ZERO_ROW_SHARE) & ~pings.cell & ~exempt[pings.device]
    changed = _with(
        pings,
        lon=np.where(zero, 0.0, pings.lon),
        lat=np.where(zero, 0.0, pings.lat),
        accuracy_m=np.where(zero, np.nan, pings.accuracy_m),
        satellites=np.where(zero, 0, pings.satellites),
        course_deg=np.where(zero, MISSING, pings.course_deg),
    )
    return Damaged(changed, np.unique(pings.device[zero]))


def duplicates(rng: np.random.Generator, pings: Pings, now_s: int) -> Damaged:
    """Make the gateway send some rows twice: half at once, half minutes to hours later."""
    rows = np.flatnonzero(rng.random(len(pings)) < DUPLICATE_ROW_SHARE)
    later_s = np.where(rng.random(len(rows)) < 0.5, 0, rng.integers(60, 6 * _HOUR_S, len(rows)))  # noqa: PLR2004 half
    again = pings.take(rows)
    again = _with(
        again, arrival_s=np.clip(again.arrival_s + later_s, again.arrival_s, np.maximum(again.arrival_s, now_s))
    )
    return Damaged(concatenate([pings, again]), np.unique(again.device))


def unregistered_device(rng: np.random.Generator, pings: Pings, device: int) -> Damaged:
    """Add a few pings of an unregistered terminal, copied from another device."""
    start = int(rng.integers(0, len(pings) - UNREGISTERED_ROWS))
    strange = pings.take(slice(start, start + UNREGISTERED_ROWS))
    strange = _with(strange, device=np.full(UNREGISTERED_ROWS, device))
    return Damaged(concatenate([pings, strange]), np.array([device]))


def _with(pings: Pings, **columns: IntArray | FloatArray | BoolArray) -> Pings:
    return Pings(**{name: columns.get(name, getattr(pings, name)) for name in Pings.__dataclass_fields__})


def _draw_devices(rng: np.random.Generator, pings: Pings, share: float) -> IntArray:
    present = np.unique(pings.device)
    return np.sort(rng.choice(present, size=round(share * len(present)), replace=False))


def _runs_of(pings: Pings, devices: IntArray) -> list[tuple[int, int]]:
    """First and last row of each of these devices. The pings are ordered by device."""
    first = np.searchsorted(pings.device, devices, side="left")
    last = np.searchsorted(pings.device, devices, side="right") - 1
    return list(zip(first.tolist(), last.tolist(), strict=True))
