"""Speed and distance check between two fixes: decides ``JUMP`` and ``TOO_FAST``; pure."""

from dataclasses import dataclass, replace
from math import asin, cos, radians, sin, sqrt
from typing import Final, Self

from app.core.geo.geodesy import EARTH_RADIUS_M
from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, Doubt

US_PER_HOUR: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class TimedPoint:
    """A fix for the check: microseconds since 1970 UTC, WGS-84 degrees times ``E7``, uncertainty in metres."""

    fixed_us: int
    lon_e7: int
    lat_e7: int
    uncertainty_m: float

    def metres_to(self, other: "TimedPoint") -> float:
        """Return great-circle metres: ``core.geo.geodesy.distance_m`` for one pair, without the cost of arrays."""
        phi1, phi2 = radians(self.lat_e7 / E7), radians(other.lat_e7 / E7)
        half = sin((phi2 - phi1) / 2) ** 2
        half += cos(phi1) * cos(phi2) * sin(radians((other.lon_e7 - self.lon_e7) / E7) / 2) ** 2
        return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half)))


@dataclass(frozen=True, slots=True)
class SpeedGate:
    """The thresholds of the check."""

    metres_per_us: float  # the speed limit, metres per microsecond
    jump_m: float  # a longer distance is not accepted at once, however long it took
    confirmed_by: int  # this many agreeing fixes in a row are accepted

    @classmethod
    def of(cls, settings: TrackingSettings) -> Self:
        """Take the thresholds from ``max_speed_kmh``, ``jump_m`` and ``jump_ends_after``."""
        return cls(settings.max_speed_kmh * 1000 / US_PER_HOUR, settings.jump_m, settings.jump_ends_after)

    def doubt(self, before: TimedPoint | None, point: TimedPoint) -> int:
        """Return ``JUMP`` or ``TOO_FAST`` of a fix after the last accepted one (or None), 0 for neither."""
        if before is None:
            return 0
        metres = before.metres_to(point)
        if metres > self.jump_m:
            return int(Doubt.JUMP)
        allowed = before.uncertainty_m + point.uncertainty_m + (point.fixed_us - before.fixed_us) * self.metres_per_us
        return int(Doubt.TOO_FAST) if metres > allowed else 0

    def agrees(self, candidate: TimedPoint, point: TimedPoint) -> bool:
        """Return whether a doubted fix confirms the doubted one before it; its uncertainty counts for both."""
        return not self.doubt(replace(candidate, uncertainty_m=point.uncertainty_m), point)
