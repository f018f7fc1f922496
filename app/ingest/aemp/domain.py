"""What a polled source is, and which of its locations are new; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.telemetry.formats.ping_row import PingRow

DEFAULT_INTERVAL: Final = timedelta(minutes=15)
"""How often a source is polled unless told otherwise: Trackunit answers one request an address in that time."""

LEAST_INTERVAL: Final = timedelta(minutes=5)
LONGEST_BACKOFF: Final = timedelta(hours=6)
OFFER_AGAIN_AFTER: Final = timedelta(hours=1)
"""A location that was refused (its device is not registered) is offered again after this, so that registering the
device is enough; and not at every poll, since each offer keeps the page as evidence."""


class AempAuth(StrEnum):
    """How we sign in at a maker's interface."""

    OAUTH2 = "oauth2"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source that this worker is to poll now.

    Attributes:
        source_id: Its row.
        lessor_id: Whose machines it tells of.
        feed_id: The feed whose declared datum counts where a location names none.
        base_url: Where its pages are.
        auth: How to sign in.
        client_id: For OAuth 2.
        token_url: For OAuth 2.
        scope: For OAuth 2, where the maker wants one.
        secret_sealed: Client secret or bearer token, sealed.
        min_interval: Least time between two polls.
        failures: Polls that failed in a row before this one.
        polled_at: When this poll began.
        revision: Of the row as it was taken; what came of a poll counts only while the row has it.
    """

    source_id: int
    lessor_id: int
    feed_id: int
    base_url: str
    auth: AempAuth
    client_id: str | None
    token_url: str | None
    scope: str | None
    secret_sealed: bytes = field(repr=False)
    min_interval: timedelta
    failures: int
    polled_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a machine was taken in.

    Attributes:
        last_fixed_at: Time of its last acknowledged location, UTC.
        refused_at: When that location was refused, None when it was stored.
    """

    last_fixed_at: datetime
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What a poll found.

    Attributes:
        machines: Machines on all its pages.
        new: Locations that were handed on.
        rejected: Machines whose location could not be read, and locations that were refused.
        unlocated: Machines that never told a location.
    """

    machines: int = 0
    new: int = 0
    rejected: int = 0
    unlocated: int = 0


def bound_to(source_id: int) -> str:
    """Return what a source's sealed secret is bound to."""
    return f"aemp_source:{source_id}"


def is_new(row: PingRow, cursor: Cursor | None, now: datetime) -> bool:
    """Tell whether a location is to be handed on: it is later than the machine's last one.

    A machine whose clock once ran ahead would be silent until that day; so a cursor in the future stops only the very
    location that it stands for.
    """
    if cursor is None or row.fixed_at > cursor.last_fixed_at:
        return True
    if row.fixed_at == cursor.last_fixed_at:
        return cursor.refused_at is not None and now >= cursor.refused_at + OFFER_AGAIN_AFTER
    return cursor.last_fixed_at > now


def cursors_after(
    rows: Iterable[tuple[int, PingRow]], refused: frozenset[int], now: datetime
) -> Mapping[str, Cursor]:
    """Return the cursors after a batch was acknowledged: of each machine its latest location.

    Args:
        rows: Index in the page and row of each ping of the batch.
        refused: Indexes that the receipt calls rejected.
        now: When that was.
    """
    latest: dict[str, tuple[datetime, int]] = {}
    for index, row in rows:
        if row.device_id not in latest or row.fixed_at > latest[row.device_id][0]:
            latest[row.device_id] = (row.fixed_at, index)
    return {name: Cursor(at, now if index in refused else None) for name, (at, index) in latest.items()}


def next_poll_at(source: DueSource, *, failures: int, now: datetime, retry_after: timedelta) -> datetime:
    """Return when a source is polled again: after its interval, doubled with each failure in a row, up to 6 hours.

    Args:
        source: As it was taken.
        failures: Failures in a row, this one included; 0 after a good poll.
        now: When the poll ended.
        retry_after: What the maker asked for; it counts from now.
    """
    wait = source.min_interval
    if failures > 1:
        doubled = source.min_interval * 2 ** min(failures - 1, 16)
        wait = max(source.min_interval, min(doubled, LONGEST_BACKOFF))
    return max(source.polled_at + wait, now + retry_after)
