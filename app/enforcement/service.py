"""Use cases of cases: open, read, change, close; who sees what; what may be seized.

For offers and confirmations see ``case_assets``, for rights given to other courts and dispatchers ``delegation``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access import visibility as access_visibility
from app.access.domain import Principal, Visibility
from app.assets import service as assets
from app.assets.domain import IdentifierKind
from app.audit.notes import Note, note
from app.core.db.database import as_service, violated_constraint
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from app.enforcement import queries
from app.enforcement.case_number import CaseNumber
from app.enforcement.delegation import queries as delegation_queries
from app.enforcement.domain import ClaimMode, day_in_shanghai
from app.enforcement.measures import queries as measure_queries
from app.enforcement.schemas import CaseAssetOut, CaseIn, CaseOut, SeizabilityOut
from app.enforcement.seizable import ENDED_PHASES, AssetFacts, Measure, MeasureKind, Phase, Seizability, seizable
from app.enforcement.tables import AssignmentRow, CaseRow, EntrustmentRow
from app.jurisdictions import service as jurisdictions

_NOT_FOUND: Final = "No such case is visible to you."
READ_ONLY: Final = "Only the court that handles the case may do this; you may only read it."
"""The answer to a superior or entrusted court that sees a case but does not handle it."""
_REFUSALS: Final[Mapping[str, type[Conflict | InvalidInput]]] = {
    "case_number": Conflict,
    "court_id": InvalidInput,
    "applicant_lessor_id": InvalidInput,
}
_EXPLANATIONS: Final[Mapping[str, str]] = {
    "case_number": "a case with this number is recorded already",
    "court_id": "there is no such court",
    "applicant_lessor_id": "there is no such lessor",
}


async def open_case(session: AsyncSession, new: CaseIn, court_id: int, now: datetime) -> CaseOut:
    """Record a case.

    Raises:
        Conflict: Its number is recorded already.
        InvalidInput: No such court or lessor, a day in the future, or a phase that has ended.
    """
    today, year = day_in_shanghai(now), CaseNumber.parse(new.case_number).year
    if year > today.year:
        raise InvalidInput(f"case_number: the year {year} has not begun", field="case_number")
    if new.opened_on > today:
        raise InvalidInput(f"opened_on: expected {today} or earlier", field="opened_on")
    if new.phase in ENDED_PHASES:
        raise InvalidInput("phase: a case is recorded open and closed afterwards", field="phase")
    row = CaseRow(
        case_number=new.case_number,
        court_id=court_id,
        applicant_lessor_id=new.applicant_lessor_id,
        judgment_debtor=new.judgment_debtor,
        claim_mode=new.claim_mode,
        claim_yuan=new.claim_yuan,
        phase=new.phase,
        basis_number=new.basis_number,
        opened_on=new.opened_on,
        closed_on=None,
        created_at=now,
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        name = violated_constraint(error) or ""
        field = next((f for f in _REFUSALS if f in name), None)
        if field is None:
            raise
        raise _REFUSALS[field](f"{field}: {_EXPLANATIONS[field]}", field=field) from error
    note(session, Note("case.record", row.case_id, detail=row.case_number))
    return (await _to_out(session, [row]))[0]


async def visible_case(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> CaseOut:
    """Return a case, or raise ``NotFound`` where it is not visible.

    A court sees its own cases and those of lower courts, a lessor those that it applied for. An entrusted court and
    an assigned dispatcher see a case while that right is in force and the case open. ``at`` is the time of access,
    not the time that a question is about.
    """
    row = await queries.find_case(session, visibility, case_id, at)
    if row is None:
        raise NotFound(_NOT_FOUND)
    return (await _to_out(session, [row]))[0]


async def list_cases(
    session: AsyncSession,
    visibility: Visibility,
    at: datetime,
    *,
    case_number: str | None,
    phase: Phase | None,
    after: int,
    limit: int,
) -> list[CaseOut]:
    """Return up to ``limit + 1`` visible cases after a key."""
    rows = await queries.find_cases(
        session, visibility, at, case_number=case_number, phase=phase, after=after, limit=limit
    )
    return await _to_out(session, rows)


async def case_to_change(
    session: AsyncSession, visibility: Visibility, case_id: int, now: datetime, *, closed_too: bool = False
) -> CaseRow:
    """Return a case, locked until the transaction ends, so that changes of one case run one after another.

    Raises:
        NotFound: No such case is visible.
        NotPermitted: The court sees the case but does not handle it.
        Conflict: It is closed, and ``closed_too`` is false.
    """
    row = await queries.lock_case(session, visibility, case_id, now)
    if row is None:
        if await queries.find_case(session, visibility, case_id, now) is not None:
            raise NotPermitted(READ_ONLY)
        raise NotFound(_NOT_FOUND)
    if row.closed_on is not None and not closed_too:
        raise Conflict(f"The case was closed on {row.closed_on}; a resumed case has its own number.")
    return row


async def keep_case_open(session: AsyncSession, case_id: int) -> None:
    """Keep others from closing or changing a case until the transaction ends.

    The caller has checked that the case is visible. Every change of a case locks the case first, so until then no
    measure is lifted and no entrustment withdrawn either.

    Raises:
        Conflict: The case is closed.
    """
    async with as_service(session):
        closed_on = await queries.share_lock_case(session, case_id)
    if closed_on is not None:
        raise Conflict(f"The case was closed on {closed_on}.")


async def change_case(
    session: AsyncSession, visibility: Visibility, case_id: int, changes: Mapping[str, Any], now: datetime
) -> CaseOut:
    """Change a case; closing it ends all access that it gave.

    An open phase on a closed case is a correction: its assets become visible again. A case that is resumed in law
    gets a new number and is a new case.

    Args:
        changes: New values by field: judgment_debtor, claim_mode, claim_yuan, basis_number, phase, closed_on.

    Raises:
        NotFound: No such case is visible.
        InvalidInput: The closing day is out of range.
    """
    row = await case_to_change(session, visibility, case_id, now, closed_too=True)
    was_closed = row.closed_on is not None
    for name in ("judgment_debtor", "claim_mode", "claim_yuan", "basis_number"):
        if name in changes:
            setattr(row, name, changes[name])
    _change_phase(row, changes, now)
    await session.flush()
    action = "case.change"
    if row.closed_on is not None and not was_closed:
        action = "case.close"
        await access.end_grants(session, case_id, now)
    elif row.closed_on is None and was_closed:
        action = "case.reopen"
        await grant_visibility(session, row, await unreleased_assets(session, case_id), visibility.principal, now)
    note(session, Note(action, case_id, detail=", ".join(sorted(changes))))
    return (await _to_out(session, [row]))[0]


def _change_phase(row: CaseRow, changes: Mapping[str, Any], now: datetime) -> None:
    today = day_in_shanghai(now)
    phase = Phase(changes.get("phase", row.phase))
    closed_on = changes.get("closed_on")
    if phase not in ENDED_PHASES:
        if closed_on is not None:
            raise InvalidInput(
                "closed_on: also give the phase that begins that day: closed or concluded", field="closed_on"
            )
    elif closed_on is None:
        closed_on = row.closed_on or today
    elif not row.opened_on <= closed_on <= today:
        raise InvalidInput(f"closed_on: expected a day from {row.opened_on} to {today}", field="closed_on")
    row.phase, row.closed_on = phase, closed_on


async def grant_visibility(
    session: AsyncSession, case: CaseRow, asset_ids: Sequence[int], granted_by: Principal, now: datetime
) -> None:
    """Make assets visible to the case's court and to its current assignees and entrusted courts."""
    if not asset_ids:
        return
    assignments = await delegation_queries.open_assignments(session, case.case_id, now)
    entrustments = await delegation_queries.open_entrustments(session, case.case_id, now)
    grants = [access.Grant("court", case.court_id, case.case_id, a, "case", now) for a in asset_ids]
    grants += [grant for row in assignments for grant in assignment_grants(row, asset_ids, now)]
    grants += [grant for row in entrustments for grant in entrustment_grants(row, asset_ids, now)]
    await access.write_grants(session, grants, granted_by)


