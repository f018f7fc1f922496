"""Parsers of single values, shared by the decoders of other systems' formats.

A required value (device, time, coordinate) that is missing or invalid raises ``InvalidRow``, which rejects its own
row only. An invalid optional value becomes None: it never costs the fix.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from app.core.clock import EPOCH
from app.telemetry.domain import RejectCode

KMH_PER_KNOT: Final = 1.852
KMH_PER_MPS: Final = 3.6
SECOND: Final = timedelta(seconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)

_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII)
_LONGEST_WORD: Final = 64
_MOST_ALARMS: Final = 32
_SUPPLY_ABSENT_V: Final = 1.0
_SUPPLY_PRESENT_V: Final = 4.0


class InvalidRow(Exception):
    """A row that cannot be a fix; it becomes a ``Rejection``.

    ``field`` is the member at fault, as the sender names it; None for the row itself. ``reason`` says what is
    expected.
    """

    def __init__(self, code: RejectCode, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.message = f"{field or 'row'}: {reason}"


def missing(field: str, hint: str = "") -> InvalidRow:
    """Return the error for a missing member; ``hint`` names an alternative."""
    return InvalidRow(RejectCode.MISSING_FIELD, field, f"required, but missing{hint and '; '}{hint}")


def malformed(field: str | None, expected: str) -> InvalidRow:
    """Return the error for a member that is not as ``expected``."""
    return InvalidRow(RejectCode.MALFORMED, field, f"expected {expected}")


def nested(value: object, field: str) -> dict[str, Any]:
    """Return a member that must be an object; raises ``InvalidRow``."""
    if value is None:
        raise missing(field)
    if not isinstance(value, dict):
        raise malformed(field, "an object")
    return value


def identifier(value: object, field: str) -> str:
    """Return a device's identifier, 1 to 64 printable characters, as it was sent.

    Raises ``InvalidRow`` if it is missing, empty or no text: a number would lose leading zeros.
    """
    if value is None or value == "":
        raise missing(field)
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        raise malformed(field, f"text of 1 to {_LONGEST_WORD} printable characters")
    return value


def degrees(value: object, field: str) -> float:
    """Return a coordinate in degrees, in the feed's datum; the range is checked later. Raises ``InvalidRow``."""
    if value is None:
        raise missing(field)
    found = number(value)
    if found is None:
        raise malformed(field, "a number of degrees")
    return found


def epoch(value: object, field: str, unit: timedelta) -> datetime:
    """Return the moment of a number of units since 1970-01-01 UTC, to the microsecond.

    Raises ``InvalidRow`` if it is missing, no number, or outside the years 1 to 9999.
    """
    if value is None:
        raise missing(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(field, "a number of (milli)seconds since 1970")
    try:
        return EPOCH + value * unit
    except (OverflowError, ValueError) as error:
        raise InvalidRow(RejectCode.OUT_OF_RANGE, field, "expected a time within the years 1 to 9999") from error


def iso(text: str, field: str, *, zone: tzinfo | None = None) -> datetime:
    """Return the moment, UTC, of a date and time in ISO 8601.

    Raises ``InvalidRow`` if it is no such time. Leap seconds (23:59:60) are refused too.

    Args:
        text: As ``2026-08-21T09:18:51.000+00:00``. A space may replace the T, and the colon of the offset may be
            missing. Digits past the microsecond are cut off.
        zone: The zone of a time without offset; without it, such a time is refused.
    """
    form = _ISO.fullmatch(text.upper())
    if form is None or (form["zone"] is None and zone is None):
        raise malformed(field, "a time with offset such as 2026-03-01T08:00:00+08:00")
    try:
        at = datetime.fromisoformat(form.group())
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except ValueError as error:
        raise malformed(field, f"a time that exists: {error}") from error
    except OverflowError as error:
        raise InvalidRow(RejectCode.OUT_OF_RANGE, field, "expected a time within the years 1 to 9999 UTC") from error


def moment(value: object, field: str, unit: timedelta, *, zone: tzinfo | None = None) -> datetime:
    """Return a moment, UTC, from units since 1970 (``epoch``) or from text (``iso``). Raises ``InvalidRow``."""
    return iso(value, field, zone=zone) if isinstance(value, str) else epoch(value, field, unit)


def optional_time(read: Callable[[], datetime]) -> datetime | None:
    """Return an optional time; None when it is missing or invalid."""
    try:
        return read()
    except InvalidRow:
        return None


def number(value: object, *, least: float = -math.inf, most: float = math.inf, factor: float = 1.0) -> float | None:
    """Return an optional JSON number times ``factor``, finite; None for anything else.

    Text and booleans are no numbers. ``least`` and ``most`` are in the sender's unit.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    try:
        found = value * factor
    except OverflowError:  # an int of more than 308 digits
        return None
    return found if math.isfinite(found) else None


def count(value: object, *, most: int = 255) -> int | None:
    """Return an optional whole number from 0 to ``most``; 9.0 is one."""
    found = number(value, least=0, most=most)
    return int(found) if found is not None and found.is_integer() else None


def flag(value: object) -> bool | None:
    """Return an optional boolean, or 0 or 1 in its place; None for anything else."""
    if isinstance(value, bool):
        return value
    return {0.0: False, 1.0: True}.get(value) if isinstance(value, int | float) else None


def accuracy_m(value: object) -> float | None:
    """Return an optional radius, metres. None at 0 or less, which senders use for "not known"."""
    return number(value, least=0) or None


def power_from_voltage(volts: object) -> bool | None:
    """Return whether external power is present: True from 4 V, False below 1 V, None in between."""
    found = number(volts, least=0)
    if found is None or _SUPPLY_ABSENT_V <= found < _SUPPLY_PRESENT_V:
        return None
    return found >= _SUPPLY_PRESENT_V


def alarm_names(value: object) -> list[str]:
    """Return the alarms in a text such as ``sos,powerCut``: at most 32, of at most 64 printable characters each."""
    parts = value.split(",") if isinstance(value, str) else []
    found = (part.strip() for part in parts)
    return [word for word in found if 0 < len(word) <= _LONGEST_WORD and word.isprintable()][:_MOST_ALARMS]
