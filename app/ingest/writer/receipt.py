"""The receipt of a batch, made after its rows are written, and what is stored of it."""

from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np

from app.core.geo.datum import TRANSFORM_VERSION
from app.ingest.http.schemas import ReceiptOut, ReceiptRowOut
from app.ingest.writer.batch import Batch, PreparedGroup
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
from app.telemetry.pings import batches, store


def make_receipts(
    group: Sequence[Batch], batch_ids: Sequence[int], placed: PlacedFixes, doubts: Small, duplicate: Mask
) -> list[ReceiptOut]:
    """Return the receipts of a group; the caller sends them after the commit.

    Args:
        doubts: Bits of ``Doubt`` of each row, final, shape ``(n,)``.
        duplicate: Whether each row was stored before, shape ``(n,)``.
    """
    fixes = placed.fixes
    n = len(group)
    stored = np.bincount(fixes.batch[~duplicate], minlength=n).tolist()
    repeated = np.bincount(fixes.batch[duplicate], minlength=n).tolist()
    doubted = np.bincount(fixes.batch[~duplicate & (doubts != 0)], minlength=n).tolist()
    results: list[list[ReceiptRowOut]] = [
        [ReceiptRowOut(r.index, "rejected", r.code, r.field, r.message) for r in rejections]
        for rejections in fixes.rejections
    ]
    wanted = (doubts != 0) | duplicate
    if any(batch.every_row for batch in group):
        wanted = wanted | np.array([batch.every_row for batch in group])[fixes.batch]
    rows = np.flatnonzero(wanted)
    for number, index, bits, again in zip(
        fixes.batch[rows].tolist(),
        fixes.index[rows].tolist(),
        doubts[rows].tolist(),
        duplicate[rows].tolist(),
        strict=True,
    ):
        results[number].append(_row_result(index, bits, duplicate=again))
    return [
        ReceiptOut(
            batch_id=batch_ids[i],
            received=batch.decoded.received,
            stored=stored[i],
            duplicates=repeated[i],
            doubted=doubted[i],
            rejected=len(fixes.rejections[i]),
            results=tuple(sorted(results[i], key=lambda result: result.index)),
        )
        for i, batch in enumerate(group)
    ]


def unstorable(index: int) -> Rejection:
    """Return the rejection of a row that the database refuses."""
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


def acknowledged(
    prepared: PreparedGroup, receipts: Sequence[ReceiptOut]
) -> list[tuple[batches.Acknowledged, batches.RawBody]]:
    """Return the batches of a group as they are stored, with their raw bodies."""
    return [
        (
            batches.Acknowledged(
                receipt.batch_id, batch.lessor_id, batch.feed_id, batch.api_key_id, prepared.context.layer.layer_id,
                TRANSFORM_VERSION, batch.received_at, receipt.received, receipt.stored, receipt.duplicates,
                receipt.doubted, receipt.rejected,
            ),
            batches.RawBody(batch.content_type, sha256, packed, _packed_results(receipt)),
        )
        for batch, receipt, (sha256, packed) in zip(prepared.group, receipts, prepared.raw, strict=True)
    ]  # fmt: skip


def _packed_results(receipt: ReceiptOut) -> bytes | None:
    return batches.compress(msgspec.json.encode(receipt.results)) if receipt.results else None


def feed_counts(
    prepared: PreparedGroup, receipts: Sequence[ReceiptOut], doubts: Small, duplicate: Mask
) -> list[batches.FeedCounts]:
    """Return the counts of a group by feed; ``doubts`` and ``duplicate`` as in ``make_receipts``."""
    feeds: dict[tuple[int, int], list[int]] = {}
    for i, batch in enumerate(prepared.group):
        feeds.setdefault((batch.lessor_id, batch.feed_id or 0), []).append(i)
    fixes = prepared.placed.fixes
    lag_s = (prepared.placed.received_us - fixes.fixed_us) / 1e6
    clock_believed = doubts & int(Doubt.FUTURE_FIX | Doubt.STALE_CLOCK) == 0
    counts: list[batches.FeedCounts] = []
    for (lessor_id, feed_id), numbers in feeds.items():
        mine = ~duplicate if len(feeds) == 1 else ~duplicate & np.isin(fixes.batch, numbers)
        timed = mine & clock_believed
        counts.append(
            batches.FeedCounts(
                lessor_id=lessor_id,
                feed_id=feed_id,
                received_at=max(prepared.group[i].received_at for i in numbers),
                batches=len(numbers),
                received=sum(receipts[i].received for i in numbers),
                stored=sum(receipts[i].stored for i in numbers),
                duplicates=sum(receipts[i].duplicates for i in numbers),
                doubted=sum(receipts[i].doubted for i in numbers),
                rejected=sum(receipts[i].rejected for i in numbers),
                doubts=store.doubt_counts(doubts[mine]),
                lag_s=float(lag_s[timed].sum()),
                lag_max_s=float(lag_s[timed].max(initial=0.0)),
            )
        )
    return counts
