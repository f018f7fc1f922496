"""SQL that reads the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Row, and_, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import PrincipalKind, Role, Visibility
from app.audit.tables import TrailAssetsRow, TrailRow

MOST_ASSETS: Final = 1_000
"""Larger sets of assets are not listed with their entry."""
_COURT_ROLES: Final = [str(role) for role in Role if role.kind is PrincipalKind.COURT]


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Filter of entries; None does not filter."""

    starts_at: datetime | None = None  # start of the window, inclusive, aware
    ends_at: datetime | None = None  # end of the window, exclusive, aware
    principal_id: int | None = None
    case_id: int | None = None
    asset_id: int | None = None  # an asset among those that were read or changed
    action: str | None = None  # the complete action
    request_id: str | None = None

    def describe(self) -> str:
        """Return the filter as text for the audit note, without the window."""
        named = (
            (name, getattr(self, name)) for name in ("principal_id", "case_id", "asset_id", "action", "request_id")
        )
        return ", ".join(f"{name}={value}" for name, value in named if value is not None)


TrailRows = Sequence[Row[TrailRow, list[int] | None]]


async def entries(
    session: AsyncSession, visibility: Visibility, filters: TrailFilter, after: int, limit: int
) -> TrailRows:
    """Return up to ``limit + 1`` visible entries after a number, with at most 1,000 assets each.

    A court's administrator sees entries of its court's people; ``session`` is an auditor's, its or has the service
    role.
    """
    listed = case((TrailRow.asset_count <= MOST_ASSETS, TrailAssetsRow.asset_ids))
    query = (
        select(TrailRow, listed)
        .outerjoin(TrailAssetsRow, TrailAssetsRow.assets_sha256 == TrailRow.assets_sha256)
        .where(TrailRow.trail_no > after, _is_visible(visibility), *_conditions(filters))
    )
    if filters.asset_id is not None:
        sets = await session.scalar(select(func.rls_trail_sets(filters.asset_id)))
        query = query.where(TrailRow.assets_sha256 == func.any(sets or []))
    return (await session.execute(query.order_by(TrailRow.trail_no).limit(limit + 1))).all()


def _is_visible(visibility: Visibility) -> ColumnElement[bool]:
    """Return the same condition as the row security policy; stated here, it uses an index."""
    if visibility.court_id is None:
        return true()
    return and_(TrailRow.subject_id == visibility.court_id, TrailRow.role == func.any(_COURT_ROLES))


def _conditions(filters: TrailFilter) -> list[ColumnElement[bool]]:
    columns = {
        TrailRow.principal_id: filters.principal_id,
        TrailRow.case_id: filters.case_id,
        TrailRow.action: filters.action,
        TrailRow.request_id: filters.request_id,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in columns.items() if value is not None
    ]
    if filters.starts_at is not None:
        conditions.append(TrailRow.at >= filters.starts_at)
    if filters.ends_at is not None:
        conditions.append(TrailRow.at < filters.ends_at)
    return conditions
