"""The result of every decoder: the rows of one body as ``PingRow``, and the rejected ones.

After decoding, the format makes no difference. Units are in the names. Degrees are in the datum that the row or its
feed declares.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from app.telemetry.domain import Rejection

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

MAX_EXTRA_BYTES: Final = 2048
"""The largest ``extra`` of a ping, as JSON; a larger one is dropped whole, since a part would mislead."""

MAX_EXTRA_LEVELS: Final = 32
"""The deepest nesting of ``extra``; JSON encoders fail somewhere before 1,000."""

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def within_size(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the same members, or None if they cannot be stored.

    None also for no members, more JSON than ``MAX_EXTRA_BYTES``, nesting too deep, and U+0000, which PostgreSQL's
    ``jsonb`` refuses.
    """
    try:
        text = msgspec.json.encode(extra)
    except (TypeError, ValueError, RecursionError):
        return None
    fits = len(text) <= MAX_EXTRA_BYTES and not _NUL.search(text) and _is_shallow(extra, MAX_EXTRA_LEVELS)
    return dict(extra) if extra and fits else None


def _is_shallow(value: object, levels: int) -> bool:
    if isinstance(value, Mapping):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value)
    return True


class PingRow(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One ping in our own wire format; the unit is in the name.

    ``device_id`` is the identifier as the feed sends it. ``located`` False: the device itself reports no valid fix.
    ``alarms`` are the device's words. ``extra`` keeps the other members, for evidence, up to ``MAX_EXTRA_BYTES``.
    """

    device_id: Identifier
    fixed_at: AwareTime
    lat: float
    lon: float
    coord_system: Literal["wgs84", "cgcs2000", "gcj02", "bd09"] | None = None
    source: Literal["gnss", "cell", "wifi", "manual"] | None = None
    located: bool | None = None
    accuracy_m: float | None = None
    altitude_m: float | None = None
    speed_kmh: float | None = None
    course_deg: float | None = None
    satellites: int | None = None
    hdop: float | None = None
    sent_at: AwareTime | None = None
    sequence: int | None = None
    backfill: bool | None = None
    ignition: bool | None = None
    external_power: bool | None = None
    battery_pct: float | None = None
    odometer_km: float | None = None
    alarms: list[str] | None = None
    extra: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A body as it came in, with the transport facts that some formats need."""

    body: bytes  # unpacked, within the size limit
    content_type: str  # lower case, without parameters
    query: str  # the query string as sent, percent-encoded, without the question mark
    received_at: datetime  # UTC; the time of a fix that has none


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows of one body."""

    rows: list[PingRow]
    index: list[int]  # place of each row in the body, from 0, as long as ``rows``
    rejections: tuple[Rejection, ...]  # the other rows, with the reason
    received: int  # rows in the body: ``len(rows) + len(rejections)``
