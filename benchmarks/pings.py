"""Pings of a benchmark's fleet: the same plan gives the same pings in every process."""

from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MINUTE_US: Final = 60_000_000
_WINDOW_US: Final = 4 * MINUTE_US
_LATE_US: Final = 50 * MINUTE_US  # an hour late would be marked "backfill"
_ROUND_US: Final = 40 * MINUTE_US  # a device drives in circles of 5 km: 52 km/h, a plausible speed
_RADIUS_E7: Final = 500_000
_HOME_E7: Final = ((1_050_000_000, 1_187_000_000), (261_000_000, 379_000_000))  # very little of it is sea


class PingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which pings: all devices in turn, in the order of time.

    Attributes:
        devices: Number of devices; device numbers count from 1.
        begins_us: Fix time of the first, microseconds since 1970, UTC.
        ends_us: Fix time after the last.
    """

    pings: int
    devices: int
    begins_us: int
    ends_us: int


class Load(msgspec.Struct, frozen=True):
    """Pings in columns.

    Attributes:
        device: Number of the device of each ping, shape ``(n,)``.
        fixed_us: Microseconds since 1970, whole milliseconds after the plan's beginning, shape ``(n,)``.
        lon_e7: WGS-84 degrees times ten million, shape ``(n,)``.
        lat_e7: WGS-84 degrees times ten million, shape ``(n,)``.
    """

    device: NDArray[np.int64]
    fixed_us: NDArray[np.int64]
    lon_e7: NDArray[np.int64]
    lat_e7: NDArray[np.int64]

    @property
    def speed_kmh(self) -> NDArray[np.int64]:
        """Two digits, shape ``(n,)``."""
        return self.device % 90 + 10

    @property
    def course_deg(self) -> NDArray[np.int64]:
        """Three digits, shape ``(n,)``."""
        return self.device % 260 + 100

    def part(self, begins: int, ends: int) -> "Load":
        """Return the pings from one index to another."""
        s = slice(begins, ends)
        return Load(self.device[s], self.fixed_us[s], self.lon_e7[s], self.lat_e7[s])


class Fleet:
    """Positions of devices at any time, in eastern China; make it once, since it draws for every device."""

    def __init__(self, devices: int) -> None:
        self.devices = devices
        random = np.random.default_rng(7)
        self._order = random.permutation(devices) + 1
        self._home_lon, self._home_lat = (random.integers(low, high, devices + 1) for low, high in _HOME_E7)
        self._phase = random.uniform(0, 2 * np.pi, devices + 1)

    def load(self, plan: PingPlan, first: int = 0, ends: int | None = None) -> Load:
        """Return the pings of a plan, or those from one index to another."""
        place = np.arange(first, plan.pings if ends is None else min(ends, plan.pings), dtype=np.int64)
        device = self._order[place % self.devices]
        step = (plan.ends_us - plan.begins_us) / plan.pings
        fixed_us = plan.begins_us + (place * step).astype(np.int64) // 1_000 * 1_000
        angle = (fixed_us % _ROUND_US) * (2 * np.pi / _ROUND_US) + self._phase[device]
        return Load(
            device,
            fixed_us,
            self._home_lon[device] + (_RADIUS_E7 * np.cos(angle)).astype(np.int64),
            self._home_lat[device] + (_RADIUS_E7 * np.sin(angle)).astype(np.int64),
        )


class Timeline:
    """Gives successive windows of fix times, none of them late or ahead, so that current positions advance."""

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self._ended_us = 0

    def plan(self, pings: int, now: datetime, span_us: int = _WINDOW_US) -> PingPlan:
        """Return a plan of pings with fix times after those of all earlier plans.

        Args:
            now: Start of their sending.
            span_us: Microseconds from the first to the last.
        """
        begins_us = max(self._ended_us, round(now.timestamp()) * 1_000_000 - _LATE_US)
        self._ended_us = begins_us + span_us
        return PingPlan(pings=pings, devices=self._devices, begins_us=begins_us, ends_us=self._ended_us)