def assignment_grants(row: AssignmentRow, asset_ids: Iterable[int], now: datetime) -> list[access.Grant]:
    """Return the grants of an assignment for some assets of its case."""
    to, since = row.dispatcher_id, max(row.starts_at, now)
    return [
        access.Grant("principal", to, row.case_id, a, "assignment", since, row.ends_at, row.assignment_id)
        for a in asset_ids
    ]


def entrustment_grants(row: EntrustmentRow, asset_ids: Iterable[int], now: datetime) -> list[access.Grant]:
    """Return the grants of an entrustment for those assets that it covers."""
    to, since = row.court_id, max(row.starts_at, now)
    covered = asset_ids if row.asset_ids is None else sorted(set(row.asset_ids) & set(asset_ids))
    return [
        access.Grant("court", to, row.case_id, a, "entrustment", since, row.ends_at, row.entrustment_id)
        for a in covered
    ]


def sees_whole_case(visibility: Visibility, court_id: int) -> bool:
    """Return whether a court's cases are seen in full: by that court, a superior court or an administrator."""
    return visibility.sees_everything or court_id in visibility.courts


def delegated_only(visibility: Visibility, case: CaseOut, now: datetime) -> Select[int] | None:
    """Return the query of the assets of a case that a delegate sees; None for callers who see all of them."""
    if visibility.lessor_id is not None or sees_whole_case(visibility, case.court_id):
        return None
    return access_visibility.granted_assets(Visibility(visibility.principal, case.case_id), now)


