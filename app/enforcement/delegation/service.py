"""Planning assignments and entrustments: what a case opens to dispatchers and other courts for a period.

Each ends at its end, with the case, and for an asset with its release.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access.domain import PrincipalKind, Role, Visibility
from app.audit.notes import Note, note
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from app.enforcement import queries
from app.enforcement.delegation import queries as delegation_queries
from app.enforcement.domain import EntrustmentKind, day_in_shanghai
from app.enforcement.measures import deadlines
from app.enforcement.schemas import AssignmentIn, AssignmentOut, EntrustmentIn, EntrustmentOut
from app.enforcement.service import (
    READ_ONLY,
    assignment_grants,
    case_to_change,
    entrustment_grants,
    sees_whole_case,
    unreleased_assets,
    visible_case,
)
from app.enforcement.tables import AssignmentRow, EntrustmentRow
from app.jurisdictions import service as jurisdictions

_NO_ENTRUSTMENT: Final = "No such entrustment is visible to you."


async def assign(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    wanted: AssignmentIn,
    now: datetime,
) -> AssignmentOut:
    """Assign a dispatcher to a case for a period: the dispatcher sees its confirmed assets.

    Raises:
        NotFound: No such case is visible.
        NotPermitted: Another court handles it.
        Conflict: The case is closed.
        InvalidInput: No such dispatcher, or a period that is past or ends before it begins.
    """
    await case_to_change(session, visibility, case_id, now)
    starts_at, ends_at = wanted.starts_at or now, wanted.ends_at
    check_window(starts_at, ends_at, now)
    if not await access.is_in_role(session, wanted.dispatcher_id, Role.DISPATCHER):
        raise InvalidInput("dispatcher_id: there is no such dispatcher", field="dispatcher_id")
    row = AssignmentRow(
        case_id=case_id,
        dispatcher_id=wanted.dispatcher_id,
        starts_at=starts_at,
        ends_at=ends_at,
        given_by=visibility.principal.principal_id,
        given_at=now,
    )
    session.add(row)
    await session.flush()
    assets = await unreleased_assets(session, case_id)
    await access.write_grants(session, assignment_grants(row, assets, now), visibility.principal)
    detail = f"assignment {row.assignment_id} to principal {row.dispatcher_id} until {ends_at.isoformat()}"
    note(session, Note("assignment.give", case_id, assets, detail=detail))
    return AssignmentOut.model_validate(row)


def check_window(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Refuse a period that has passed or ends before it begins.

    Raises:
        InvalidInput: ``ends_at`` is not later than both ``starts_at`` and ``now``.
    """
    if ends_at <= max(starts_at, now):
        raise InvalidInput("ends_at: expected a moment in the future, later than starts_at", field="ends_at")


async def list_assignments(
    session: AsyncSession, visibility: Visibility, case_id: int, now: datetime, *, after: int, limit: int
) -> list[AssignmentOut]:
    """Return up to ``limit + 1`` assignments of a case after a key; a dispatcher sees its own.

    Raises:
        NotFound: No such case is visible.
        NotPermitted: The court is only entrusted with the case.
    """
    case = await visible_case(session, visibility, case_id, now)
    principal = visibility.principal
    own = principal.principal_id if principal.kind is PrincipalKind.DISPATCHER else None
    if own is None and not sees_whole_case(visibility, case.court_id):
        raise NotPermitted(READ_ONLY)
    rows = await delegation_queries.assignments_of(session, case_id, dispatcher_id=own, after=after, limit=limit)
    return [AssignmentOut.model_validate(row) for row in rows]


