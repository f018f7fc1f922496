"""Pings of healthy devices from a true journey: report interval, drift and other values, without defects."""

from typing import Final

import numpy as np
from scipy.signal import lfilter

from app.core.geo.geodesy import BoolArray, FloatArray, metres_per_degree
from app.demo.movement import HOUR_S, Journey
from app.demo.pings import MISSING, IntArray, Pings

DRIFT_M: Final = 8.0
"""Standard deviation of a fix's error, metres, east and north each."""

DRIFT_MEMORY: Final = 0.8
"""Correlation of the error with that of the previous fix: drift is AR(1), not white noise."""

_PARKED_EVERY_S: Final = (300, 600)
_MOVING_EVERY_S: Final = (30, 60)
_MACHINE_EVERY_S: Final = 600
_WIRELESS_EVERY_S: Final = 4 * 3600
_WORKING_HOURS: Final = (8, 18)  # local, in which machines run
_SHANGHAI_H: Final = 8


def report(rng: np.random.Generator, device: int, kind: str, journey: Journey, now_s: int) -> Pings:
    """Return the pings of one device on a journey, in the order of time, WGS-84.

    Args:
        device: Index of the device.
        kind: ``wired``, ``built_in`` or ``wireless``.
        now_s: The moment to which the journey's times are relative, seconds since 1970.
    """
    time_s = _rhythm(rng, kind, journey)
    n = len(time_s)
    lon, lat = journey.at(time_s)
    east, north = metres_per_degree(lat)
    speed, course = journey.motion(time_s)
    moving = speed > 0
    fixed_s = now_s + time_s.astype(np.int64)
    arrival_s = fixed_s + rng.integers(1, 9, n)
    wireless = kind == "wireless"
    return Pings(
        device=np.full(n, device),
        fixed_s=fixed_s,
        arrival_s=arrival_s,
        sent_s=arrival_s - 1,
        lon=lon + drift_m(rng, n) / east,
        lat=lat + drift_m(rng, n) / north,
        gcj02=np.zeros(n, dtype=np.bool_),
        cell=np.zeros(n, dtype=np.bool_),
        accuracy_m=rng.uniform(3.0, 15.0, n),
        speed_kmh=np.where(moving, np.clip(speed * rng.normal(1.0, 0.12, n), 3.0, 110.0), 0.0),
        course_deg=np.where(moving, (course + rng.normal(0.0, 8.0, n)) % 360, MISSING).astype(np.int64),
        satellites=rng.integers(7, 24, n),
        battery_pct=_battery(rng, n) if wireless else np.full(n, MISSING),
        ignition=moving | _working(kind, fixed_s),
        backfill=np.zeros(n, dtype=np.bool_),
    )


def drift_m(rng: np.random.Generator, n: int) -> FloatArray:
    """Return an AR(1) process of standard deviation ``DRIFT_M`` along one axis, stationary from its first value."""
    shocks = rng.normal(0.0, DRIFT_M * np.sqrt(1.0 - DRIFT_MEMORY**2), n)
    shocks[:1] = rng.normal(0.0, DRIFT_M, min(n, 1))
    return np.asarray(lfilter([1.0], [1.0, -DRIFT_MEMORY], shocks), dtype=np.float64)


def _rhythm(rng: np.random.Generator, kind: str, journey: Journey) -> FloatArray:
    """Whole seconds, ascending and unique; the last is the journey's end."""
    if kind == "wireless":
        times = [_every(rng, journey.from_s, journey.until_s, _WIRELESS_EVERY_S, 120)]
    else:
        parked_s = _MACHINE_EVERY_S if kind == "built_in" else rng.uniform(*_PARKED_EVERY_S)
        moving_s = rng.uniform(*_MOVING_EVERY_S)
        times, at_s = [], journey.from_s
        for leg in journey.legs:
            times += [_every(rng, at_s, leg.start_s, parked_s, 3), _every(rng, leg.start_s, leg.end_s, moving_s, 2)]
            at_s = leg.end_s
        times.append(_every(rng, at_s, journey.until_s, parked_s, 3))
    times.append(np.array([journey.until_s]))
    return np.unique(np.floor(np.concatenate(times)))


def _every(rng: np.random.Generator, from_s: float, until_s: float, interval_s: float, jitter_s: float) -> FloatArray:
    times = np.arange(from_s + interval_s * rng.random(), until_s - interval_s / 4, interval_s)
    return np.clip(times + rng.uniform(-jitter_s, jitter_s, len(times)), from_s, until_s)


def _working(kind: str, fixed_s: IntArray) -> BoolArray:
    hour = (fixed_s // int(HOUR_S) + _SHANGHAI_H) % 24
    return (hour >= _WORKING_HOURS[0]) & (hour < _WORKING_HOURS[1]) & (kind == "built_in")


def _battery(rng: np.random.Generator, n: int) -> IntArray:
    return np.linspace(rng.uniform(40, 99), rng.uniform(20, 40), n).astype(np.int64)
