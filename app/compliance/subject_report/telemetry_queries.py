"""What is stored of an asset in telemetry, and from which feed, for the subject report: counts, no position."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.database import as_service
from app.telemetry.domain import Doubt


class FromFeed(NamedTuple):
    """What is stored of an asset from one feed; times are UTC."""

    feed_id: int | None  # None for keys without a feed
    feed: str | None
    pings: int
    batches: int
    bodies_kept: int  # batches that still have their raw body
    first_fixed_at: datetime  # by the device's clock, as ``last_fixed_at``
    last_fixed_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    first_due_at: datetime  # of each ping the later of fix and arrival counts; the earliest of these
    first_body_at: datetime | None  # arrival of the oldest batch that still has its body
    later_doubts: int  # pings doubted from history
    doubts: tuple[int, ...]  # pings with each ``Doubt``, in the order of the enum


_DOUBTS: Final = ",\n".join(f"count(*) FILTER (WHERE p.doubts & {int(doubt)} <> 0)" for doubt in Doubt)
# Pings of an asset are those of devices that are on it, or were, by its positions. Uses the key of ping.
_COUNTED: Final = """
    SELECT p.asset_id, b.feed_id, f.name, count(*), count(DISTINCT p.batch_id),
           count(DISTINCT p.batch_id) FILTER (WHERE r.body_zstd IS NOT NULL),
           min(p.fixed_at), max(p.fixed_at), min(b.received_at), max(b.received_at),
           min(greatest(p.fixed_at, b.received_at)), min(b.received_at) FILTER (WHERE r.body_zstd IS NOT NULL),
           count(l.device_id), COUNTS_OF_DOUBTS
    FROM (
        SELECT asset_id, device_id FROM device_binding WHERE asset_id = ANY(CAST(:asset_ids AS integer[]))
        UNION SELECT asset_id, device_id FROM daily_position WHERE asset_id = ANY(CAST(:asset_ids AS integer[]))
        UNION SELECT asset_id, device_id FROM current_position WHERE asset_id = ANY(CAST(:asset_ids AS integer[]))
    ) pair
    JOIN ping p USING (asset_id, device_id)
    JOIN ping_batch b USING (batch_id)
    LEFT JOIN raw_body r USING (batch_id)
    LEFT JOIN feed f ON f.feed_id = b.feed_id
    LEFT JOIN later_doubt l ON (l.device_id, l.variant, l.fixed_at) = (p.device_id, p.variant, p.fixed_at)
    GROUP BY 1, 2, 3 ORDER BY 1, 2"""
_STORED: Final = text(_COUNTED.replace("COUNTS_OF_DOUBTS", _DOUBTS))


async def stored_of(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, list[FromFeed]]:
    """Return what is stored of assets, feed by feed; the caller has checked that the assets are visible."""
    async with as_service(session):
        rows = (await session.execute(_STORED, {"asset_ids": list(asset_ids)})).all()
    found: dict[int, list[FromFeed]] = defaultdict(list)
    for asset_id, *counted in rows:
        plain, doubts = counted[: -len(Doubt)], counted[-len(Doubt) :]
        found[asset_id].append(FromFeed._make((*plain, tuple(doubts))))
    return found
