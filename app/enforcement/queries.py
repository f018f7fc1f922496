"""All SQL of this room."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.access.domain import Visibility
from app.assets.domain import IdentifierKind
from app.enforcement.tables import (
    AssignmentRow,
    CaseAssetRow,
    CaseRow,
    EntrustmentRow,
    LegalHoldRow,
    MeasureRow,
    RenewalRow,
)


def cases_in_sight(visibility: Visibility, at: datetime) -> ColumnElement[bool]:
    """Return the condition under which a case is in sight at a moment of looking."""
    if visibility.sees_everything:
        return true()
    if visibility.court_id is not None:
        handled = CaseRow.court_id.in_(visibility.courts)
        return or_(handled, and_(_entrusted(visibility.court_id, at), CaseRow.closed_on.is_(None)))
    if visibility.lessor_id is not None:
        return CaseRow.applicant_lessor_id == visibility.lessor_id
    assigned = exists().where(
        AssignmentRow.case_id == CaseRow.case_id,
        AssignmentRow.dispatcher_id == visibility.principal.principal_id,
        AssignmentRow.starts_at <= at,
        AssignmentRow.ends_at > at,
    )
    return and_(assigned, CaseRow.closed_on.is_(None))


def _entrusted(court_id: int, at: datetime) -> ColumnElement[bool]:
    return exists().where(
        EntrustmentRow.case_id == CaseRow.case_id,
        EntrustmentRow.court_id == court_id,
        EntrustmentRow.withdrawn_at.is_(None),
        EntrustmentRow.starts_at <= at,
        EntrustmentRow.ends_at > at,
    )


def cases_to_change(visibility: Visibility, at: datetime) -> ColumnElement[bool]:
    """Return the condition under which a case is in sight and may be changed: a court changes its own only."""
    if visibility.court_id is not None:
        return CaseRow.court_id == visibility.court_id
    return cases_in_sight(visibility, at)


async def find_case(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> CaseRow | None:
    """Return a case, if it is in sight."""
    query = select(CaseRow).where(CaseRow.case_id == case_id, cases_in_sight(visibility, at))
    return (await session.scalars(query)).one_or_none()


async def lock_case(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> CaseRow | None:
    """Return a case, if it is in sight, and keep others from changing anything of it until the transaction ends."""
    query = select(CaseRow).where(CaseRow.case_id == case_id, cases_to_change(visibility, at))
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def keep_case(session: AsyncSession, case_id: int) -> date | None:
    """Keep others from changing a case until the transaction ends; return the day on which it was closed."""
    query = select(CaseRow.closed_on).where(CaseRow.case_id == case_id)
    return await session.scalar(query.with_for_update(read=True))


async def find_cases(
    session: AsyncSession,
    visibility: Visibility,
    at: datetime,
    *,
    case_number: str | None,
    phase: str | None,
    after: int,
    limit: int,
) -> Sequence[CaseRow]:
    """Return the cases in sight after a key, one more than ``limit`` if there are so many."""
    query = select(CaseRow).where(CaseRow.case_id > after, cases_in_sight(visibility, at))
    if case_number is not None:
        query = query.where(CaseRow.case_number == case_number)
    if phase is not None:
        query = query.where(CaseRow.phase == phase)
    return (await session.scalars(query.order_by(CaseRow.case_id).limit(limit + 1))).all()


async def offer(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int], principal_id: int, at: datetime
) -> set[int]:
    """Add assets to a case as offered, in one statement, and return those that were not offered before."""
    offered = func.unnest(bindparam("asset_ids", list(asset_ids), ARRAY(Integer))).column_valued("asset_id")
    rows = select(
        bindparam("case_id", case_id, Integer), offered, bindparam("at", at), bindparam("by", principal_id, Integer)
    )
    columns = ["case_id", "asset_id", "offered_at", "offered_by"]
    statement = upsert(CaseAssetRow).from_select(columns, rows, include_defaults=False).on_conflict_do_nothing()
    return set((await session.scalars(statement.returning(CaseAssetRow.asset_id))).all())


async def offered_assets(session: AsyncSession, case_id: int) -> dict[int, bool]:
    """Return the assets offered to a case, in the order of their ids, and whether each is confirmed."""
    query = select(CaseAssetRow.asset_id, CaseAssetRow.confirmed_at.is_not(None)).where(
        CaseAssetRow.case_id == case_id
    )
    return dict((await session.execute(query.order_by(CaseAssetRow.asset_id))).all())


async def confirm(
    session: AsyncSession, case_id: int, matched: Mapping[int, IdentifierKind], principal_id: int, at: datetime
) -> None:
    """Confirm assets of a case, in one statement."""
    rows = (
        func.unnest(
            bindparam("asset_ids", list(matched), ARRAY(Integer)),
            bindparam("kinds", list(matched.values()), ARRAY(TEXT)),
        )
        .table_valued("asset_id", "matched_by", name="matched")
        .render_derived()
    )
    await session.execute(
        update(CaseAssetRow)
        .where(
            CaseAssetRow.case_id == case_id,
            CaseAssetRow.asset_id == rows.c.asset_id,
            CaseAssetRow.confirmed_at.is_(None),
        )
        .values(confirmed_at=at, confirmed_by=principal_id, matched_by=rows.c.matched_by),
        execution_options={"synchronize_session": False},
    )


LentOnly = Select[int] | None
"""The query of the assets that somebody sees of a case; None for who sees all of it."""


async def case_assets(
    session: AsyncSession, case_id: int, *, confirmed_only: bool, only: LentOnly, after: int, limit: int
) -> Sequence[CaseAssetRow]:
    """Return the assets of a case after a key, one more than ``limit`` if there are so many."""
    query = select(CaseAssetRow).where(CaseAssetRow.case_id == case_id, CaseAssetRow.asset_id > after)
    if confirmed_only:
        query = query.where(CaseAssetRow.confirmed_at.is_not(None))
    if only is not None:
        query = query.where(CaseAssetRow.asset_id.in_(only))
    return (await session.scalars(query.order_by(CaseAssetRow.asset_id).limit(limit + 1))).all()


async def confirmed_assets(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int] | None = None
) -> Sequence[int]:
    """Return the confirmed assets of a case, or those of them that are among ``asset_ids``."""
    query = select(CaseAssetRow.asset_id).where(
        CaseAssetRow.case_id == case_id, CaseAssetRow.confirmed_at.is_not(None)
    )
    if asset_ids is not None:
        query = query.where(CaseAssetRow.asset_id == func.any(list(asset_ids)))
    return (await session.scalars(query.order_by(CaseAssetRow.asset_id))).all()


async def released_assets(session: AsyncSession, case_id: int, asset_ids: Sequence[int] | None = None) -> set[int]:
    """Return the assets of a case that have measures, all of them lifted."""
    query = (
        select(MeasureRow.asset_id)
        .where(MeasureRow.case_id == case_id)
        .group_by(MeasureRow.asset_id)
        .having(func.bool_and(MeasureRow.released_on.is_not(None)))
    )
    if asset_ids is not None:
        query = query.where(MeasureRow.asset_id == func.any(list(asset_ids)))
    return set((await session.scalars(query)).all())


async def standing_terms(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int]
) -> Sequence[Row[int, str, date, date]]:
    """Return asset, kind, first and last day of the measures of a case on some assets that are not lifted."""
    query = select(MeasureRow.asset_id, MeasureRow.kind, MeasureRow.starts_on, MeasureRow.ends_on).where(
        MeasureRow.case_id == case_id,
        MeasureRow.asset_id == func.any(list(asset_ids)),
        MeasureRow.released_on.is_(None),
    )
    return (await session.execute(query)).all()


async def add_measures(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store measures, a thousand a statement, and return their ids in the order of the rows."""
    statement = insert(MeasureRow).returning(MeasureRow.measure_id, sort_by_parameter_order=True)
    return list((await session.scalars(statement, list(rows))).all())


