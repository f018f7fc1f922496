"""Whether a device can have come from one spot to another: the one rule of ``jump`` and ``too_fast``; pure."""

from dataclasses import dataclass, replace
from math import asin, cos, radians, sin, sqrt
from typing import Final, Self

from app.core.geo.geodesy import EARTH_RADIUS_M
from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, Doubt

US_PER_HOUR: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A fix as far as the rule needs it.

    Attributes:
        fixed_us: Microseconds since 1970, UTC.
        lon_e7: WGS-84 degrees east, times ``E7``.
        lat_e7: WGS-84 degrees north, times ``E7``.
        slack_m: By how much it may be wrong, metres.
    """

    fixed_us: int
    lon_e7: int
    lat_e7: int
    slack_m: float

    def metres_to(self, other: "Spot") -> float:
        """Great-circle metres; ``core.geodesy.distance_m`` for one pair, without the cost of arrays."""
        phi1, phi2 = radians(self.lat_e7 / E7), radians(other.lat_e7 / E7)
        half = sin((phi2 - phi1) / 2) ** 2
        half += cos(phi1) * cos(phi2) * sin(radians((other.lon_e7 - self.lon_e7) / E7) / 2) ** 2
        return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half)))


@dataclass(frozen=True, slots=True)
class SpeedGate:
    """The rule with its thresholds.

    Attributes:
        metres_per_us: How fast a vehicle can be.
        jump_m: Farther than this is not believed at once, however long it took.
        confirmed_by: So many fixes in a row that agree are believed.
    """

    metres_per_us: float
    jump_m: float
    confirmed_by: int

    @classmethod
    def of(cls, settings: TrackingSettings) -> Self:
        """Take the thresholds from ``max_speed_kmh``, ``jump_m`` and ``jump_ends_after``."""
        return cls(settings.max_speed_kmh * 1000 / US_PER_HOUR, settings.jump_m, settings.jump_ends_after)

    def doubt(self, before: Spot | None, spot: Spot) -> int:
        """Return ``JUMP`` or ``TOO_FAST`` of a spot after one that is believed (None: nothing is), 0 for neither."""
        if before is None:
            return 0
        metres = before.metres_to(spot)
        if metres > self.jump_m:
            return int(Doubt.JUMP)
        allowed = before.slack_m + spot.slack_m + (spot.fixed_us - before.fixed_us) * self.metres_per_us
        return int(Doubt.TOO_FAST) if metres > allowed else 0

    def agrees(self, candidate: Spot, spot: Spot) -> bool:
        """Tell whether a doubted spot says the same as the doubted one before it; its slack stands for both."""
        return not self.doubt(replace(candidate, slack_m=spot.slack_m), spot)
