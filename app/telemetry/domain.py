"""The words of a ping: doubts, sources, datums, and the columns a batch is made of; pure.

A batch is columnar: every array of one batch has the shape ``(n,)`` and row ``i`` of each is about the same fix.
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
"""Stands for "not told" in integer columns."""

NO_TIME_US: Final = -(2**63)
"""Stands for "not told" in columns of microseconds."""

FIRST_US: Final = -62_135_596_800_000_000
"""The beginning of the year 1, UTC: no earlier time can be read back from the database."""

LAST_US: Final = 253_402_300_799_999_999
"""The end of the year 9999, UTC."""


class Doubt(IntFlag):
    """Why a stored fix may not be where it says; the bits stand in ``ping.doubts``."""

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
"""What each doubt means, in words."""


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
"""What the sender declared; ``ping.origin`` is ten times this number plus the ``Source``."""


class RejectCode(StrEnum):
    """Why a row is not a fix at all."""

    UNKNOWN_DEVICE = "unknown_device"
    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"
    OUT_OF_RANGE = "out_of_range"
    DATUM_MISSING = "datum_missing"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not stored, and why.

    Attributes:
        index: Its place in the batch as it was sent, from 0.
        code: The kind of reason.
        field: The member at fault, where it is one.
        message: What was found and what is expected.
    """

    index: int
    code: RejectCode
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Measurements:
    """The optional numbers of a batch, each as the wire names it; NaN, ``NO_INT`` or ``NO_TIME_US`` where not told.

    Attributes:
        sent_us: Device's sending time, microseconds since 1970, UTC.
        accuracy_m: Metres.
        speed_kmh: Kilometres an hour.
        odometer_km: Kilometres.
        hdop: Dilution of precision.
        altitude_m: Metres.
        course_deg: Degrees from north.
        satellites: Count.
        battery_pct: Percent.
        ignition: 1 on, 0 off.
        external_power: 1 present, 0 cut.
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
"""Of each batch of a group, the rows that are not stored."""


@dataclass(frozen=True, slots=True)
class Reports:
    """What devices said, in their own datum: the rows of all batches of a group.

    Attributes:
        batch: Number of each row's batch in the group, from 0, ascending.
        index: Place of each row in its batch as it was sent.
        identifiers: The device of each row, as the feed names it.
        fixed_us: Satellite time, microseconds since 1970, UTC.
        lon: Degrees east, in the declared datum.
        lat: Degrees north, in the declared datum.
        datum: ``DATUM_CODES`` of each row's declaration, 0 where it made none.
        source: ``Source`` of each row.
        located: Whether the device said that it was located.
        backfill: Whether the device said that it sends late.
        more: The optional numbers.
        rejections: Rows that could not be read, already judged, by batch.
    """

    batch: Small
    index: Small
    identifiers: list[str]
    fixed_us: Int
    lon: Float
    lat: Float
    datum: Small
    source: Small
    located: Mask
    backfill: Mask
    more: Measurements
    rejections: Rejections


@dataclass(frozen=True, slots=True)
class Fixes:
    """Positions in the service's own terms: known device, WGS-84, UTC.

    Attributes:
        batch: Number of each row's batch in the group, from 0, ascending.
        index: Place of each row in its batch as it was sent.
        device_id: The device.
        fixed_us: Satellite time, microseconds since 1970, UTC.
        lon_e7: WGS-84 degrees east, times ``E7``.
        lat_e7: WGS-84 degrees north, times ``E7``.
        datum: ``DATUM_CODES`` of what was declared.
        source: ``Source``.
        located: Whether the device said that it was located.
        backfill: Whether the device said that it sends late.
        more: The optional numbers.
        rejections: Rows that are not among these, by batch.
    """

    batch: Small
    index: Small
    device_id: Small
    fixed_us: Int
    lon_e7: Small
    lat_e7: Small
    datum: Small
    source: Small
    located: Mask
    backfill: Mask
    more: Measurements
    rejections: Rejections


@dataclass(frozen=True, slots=True)
class PlacedFixes:
    """Fixes with what the service knows about them: asset, doubts, territory; ready to be stored.

    Attributes:
        fixes: The fixes.
        received_us: When each came in, microseconds since 1970, UTC.
        asset_id: The asset that the device was on at the time, ``NO_INT`` where on none.
        doubts: Bits of ``Doubt``.
        territory_id: The court territory, ``NO_INT`` outside.
        county_adcode: The county, ``NO_INT`` outside.
    """

    fixes: Fixes
    received_us: Int
    asset_id: Small
    doubts: Small
    territory_id: Small
    county_adcode: Small
