"""The time, as a value that can be handed in: nothing else in the application reads the system's clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone in which "night", "day" and a clerk's dates are meant; storage and the wire are UTC."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The Unix epoch."""
MICROSECOND = timedelta(microseconds=1)
"""The resolution of the database's timestamps."""


def in_shanghai(at: datetime) -> datetime:
    """Return a moment in the zone of a clerk's dates; one at either end of the calendar stays there."""
    try:
        return at.astimezone(SHANGHAI)
    except OverflowError:
        return at.replace(tzinfo=SHANGHAI)  # only a few hours off, at the end of the year 9999


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 the one place that may read it


class FixedClock:
    """A clock that stands still until it is moved, for tests and for replays."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            msg = "a clock is set to an aware time"
            raise ValueError(msg)
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment that the clock was set to, aware, UTC."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move the clock to another aware moment."""
        self._at = at.astimezone(UTC)
