"""SQL of shares."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.dispatch.shares.domain import WRONG_PINS, share_state
from app.dispatch.shares.schemas import ShareOut
from app.dispatch.tables import ShareRow
from app.identity.attempts import Counter

_SHOWN: Final = tuple(getattr(ShareRow, name) for name in ShareOut.model_fields if name != "state")
"""The columns that the database lets a court or a dispatcher read."""


def _share(values: dict[str, Any], now: datetime) -> ShareOut:
    state = share_state(
        revoked_at=values["revoked_at"], wrong_pins=values["wrong_pins"], expires_at=values["expires_at"], now=now
    )
    return ShareOut(**values, state=state)


async def add_share(session: AsyncSession, values: dict[str, Any]) -> int:
    """Store a share and return its id."""
    share_id: int | None = await session.scalar(insert(ShareRow).values(**values).returning(ShareRow.share_id))
    assert share_id is not None  # noqa: S101 an insert returns its row
    return share_id


async def shares_of(
    session: AsyncSession, assignment_id: int, now: datetime, *, created_by: int | None, after: int, limit: int
) -> list[ShareOut]:
    """Return up to ``limit + 1`` visible shares of an assignment after a key."""
    query = select(*_SHOWN).where(ShareRow.assignment_id == assignment_id, ShareRow.share_id > after)
    if created_by is not None:
        query = query.where(ShareRow.created_by == created_by)
    rows = (await session.execute(query.order_by(ShareRow.share_id).limit(limit + 1))).all()
    return [_share(row._asdict(), now) for row in rows]


async def share_by_id(session: AsyncSession, share_id: int, now: datetime) -> ShareOut | None:
    """Return a visible share."""
    row = (await session.execute(select(*_SHOWN).where(ShareRow.share_id == share_id))).one_or_none()
    return None if row is None else _share(row._asdict(), now)


async def revoke(session: AsyncSession, share_id: int, by: int, at: datetime) -> bool:
    """Revoke a share; return whether it was not revoked before."""
    statement = update(ShareRow).where(ShareRow.share_id == share_id, ShareRow.revoked_at.is_(None))
    changed = await session.scalar(statement.values(revoked_at=at, revoked_by=by).returning(ShareRow.share_id))
    return changed is not None


async def share_by_token(
    session: AsyncSession, token_sha256: bytes, now: datetime
) -> tuple[ShareOut, int | None] | None:
    """Return the share of a link in any state, and the id of the API key that made it, if any."""
    query = select(*_SHOWN, ShareRow.api_key_id).where(ShareRow.token_sha256 == token_sha256)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    values = row._asdict()
    api_key_id = values.pop("api_key_id")
    return _share(values, now), api_key_id


def is_open(now: datetime) -> ColumnElement[bool]:
    """Return the condition under which a share may be opened."""
    return and_(ShareRow.revoked_at.is_(None), ShareRow.expires_at > now, ShareRow.wrong_pins < WRONG_PINS)


async def pin_hash(session: AsyncSession, share_id: int) -> str:
    """Return the hash of a share's PIN."""
    return (await session.scalars(select(ShareRow.pin_argon2).where(ShareRow.share_id == share_id))).one()


async def count_opening(session: AsyncSession, share_id: int, at: datetime) -> None:
    """Count an opening of a share."""
    await session.execute(
        update(ShareRow).where(ShareRow.share_id == share_id).values(opened=ShareRow.opened + 1, last_opened_at=at)
    )


_DELETE: Final = """
    WITH deleted AS (DELETE FROM share WHERE expires_at < %s RETURNING expires_at)
    SELECT (expires_at AT TIME ZONE 'UTC')::date, count(*) FROM deleted GROUP BY 1 ORDER BY 1"""


async def delete_shares(connection: AsyncConnection, before: datetime) -> Sequence[tuple[Any, int]]:
    """Delete the shares that expired before a time; return the number per day (UTC)."""
    return [(day, rows) for day, rows in await (await connection.execute(_DELETE, (before,))).fetchall()]


SHARES: Final = Counter(ShareRow.share_id, ShareRow.wrong_pins, ShareRow.retry_at, 1, 300)
