"""SQL that checks keys and principals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    and_,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, Role
from app.access.roles import permissions_of
from app.access.tables import PrincipalRow
from app.access.visibility import lower_courts
from app.identity.tables import AccountRow, ApiKeyRow


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A valid key; ``expires_at`` is UTC."""

    secret_sha256: bytes
    principal: Principal
    expires_at: datetime | None


async def find_key(session: AsyncSession, prefix: str, now: datetime) -> FoundKey | None:
    """Return the key of a prefix if it is valid."""
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
    """Return the current state of a principal outside its own request; see ``credentials.principal_in_force``."""
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


async def principal_named(
    session: AsyncSession, role: Role, name: str, subject_id: int | None
) -> PrincipalRow | None:
    """Return the first principal by role, name and court or lessor (or none) that is not a person.

    A key therefore never opens a person's account, nor another lessor's data.
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


async def note_uses(session: AsyncSession, uses: Mapping[int, datetime]) -> None:
    """Record when keys were last used; a later stored time is kept."""
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
