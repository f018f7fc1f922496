"""Principals and grants; higher rooms write grants only through these functions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import queries
from app.access.domain import KINDS_WITH_SUBJECT, Principal, Role, Visibility
from app.access.tables import GrantRow, PrincipalRow
from app.core.clock import Clock
from app.core.db.database import as_service
from app.core.errors import InvalidInput


async def create_principal(
    session: AsyncSession, role: Role, name: str, clock: Clock, *, subject_id: int | None = None
) -> int:
    """Create a principal and return its id; only lessors and courts have a ``subject_id``, else ``InvalidInput``."""
    if (subject_id is not None) != (role.kind in KINDS_WITH_SUBJECT):
        raise InvalidInput("subject_id: required for a lessor or a court, not allowed for others", field="subject_id")
    row = PrincipalRow(role=role, subject_id=subject_id, name=name, created_at=clock.now())
    session.add(row)
    await session.flush()
    return row.principal_id


async def name_of(session: AsyncSession, principal_id: int) -> str:
    """Return the name of a principal; empty if it does not exist."""
    async with as_service(session):
        return await queries.principal_name(session, principal_id) or ""


async def is_in_role(session: AsyncSession, principal_id: int, role: Role) -> bool:
    """Return whether a principal exists and has a role."""
    async with as_service(session):
        return await queries.principal_exists(session, principal_id, role)


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of a grantee to see an asset for a case.

    Attributes:
        through: Kind and id of the grantee whose own grant is delegated; this one ends with that one.
    """

    grantee_kind: str
    grantee_id: int
    case_id: int
    asset_id: int
    ground: str  # why: ``case``, or the kind of what ``ground_id`` identifies
    valid_from: datetime
    valid_until: datetime | None = None
    ground_id: int | None = None  # the entrustment, the assignment or the mission; None for a case
    through: tuple[str, int] | None = None


async def write_grants(session: AsyncSession, grants: Iterable[Grant], granted_by: Principal) -> None:
    """Insert grants in the caller's transaction, so that a confirmation and its grant commit together."""
    rows = [
        GrantRow(
            grantee_kind=g.grantee_kind,
            grantee_id=g.grantee_id,
            case_id=g.case_id,
            asset_id=g.asset_id,
            ground=g.ground,
            ground_id=g.ground_id,
            through_kind=g.through[0] if g.through else None,
            through_id=g.through[1] if g.through else None,
            valid_from=g.valid_from,
            valid_until=g.valid_until,
            granted_by=granted_by.principal_id,
        )
        for g in grants
    ]
    async with as_service(session):
        await queries.insert_grants(session, rows)


async def end_grants(
    session: AsyncSession,
    case_id: int,
    at: datetime,
    *,
    asset_ids: list[int] | None = None,
    ground: tuple[str, int] | None = None,
) -> None:
    """End grants of a case at an aware moment; delegated grants end with the grant of their delegator.

    Restricted to some assets and to one ground, for example ``("entrustment", 7)``, where given.
    """
    async with as_service(session):
        await queries.end_grants(session, case_id, asset_ids, ground, at)


async def in_open_case(session: AsyncSession, asset_id: int, at: datetime) -> bool:
    """Return whether an open case has confirmed an asset and not released it; the caller learns nothing else."""
    async with as_service(session):
        return await queries.in_open_case(session, asset_id, at)


async def visible_assets(
    session: AsyncSession, visibility: Visibility, asset_ids: Collection[int], at: datetime
) -> set[int]:
    """Return those of some assets that a court or a dispatcher may see at a moment."""
    return await queries.visible_assets(session, visibility, asset_ids, at)
