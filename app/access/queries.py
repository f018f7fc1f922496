"""SQL of principals and grants."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import (
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.access.domain import Role, Visibility
from app.access.tables import GrantRow, PrincipalRow
from app.access.visibility import granted_assets


async def principal_name(session: AsyncSession, principal_id: int) -> str | None:
    """Return the name of a principal."""
    return await session.scalar(select(PrincipalRow.name).where(PrincipalRow.principal_id == principal_id))


async def principal_exists(session: AsyncSession, principal_id: int, role: Role) -> bool:
    """Return whether a principal with this role exists."""
    found = select(PrincipalRow.principal_id).where(
        PrincipalRow.principal_id == principal_id, PrincipalRow.role == role
    )
    return (await session.scalar(found)) is not None


async def insert_grants(session: AsyncSession, rows: Sequence[GrantRow]) -> None:
    """Insert grants with one statement."""
    columns = [c.key for c in GrantRow.__table__.columns if c.key != "grant_id"]
    if rows:
        await session.execute(insert(GrantRow), [{c: getattr(row, c) for c in columns} for row in rows])


async def in_open_case(session: AsyncSession, asset_id: int, at: datetime) -> bool:
    """Return whether the court of any case may see an asset at a moment."""
    query = select(GrantRow.grant_id).where(
        GrantRow.asset_id == asset_id,
        GrantRow.ground == "case",
        GrantRow.valid_from <= at,
        or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > at),
    )
    return (await session.scalar(query.limit(1))) is not None


async def visible_assets(
    session: AsyncSession, visibility: Visibility, asset_ids: Collection[int], at: datetime
) -> set[int]:
    """Return those of some assets that are granted."""
    query = granted_assets(visibility, at).where(GrantRow.asset_id == func.any(list(asset_ids)))
    return set((await session.scalars(query)).all())


async def end_grants(
    session: AsyncSession,
    case_id: int,
    asset_ids: Sequence[int] | None,
    ground: tuple[str, int] | None,
    at: datetime,
) -> None:
    """End grants of a case at a moment; grants that ended earlier do not change.

    Also ends the case's delegated grants whose delegator has no valid grant of its own left. A grant that would begin
    after ``at`` never becomes valid: its end is set to its beginning.
    """
    grants = update(GrantRow).where(
        GrantRow.case_id == case_id, or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > at)
    )
    if asset_ids is not None:
        grants = grants.where(GrantRow.asset_id == func.any(list(asset_ids)))
    if ground is not None:
        grants = grants.where(GrantRow.ground == ground[0], GrantRow.ground_id == ground[1])
    ended = {"valid_until": case((GrantRow.valid_from > at, GrantRow.valid_from), else_=literal(at))}
    await session.execute(grants.values(ended))
    right = aliased(GrantRow)
    held = exists().where(
        right.grantee_kind == GrantRow.through_kind,
        right.grantee_id == GrantRow.through_id,
        right.case_id == GrantRow.case_id,
        right.asset_id == GrantRow.asset_id,
        right.through_kind.is_(None),
        right.valid_from <= at,
        or_(right.valid_until.is_(None), right.valid_until > at),
    )
    handed_on = update(GrantRow).where(
        GrantRow.case_id == case_id,
        GrantRow.through_kind.is_not(None),
        or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > at),
        ~held,
    )
    await session.execute(handed_on.values(ended))
