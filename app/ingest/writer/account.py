"""What is kept of a group beside its pings: receipts with raw bodies, and what each feed brought."""

from collections.abc import Sequence

import msgspec
import numpy as np

from app.core.geo.datum import TRANSFORM_VERSION
from app.ingest.http.schemas import ReceiptOut
from app.ingest.writer.prepared import PreparedGroup
from app.telemetry.domain import Doubt, Mask, Small
from app.telemetry.pings import batches, store


def acknowledged(
    prepared: PreparedGroup, receipts: Sequence[ReceiptOut]
) -> list[tuple[batches.Acknowledged, batches.RawBody]]:
    """Return the batches of a group as they are stored, with their raw bodies."""
    return [
        (
            batches.Acknowledged(
                receipt.batch_id, parcel.lessor_id, parcel.feed_id, parcel.api_key_id, prepared.around.layer.layer_id,
                TRANSFORM_VERSION, parcel.received_at, receipt.received, receipt.stored, receipt.duplicates,
                receipt.doubted, receipt.rejected,
            ),
            batches.RawBody(parcel.content_type, sha256, packed, _packed_results(receipt)),
        )
        for parcel, receipt, (sha256, packed) in zip(prepared.group, receipts, prepared.raw, strict=True)
    ]  # fmt: skip


def _packed_results(receipt: ReceiptOut) -> bytes | None:
    return batches.compress(msgspec.json.encode(receipt.results)) if receipt.results else None


def feed_counts(
    prepared: PreparedGroup, receipts: Sequence[ReceiptOut], doubts: Small, duplicate: Mask
) -> list[batches.FeedCounts]:
    """Return what a group brought through each feed.

    Args:
        prepared: The group.
        receipts: Of its batches.
        doubts: Bits of ``Doubt`` of each row, final, shape ``(n,)``.
        duplicate: Whether each row was stored before, shape ``(n,)``.
    """
    feeds: dict[tuple[int, int], list[int]] = {}
    for i, parcel in enumerate(prepared.group):
        feeds.setdefault((parcel.lessor_id, parcel.feed_id or 0), []).append(i)
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
