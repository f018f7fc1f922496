"""SQL of cases, case assets and legal holds."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets.domain import IdentifierKind
from app.enforcement.tables import (
    AssignmentRow,
    CaseAssetRow,
    CaseRow,
    EntrustmentRow,
    LegalHoldRow,
    MeasureRow,
)


def visible_cases(visibility: Visibility, at: datetime) -> ColumnElement[bool]:
    """Return the condition under which a case is visible at a time of access."""
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
    """Return the condition under which a case may be changed: a court changes only its own."""
    if visibility.court_id is not None:
        return CaseRow.court_id == visibility.court_id
    return visible_cases(visibility, at)


async def find_case(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> CaseRow | None:
    """Return a case, if it is visible."""
    query = select(CaseRow).where(CaseRow.case_id == case_id, visible_cases(visibility, at))
    return (await session.scalars(query)).one_or_none()


async def lock_case(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> CaseRow | None:
    """Return a case that may be changed, and lock it until the transaction ends."""
    query = select(CaseRow).where(CaseRow.case_id == case_id, cases_to_change(visibility, at))
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def share_lock_case(session: AsyncSession, case_id: int) -> date | None:
    """Lock a case against changes until the transaction ends; return its closing day."""
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
    """Return up to ``limit + 1`` visible cases after a key."""
    query = select(CaseRow).where(CaseRow.case_id > after, visible_cases(visibility, at))
    if case_number is not None:
        query = query.where(CaseRow.case_number == case_number)
    if phase is not None:
        query = query.where(CaseRow.phase == phase)
    return (await session.scalars(query.order_by(CaseRow.case_id).limit(limit + 1))).all()


async def offer(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int], principal_id: int, at: datetime
) -> set[int]:
    """Add assets to a case as offered, in one statement; return those that were not offered before."""
    offered = func.unnest(bindparam("asset_ids", list(asset_ids), ARRAY(Integer))).column_valued("asset_id")
    rows = select(
        bindparam("case_id", case_id, Integer), offered, bindparam("at", at), bindparam("by", principal_id, Integer)
    )
    columns = ["case_id", "asset_id", "offered_at", "offered_by"]
    statement = upsert(CaseAssetRow).from_select(columns, rows, include_defaults=False).on_conflict_do_nothing()
    return set((await session.scalars(statement.returning(CaseAssetRow.asset_id))).all())


async def offered_assets(session: AsyncSession, case_id: int) -> dict[int, bool]:
    """Return the assets offered to a case, ordered by id, and whether each is confirmed."""
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


DelegatedOnly = Select[int] | None
"""The query of the assets of a case that a delegate sees; None where all are visible."""


async def case_assets(
    session: AsyncSession, case_id: int, *, confirmed_only: bool, only: DelegatedOnly, after: int, limit: int
) -> Sequence[CaseAssetRow]:
    """Return up to ``limit + 1`` assets of a case after a key."""
    query = select(CaseAssetRow).where(CaseAssetRow.case_id == case_id, CaseAssetRow.asset_id > after)
    if confirmed_only:
        query = query.where(CaseAssetRow.confirmed_at.is_not(None))
    if only is not None:
        query = query.where(CaseAssetRow.asset_id.in_(only))
    return (await session.scalars(query.order_by(CaseAssetRow.asset_id).limit(limit + 1))).all()


async def confirmed_assets(
    session: AsyncSession, case_id: int, asset_ids: Sequence[int] | None = None
) -> Sequence[int]:
    """Return the confirmed assets of a case, restricted to ``asset_ids`` if given."""
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


async def case_facts(session: AsyncSession, case_id: int) -> Row[int, str, date | None] | None:
    """Return court, phase and closing day of a case."""
    query = select(CaseRow.court_id, CaseRow.phase, CaseRow.closed_on).where(CaseRow.case_id == case_id)
    return (await session.execute(query)).one_or_none()


def _visible_holds(visibility: Visibility) -> ColumnElement[bool]:
    """Return the condition for the holds that an administrator (all) or a court (of its cases) sees."""
    if visibility.sees_everything:
        return true()
    own = select(CaseRow.case_id).where(CaseRow.court_id == (visibility.court_id or 0))
    return LegalHoldRow.case_id.in_(own)


async def find_holds(
    session: AsyncSession, visibility: Visibility, *, asset_id: int | None, after: int, limit: int
) -> Sequence[LegalHoldRow]:
    """Return up to ``limit + 1`` visible legal holds after a key."""
    query = select(LegalHoldRow).where(_visible_holds(visibility), LegalHoldRow.hold_id > after)
    if asset_id is not None:
        cases = select(CaseAssetRow.case_id).where(
            CaseAssetRow.asset_id == asset_id, CaseAssetRow.confirmed_at.is_not(None)
        )
        whole_case = and_(LegalHoldRow.asset_id.is_(None), LegalHoldRow.case_id.in_(cases))
        query = query.where(or_(LegalHoldRow.asset_id == asset_id, whole_case))
    return (await session.scalars(query.order_by(LegalHoldRow.hold_id).limit(limit + 1))).all()


async def hold_of_case(session: AsyncSession, case_id: int) -> LegalHoldRow | None:
    """Return the hold in force on a whole case, locked until the transaction ends."""
    query = select(LegalHoldRow).where(
        LegalHoldRow.case_id == case_id, LegalHoldRow.asset_id.is_(None), LegalHoldRow.until_at.is_(None)
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def lock_hold(session: AsyncSession, visibility: Visibility, hold_id: int) -> LegalHoldRow | None:
    """Return a visible legal hold, locked until the transaction ends."""
    query = select(LegalHoldRow).where(_visible_holds(visibility), LegalHoldRow.hold_id == hold_id)
    return (await session.scalars(query.with_for_update())).one_or_none()
