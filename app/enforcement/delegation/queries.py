"""SQL of planning assignments and entrustments."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.access.domain import Visibility
from app.enforcement.queries import cases_to_change
from app.enforcement.tables import (
    AssignmentRow,
    CaseRow,
    EntrustmentRow,
)


async def assignments_of(
    session: AsyncSession, case_id: int, *, dispatcher_id: int | None, after: int, limit: int
) -> Sequence[AssignmentRow]:
    """Return up to ``limit + 1`` assignments of a case (to one dispatcher) after a key."""
    query = select(AssignmentRow).where(AssignmentRow.case_id == case_id, AssignmentRow.assignment_id > after)
    if dispatcher_id is not None:
        query = query.where(AssignmentRow.dispatcher_id == dispatcher_id)
    return (await session.scalars(query.order_by(AssignmentRow.assignment_id).limit(limit + 1))).all()


async def find_assignment(
    session: AsyncSession, visibility: Visibility, assignment_id: int, at: datetime
) -> AssignmentRow | None:
    """Return an assignment that is a dispatcher's own, or of a case that the court itself handles."""
    wanted = aliased(AssignmentRow)  # visible_cases uses the table of assignments too
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
    """Return up to ``limit + 1`` entrustments of a case (to one court) after a key."""
    query = select(EntrustmentRow).where(EntrustmentRow.case_id == case_id, EntrustmentRow.entrustment_id > after)
    if to_court is not None:
        query = query.where(EntrustmentRow.court_id == to_court)
    return (await session.scalars(query.order_by(EntrustmentRow.entrustment_id).limit(limit + 1))).all()


async def entrustment(session: AsyncSession, entrustment_id: int) -> EntrustmentRow | None:
    """Return an entrustment."""
    return await session.get(EntrustmentRow, entrustment_id)
