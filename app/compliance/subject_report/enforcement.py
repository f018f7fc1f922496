"""For the report about an asset: legal holds on it, and the cases that it was opened for."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.database import as_service
from app.enforcement.tables import CaseAssetRow, CaseRow, LegalHoldRow


@dataclass(frozen=True, slots=True)
class Hold:
    """That nothing of an asset is deleted, from when until when (UTC), and for which case; why is the court's."""

    case_id: int | None
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseName:
    """As much of a case as is told to whoever owns an asset of it."""

    case_number: str
    court_id: int


async def holds_on(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return the legal holds on assets, released ones too; the caller has checked that the assets are in sight."""
    held = func.coalesce(LegalHoldRow.asset_id, CaseAssetRow.asset_id)  # a hold of a whole case names no asset
    of_case = and_(
        LegalHoldRow.asset_id.is_(None),
        CaseAssetRow.case_id == LegalHoldRow.case_id,
        CaseAssetRow.confirmed_at.is_not(None),
    )
    query = (
        select(held, LegalHoldRow.case_id, LegalHoldRow.from_at, LegalHoldRow.until_at)
        .outerjoin(CaseAssetRow, of_case)
        .where(held == func.any(list(asset_ids)))
    )
    async with as_service(session):
        rows = (await session.execute(query.order_by(LegalHoldRow.hold_id))).all()
    found: dict[int, list[Hold]] = defaultdict(list)
    for asset_id, case_id, from_at, until_at in rows:
        found[asset_id].append(Hold(case_id, from_at, until_at))
    return found


async def names_of_cases(session: AsyncSession, case_ids: Collection[int]) -> dict[int, CaseName]:
    """Return number and court of cases; the caller has checked that an asset in sight was opened for them."""
    query = select(CaseRow.case_id, CaseRow.case_number, CaseRow.court_id)
    async with as_service(session):
        rows = (await session.execute(query.where(CaseRow.case_id == func.any(list(case_ids))))).all()
    return {case_id: CaseName(number, court_id) for case_id, number, court_id in rows}
