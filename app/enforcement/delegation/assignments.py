"""Reads assignments and checks that they are in force; ``service`` creates them."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.core.errors import Conflict, NotFound
from app.enforcement.delegation import queries as delegation_queries
from app.enforcement.schemas import AssignmentOut, CaseOut
from app.enforcement.service import visible_case


async def visible_assignment(
    session: AsyncSession, visibility: Visibility, assignment_id: int, now: datetime
) -> AssignmentOut:
    """Return an assignment of a case that the court handles, or the dispatcher's own, or raise ``NotFound``."""
    row = await delegation_queries.find_assignment(session, visibility, assignment_id, now)
    if row is None:
        raise NotFound("There is no such assignment.")
    return AssignmentOut.model_validate(row)


async def assignment_in_force(
    session: AsyncSession, visibility: Visibility, assignment_id: int, now: datetime
) -> tuple[AssignmentOut, CaseOut]:
    """Return an assignment, as ``visible_assignment``, and its case, while both are open.

    Raises:
        NotFound: No such assignment is visible.
        Conflict: It has not begun or has ended, or its case is closed.
    """
    assignment = await visible_assignment(session, visibility, assignment_id, now)
    case = await visible_case(session, visibility, assignment.case_id, now)
    if case.closed_on is not None:
        raise Conflict(f"The case was closed on {case.closed_on}.")
    if not assignment.starts_at <= now < assignment.ends_at:
        raise Conflict("The assignment has not begun, or has ended.")
    return assignment, case
