"""To whom an asset was opened and who read it, for the subject report; not which person it was."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Role
from app.access.tables import GrantRow, PrincipalRow
from app.core.db.database import as_service


@dataclass(frozen=True, slots=True)
class Opening:
    """A grant: an asset was opened to a court or to a principal; times are UTC."""

    asset_id: int
    court_id: int | None  # None where it was opened to a principal
    role: Role | None  # the principal's
    case_id: int
    ground: str
    valid_from: datetime
    valid_until: datetime | None  # exclusive; None while it lasts


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of an asset by one role, for one court or lessor and one case."""

    asset_id: int
    role: str  # as in the audit trail
    subject_id: int | None  # the court or the lessor
    case_id: int | None
    count: int  # entries of the audit trail
    days: tuple[date, ...]  # Asia/Shanghai, ascending


_READS: Final = text("""
    SELECT a.asset_id, t.role, t.subject_id, t.case_id, count(*),
           array_agg(DISTINCT (t.at AT TIME ZONE 'Asia/Shanghai')::date)
    FROM unnest(CAST(:asset_ids AS integer[])) AS a(asset_id)
    CROSS JOIN LATERAL unnest(rls_trail_sets(a.asset_id)) AS s(assets_sha256)
    JOIN trail t ON t.assets_sha256 = s.assets_sha256
    WHERE t.action LIKE '%.read' OR t.action LIKE '%.export' OR t.action IN ('share.open', 'subject.report')
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""")
"""Uses the index of the asset sets that hold an asset, and the index of the trail on their digests."""


async def openings_of(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, list[Opening]]:
    """Return the grants of assets, oldest first; the caller has checked that the assets are visible."""
    query = (
        select(
            GrantRow.asset_id,
            GrantRow.grantee_kind,
            GrantRow.grantee_id,
            PrincipalRow.role,
            GrantRow.case_id,
            GrantRow.ground,
            GrantRow.valid_from,
            GrantRow.valid_until,
        )
        .outerjoin(
            PrincipalRow,
            (GrantRow.grantee_kind == "principal") & (PrincipalRow.principal_id == GrantRow.grantee_id),
        )
        .where(GrantRow.asset_id == func.any(list(asset_ids)))
        .order_by(GrantRow.asset_id, GrantRow.valid_from, GrantRow.grant_id)
    )
    async with as_service(session):
        rows = (await session.execute(query)).all()
    found: dict[int, list[Opening]] = defaultdict(list)
    for asset_id, kind, grantee_id, role, case_id, ground, valid_from, valid_until in rows:
        court_id = grantee_id if kind == "court" else None
        opening = Opening(asset_id, court_id, Role(role) if role else None, case_id, ground, valid_from, valid_until)
        found[asset_id].append(opening)
    return found


async def reads_of(session: AsyncSession, asset_ids: Sequence[int]) -> dict[int, list[Reads]]:
    """Return the reads of assets, from the audit trail; the caller has checked that the assets are visible."""
    async with as_service(session):
        rows = (await session.execute(_READS, {"asset_ids": list(asset_ids)})).all()
    found: dict[int, list[Reads]] = defaultdict(list)
    for asset_id, role, subject_id, case_id, count, days in rows:
        found[asset_id].append(Reads(asset_id, role, subject_id, case_id, count, tuple(sorted(days))))
    return found
