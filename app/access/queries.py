"""All SQL of this room."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.access.domain import Permission, Principal, PrincipalKind, Role, Visibility
from app.access.roles import permissions_of
from app.access.tables import AccountRow, ApiKeyRow, GrantRow, PrincipalRow

_LOWER: Final = table("lower_court", column("court_id", Integer), column("lower_court_id", Integer))
"""The view ``lower_court``: of each court, the courts below it."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that is in force.

    Attributes:
        secret_sha256: Of its secret.
        principal: Whose it is, with what the key opens.
        expires_at: When it ends by itself, UTC.
    """

    secret_sha256: bytes
    principal: Principal
    expires_at: datetime | None


async def find_key(session: AsyncSession, prefix: str, now: datetime) -> FoundKey | None:
    """Return the key of a prefix if it is in force."""
    row = (
        await session.execute(
            select(ApiKeyRow, PrincipalRow, lower_courts())
            .join(PrincipalRow, PrincipalRow.principal_id == ApiKeyRow.principal_id)
            .outerjoin(AccountRow, AccountRow.principal_id == ApiKeyRow.principal_id)
            .where(
                ApiKeyRow.prefix == prefix,
                ApiKeyRow.revoked_at.is_(None),
                AccountRow.disabled_at.is_(None),
                or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > now),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    key, holder, lower = row
    role = Role(holder.role)
    scopes = None if key.scopes is None else frozenset(Permission(scope) for scope in key.scopes)
    principal = Principal(
        holder.principal_id,
        role,
        holder.subject_id,
        key.api_key_id,
        key.feed_id,
        permissions_of(role, scopes),
        tuple(lower),
    )
    return FoundKey(key.secret_sha256, principal, key.expires_at)


async def principal_in_force(
    session: AsyncSession, principal_id: int, api_key_id: int | None, now: datetime
) -> Principal | None:
    """Return a principal as it is now, outside of a request of its own; None when it may not come in any more.

    Args:
        session: A transaction of the service itself.
        principal_id: Who.
        api_key_id: The key with which it came in when it asked for what is done now; it must still be in force.
        now: The present.
    """
    row = (
        await session.execute(
            select(PrincipalRow, ApiKeyRow, lower_courts())
            .outerjoin(
                ApiKeyRow,
                and_(ApiKeyRow.principal_id == PrincipalRow.principal_id, ApiKeyRow.api_key_id == api_key_id),
            )
            .outerjoin(AccountRow, AccountRow.principal_id == PrincipalRow.principal_id)
            .where(PrincipalRow.principal_id == principal_id, AccountRow.disabled_at.is_(None))
        )
    ).one_or_none()
    if row is None:
        return None
    holder, below = row.PrincipalRow, row[2]
    key: ApiKeyRow | None = row.ApiKeyRow
    if api_key_id is not None and (
        key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)
    ):
        return None
    role = Role(holder.role)
    scopes = None if key is None or key.scopes is None else frozenset(Permission(scope) for scope in key.scopes)
    feed_id = None if key is None else key.feed_id
    return Principal(
        holder.principal_id,
        role,
        holder.subject_id,
        api_key_id,
        feed_id,
        permissions_of(role, scopes),
        tuple(below),
    )


def lower_courts() -> ColumnElement[list[int]]:
    """Return the column of the courts below that of an officer; nothing for anybody else."""
    lower = select(_LOWER.c.lower_court_id).where(
        _LOWER.c.court_id == PrincipalRow.subject_id, PrincipalRow.role == Role.ENFORCEMENT_OFFICER
    )
    return func.array(lower.scalar_subquery())


async def principal_named(
    session: AsyncSession, role: Role, name: str, subject_id: int | None
) -> PrincipalRow | None:
    """Return the first principal in a role of a court or lessor (or of none) with this name that is no person.

    No key opens somebody's account, and no key of one lessor another's.
    """
    persons = select(AccountRow.principal_id).where(AccountRow.principal_id == PrincipalRow.principal_id)
    return (
        await session.scalars(
            select(PrincipalRow)
            .where(
                PrincipalRow.role == role,
                PrincipalRow.name == name,
                PrincipalRow.subject_id.is_not_distinct_from(subject_id),
                ~persons.exists(),
            )
            .order_by(PrincipalRow.principal_id)
            .limit(1)
        )
    ).one_or_none()


async def principal_name(session: AsyncSession, principal_id: int) -> str | None:
    """Return the name of a principal."""
    return await session.scalar(select(PrincipalRow.name).where(PrincipalRow.principal_id == principal_id))


async def principal_exists(session: AsyncSession, principal_id: int, role: Role) -> bool:
    """Tell whether a principal in this role exists."""
    found = select(PrincipalRow.principal_id).where(
        PrincipalRow.principal_id == principal_id, PrincipalRow.role == role
    )
    return (await session.scalar(found)) is not None


def granted_assets(visibility: Visibility, at: datetime) -> Select[int]:
    """Return the query of the assets that a court or a dispatcher may see at a moment.

    Where the visibility names a case, only through that case. Wrap it as ``asset_id = ANY(ARRAY(...))``: the form
    that was measured at 1.1 ms for a case of 671 among a million assets.
    """
    principal = visibility.principal
    if principal.kind is PrincipalKind.COURT:
        own = and_(GrantRow.grantee_kind == "court", GrantRow.grantee_id == principal.subject_id)
        of_lower = and_(
            GrantRow.grantee_kind == "court",
            GrantRow.grantee_id == func.any(list(principal.lower_courts)),
            GrantRow.ground == "case",
        )
        given = or_(own, of_lower) if principal.lower_courts else own
    else:
        given = and_(GrantRow.grantee_kind == "principal", GrantRow.grantee_id == principal.principal_id)
    query = select(GrantRow.asset_id).where(
        given, GrantRow.valid_from <= at, or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > at)
    )
    return query if visibility.case_id is None else query.where(GrantRow.case_id == visibility.case_id)


async def insert_grants(session: AsyncSession, rows: Sequence[GrantRow]) -> None:
    """Write grants in one statement."""
    columns = [c.key for c in GrantRow.__table__.columns if c.key != "grant_id"]
    if rows:
        await session.execute(insert(GrantRow), [{c: getattr(row, c) for c in columns} for row in rows])


async def in_open_case(session: AsyncSession, asset_id: int, at: datetime) -> bool:
    """Tell whether the court of some case sees an asset at a moment."""
    query = select(GrantRow.grant_id).where(
        GrantRow.asset_id == asset_id,
        GrantRow.ground == "case",
        GrantRow.valid_from <= at,
        or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > at),
    )
    return (await session.scalar(query.limit(1))) is not None


async def seen_assets(
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
    """End the grants of a case (of some of its assets, on one ground) at a moment; what ended earlier stays so.

    So end the case's grants that were handed on by one who has no right of its own left.

    A grant that would begin later than ``at`` never opens: its end is put at its beginning.
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


async def note_uses(session: AsyncSession, uses: Mapping[int, datetime]) -> None:
    """Keep when keys were used last; a later moment that is kept already stays."""
    ids, moments = cast(list(uses), ARRAY(Integer)), cast(list(uses.values()), ARRAY(DateTime(timezone=True)))
    used = func.unnest(ids, moments).table_valued("api_key_id", "at", name="used").render_derived()
    await session.execute(
        update(ApiKeyRow)
        .where(
            ApiKeyRow.api_key_id == used.c.api_key_id,
            or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < used.c.at),
        )
        .values(last_used_at=used.c.at)
    )
