"""The SQL of feeds and alerts; the ping store has its own in ``pings``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Interval,
    ScalarSelect,
    Text,
    and_,
    column,
    func,
    literal,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.access.domain import Visibility
from app.telemetry.tables import FeedAlertRow, FeedHourRow, FeedRow, PingBatchRow

_DEVICE_HEARD: Final = table(
    "device_heard",
    column("lessor_id", Integer),
    column("device_id", Integer),
    column("identifier", Text),
    column("asset_id", Integer),
    column("batch_id", BigInteger),
    column("fixed_at", TIMESTAMP(timezone=True)),
    column("received_at", TIMESTAMP(timezone=True)),
)
"""The view ``device_heard``: the batch of each device's last accepted fix, a row for each asset that it was on."""


async def feeds_after(session: AsyncSession, lessor_id: int | None, after: int, limit: int) -> Sequence[FeedRow]:
    """Return feeds in the order of their ids, of one lessor or of all."""
    query = select(FeedRow).where(FeedRow.feed_id > after).order_by(FeedRow.feed_id).limit(limit)
    return (await session.scalars(query if lessor_id is None else query.where(FeedRow.lessor_id == lessor_id))).all()


async def feed(session: AsyncSession, feed_id: int) -> FeedRow | None:
    """Return a feed."""
    return await session.get(FeedRow, feed_id)


async def visible_feed(
    session: AsyncSession, visibility: Visibility, feed_id: int, *, for_change: bool = False
) -> FeedRow | None:
    """Return a feed, of the caller's lessor or, for an administrator, of any."""
    query = select(FeedRow).where(FeedRow.feed_id == feed_id)
    if not visibility.sees_everything:
        query = query.where(FeedRow.lessor_id == visibility.lessor_id)
    return (await session.scalars(query.with_for_update(key_share=True) if for_change else query)).one_or_none()


async def devices_last_seen_through(session: AsyncSession, feed_id: int, device_ids: Sequence[int]) -> Sequence[int]:
    """Return devices whose newest good fix came through a feed. Scans all current positions: not for a page."""
    newest = (
        select(_DEVICE_HEARD.c.device_id, _DEVICE_HEARD.c.batch_id)
        .where(_DEVICE_HEARD.c.device_id == func.any(list(device_ids)))
        .ext(distinct_on(_DEVICE_HEARD.c.device_id))
        .order_by(_DEVICE_HEARD.c.device_id, _DEVICE_HEARD.c.received_at.desc())
        .subquery("newest")
    )
    query = select(newest.c.device_id).join(PingBatchRow, PingBatchRow.batch_id == newest.c.batch_id)
    return (await session.scalars(query.where(PingBatchRow.feed_id == feed_id))).all()


def _last_batch_at() -> ScalarSelect[datetime]:
    newest = aliased(FeedHourRow)
    hours = select(newest.last_at).where(newest.lessor_id == FeedRow.lessor_id, newest.feed_id == FeedRow.feed_id)
    return hours.order_by(newest.hour.desc()).limit(1).scalar_subquery()


async def feeds_with_last_batch(
    session: AsyncSession, lessor_id: int | None
) -> list[tuple[FeedRow, datetime | None]]:
    """Return the feeds of one lessor or of all, with the arrival of the newest batch."""
    query = select(FeedRow, _last_batch_at()).order_by(FeedRow.feed_id)
    rows = await session.execute(query if lessor_id is None else query.where(FeedRow.lessor_id == lessor_id))
    return [(row[0], row[1]) for row in rows]


async def feed_hours(
    session: AsyncSession, visibility: Visibility, feed_id: int, window: tuple[datetime, datetime]
) -> tuple[FeedRow, datetime | None, list[FeedHourRow]] | None:
    """Return a visible feed, the arrival of its newest batch, and the hours of a window that had batches."""
    in_window = and_(
        FeedHourRow.lessor_id == FeedRow.lessor_id,
        FeedHourRow.feed_id == FeedRow.feed_id,
        FeedHourRow.hour >= window[0],
        FeedHourRow.hour < window[1],
    )
    query = select(FeedRow, _last_batch_at(), FeedHourRow).outerjoin(FeedHourRow, in_window)
    query = query.where(FeedRow.feed_id == feed_id).order_by(FeedHourRow.hour)
    if not visibility.sees_everything:
        query = query.where(FeedRow.lessor_id == visibility.lessor_id)
    rows = (await session.execute(query)).all()
    hours: list[FeedHourRow | None] = [row[2] for row in rows]
    return (rows[0][0], rows[0][1], [hour for hour in hours if hour is not None]) if rows else None


