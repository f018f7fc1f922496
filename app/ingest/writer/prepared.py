"""A group of batches before it meets the database: judged by its own rows, its bodies packed."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.ingest.writer.batch import Parcel
from app.ingest.writer.pipeline import Surroundings, judge
from app.telemetry.domain import PlacedFixes
from app.telemetry.pings import batches, store


@dataclass(frozen=True, slots=True)
class Prepared:
    """A group that is judged as far as its own rows allow.

    Attributes:
        group: Its batches.
        around: What it was judged against.
        placed: Its rows.
        raw: SHA-256 and packed bytes of each body.
        days: The days of its pings that need a partition, counted from 1970.
    """

    group: tuple[Parcel, ...]
    around: Surroundings
    placed: PlacedFixes
    raw: tuple[tuple[bytes, bytes], ...]
    days: frozenset[int]


def prepare(group: Sequence[Parcel], around: Surroundings) -> Prepared:
    """Judge a group by its own rows and pack its bodies: all that needs no database; it may run in a thread."""
    placed = judge(group, around)
    now = max(parcel.received_at for parcel in group)
    return Prepared(
        group=tuple(group),
        around=around,
        placed=placed,
        raw=tuple(batches.pack(parcel.body) for parcel in group),
        days=frozenset(store.days_of(placed.fixes.fixed_us, now)),
    )
