"""A group of batches before it meets the database: judged by its own rows, its bodies packed."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.ingest.writer.batch import Batch
from app.ingest.writer.pipeline import PipelineContext, run
from app.telemetry.domain import PlacedFixes
from app.telemetry.pings import batches, store


@dataclass(frozen=True, slots=True)
class PreparedGroup:
    """A group that is judged as far as its own rows allow.

    Attributes:
        group: Its batches.
        around: What it was judged against.
        placed: Its rows.
        raw: SHA-256 and packed bytes of each body.
        days: The days of its pings that need a partition, counted from 1970.
    """

    group: tuple[Batch, ...]
    around: PipelineContext
    placed: PlacedFixes
    raw: tuple[tuple[bytes, bytes], ...]
    days: frozenset[int]


def prepare_group(group: Sequence[Batch], around: PipelineContext) -> PreparedGroup:
    """Judge a group by its own rows and pack its bodies: all that needs no database; it may run in a thread."""
    placed = run(group, around)
    now = max(parcel.received_at for parcel in group)
    return PreparedGroup(
        group=tuple(group),
        around=around,
        placed=placed,
        raw=tuple(batches.pack(parcel.body) for parcel in group),
        days=frozenset(store.days_of(placed.fixes.fixed_us, now)),
    )
