"""SQL of AEMP sources and their cursors."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.ingest.tables import AempCursorRow, AempSourceRow


async def aemp_sources_after(
    session: AsyncSession, lessor_id: int | None, after: int, limit: int
) -> Sequence[AempSourceRow]:
    """Return polled sources in the order of their ids, of one lessor or of all."""
    query = select(AempSourceRow).where(AempSourceRow.source_id > after)
    query = query.order_by(AempSourceRow.source_id).limit(limit)
    found = query if lessor_id is None else query.where(AempSourceRow.lessor_id == lessor_id)
    return (await session.scalars(found)).all()


async def aemp_source_to_change(session: AsyncSession, source_id: int, lessor_id: int | None) -> AempSourceRow | None:
    """Return a polled source, of one lessor or of any, locked until the end of the transaction."""
    query = select(AempSourceRow).where(AempSourceRow.source_id == source_id).with_for_update()
    if lessor_id is not None:
        query = query.where(AempSourceRow.lessor_id == lessor_id)
    return (await session.scalars(query)).one_or_none()


async def count_aemp_sources(session: AsyncSession, lessor_id: int) -> int:
    """Return the number of a lessor's sources, enabled or not."""
    query = select(func.count()).select_from(AempSourceRow).where(AempSourceRow.lessor_id == lessor_id)
    return (await session.execute(query)).scalar_one()


async def delete_aemp_source(session: AsyncSession, source_id: int) -> None:
    """Delete a source with its cursors."""
    await session.execute(delete(AempSourceRow).where(AempSourceRow.source_id == source_id))


async def due_aemp_source(session: AsyncSession, now: datetime) -> AempSourceRow | None:
    """Return the source that is due longest, locked; rows that another worker has locked are skipped."""
    query = (
        select(AempSourceRow)
        .where(AempSourceRow.enabled, AempSourceRow.next_poll_at <= now)
        .order_by(AempSourceRow.next_poll_at, AempSourceRow.source_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(query)).one_or_none()


async def finish_aemp_poll(session: AsyncSession, source_id: int, revision: int, values: Mapping[str, Any]) -> None:
    """Record the result of a poll, unless the source was changed or claimed since."""
    changed = update(AempSourceRow).where(AempSourceRow.source_id == source_id, AempSourceRow.revision == revision)
    await session.execute(changed.values(**values).execution_options(synchronize_session=False))


async def reseal_aemp_secret(session: AsyncSession, source_id: int, before: bytes, after: bytes) -> None:
    """Replace an encrypted secret, unless it was changed since."""
    changed = update(AempSourceRow).where(AempSourceRow.source_id == source_id, AempSourceRow.secret_sealed == before)
    await session.execute(changed.values(secret_sealed=after).execution_options(synchronize_session=False))


async def aemp_cursors(
    session: AsyncSession, source_id: int, identifiers: Sequence[str]
) -> Sequence[tuple[str, datetime, datetime | None]]:
    """Return identifier, last acknowledged fix and time of refusal of the machines that have a cursor."""
    query = select(AempCursorRow.identifier, AempCursorRow.last_fixed_at, AempCursorRow.refused_at).where(
        AempCursorRow.source_id == source_id, AempCursorRow.identifier == func.any(list(identifiers))
    )
    return [(name, fixed_at, refused_at) for name, fixed_at, refused_at in await session.execute(query)]


async def put_aemp_cursors(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write cursors in one statement; each row maps column names to values."""
    if not rows:
        return
    statement = insert(AempCursorRow).values([dict(row) for row in rows])
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[AempCursorRow.source_id, AempCursorRow.identifier],
            set_={
                "last_fixed_at": statement.excluded.last_fixed_at,
                "refused_at": statement.excluded.refused_at,
            },
        )
    )
