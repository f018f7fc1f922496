"""A position with its age, its doubts and its confidence; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol

from app.core.geo.geodesy import distance_m
from app.telemetry.domain import BLOCKING, DOUBT_REASONS, E7, Doubt, Source


@dataclass(frozen=True, slots=True)
class Position:
    """The position of an asset by one device: WGS-84 degrees times 1e7, times in UTC, course in degrees from north.

    ``source`` is a ``Source``, ``doubts`` are bits of ``Doubt``. Territory and county are None outside.
    """

    asset_id: int
    device_id: int
    fixed_at: datetime  # time of the fix, UTC
    received_at: datetime  # when the service received it, UTC
    batch_id: int
    lon_e7: int  # WGS-84 degrees east, times 1e7; ``lat_e7`` is degrees north
    lat_e7: int
    territory_id: int | None  # the court territory, None outside; ``county_adcode`` likewise
    county_adcode: int | None
    source: int  # a ``Source``
    doubts: int  # bits of ``Doubt``
    accuracy_m: float | None
    speed_kmh: float | None
    course_deg: int | None  # degrees from north

    @property
    def lon(self) -> float:
        """WGS-84 degrees east."""
        return self.lon_e7 / E7

    @property
    def lat(self) -> float:
        """WGS-84 degrees north."""
        return self.lat_e7 / E7


class Confidence(StrEnum):
    """How reliable a position is, in three steps."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


MOVING_KMH = 5.0
"""From this speed on an asset counts as moving: it may be elsewhere when a crew arrives."""


class ConfidenceInput(Protocol):
    """The members of a position that decide its confidence."""

    @property
    def fixed_at(self) -> datetime:
        """Time of the fix, UTC."""
        ...

    @property
    def source(self) -> int:
        """A ``Source``."""
        ...

    @property
    def doubts(self) -> int:
        """Bits of ``Doubt``."""
        ...

    @property
    def speed_kmh(self) -> float | None:
        """Kilometres an hour, None if not reported."""
        ...


_NETWORK: Final = frozenset({int(Source.CELL), int(Source.WIFI)})
_LOW_ACCURACY: Final = int(Doubt.LOW_ACCURACY)  # plain numbers: every asset of a case is judged in every answer


def confidence_of(
    position: ConfidenceInput, now: datetime, fresh_within: timedelta, *, near_border: bool
) -> tuple[Confidence, list[str]]:
    """Return the confidence of a position, and the reasons for anything less than high.

    Low when it is older than ``fresh_within`` or not from satellites; medium when inaccurate, near a border or
    moving.
    """
    low: list[str] = []
    medium: list[str] = []
    age = now - position.fixed_at
    if age > fresh_within:
        low.append(f"stale: the last good fix is {age.days} days old")
    if position.source in _NETWORK:
        low.append(DOUBT_REASONS[Doubt.NETWORK_FIX])
    if position.doubts & _LOW_ACCURACY:
        medium.append(DOUBT_REASONS[Doubt.LOW_ACCURACY])
    if near_border:
        medium.append("near a border: another court's territory is within reach of the error")
    if position.speed_kmh is not None and position.speed_kmh >= MOVING_KMH:
        medium.append(f"moving at {position.speed_kmh:.0f} km/h when last heard of")
    confidence = Confidence.LOW if low else Confidence.MEDIUM if medium else Confidence.HIGH
    return confidence, low + medium


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a good fix (UTC), and the great-circle metres between the fixes before and after it."""

    starts_at: datetime
    ends_at: datetime
    displacement_m: float


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One ping of a track; units as in ``Position``.

    ``sent_at`` is the device's sending time. ``batch_id`` and ``row_index`` lead to the raw bytes.
    """

    fixed_at: datetime  # time of the fix
    device_id: int
    lon_e7: int  # WGS-84 degrees east, times 1e7; ``lat_e7`` is degrees north
    lat_e7: int
    sent_at: datetime | None  # the device's sending time
    received_at: datetime
    doubts: int  # bits of ``Doubt``
    source: int  # a ``Source``
    accuracy_m: float | None
    speed_kmh: float | None
    course_deg: int | None  # degrees from north
    county_adcode: int | None
    territory_id: int | None  # the court territory, None outside; ``county_adcode`` likewise
    batch_id: int
    row_index: int


def gaps_of(points: Sequence[TrackPoint], longer_than: timedelta) -> list[Gap]:
    """Return the times without a good fix in a track, which is sorted by time."""
    good = [p for p in points if not p.doubts & BLOCKING]
    return [
        Gap(
            before.fixed_at,
            after.fixed_at,
            round(float(distance_m(before.lon_e7 / E7, before.lat_e7 / E7, after.lon_e7 / E7, after.lat_e7 / E7)), 1),
        )
        for before, after in pairwise(good)
        if after.fixed_at - before.fixed_at > longer_than
    ]
