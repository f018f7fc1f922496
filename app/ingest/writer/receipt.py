"""What a sender is told about a batch: a receipt, made only after the commit."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from app.ingest.http.schemas import ReceiptOut, ReceiptRowOut
from app.ingest.writer.batch import Batch
from app.telemetry.domain import (
    BLOCKING,
    DOUBT_REASONS,
    Doubt,
    Mask,
    PlacedFixes,
    RejectCode,
    Rejection,
    Small,
    doubt_names,
)


def make_receipts(
    group: Sequence[Batch], batch_ids: Sequence[int], placed: PlacedFixes, doubts: Small, duplicate: Mask
) -> list[ReceiptOut]:
    """Return the receipts of a group that is committed.

    Args:
        group: Its batches.
        batch_ids: Their ids.
        placed: Their rows.
        doubts: Bits of ``Doubt`` of each row, final, shape ``(n,)``.
        duplicate: Whether each row was stored before, shape ``(n,)``.
    """
    fixes = placed.fixes
    n = len(group)
    stored = np.bincount(fixes.batch[~duplicate], minlength=n).tolist()
    repeated = np.bincount(fixes.batch[duplicate], minlength=n).tolist()
    doubted = np.bincount(fixes.batch[~duplicate & (doubts != 0)], minlength=n).tolist()
    results: list[list[ReceiptRowOut]] = [
        [ReceiptRowOut(r.index, "rejected", r.code, r.field, r.message) for r in batch] for batch in fixes.rejections
    ]
    wanted = (doubts != 0) | duplicate
    if any(parcel.every_row for parcel in group):
        wanted = wanted | np.array([parcel.every_row for parcel in group])[fixes.batch]
    rows = np.flatnonzero(wanted)
    for batch, index, bits, again in zip(
        fixes.batch[rows].tolist(),
        fixes.index[rows].tolist(),
        doubts[rows].tolist(),
        duplicate[rows].tolist(),
        strict=True,
    ):
        results[batch].append(_row_result(index, bits, duplicate=again))
    return [
        ReceiptOut(
            batch_id=batch_ids[i],
            received=parcel.decoded.received,
            stored=stored[i],
            duplicates=repeated[i],
            doubted=doubted[i],
            rejected=len(fixes.rejections[i]),
            results=tuple(sorted(results[i], key=lambda result: result.index)),
        )
        for i, parcel in enumerate(group)
    ]


def unstorable(index: int) -> Rejection:
    """Return the rejection of a row that the store refuses, whatever it is that it cannot hold."""
    return Rejection(index, RejectCode.MALFORMED, None, "row: it cannot be stored as it is")


def _row_result(index: int, bits: int, *, duplicate: bool) -> ReceiptRowOut:
    if duplicate:
        return ReceiptRowOut(index, "duplicate", None, None, "stored before; nothing was changed")
    if not bits:
        return ReceiptRowOut(index, "stored", None, None, None)
    code, words = _doubt_words(bits)
    return ReceiptRowOut(index, "doubted", code, None, words)


@cache
def _doubt_words(bits: int) -> tuple[str, str]:
    gravest = next(d for d in sorted(Doubt, key=lambda d: (not d & BLOCKING, d)) if bits & d)
    words = "; ".join(f"{name}: {DOUBT_REASONS[Doubt[name.upper()]]}" for name in doubt_names(bits))
    return str(gravest.name).lower(), words
