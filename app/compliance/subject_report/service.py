"""The report about an asset or a lessee: what is stored, where it came from, to whom it was opened, who read it.

It answers the right of access (PIPL, article 45) and contains no position: a lessor reads its own elsewhere, and a
platform administrator may read none. ``compliance.register`` names the tables behind each part.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Role, Visibility
from app.assets import service as assets
from app.assets.schemas import AssetOut
from app.assets.service import BoundDevice
from app.audit.notes import Note, note
from app.compliance.register import RetentionClass
from app.compliance.retention.domain import Term, terms_of
from app.compliance.subject_report.access_queries import Opening, Reads, openings_of, reads_of
from app.compliance.subject_report.enforcement_queries import CaseName, Hold, holds_on, names_of_cases
from app.compliance.subject_report.schemas import (
    SubjectAssetOut,
    SubjectDataOut,
    SubjectDeviceOut,
    SubjectGrantOut,
    SubjectHoldOut,
    SubjectReadsOut,
    SubjectReportOut,
    SubjectRetentionOut,
    SubjectSourceOut,
)
from app.compliance.subject_report.telemetry_queries import FromFeed, stored_of
from app.compliance.subject_report.tracking_queries import StoredPositions, stored_positions
from app.core.context import Context
from app.core.errors import NotFound
from app.core.web.paging import encode_key
from app.jurisdictions.service import courts_by_id
from app.telemetry.domain import Doubt

_OF_COURTS: Final = frozenset({Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR, Role.DISPATCHER, Role.CREW})
_OF_LESSORS: Final = frozenset({Role.LESSOR_FEED, Role.LESSOR_READER, Role.LESSOR_MANAGER})


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything about some assets, by asset."""

    lessors: Mapping[int, str]
    devices: Mapping[int, Sequence[BoundDevice]]
    stored: Mapping[int, Sequence[FromFeed]]
    positions: Mapping[int, StoredPositions]
    holds: Mapping[int, Sequence[Hold]]
    openings: Mapping[int, Sequence[Opening]]
    reads: Mapping[int, Sequence[Reads]]
    cases: Mapping[int, CaseName]
    courts: Mapping[int, str]


async def report_on_asset(
    session: AsyncSession, visibility: Visibility, asset_id: int, context: Context
) -> SubjectReportOut:
    """Return what is stored of an asset.

    Raises:
        NotFound: It does not exist or is not visible.
    """
    now = context.clock.now()
    row = await assets.visible_asset(session, visibility, asset_id, now)
    found = await _report(session, [AssetOut.model_validate(row)], context)
    note(session, Note("subject.report", asset_ids=(asset_id,), results=1))
    return SubjectReportOut(lessee_name=None, computed_at=now, assets=found, next=None)


async def report_on_lessee(
    session: AsyncSession, visibility: Visibility, name: str, context: Context, *, after: int, limit: int
) -> SubjectReportOut:
    """Return what is stored of the visible assets of a lessee, by the name exactly as registered.

    Raises:
        NotFound: No visible asset has a lessee of that name.
    """
    now = context.clock.now()
    rows = await assets.assets_of_lessee(session, visibility, name, now, after=after, limit=limit)
    if not rows and not after:
        raise NotFound("name: no visible asset has a lessee of this name", field="name")
    page = [AssetOut.model_validate(row) for row in rows[:limit]]
    found = await _report(session, page, context)
    note(session, Note("subject.report", asset_ids=[a.asset_id for a in page], results=len(page), detail=name))
    following = encode_key(page[-1].asset_id) if len(rows) > limit else None
    return SubjectReportOut(lessee_name=name, computed_at=now, assets=found, next=following)


async def _report(session: AsyncSession, page: Sequence[AssetOut], context: Context) -> list[SubjectAssetOut]:
    ids = [asset.asset_id for asset in page]
    openings, reads, holds = (
        await openings_of(session, ids),
        await reads_of(session, ids),
        await holds_on(session, ids),
    )
    case_ids = {
        one.case_id
        for by_asset in (openings, reads, holds)
        for several in by_asset.values()
        for one in several
        if one.case_id is not None
    }
    cases = await names_of_cases(session, case_ids)
    court_ids = {case.court_id for case in cases.values()}
    court_ids |= {o.court_id for several in openings.values() for o in several if o.court_id is not None}
    court_ids |= {
        x.subject_id for several in reads.values() for x in several if x.subject_id and x.role in _OF_COURTS
    }
    found = _Found(
        lessors=await assets.lessor_names(session, {asset.lessor_id for asset in page}),
        devices=await assets.devices_on(session, ids),
        stored=await stored_of(session, ids),
        positions=await stored_positions(session, ids),
        holds=holds,
        openings=openings,
        reads=reads,
        cases=cases,
        courts={i: c.name for i, c in (await courts_by_id(session, court_ids)).items()},
    )
    terms = terms_of(context.settings.retention)
    return [_asset(asset, found, terms) for asset in page]


