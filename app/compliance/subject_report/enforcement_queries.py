"""Legal holds on an asset, and the cases it was opened for, for the subject report."""

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
    """A legal hold on an asset; times are UTC. The court's reason is left out."""

    case_id: int | None
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseName:
    """What the owner of an asset may know of a case."""

    case_number: str
    court_id: int


async def holds_on(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return the legal holds on assets, released ones too; the caller has checked that the assets are visible."""
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
    """Return number and court of cases; the caller has checked that a visible asset was opened for them."""
    query = select(CaseRow.case_id, CaseRow.case_number, CaseRow.court_id)
    async with as_service(session):
        rows = (await session.execute(query.where(CaseRow.case_id == func.any(list(case_ids))))).all()
    return {case_id: CaseName(number, court_id) for case_id, number, court_id in rows}
