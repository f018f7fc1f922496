"""The SQL of tracking."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import EPOCH, MICROSECOND
from app.core.db.database import sql_file
from app.telemetry.domain import BLOCKING
from app.tracking.domain import Position, TrackPoint
from app.tracking.tables import CurrentPositionRow as Current

_AS_OF: Final = text(sql_file("app.tracking", "positions_as_of.sql"))
_TRACK: Final = text(sql_file("app.tracking", "track.sql"))


async def current(session: AsyncSession, asset_id: int) -> list[Position]:
    """Return the current position by each device of an asset, the preferred one first."""
    rows = await session.scalars(
        select(Current)
        .where(Current.asset_id == asset_id)
        .order_by((Current.fixed_at - func.source_handicap(Current.source)).desc(), Current.device_id)
    )
    return [
        Position(
            asset_id=row.asset_id,
            device_id=row.device_id,
            fixed_at=row.fixed_at,
            received_at=row.received_at,
            batch_id=row.batch_id,
            lon_e7=row.lon_e7,
            lat_e7=row.lat_e7,
            territory_id=row.territory_id,
            county_adcode=row.county_adcode,
            source=row.source,
            doubts=row.doubts,
            accuracy_m=row.accuracy_m,
            speed_kmh=row.speed_kmh,
            course_deg=row.course_deg,
        )
        for row in rows
    ]


async def as_of(session: AsyncSession, asset_ids: Sequence[int], at: datetime) -> list[Position]:
    """Return where assets were at a moment; assets without a good fix until then are left out."""
    parameters = {
        "asset_ids": list(asset_ids),
        "at": at,
        "day": at.astimezone(UTC).date(),
        "blocking": int(BLOCKING),
    }
    return [Position(**row) for row in (await session.execute(_AS_OF, parameters)).mappings()]


def micros(at: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


TrackKey = tuple[int, int, int, int]
"""The last row of a track's page: microseconds since 1970, device, longitude and latitude in 1e-7 degrees."""


async def track(
    session: AsyncSession,
    asset_id: int,
    device_ids: Sequence[int],
    window: tuple[datetime, datetime],
    after: TrackKey | None,
    limit: int,
) -> list[TrackPoint]:
    """Return the pings of an asset in a window ``[from, to)``, in the order of time, after a key."""
    moment, device_id, lon_e7, lat_e7 = after or (None, 0, 0, 0)
    rows = await session.execute(
        _TRACK,
        {
            "asset_id": asset_id,
            "device_ids": list(device_ids),
            "from": window[0],
            "to": window[1],
            "after_fixed_at": window[0] - MICROSECOND if moment is None else EPOCH + timedelta(microseconds=moment),
            "after_device_id": device_id,
            "after_lon_e7": lon_e7,
            "after_lat_e7": lat_e7,
            "limit": limit,
        },
    )
    return [TrackPoint(**row) for row in rows.mappings()]