_ALERT: Final = (FeedAlertRow.alert_id, FeedAlertRow.feed_id, FeedAlertRow.lessor_id, FeedAlertRow.last_batch_at)
Alert = tuple[int, int, int, datetime]
"""An alert's id, feed, lessor and newest batch when it was raised."""


async def clear_silence(session: AsyncSession, now: datetime, usual: timedelta) -> list[Alert]:
    """Clear the open alerts of feeds that have sent since, or are not silent by their present limit."""
    last_batch_at = _last_batch_at()
    heard = or_(
        last_batch_at > FeedAlertRow.last_batch_at,
        last_batch_at > now - func.coalesce(FeedRow.silent_after, literal(usual, Interval)),
    )
    query = (
        update(FeedAlertRow)
        .where(FeedAlertRow.feed_id == FeedRow.feed_id, FeedAlertRow.cleared_at.is_(None), heard)
        .values(cleared_at=now)
        .returning(*_ALERT)
    )
    rows = await session.execute(query, execution_options={"synchronize_session": False})
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def raise_silence(session: AsyncSession, now: datetime, usual: timedelta) -> list[Alert]:
    """Open an alert for each silent feed that has sent before and has no open alert."""
    heard = select(
        FeedRow.lessor_id, FeedRow.feed_id, FeedRow.silent_after, _last_batch_at().label("last")
    ).subquery()
    patience = func.coalesce(heard.c.silent_after, literal(usual, Interval))
    silent = select(
        heard.c.lessor_id, heard.c.feed_id, literal("silent"), literal(now, TIMESTAMP(timezone=True)), heard.c.last
    ).where(heard.c.last <= now - patience)
    query = (
        insert(FeedAlertRow)
        .from_select(["lessor_id", "feed_id", "kind", "raised_at", "last_batch_at"], silent)
        .on_conflict_do_nothing(
            index_elements=[FeedAlertRow.feed_id, FeedAlertRow.kind], index_where=FeedAlertRow.cleared_at.is_(None)
        )
        .returning(*_ALERT)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await session.execute(query)]


async def open_alerts(session: AsyncSession) -> int:
    """Return how many feeds are silent."""
    query = select(func.count()).select_from(FeedAlertRow).where(FeedAlertRow.cleared_at.is_(None))
    return await session.scalar(query) or 0


async def alerts_after(
    session: AsyncSession, lessor_id: int | None, after: int, limit: int, *, cleared_too: bool
) -> Sequence[FeedAlertRow]:
    """Return alerts in the order of their ids, of one lessor or of all."""
    query = select(FeedAlertRow).where(FeedAlertRow.alert_id > after).order_by(FeedAlertRow.alert_id).limit(limit)
    if lessor_id is not None:
        query = query.where(FeedAlertRow.lessor_id == lessor_id)
    return (await session.scalars(query if cleared_too else query.where(FeedAlertRow.cleared_at.is_(None)))).all()


async def silent_devices(
    session: AsyncSession, feed: FeedRow, since: datetime, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Return their number, and the columns of ``SilentDeviceOut`` of at most ``limit`` devices, silent longest first.

    A device is silent if its newest good fix came through this feed before ``since``. Reads the lessor's positions
    once.
    """
    columns = [_DEVICE_HEARD.c[name] for name in ("device_id", "identifier", "asset_id", "fixed_at", "received_at")]
    newest = (
        select(*columns, _DEVICE_HEARD.c.batch_id)
        .where(_DEVICE_HEARD.c.lessor_id == feed.lessor_id)
        .ext(distinct_on(_DEVICE_HEARD.c.device_id))
        .order_by(_DEVICE_HEARD.c.device_id, _DEVICE_HEARD.c.received_at.desc())
        .subquery("newest")
    )
    query = (
        select(*(newest.c[c.name] for c in columns), func.count().over().label("in_all"))
        .join(PingBatchRow, PingBatchRow.batch_id == newest.c.batch_id)
        .where(newest.c.received_at < since, PingBatchRow.feed_id == feed.feed_id)
        .order_by(newest.c.received_at, newest.c.device_id)
        .limit(limit)
    )
    rows = (await session.execute(query)).mappings()
    return [(row["in_all"], {c.name: row[c.name] for c in columns}) for row in rows]
