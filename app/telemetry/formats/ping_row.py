"""What a decoder hands on: the rows of one body, each a ping in the service's own words, and what could not be one.

Every format (our own JSON, Traccar, OsmAnd, OwnTracks, flespi, AEMP, files) is read into ``PingRow`` and ``Decoded``;
from there on a ping's origin makes no difference. Units are in the names; degrees are in the datum that the row or
its feed declares.
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
"""What a ping may carry beyond our own words, as JSON; more is not kept at all, since half of it would mislead."""

MAX_EXTRA_LEVELS: Final = 32
"""How deep it may be nested; nobody reads more, and encoders of JSON end somewhere before 1,000."""

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def within_size(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what else a sender told, if it can be kept.

    Args:
        extra: JSON-able, of any shape.

    Returns:
        The same members; None when there are none, when their JSON is longer than ``MAX_EXTRA_BYTES`` or nested too
        deep, and when it holds U+0000, which PostgreSQL's ``jsonb`` refuses.
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
    """One ping as it stands on our own wire; the unit is in the name.

    ``device_id`` is the identifier as the feed sends it. ``located`` False says that the device itself does not
    believe the fix. ``alarms`` are words of the device. ``extra`` holds whatever else the sender told, for evidence;
    it is kept only within ``MAX_EXTRA_BYTES``.
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
    """A body as it came in, with the transport facts that some formats need.

    Attributes:
        body: The bytes, unpacked, within the limit of size.
        content_type: What they claim to be, lower case, without parameters.
        query: The query string as it was sent, percent-encoded, without the question mark.
        received_at: When it came in, UTC: the time of a fix whose sender told none.
    """

    body: bytes
    content_type: str
    query: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows of one body.

    Attributes:
        rows: Rows that can be a fix.
        index: Place of each of them in the body as it was sent, from 0, as long as ``rows``.
        rejections: Rows that cannot be one, with the reason; disjoint from ``index``.
        received: Rows that the body had: ``len(rows) + len(rejections)``.
    """

    rows: list[PingRow]
    index: list[int]
    rejections: tuple[Rejection, ...]
    received: int
