"""How one value of a foreign message becomes one of ours: the readers that all its decoders share.

Two rules hold in all of them. What a fix cannot do without (a device, a time, a coordinate) raises ``NotAFix`` and
costs its own row only. Anything else that is odd becomes None: an optional value never costs the fix.
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
    """A row that cannot be one; it becomes a ``Rejection``.

    Args:
        code: The kind of reason.
        field: The member at fault, as the sender names it; None for the row itself.
        reason: What is expected.
    """

    def __init__(self, code: RejectCode, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.message = f"{field or 'row'}: {reason}"


def missing(field: str, hint: str = "") -> InvalidRow:
    """Return the reason of a row that lacks a member; ``hint`` says what else would do."""
    return InvalidRow(RejectCode.MISSING_FIELD, field, f"required, but missing{hint and '; '}{hint}")


def malformed(field: str | None, expected: str) -> InvalidRow:
    """Return the reason of a row with a member that is not what it should be; ``expected`` says what that is."""
    return InvalidRow(RejectCode.MALFORMED, field, f"expected {expected}")


def nested(value: object, field: str) -> dict[str, Any]:
    """Return a member that must be an object.

    Raises:
        NotAFix: It is missing or something else.
    """
    if value is None:
        raise missing(field)
    if not isinstance(value, dict):
        raise malformed(field, "an object")
    return value


def identifier(value: object, field: str) -> str:
    """Return a device's identifier, 1 to 64 characters, as it was sent.

    Raises:
        NotAFix: It is missing or empty, no text (a number would lose leading zeros), too long or unprintable.
    """
    if value is None or value == "":
        raise missing(field)
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        raise malformed(field, f"text of 1 to {_LONGEST_WORD} printable characters")
    return value


def degrees(value: object, field: str) -> float:
    """Return a coordinate, degrees, in the feed's datum; whether it lies on the globe is judged later.

    Raises:
        NotAFix: It is missing or no number.
    """
    if value is None:
        raise missing(field)
    found = number(value)
    if found is None:
        raise malformed(field, "a number of degrees")
    return found


def epoch(value: object, field: str, unit: timedelta) -> datetime:
    """Return the moment that lies so many units after 1970-01-01 UTC, to the microsecond.

    Raises:
        NotAFix: It is missing, no number, or outside the years 1 to 9999.
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

    Args:
        text: As ``2026-08-21T09:18:51.000+00:00``; a space may stand for the T, the colon of the offset may be left
            out, digits past the microsecond are cut off.
        field: The member, as the sender names it.
        zone: The zone of a time without offset; without it, such a time is refused.

    Raises:
        NotAFix: It is no such time. Leap seconds (23:59:60) cannot be held and are refused too.
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
    """Return a moment, UTC, that is told as a number of units since 1970 (``epoch``) or as text (``iso``).

    Raises:
        NotAFix: It is neither.
    """
    return iso(value, field, zone=zone) if isinstance(value, str) else epoch(value, field, unit)


def optional_time(read: Callable[[], datetime]) -> datetime | None:
    """Return an optional time; None when it is missing or odd."""
    try:
        return read()
    except InvalidRow:
        return None


def number(value: object, *, least: float = -math.inf, most: float = math.inf, factor: float = 1.0) -> float | None:
    """Return an optional JSON number in our own unit.

    Args:
        value: What was sent. Text and booleans are no numbers.
        least: The least that it can be, in the sender's unit.
        most: The most that it can be, in the sender's unit.
        factor: Our units in one of the sender's.

    Returns:
        The number times ``factor``, finite; None for anything else.
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
    """Return an optional radius, metres. None at 0 or less: it is what is sent for "not known"; nothing is exact."""
    return number(value, least=0) or None


def power_from_voltage(volts: object) -> bool | None:
    """Return whether outside power is there by its voltage: True from 4 V, False below 1 V, None in between."""
    found = number(volts, least=0)
    if found is None or _SUPPLY_ABSENT_V <= found < _SUPPLY_PRESENT_V:
        return None
    return found >= _SUPPLY_PRESENT_V


def alarm_names(value: object) -> list[str]:
    """Return the alarms in a text such as ``sos,powerCut``: at most 32, of at most 64 printable characters each."""
    parts = value.split(",") if isinstance(value, str) else []
    found = (part.strip() for part in parts)
    return [word for word in found if 0 < len(word) <= _LONGEST_WORD and word.isprintable()][:_MOST_ALARMS]