async def entrust(
    session: AsyncSession, visibility: Visibility, case_id: int, new: EntrustmentIn, now: datetime
) -> EntrustmentOut:
    """Entrust another court: it sees the case and the assets for a period, and gets no other right.

    Raises:
        NotFound: No such case is visible.
        NotPermitted: Another court handles it; an entrusted court cannot entrust a third.
        Conflict: The case is closed.
        InvalidInput: No such court, the court itself, one of another level, an asset that is not confirmed in the
            case, or a period that is past.
    """
    case = await case_to_change(session, visibility, case_id, now)
    starts_at = new.starts_at or now
    check_window(starts_at, new.ends_at, now)
    await _refuse_court(session, case.court_id, new.court_id)
    wanted = None if new.asset_ids is None else list(dict.fromkeys(new.asset_ids))
    if wanted is not None:
        confirmed = set(await queries.confirmed_assets(session, case_id, wanted))
        for index, asset_id in enumerate(new.asset_ids or ()):
            if asset_id not in confirmed:
                field = f"asset_ids.{index}"
                raise InvalidInput(f"{field}: expected a confirmed asset of this case", field=field)
    row = EntrustmentRow(
        case_id=case_id,
        court_id=new.court_id,
        kind=new.kind,
        matters=new.matters,
        letter_number=new.letter_number,
        asset_ids=wanted,
        starts_at=starts_at,
        ends_at=new.ends_at,
        given_by=visibility.principal.principal_id,
        given_at=now,
    )
    session.add(row)
    await session.flush()
    grants = entrustment_grants(row, await unreleased_assets(session, case_id), now)
    await access.write_grants(session, grants, visibility.principal)
    detail = f"entrustment {row.entrustment_id} ({new.letter_number}) to court {new.court_id}"
    note(
        session,
        Note("entrustment.give", case_id, [g.asset_id for g in grants], (starts_at, new.ends_at), detail=detail),
    )
    return (await _entrustments(session, [row]))[0]


async def _refuse_court(session: AsyncSession, own_id: int, court_id: int) -> None:
    courts = await jurisdictions.courts_by_id(session, {own_id, court_id})
    if court_id not in courts:
        raise InvalidInput("court_id: there is no such court", field="court_id")
    if court_id == own_id:
        raise InvalidInput("court_id: expected a court other than the one that handles the case", field="court_id")
    own, other = courts[own_id], courts[court_id]
    if own.level is not other.level:
        raise InvalidInput(
            f"court_id: expected a court of the same level ({own.level}); {other.name} is {other.level} "
            f"({deadlines.ENTRUSTMENT_PROVISIONS} 3)",
            field="court_id",
        )


async def withdraw(
    session: AsyncSession, visibility: Visibility, entrustment_id: int, now: datetime
) -> EntrustmentOut:
    """Withdraw an entrustment: the other court loses access at once.

    Raises:
        NotFound: No such entrustment is visible.
        NotPermitted: Another court handles the case.
        Conflict: It has ended or was withdrawn before.
    """
    row = await delegation_queries.entrustment(session, entrustment_id)
    if row is None:
        raise NotFound(_NO_ENTRUSTMENT)
    await case_to_change(session, visibility, row.case_id, now, closed_too=True)
    await session.refresh(row)  # read again: the case is locked now
    if row.withdrawn_at is not None:
        raise Conflict(f"The entrustment was withdrawn at {row.withdrawn_at.isoformat()}.")
    if row.ends_at <= now:
        raise Conflict(f"The entrustment ended at {row.ends_at.isoformat()}.")
    row.withdrawn_at, row.withdrawn_by = now, visibility.principal.principal_id
    await session.flush()
    await access.end_grants(session, row.case_id, now, ground=("entrustment", entrustment_id))
    detail = f"entrustment {entrustment_id} ({row.letter_number}) to court {row.court_id}"
    note(session, Note("entrustment.withdraw", row.case_id, detail=detail))
    return (await _entrustments(session, [row]))[0]


async def list_entrustments(
    session: AsyncSession, visibility: Visibility, case_id: int, now: datetime, *, after: int, limit: int
) -> list[EntrustmentOut]:
    """Return up to ``limit + 1`` entrustments of a case after a key, or raise ``NotFound``.

    An entrusted court sees its own.
    """
    case = await visible_case(session, visibility, case_id, now)
    to_court = None if sees_whole_case(visibility, case.court_id) else visibility.court_id
    rows = await delegation_queries.entrustments_of(session, case_id, to_court=to_court, after=after, limit=limit)
    return await _entrustments(session, rows)


async def _entrustments(session: AsyncSession, rows: Sequence[EntrustmentRow]) -> list[EntrustmentOut]:
    courts = await jurisdictions.courts_by_id(session, {row.court_id for row in rows})
    return [
        EntrustmentOut(
            entrustment_id=row.entrustment_id,
            case_id=row.case_id,
            court_id=row.court_id,
            court_code=courts[row.court_id].code,
            court_name=courts[row.court_id].name,
            kind=EntrustmentKind(row.kind),
            matters=row.matters,
            letter_number=row.letter_number,
            asset_ids=row.asset_ids,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            given_at=row.given_at,
            withdrawn_at=row.withdrawn_at,
            deadlines=deadlines.entrustment_deadlines(EntrustmentKind(row.kind), day_in_shanghai(row.given_at)),
        )
        for row in rows
    ]