async def find_measures(
    session: AsyncSession, case_id: int, *, asset_id: int | None, only: LentOnly, after: int, limit: int
) -> Sequence[MeasureRow]:
    """Return the measures of a case after a key, one more than ``limit`` if there are so many."""
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
    """Return measure, number and court of its case, of the measures of all cases on an asset, after a key."""
    query = (
        select(MeasureRow, CaseRow.case_number, CaseRow.court_id)
        .join(CaseRow, CaseRow.case_id == MeasureRow.case_id)
        .where(MeasureRow.asset_id == asset_id, MeasureRow.measure_id > after)
    )
    return (await session.execute(query.order_by(MeasureRow.measure_id).limit(limit + 1))).all()


async def cases_seen(
    session: AsyncSession, visibility: Visibility, case_ids: Sequence[int], at: datetime
) -> set[int]:
    """Return those of some cases that are in sight."""
    query = select(CaseRow.case_id).where(CaseRow.case_id == func.any(list(case_ids)), cases_in_sight(visibility, at))
    return set((await session.scalars(query)).all())


async def measure_in_sight(session: AsyncSession, visibility: Visibility, measure_id: int, at: datetime) -> bool:
    """Tell whether a measure is in sight; of a case that was only lent, row-level security leaves out the rest."""
    query = (
        select(MeasureRow.measure_id)
        .join(CaseRow, CaseRow.case_id == MeasureRow.case_id)
        .where(MeasureRow.measure_id == measure_id, cases_in_sight(visibility, at))
    )
    return (await session.scalar(query)) is not None


async def lock_measure(
    session: AsyncSession, visibility: Visibility, measure_id: int, at: datetime
) -> MeasureRow | None:
    """Return a measure, if its case may be changed, and lock both until the transaction ends."""
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
"""Asset, then the members of ``domain.Measure`` in their order for one measure on it, or None throughout."""


