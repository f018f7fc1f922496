"""Seizure measures: ordered for many assets at once, renewed, lifted, listed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access.domain import Visibility
from app.assets import service as assets
from app.audit.notes import Note, note
from app.core.db.database import as_service, violated_constraint
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from app.enforcement import queries
from app.enforcement.domain import RowFault, day_in_shanghai
from app.enforcement.errors import RowsRefused
from app.enforcement.measures import deadlines
from app.enforcement.measures import queries as measure_queries
from app.enforcement.schemas import MeasureIn, MeasureOut, RenewalOut, SeizureOut
from app.enforcement.seizable import MeasureKind
from app.enforcement.service import READ_ONLY, case_to_change, delegated_only, grant_visibility, visible_case
from app.enforcement.tables import MeasureRow, RenewalRow
from app.jurisdictions import service as jurisdictions

_OVERLAP: Final = "seizure_measure_overlap_excl"


async def order_measures(
    session: AsyncSession, visibility: Visibility, case_id: int, orders: Sequence[MeasureIn], now: datetime
) -> list[int]:
    """Record measures on confirmed assets of a case, all or none, and return their ids in the given order.

    An asset that was hidden because its measures were lifted becomes visible again.

    Raises:
        NotFound: No such case, or it is another court's.
        Conflict: The case is closed, or a measure of the same kind on the same asset has a day in common.
        RowsRefused: Lists every invalid row.
    """
    case = await case_to_change(session, visibility, case_id, now)
    asset_ids = list({o.asset_id for o in orders})
    confirmed = set(await queries.confirmed_assets(session, case_id, asset_ids))
    faults = list(_faults(orders, confirmed, day_in_shanghai(now)))
    if faults:
        raise RowsRefused("measures", faults)
    _refuse_overlaps(orders, await measure_queries.unlifted_terms(session, case_id, asset_ids))
    released = await queries.released_assets(session, case_id, asset_ids)
    added = {"case_id": case_id, "created_at": now, "created_by": visibility.principal.principal_id}
    ids = await measure_queries.add_measures(session, [_columns(order) | added for order in orders])
    await grant_visibility(session, case, sorted(released), visibility.principal, now)
    note(
        session,
        Note("measure.record", case_id, asset_ids, results=len(ids), detail=f"from measure {min(ids, default=0)}"),
    )
    return ids


def _faults(orders: Iterable[MeasureIn], confirmed: set[int], today: date) -> Iterable[RowFault]:
    for index, order in enumerate(orders):
        if order.asset_id not in confirmed:
            yield RowFault(index, "asset_id", "expected a confirmed asset of this case")
        fault = deadlines.term_fault(order.starts_on, order.ends_on)
        if fault:
            yield RowFault(index, "ends_on", fault)
        fault = _effect_fault(order.rank, order.starts_on, order.effective_on, today)
        if fault:
            yield RowFault(index, "effective_on", fault)


def _effect_fault(rank: int, starts_on: date, effective_on: date | None, today: date) -> str | None:
    if effective_on is None:
        return None
    if rank == 1:
        return "a measure of rank 1 does not wait: leave it out"
    return deadlines.event_day_fault(starts_on, effective_on, today)


def _refuse_overlaps(orders: Sequence[MeasureIn], existing: Iterable[Sequence[Any]]) -> None:
    """Refuse a measure with a day in common with another of its kind on the asset, stored or in the list."""
    taken: dict[tuple[int, str], list[tuple[date, date]]] = {}
    for asset_id, kind, starts_on, ends_on in existing:
        taken.setdefault((asset_id, kind), []).append((starts_on, ends_on))
    for index, order in enumerate(orders):
        terms_taken = taken.setdefault((order.asset_id, order.kind), [])
        for starts_on, ends_on in terms_taken:
            if order.starts_on <= ends_on and starts_on <= order.ends_on:
                field = f"measures.{index}.starts_on"
                detail = f"a {order.kind} of asset {order.asset_id} runs from {starts_on} to {ends_on} already"
                raise Conflict(f"{field}: {detail}", field=field)
        terms_taken.append((order.starts_on, order.ends_on))


def _columns(order: MeasureIn) -> dict[str, Any]:
    return {
        "asset_id": order.asset_id,
        "kind": order.kind,
        "rank": order.rank,
        "starts_on": order.starts_on,
        "ends_on": order.ends_on,
        "released_on": None,
        "effective_on": order.effective_on,
        "custodian": order.custodian,
    }


async def change_measure(
    session: AsyncSession, visibility: Visibility, measure_id: int, changes: Mapping[str, Any], now: datetime
) -> MeasureOut:
    """Renew a measure, lift it, record that it took effect as the first, or set its custodian.

    When a case's last measure on an asset is lifted, the case no longer makes the asset visible to anyone.

    Args:
        changes: New values by field: ends_on, released_on, effective_on, custodian; all but the last are days.

    Raises:
        NotFound: No such measure is visible.
        NotPermitted: The court sees the measure but does not handle its case.
        Conflict: It is lifted or lapsed, or the renewal overlaps another measure of its kind.
        InvalidInput: A day is out of range.
    """
    row = await measure_queries.lock_measure(session, visibility, measure_id, now)
    if row is None:
        if await measure_queries.visible_measure(session, visibility, measure_id, now):
            raise NotPermitted(READ_ONLY)
        raise NotFound("No such measure is visible to you.")
    today = day_in_shanghai(now)
    over = deadlines.ended_reason(row.ends_on, row.released_on, today)
    if over:
        raise Conflict(over, field=next(iter(changes), None))
    if changes.get("ends_on") is not None:
        await _renew(session, row, changes["ends_on"], visibility, now)
    if changes.get("effective_on") is not None:
        fault = _effect_fault(row.rank, row.starts_on, changes["effective_on"], today)
        if fault:
            raise InvalidInput(f"effective_on: {fault}", field="effective_on")
        row.effective_on = changes["effective_on"]
    if "custodian" in changes:
        row.custodian = changes["custodian"]
    if changes.get("released_on") is not None:
        await _release(session, row, changes["released_on"], now)
    await session.flush()
    detail = f"measure {measure_id}: {', '.join(sorted(changes))}"
    note(session, Note(_action(changes), row.case_id, (row.asset_id,), detail=detail))
    return (await _to_out(session, [row]))[0]


def _action(changes: Mapping[str, Any]) -> str:
    if changes.get("released_on") is not None:
        return "measure.lift"
    return "measure.renew" if changes.get("ends_on") is not None else "measure.change"


async def _renew(
    session: AsyncSession, row: MeasureRow, ends_on: date, visibility: Visibility, now: datetime
) -> None:
    fault = deadlines.renewal_fault(row.ends_on, ends_on)
    if fault:
        raise InvalidInput(f"ends_on: {fault}", field="ends_on")
    session.add(
        RenewalRow(
            measure_id=row.measure_id,
            previous_ends_on=row.ends_on,
            ends_on=ends_on,
            renewed_at=now,
            renewed_by=visibility.principal.principal_id,
        )
    )
    row.ends_on = ends_on
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) != _OVERLAP:
            raise
        detail = f"ends_on: another measure of this kind on the asset begins before {ends_on}"
        raise Conflict(detail, field="ends_on") from error


async def _release(session: AsyncSession, row: MeasureRow, released_on: date, now: datetime) -> None:
    fault = deadlines.event_day_fault(row.starts_on, released_on, day_in_shanghai(now))
    if fault:
        raise InvalidInput(f"released_on: {fault}", field="released_on")
    row.released_on = released_on
    await session.flush()
    if await queries.released_assets(session, row.case_id, [row.asset_id]):
        await access.end_grants(session, row.case_id, now, asset_ids=[row.asset_id])


async def list_measures(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    now: datetime,
    *,
    asset_id: int | None,
    after: int,
    limit: int,
) -> list[MeasureOut]:
    """Return up to ``limit + 1`` measures of a case after a key, or raise ``NotFound``."""
    case = await visible_case(session, visibility, case_id, now)
    only = delegated_only(visibility, case, now)
    found = await measure_queries.find_measures(
        session, case_id, asset_id=asset_id, only=only, after=after, limit=limit
    )
    return await _to_out(session, found)


async def seizures_of(
    session: AsyncSession, visibility: Visibility, asset_id: int, now: datetime, *, after: int, limit: int
) -> list[SeizureOut]:
    """Return up to ``limit + 1`` measures of all cases on an asset after a key, or raise ``NotFound``.

    The owner and an administrator see court and case number of each. A court or a dispatcher sees them only where it
    sees that case.
    """
    await assets.visible_asset(session, visibility, asset_id, now)
    async with as_service(session):
        rows = await measure_queries.seizures_of(session, asset_id, after=after, limit=limit)
        courts = await jurisdictions.courts_by_id(session, {court_id for _, _, court_id in rows})
        visible_ids = {row.case_id for row, _, _ in rows}
        if visibility.lessor_id is None:
            visible_ids = await measure_queries.visible_case_ids(session, visibility, list(visible_ids), now)
    today = day_in_shanghai(now)
    return [
        SeizureOut(
            measure_id=row.measure_id,
            kind=MeasureKind(row.kind),
            rank=row.rank,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            released_on=row.released_on,
            effective_on=row.effective_on,
            in_force=row.starts_on <= today and deadlines.ended_reason(row.ends_on, row.released_on, today) is None,
            case_number=case_number if row.case_id in visible_ids else None,
            court_name=courts[court_id].name if row.case_id in visible_ids else None,
        )
        for row, case_number, court_id in rows
    ]


async def _to_out(session: AsyncSession, rows: Sequence[MeasureRow]) -> list[MeasureOut]:
    renewals: dict[int, list[RenewalOut]] = {}
    for r in await measure_queries.renewals_of(session, [row.measure_id for row in rows]):
        renewals.setdefault(r.measure_id, []).append(RenewalOut.model_validate(r))
    return [
        MeasureOut(
            measure_id=row.measure_id,
            case_id=row.case_id,
            asset_id=row.asset_id,
            kind=MeasureKind(row.kind),
            rank=row.rank,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            released_on=row.released_on,
            effective_on=row.effective_on,
            custodian=row.custodian,
            created_at=row.created_at,
            renewals=renewals.get(row.measure_id, []),
        )
        for row in rows
    ]