async def unreleased_assets(session: AsyncSession, case_id: int) -> list[int]:
    """Return the confirmed assets of a case, except those whose measures are all lifted."""
    released = await queries.released_assets(session, case_id)
    return [a for a in await queries.confirmed_assets(session, case_id) if a not in released]


async def list_case_assets(
    session: AsyncSession, visibility: Visibility, case_id: int, now: datetime, *, after: int, limit: int
) -> list[CaseAssetOut]:
    """Return up to ``limit + 1`` assets of a case after a key, or raise ``NotFound``.

    The applicant and an administrator see all offered assets, others only confirmed ones: an offer gives no access.
    An entrusted court and a dispatcher see the assets delegated to them.
    """
    case = await visible_case(session, visibility, case_id, now)
    sees_offers = visibility.sees_everything or visibility.lessor_id is not None
    rows = await queries.case_assets(
        session,
        case_id,
        confirmed_only=not sees_offers,
        only=delegated_only(visibility, case, now),
        after=after,
        limit=limit,
    )
    ids = [row.asset_id for row in rows]
    async with as_service(session):  # the rows are visible; row security is slow for a superior court
        identities = await assets.assets_by_id(session, ids)
    states = await seizability_of_case(session, case_id, now, asset_ids=ids)
    return [
        CaseAssetOut(
            asset_id=row.asset_id,
            vin=identities[row.asset_id].vin,
            plate_no=identities[row.asset_id].plate_no,
            serial_no=identities[row.asset_id].serial_no,
            lease_contract_no=identities[row.asset_id].lease_contract_no,
            offered_at=row.offered_at,
            confirmed_at=row.confirmed_at,
            matched_by=IdentifierKind(row.matched_by) if row.matched_by else None,
            seizability=SeizabilityOut.model_validate(state) if (state := states.get(row.asset_id)) else None,
        )
        for row in rows
    ]


async def seizability_of_case(
    session: AsyncSession, case_id: int, at: datetime, *, asset_ids: Sequence[int] | None = None
) -> dict[int, Seizability]:
    """Apply the seizability rule to all confirmed assets of a case; the caller has checked the case's visibility.

    It takes two statements for any number of assets; assets with equal histories share one result. Measures of other
    cases count as facts and are not identified.

    Args:
        at: The time asked about, aware; its day in Asia/Shanghai counts. The past is judged by what is recorded
            today.
        asset_ids: Only these, if given.

    Raises:
        NotFound: The case does not exist.
    """
    case = await queries.case_facts(session, case_id)
    if case is None:
        raise NotFound(_NOT_FOUND)
    court_id, phase, closed_on = case
    day = day_in_shanghai(at)
    known: dict[tuple[Any, ...], Seizability] = {}
    answer = {}
    async with as_service(session):
        rows = await measure_queries.measures_on_assets(session, case_id, asset_ids)
    for asset_id, group in groupby(rows, key=itemgetter(0)):
        history = tuple(row[1:] for row in group)
        if history not in known:
            facts = AssetFacts(case_id, court_id, Phase(phase), closed_on, tuple(_measures(history)), day)
            known[history] = seizable(facts)
        answer[asset_id] = known[history]
    return answer


def _measures(history: Iterable[tuple[Any, ...]]) -> Iterable[Measure]:
    return (Measure(MeasureKind(kind), *rest) for kind, *rest in history if kind is not None)


async def _to_out(session: AsyncSession, rows: Sequence[CaseRow]) -> list[CaseOut]:
    courts = await jurisdictions.courts_by_id(session, {row.court_id for row in rows})
    return [
        CaseOut(
            case_id=row.case_id,
            case_number=row.case_number,
            court_id=row.court_id,
            court_code=courts[row.court_id].code,
            court_name=courts[row.court_id].name,
            court_code_differs=CaseNumber.parse(row.case_number).court_code != courts[row.court_id].code,
            applicant_lessor_id=row.applicant_lessor_id,
            judgment_debtor=row.judgment_debtor,
            claim_mode=ClaimMode(row.claim_mode),
            claim_yuan=row.claim_yuan,
            phase=Phase(row.phase),
            basis_number=row.basis_number,
            opened_on=row.opened_on,
            closed_on=row.closed_on,
            created_at=row.created_at,
        )
        for row in rows
    ]
