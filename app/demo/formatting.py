"""Numbers, durations and times as text: amounts in units of ten thousand yuan, times in Asia/Shanghai."""

from datetime import datetime, timedelta
from typing import Final

from app.core.clock import SHANGHAI

_WAN: Final = 10_000
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def money(yuan: float) -> str:
    """Return an amount in units of ten thousand yuan, as courts write it."""
    return f"{yuan / _WAN:,.1f} 万元"


def age(length: timedelta) -> str:
    """Return a duration in the largest unit that it fills."""
    seconds = length.total_seconds()
    for unit, size in _UNITS:
        many = int(seconds // size)
        if many:
            return f"{many} {unit}{'s' if many > 1 else ''}"
    return "less than a minute"


def moment(at: datetime) -> str:
    """Return a time to the minute, Asia/Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def several(count: int, noun: str) -> str:
    """Return a count with its noun; the plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
