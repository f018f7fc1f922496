"""SQL of seizure measures."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.enforcement.queries import DelegatedOnly, cases_to_change, visible_cases
from app.enforcement.tables import (
    CaseAssetRow,
    CaseRow,
    MeasureRow,
    RenewalRow,
)


async def unlifted_terms(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int]
) -> Sequence[Row[int, str, date, date]]:
    """Return asset, kind, first and last day of a case's unlifted measures on some assets."""
    query = select(MeasureRow.asset_id, MeasureRow.kind, MeasureRow.starts_on, MeasureRow.ends_on).where(
        MeasureRow.case_id == case_id,
        MeasureRow.asset_id == func.any(list(asset_ids)),
        MeasureRow.released_on.is_(None),
    )
    return (await session.execute(query)).all()


async def add_measures(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store measures, a thousand per statement, and return their ids in the order of the rows."""
    statement = insert(MeasureRow).returning(MeasureRow.measure_id, sort_by_parameter_order=True)
    return list((await session.scalars(statement, list(rows))).all())


async def find_measures(
    session: AsyncSession, case_id: int, *, asset_id: int | None, only: DelegatedOnly, after: int, limit: int
) -> Sequence[MeasureRow]:
    """Return up to ``limit + 1`` measures of a case after a key."""
    query = select(MeasureRow).where(MeasureRow.case_id == case_id, MeasureRow.measure_id > after)
    if asset_id is not None:
        query = query.where(MeasureRow.asset_id == asset_id)
    if only is not None:
        query = query.where(MeasureRow.asset_id.in_(only))
    return (await session.scalars(query.order_by(MeasureRow.measure_id).limit(limit + 1))).all()


async def renewals_of(session: AsyncSession, measure_ids: Sequence[int]) -> Sequence[RenewalRow]:
    """Return the renewals of some measures, oldest first."""
    query = select(RenewalRow).where(RenewalRow.measure_id == func.any(list(measure_ids)))
    return (await session.scalars(query.order_by(RenewalRow.renewal_id))).all()


async def seizures_of(
    session: AsyncSession, asset_id: int, *, after: int, limit: int
) -> Sequence[Row[MeasureRow, str, int]]:
    """Return up to ``limit + 1`` measures of all cases on an asset, each with number and court of its case."""
    query = (
        select(MeasureRow, CaseRow.case_number, CaseRow.court_id)
        .join(CaseRow, CaseRow.case_id == MeasureRow.case_id)
        .where(MeasureRow.asset_id == asset_id, MeasureRow.measure_id > after)
    )
    return (await session.execute(query.order_by(MeasureRow.measure_id).limit(limit + 1))).all()


async def visible_case_ids(
    session: AsyncSession, visibility: Visibility, case_ids: Sequence[int], at: datetime
) -> set[int]:
    """Return the visible ones of some cases."""
    query = select(CaseRow.case_id).where(CaseRow.case_id == func.any(list(case_ids)), visible_cases(visibility, at))
    return set((await session.scalars(query)).all())


async def visible_measure(session: AsyncSession, visibility: Visibility, measure_id: int, at: datetime) -> bool:
    """Return whether a measure is visible; in a delegated case, row-level security leaves out the other assets."""
    query = (
        select(MeasureRow.measure_id)
        .join(CaseRow, CaseRow.case_id == MeasureRow.case_id)
        .where(MeasureRow.measure_id == measure_id, visible_cases(visibility, at))
    )
    return (await session.scalar(query)) is not None


async def lock_measure(
    session: AsyncSession, visibility: Visibility, measure_id: int, at: datetime
) -> MeasureRow | None:
    """Return a measure if its case may be changed, and lock both until the transaction ends."""
    query = (
        select(MeasureRow)
        .join(CaseRow, CaseRow.case_id == MeasureRow.case_id)
        .where(MeasureRow.measure_id == measure_id, cases_to_change(visibility, at))
        .with_for_update(key_share=True)
    )
    return (await session.scalars(query)).one_or_none()


MeasureFacts = tuple[
    int,
    str | None,
    int | None,
    int | None,
    int | None,
    date | None,
    date | None,
    date | None,
    date | None,
    date | None,
]
"""Asset, then the fields of ``seizable.Measure`` in their order for one measure on it, or None throughout."""


async def measures_on_assets(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int] | None
) -> Sequence[MeasureFacts]:
    """Return the measures of all cases on each confirmed asset of a case, grouped by asset.

    An asset without a measure has one row of None. The order is fixed, so that equal histories compare equal.
    """
    holder = CaseRow.__table__.alias("holder")
    query: Select[Any] = (
        select(
            CaseAssetRow.asset_id,
            MeasureRow.kind,
            MeasureRow.case_id,
            holder.c.court_id,
            MeasureRow.rank,
            MeasureRow.starts_on,
            MeasureRow.ends_on,
            MeasureRow.released_on,
            MeasureRow.effective_on,
            holder.c.closed_on,
        )
        .outerjoin(MeasureRow, MeasureRow.asset_id == CaseAssetRow.asset_id)
        .outerjoin(holder, holder.c.case_id == MeasureRow.case_id)
        .where(CaseAssetRow.case_id == case_id, CaseAssetRow.confirmed_at.is_not(None))
        .order_by(CaseAssetRow.asset_id, MeasureRow.measure_id)
    )
    if asset_ids is not None:
        query = query.where(CaseAssetRow.asset_id == func.any(list(asset_ids)))
    return [tuple(row) for row in await session.execute(query)]
