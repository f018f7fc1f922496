"""Creates and checks API keys."""

import hmac
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, Role
from app.access.service import create_principal
from app.core.clock import Clock
from app.core.errors import NotAuthenticated
from app.identity.domain import hash_secret, make_key, split_key
from app.identity.keys import credential_queries
from app.identity.tables import ApiKeyRow

KEY_REFUSED = "Send a valid key as `Authorization: Bearer lt_…`; this one is missing, unknown, expired or revoked."


async def authenticate(session: AsyncSession, key_text: str | None, clock: Clock) -> credential_queries.FoundKey:
    """Return a valid key with its holder; raises ``NotAuthenticated`` without saying why. Needs the service role."""
    parts = split_key(key_text) if key_text else None
    if parts is None:
        raise NotAuthenticated(KEY_REFUSED)
    prefix, secret = parts
    found = await credential_queries.find_key(session, prefix, clock.now())
    if found is None or not hmac.compare_digest(found.secret_sha256, hash_secret(secret)):
        raise NotAuthenticated(KEY_REFUSED)
    return found


async def principal_for(
    session: AsyncSession, role: Role, name: str, clock: Clock, *, subject_id: int | None = None
) -> int:
    """Return the principal of this role, name and court or lessor; creates it if there is none."""
    row = await credential_queries.principal_named(session, role, name, subject_id)
    if row is not None:
        return row.principal_id
    return await create_principal(session, role, name, clock, subject_id=subject_id)


async def create_key(
    session: AsyncSession,
    principal_id: int,
    label: str,
    clock: Clock,
    *,
    feed_id: int | None = None,
    expires_at: datetime | None = None,
    scopes: Collection[Permission] | None = None,
    made_by: int | None = None,
) -> str:
    """Create a key and return its text, which is not stored.

    Args:
        scopes: Some of the permissions of the holder's role; None grants all of them.
        made_by: The principal that created it; None for the command line.
    """
    key = make_key()
    session.add(
        ApiKeyRow(
            principal_id=principal_id,
            prefix=key.prefix,
            secret_sha256=key.secret_sha256,
            label=label,
            feed_id=feed_id,
            created_at=clock.now(),
            expires_at=expires_at,
            scopes=None if scopes is None else sorted(scopes),
            made_by=made_by,
        )
    )
    await session.flush()
    return key.text


async def principal_in_force(
    session: AsyncSession, principal_id: int, api_key_id: int | None, now: datetime
) -> Principal | None:
    """Return the current state of a principal outside its own request; None when it may no longer sign in.

    ``session`` has the service role. The key that it used when it asked for this work must still be valid.
    """
    return await credential_queries.principal_in_force(session, principal_id, api_key_id, now)
