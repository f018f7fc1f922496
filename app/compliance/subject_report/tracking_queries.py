"""What is stored of an asset in tracking, for the subject report: counts and days, no position."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.database import as_service
from app.tracking.tables import CurrentPositionRow, DailyPositionRow


@dataclass(frozen=True, slots=True)
class StoredPositions:
    """Counts of the current and daily positions of an asset, and the first and last of the days (UTC)."""

    current: int = 0
    daily: int = 0
    first: date | None = None
    last: date | None = None


async def stored_positions(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, StoredPositions]:
    """Return what is stored of each asset; the caller has checked that the assets are visible."""
    daily = (
        select(
            DailyPositionRow.asset_id, func.count(), func.min(DailyPositionRow.day), func.max(DailyPositionRow.day)
        )
        .where(DailyPositionRow.asset_id == func.any(list(asset_ids)))
        .group_by(DailyPositionRow.asset_id)
    )
    current = (
        select(CurrentPositionRow.asset_id, func.count())
        .where(CurrentPositionRow.asset_id == func.any(list(asset_ids)))
        .group_by(CurrentPositionRow.asset_id)
    )
    async with as_service(session):
        by_day = {row[0]: row[1:] for row in (await session.execute(daily)).all()}
        now_at = {row[0]: row[1] for row in (await session.execute(current)).all()}
    return {i: StoredPositions(now_at.get(i, 0), *by_day.get(i, (0, None, None))) for i in asset_ids}
