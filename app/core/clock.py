"""The clock as a dependency: no other module of the application reads the system's clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Time zone of "night", "day" and dates that clerks enter; storage and the API use UTC."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""Resolution of PostgreSQL timestamps."""


def in_shanghai(at: datetime) -> datetime:
    """Convert an aware moment to Shanghai time; where that overflows (year 9999), only relabel it."""
    try:
        return at.astimezone(SHANGHAI)
    except OverflowError:
        return at.replace(tzinfo=SHANGHAI)  # only a few hours off, at the end of the year 9999


class Clock(Protocol):
    """Source of the present moment."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 the one place that may read it


class FixedClock:
    """A clock that moves only when it is set, for tests and replays."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            msg = "a clock is set to an aware time"
            raise ValueError(msg)
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment that was set, aware, UTC."""
        return self._at

    def set(self, at: datetime) -> None:
        """Set the clock to an aware moment."""
        self._at = at.astimezone(UTC)