async def measures_on_assets(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int] | None
) -> Sequence[MeasureFacts]:
    """Return the measures of all cases on each confirmed asset of a case, those of one asset together.

    An asset without a measure has one row of nothing. Ordered, so that assets with the same history look the same.
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


async def case_facts(session: AsyncSession, case_id: int) -> Row[int, str, date | None] | None:
    """Return court, phase and closing day of a case."""
    query = select(CaseRow.court_id, CaseRow.phase, CaseRow.closed_on).where(CaseRow.case_id == case_id)
    return (await session.execute(query)).one_or_none()


async def assignments_of(
    session: AsyncSession, case_id: int, *, dispatcher_id: int | None, after: int, limit: int
) -> Sequence[AssignmentRow]:
    """Return the assignments of a case (to one dispatcher) after a key, one more than ``limit`` if so many."""
    query = select(AssignmentRow).where(AssignmentRow.case_id == case_id, AssignmentRow.assignment_id > after)
    if dispatcher_id is not None:
        query = query.where(AssignmentRow.dispatcher_id == dispatcher_id)
    return (await session.scalars(query.order_by(AssignmentRow.assignment_id).limit(limit + 1))).all()


async def find_assignment(
    session: AsyncSession, visibility: Visibility, assignment_id: int, at: datetime
) -> AssignmentRow | None:
    """Return an assignment that is a dispatcher's own, or of a case that the court itself handles."""
    wanted = aliased(AssignmentRow)  # the condition of a case's sight looks at assignments itself
    query = (
        select(wanted)
        .join(CaseRow, CaseRow.case_id == wanted.case_id)
        .where(wanted.assignment_id == assignment_id, cases_to_change(visibility, at))
    )
    if visibility.court_id is None:
        query = query.where(wanted.dispatcher_id == visibility.principal.principal_id)
    return (await session.scalars(query)).one_or_none()


async def open_assignments(session: AsyncSession, case_id: int, at: datetime) -> Sequence[AssignmentRow]:
    """Return the assignments of a case that have not ended."""
    query = select(AssignmentRow).where(AssignmentRow.case_id == case_id, AssignmentRow.ends_at > at)
    return (await session.scalars(query)).all()


async def open_entrustments(session: AsyncSession, case_id: int, at: datetime) -> Sequence[EntrustmentRow]:
    """Return the entrustments of a case that have neither ended nor been withdrawn."""
    query = select(EntrustmentRow).where(
        EntrustmentRow.case_id == case_id, EntrustmentRow.ends_at > at, EntrustmentRow.withdrawn_at.is_(None)
    )
    return (await session.scalars(query)).all()


async def entrustments_of(
    session: AsyncSession, case_id: int, *, to_court: int | None, after: int, limit: int
) -> Sequence[EntrustmentRow]:
    """Return the entrustments of a case (to one court) after a key, one more than ``limit`` if so many."""
    query = select(EntrustmentRow).where(EntrustmentRow.case_id == case_id, EntrustmentRow.entrustment_id > after)
    if to_court is not None:
        query = query.where(EntrustmentRow.court_id == to_court)
    return (await session.scalars(query.order_by(EntrustmentRow.entrustment_id).limit(limit + 1))).all()


async def entrustment(session: AsyncSession, entrustment_id: int) -> EntrustmentRow | None:
    """Return an entrustment."""
    return await session.get(EntrustmentRow, entrustment_id)


def _holds_in_sight(visibility: Visibility) -> ColumnElement[bool]:
    """Return the condition for the holds that an administrator (all) or a court (of its cases) sees."""
    if visibility.sees_everything:
        return true()
    own = select(CaseRow.case_id).where(CaseRow.court_id == (visibility.court_id or 0))
    return LegalHoldRow.case_id.in_(own)


async def find_holds(
    session: AsyncSession, visibility: Visibility, *, asset_id: int | None, after: int, limit: int
) -> Sequence[LegalHoldRow]:
    """Return the legal holds in sight after a key, one more than ``limit`` if there are so many."""
    query = select(LegalHoldRow).where(_holds_in_sight(visibility), LegalHoldRow.hold_id > after)
    if asset_id is not None:
        cases = select(CaseAssetRow.case_id).where(
            CaseAssetRow.asset_id == asset_id, CaseAssetRow.confirmed_at.is_not(None)
        )
        whole_case = and_(LegalHoldRow.asset_id.is_(None), LegalHoldRow.case_id.in_(cases))
        query = query.where(or_(LegalHoldRow.asset_id == asset_id, whole_case))
    return (await session.scalars(query.order_by(LegalHoldRow.hold_id).limit(limit + 1))).all()


async def hold_of_case(session: AsyncSession, case_id: int) -> LegalHoldRow | None:
    """Return the hold on a whole case that is in force, locked until the transaction ends."""
    query = select(LegalHoldRow).where(
        LegalHoldRow.case_id == case_id, LegalHoldRow.asset_id.is_(None), LegalHoldRow.until_at.is_(None)
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def lock_hold(session: AsyncSession, visibility: Visibility, hold_id: int) -> LegalHoldRow | None:
    """Return a legal hold in sight, locked until the transaction ends."""
    query = select(LegalHoldRow).where(_holds_in_sight(visibility), LegalHoldRow.hold_id == hold_id)
    return (await session.scalars(query.with_for_update())).one_or_none()