def _asset(asset: AssetOut, found: _Found, terms: Sequence[Term]) -> SubjectAssetOut:
    number = asset.asset_id
    feeds, positions = found.stored.get(number, ()), found.positions[number]
    held = any(hold.until_at is None for hold in found.holds.get(number, ()))
    return SubjectAssetOut(
        asset=asset,
        lessor=found.lessors.get(asset.lessor_id),
        devices=[SubjectDeviceOut(**device._asdict()) for device in found.devices.get(number, ())],
        stored=_stored(feeds, positions),
        sources=[
            SubjectSourceOut(
                feed_id=f.feed_id,
                feed=f.feed,
                pings=f.pings,
                batches=f.batches,
                first_received_at=f.first_received_at,
                last_received_at=f.last_received_at,
            )
            for f in feeds
        ],
        retention=[_retention(term, feeds, positions, held=held) for term in terms],
        holds=[_hold(hold, found) for hold in found.holds.get(number, ())],
        opened_to=[_opened(opening, found) for opening in found.openings.get(number, ())],
        looks=_reads(found.reads.get(number, ()), found),
    )


def _stored(feeds: Sequence[FromFeed], positions: StoredPositions) -> SubjectDataOut:
    doubts: Counter[str] = Counter()
    for feed in feeds:
        doubts.update({str(d.name).lower(): n for d, n in zip(Doubt, feed.doubts, strict=True) if n})
    batches, kept = sum(f.batches for f in feeds), sum(f.bodies_kept for f in feeds)
    return SubjectDataOut(
        pings=sum(f.pings for f in feeds),
        first_fixed_at=min((f.first_fixed_at for f in feeds), default=None),
        last_fixed_at=max((f.last_fixed_at for f in feeds), default=None),
        current_positions=positions.current,
        daily_positions=positions.daily,
        first_day=positions.first,
        last_day=positions.last,
        raw_bodies=kept,
        raw_bodies_emptied=batches - kept,
        doubts=dict(doubts),
        later_doubts=sum(f.later_doubts for f in feeds),
    )


def _retention(
    term: Term, feeds: Sequence[FromFeed], positions: StoredPositions, *, held: bool
) -> SubjectRetentionOut:
    oldest: date | None = None
    match term.kind:
        case RetentionClass.RAW:
            oldest = min((f.first_body_at.date() for f in feeds if f.first_body_at), default=None)
        case RetentionClass.PING:
            oldest = min((f.first_due_at.date() for f in feeds), default=None)
        case RetentionClass.DERIVED:
            oldest = positions.first
        case _:
            pass
    kept = held and term.held
    goes = None if oldest is None or term.days is None or kept else oldest + timedelta(days=term.days)
    return SubjectRetentionOut(kind=term.kind.value, what=term.what, days=term.days, oldest_goes_on=goes, held=kept)


def _hold(hold: Hold, found: _Found) -> SubjectHoldOut:
    case = None if hold.case_id is None else found.cases.get(hold.case_id)
    return SubjectHoldOut(
        court=None if case is None else found.courts.get(case.court_id),
        case_number=None if case is None else case.case_number,
        from_at=hold.from_at,
        until_at=hold.until_at,
    )


def _opened(opening: Opening, found: _Found) -> SubjectGrantOut:
    case = found.cases.get(opening.case_id)
    to: Literal["court", "dispatcher", "crew", "other"] = "other"
    match opening.role:
        case None if opening.court_id is not None:
            to = "court"
        case Role.DISPATCHER:
            to = "dispatcher"
        case Role.CREW:
            to = "crew"
        case _:
            pass
    court_id = opening.court_id if opening.court_id is not None else case.court_id if case else None
    return SubjectGrantOut(
        to=to,
        court=None if court_id is None else found.courts.get(court_id),
        case_number=None if case is None else case.case_number,
        ground=opening.ground,
        valid_from=opening.valid_from,
        valid_until=opening.valid_until,
    )


By = Literal["court", "lessor", "other"]


def _reads(reads: Sequence[Reads], found: _Found) -> list[SubjectReadsOut]:
    """Add reads up by court: the report does not say which officer, dispatcher or recipient it was."""
    counts: Counter[tuple[By, str | None]] = Counter()
    days: defaultdict[tuple[By, str | None], set[date]] = defaultdict(set)
    for one in reads:
        who = _by(one, found)
        counts[who] += one.count
        days[who].update(one.days)
    return [
        SubjectReadsOut(by=by, name=name, count=counts[by, name], days=sorted(days[by, name]))
        for by, name in sorted(counts, key=lambda w: (w[0], w[1] or ""))
    ]


def _by(one: Reads, found: _Found) -> tuple[By, str | None]:
    if one.role in _OF_LESSORS:
        return "lessor", found.lessors.get(one.subject_id or 0)
    if one.role not in _OF_COURTS:
        return "other", one.role.replace("_", " ")
    case = found.cases.get(one.case_id or 0)
    court_id = one.subject_id if one.subject_id is not None else case.court_id if case else 0
    return "court", found.courts.get(court_id)


def moment(at: datetime | None) -> str:
    """Return a time (UTC) in ISO 8601 to the second; empty for None."""
    return "" if at is None else at.isoformat(timespec="seconds")
