"""The types of a ping: doubts, sources, datums, rejections, and the columns of a batch; pure.

A batch is columnar: every array has the shape ``(n,)``, and row ``i`` of each is about the same fix.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Small = NDArray[np.int32]
Mask = NDArray[np.bool_]

E7: Final = 10_000_000
"""Stored degrees are integers, times this: 1.1 cm at the equator."""

NO_INT: Final = -(2**31)
"""Absent value in integer columns."""

NO_TIME_US: Final = -(2**63)
"""Absent value in columns of microseconds."""

FIRST_US: Final = -62_135_596_800_000_000
"""The beginning of the year 1, UTC: the database cannot return an earlier time."""

LAST_US: Final = 253_402_300_799_999_999


class Doubt(IntFlag):
    """Why a stored fix may be wrong; the bits are in ``ping.doubts``."""

    NULL_ISLAND = 1 << 0
    NOT_LOCATED = 1 << 1
    FUTURE_FIX = 1 << 2
    STALE_CLOCK = 1 << 3
    JUMP = 1 << 4
    TOO_FAST = 1 << 5
    CONFLICT = 1 << 6
    DATUM_SUSPECT = 1 << 7
    OUTSIDE = 1 << 8
    BACKFILL = 1 << 9
    LOW_ACCURACY = 1 << 10
    NETWORK_FIX = 1 << 11
    UNBOUND = 1 << 12


BLOCKING: Final = (
    Doubt.NULL_ISLAND
    | Doubt.NOT_LOCATED
    | Doubt.FUTURE_FIX
    | Doubt.STALE_CLOCK
    | Doubt.JUMP
    | Doubt.TOO_FAST
    | Doubt.CONFLICT
    | Doubt.DATUM_SUSPECT
)
"""Doubts that keep a fix from becoming the current position; the others only inform (docs/formats.md)."""

DOUBT_REASONS: Final[dict[Doubt, str]] = {
    Doubt.NULL_ISLAND: "the receiver sent latitude 0, longitude 0: it had no fix",
    Doubt.NOT_LOCATED: "the device said itself that it was not located",
    Doubt.FUTURE_FIX: "the fix lies ahead of our clock: the device's clock is wrong",
    Doubt.STALE_CLOCK: "the fix is years old: the device has lost its clock",
    Doubt.JUMP: "too far from where the device was before",
    Doubt.TOO_FAST: "no vehicle travels that fast",
    Doubt.CONFLICT: "the same device was elsewhere at the same time: it may be cloned",
    Doubt.DATUM_SUSPECT: "shifted as if in another datum than declared",
    Doubt.OUTSIDE: "outside every court's territory",
    Doubt.BACKFILL: "sent later than it was fixed",
    Doubt.LOW_ACCURACY: "the device itself says that the fix is inaccurate",
    Doubt.NETWORK_FIX: "from cell towers or Wi-Fi, not from satellites",
    Doubt.UNBOUND: "the device was on no asset at that time",
}


def doubt_names(bits: int) -> list[str]:
    """Return the wire names of the doubts in a stored value, in the order of the bits."""
    return [str(doubt.name).lower() for doubt in Doubt if bits & doubt]


class Source(IntEnum):
    """What a position was derived from; the last digit of ``ping.origin``."""

    GNSS = 1
    CELL = 2
    WIFI = 3
    MANUAL = 4


DATUM_CODES: Final[dict[CoordSystem, int]] = {
    CoordSystem.WGS84: 1,
    CoordSystem.CGCS2000: 2,
    CoordSystem.GCJ02: 3,
    CoordSystem.BD09: 4,
}
"""The declared datum; ``ping.origin`` is ten times this number plus the ``Source``."""


class RejectCode(StrEnum):
    """Why a row cannot be stored as a fix."""

    UNKNOWN_DEVICE = "unknown_device"
    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"
    OUT_OF_RANGE = "out_of_range"
    DATUM_MISSING = "datum_missing"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not stored: ``index`` is its place in the batch from 0; ``field`` the member at fault, if any."""

    index: int
    code: RejectCode
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Measurements:
    """The optional numbers of a batch; NaN, ``NO_INT`` or ``NO_TIME_US`` where absent.

    ``sent_us`` is the device's sending time, microseconds since 1970, UTC. ``course_deg`` is degrees from north.
    ``ignition``: 1 on, 0 off; ``external_power``: 1 present, 0 cut.
    """

    sent_us: Int
    accuracy_m: Float
    speed_kmh: Float
    odometer_km: Float
    hdop: Float
    altitude_m: Small
    course_deg: Small
    satellites: Small
    battery_pct: Small
    ignition: Small
    external_power: Small


Rejections = tuple[tuple[Rejection, ...], ...]
"""For each batch of a group, the rows that are not stored."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The rows of all batches of a group as sent, in the declared datum.

    Attributes:
        batch: Number of each row's batch in the group, from 0, ascending; ``index`` is the row's place in it.
        fixed_us: Time of the fix, microseconds since 1970, UTC.
        lon: Degrees east, in the declared datum; ``lat`` is degrees north.
        datum: ``DATUM_CODES`` of each row's declaration, 0 for none.
        located: Whether the device reported a valid fix.
        backfill: Whether the device reported late sending.
        rejections: Rows that could not be decoded, by batch.
    """

    batch: Small  # number of each row's batch in the group, from 0, ascending
    index: Small  # place of each row in its batch
    identifiers: list[str]  # the device of each row, as the feed names it
    fixed_us: Int  # time of the fix, microseconds since 1970, UTC
    lon: Float  # degrees east, in the declared datum; ``lat`` is degrees north
    lat: Float
    datum: Small  # ``DATUM_CODES`` of each row's declaration, 0 for none
    source: Small
    located: Mask  # whether the device reported a valid fix
    backfill: Mask  # whether the device reported late sending
    more: Measurements
    rejections: Rejections  # rows that could not be decoded, by batch


@dataclass(frozen=True, slots=True)
class Fixes:
    """Positions of known devices, WGS-84 degrees times ``E7``, UTC; other columns as in ``Reports``."""

    batch: Small
    index: Small
    device_id: Small
    fixed_us: Int
    lon_e7: Small  # WGS-84 degrees east, times ``E7``; ``lat_e7`` is degrees north
    lat_e7: Small
    datum: Small
    source: Small
    located: Mask
    backfill: Mask
    more: Measurements
    rejections: Rejections  # rows that are not among these, by batch


@dataclass(frozen=True, slots=True)
class PlacedFixes:
    """Fixes with asset, doubts and territory; ``NO_INT`` for no asset, and outside every territory and county.

    ``received_us`` is the arrival, microseconds since 1970, UTC. ``doubts`` are bits of ``Doubt``.
    """

    fixes: Fixes
    received_us: Int  # when each came in, microseconds since 1970, UTC
    asset_id: Small  # the asset at the time of the fix, ``NO_INT`` for none
    doubts: Small  # bits of ``Doubt``
    territory_id: Small  # the court territory, ``NO_INT`` outside; ``county_adcode`` likewise
    county_adcode: Small
