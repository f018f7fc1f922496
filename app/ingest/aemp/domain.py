"""A polled source, and which of its locations are new; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.telemetry.formats.ping_row import PingRow

DEFAULT_INTERVAL: Final = timedelta(minutes=15)  # Trackunit answers one request an address in that time

LEAST_INTERVAL: Final = timedelta(minutes=5)
LONGEST_BACKOFF: Final = timedelta(hours=6)
# A refused location (unknown device) is submitted again after this, so that registering the device is enough.
# Not at every poll, since each time the page is kept as evidence.
OFFER_AGAIN_AFTER: Final = timedelta(hours=1)


class AempAuth(StrEnum):
    """How the poller authenticates at a maker's interface."""

    OAUTH2 = "oauth2"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source that this worker has leased for a poll."""

    source_id: int
    lessor_id: int
    feed_id: int  # its declared datum counts where a location names none
    base_url: str
    auth: AempAuth
    client_id: str | None
    token_url: str | None
    scope: str | None
    secret_sealed: bytes = field(repr=False)  # client secret or bearer token, encrypted
    min_interval: timedelta
    failures: int  # failed polls in a row before this one
    polled_at: datetime
    revision: int  # of the row when it was leased; the result of the poll counts only while the row has it


@dataclass(frozen=True, slots=True)
class Cursor:
    """A machine's last acknowledged location (time, UTC), and when it was refused, None when it was stored."""

    last_fixed_at: datetime  # time of its last acknowledged location, UTC
    refused_at: datetime | None = None  # when that location was refused, None when it was stored


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a poll."""

    machines: int = 0
    new: int = 0  # locations that were submitted
    rejected: int = 0  # machines whose location could not be read, and locations that were refused
    unlocated: int = 0  # machines that have never reported a location


def bound_to(source_id: int) -> str:
    """Return the context string that a source's encrypted secret is bound to."""
    return f"aemp_source:{source_id}"


def is_new(row: PingRow, cursor: Cursor | None, now: datetime) -> bool:
    """Return whether a location is to be submitted: it is later than the machine's last one.

    A cursor in the future (a wrong clock) stops only the location that it was set by. Otherwise the machine would be
    silent until that day.
    """
    if cursor is None or row.fixed_at > cursor.last_fixed_at:
        return True
    if row.fixed_at == cursor.last_fixed_at:
        return cursor.refused_at is not None and now >= cursor.refused_at + OFFER_AGAIN_AFTER
    return cursor.last_fixed_at > now


def cursors_after(
    rows: Iterable[tuple[int, PingRow]], refused: frozenset[int], now: datetime
) -> Mapping[str, Cursor]:
    """Return the cursors after a batch was acknowledged: the latest location of each machine.

    ``rows`` are by their index in the page; ``refused`` has the indexes that the receipt rejects.
    """
    latest: dict[str, tuple[datetime, int]] = {}
    for index, row in rows:
        if row.device_id not in latest or row.fixed_at > latest[row.device_id][0]:
            latest[row.device_id] = (row.fixed_at, index)
    return {name: Cursor(at, now if index in refused else None) for name, (at, index) in latest.items()}


def next_poll_at(source: DueSource, *, failures: int, now: datetime, retry_after: timedelta) -> datetime:
    """Return when a source is polled again: after its interval, doubled with each failure in a row, up to 6 hours.

    Args:
        failures: Failures in a row, this one included; 0 after a successful poll.
        now: When the poll ended; ``retry_after`` counts from it.
    """
    wait = source.min_interval
    if failures > 1:
        doubled = source.min_interval * 2 ** min(failures - 1, 16)
        wait = max(source.min_interval, min(doubled, LONGEST_BACKOFF))
    return max(source.polled_at + wait, now + retry_after)
