"""What a sender is told about a batch: a receipt, made only after the commit."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.telemetry.domain import BLOCKING, DOUBT_REASONS, Doubt, PlacedFixes, doubt_names

Status = Literal["stored", "duplicate", "doubted", "rejected"]


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row.

    Attributes:
        index: Its place in the batch as it was sent, from 0.
        status: What became of it; a doubted row is stored.
        code: Why: a rejection's code, or the gravest doubt.
        field: The member at fault, where it is one.
        message: The same in words, with every doubt.
    """

    index: int
    status: Status
    code: str | None
    field: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of a batch: received = stored + duplicates + rejected; doubted rows are among the stored.

    Attributes:
        batch_id: By which the receipt can be had again.
        received: Rows in the batch.
        stored: Rows stored now.
        duplicates: Rows that were stored before.
        doubted: Rows stored now that have doubts.
        rejected: Rows that are no fix at all; do not send them again.
        results: The rows that are not plainly stored, or all, in their order.
    """

    batch_id: int
    received: int
    stored: int
    duplicates: int
    doubted: int
    rejected: int
    results: tuple[RowResult, ...]


def make_receipt(
    batch_id: int, placed: PlacedFixes, duplicates: frozenset[int], conflicts: frozenset[int], *, every_row: bool
) -> Receipt:
    """Return the receipt of a batch that is committed.

    Args:
        batch_id: Its number.
        placed: Its rows.
        duplicates: Indexes of rows that were stored before.
        conflicts: Indexes of rows that were given the doubt ``conflict`` by the store.
        every_row: Whether plainly stored rows are listed too.
    """
    fixes = placed.fixes
    index = fixes.index.tolist()
    doubts = placed.doubts.tolist()
    results = [RowResult(r.index, "rejected", r.code, r.field, r.message) for r in fixes.rejections]
    doubted = 0
    for place in range(len(index)) if every_row or conflicts else _noteworthy(placed, duplicates):
        row, bits = index[place], doubts[place]
        if row in duplicates:
            results.append(RowResult(row, "duplicate", None, None, "stored before; nothing was changed"))
            continue
        bits |= int(Doubt.CONFLICT) if row in conflicts else 0
        if bits:
            doubted += 1
            results.append(_doubted(row, bits))
        elif every_row:
            results.append(RowResult(row, "stored", None, None, None))
    results.sort(key=lambda result: result.index)
    return Receipt(
        batch_id=batch_id,
        received=fixes.received,
        stored=len(index) - len(duplicates),
        duplicates=len(duplicates),
        doubted=doubted,
        rejected=len(fixes.rejections),
        results=tuple(results),
    )


def _noteworthy(placed: PlacedFixes, duplicates: frozenset[int]) -> list[int]:
    note = placed.doubts != 0
    if duplicates:
        note = note | np.isin(placed.fixes.index, list(duplicates))
    return [int(place) for place in np.flatnonzero(note)]


def _doubted(row: int, bits: int) -> RowResult:
    gravest = next(d for d in sorted(Doubt, key=lambda d: (not d & BLOCKING, d)) if bits & d)
    words = "; ".join(f"{name}: {DOUBT_REASONS[Doubt[name.upper()]]}" for name in doubt_names(bits))
    return RowResult(row, "doubted", str(gravest.name).lower(), None, words)
