"""SQL of this room."""

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    cast,
    column,
    literal,
    not_,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.access.visibility import asset_is_visible, granted_assets
from app.distribution.domain import CaseAsset, LastFix

_VIEW: Final = table(
    "case_asset_position",
    column("case_id", Integer),
    column("lessor_id", Integer),
    column("asset_id", Integer),
    column("kind", Text),
    column("plate_no", Text),
    column("vin", Text),
    column("serial_no", Text),
    column("estimated_value_yuan", Numeric(14, 2)),
    column("fixed_at", DateTime(timezone=True)),
    column("received_at", DateTime(timezone=True)),
    column("lon_e7", Integer),
    column("lat_e7", Integer),
    column("territory_id", Integer),
    column("source", SmallInteger),
    column("doubts", Integer),
    column("speed_kmh", Float),
)
"""The view ``case_asset_position``: confirmed assets of cases, each with its best current position or nulls.

It uses the key of ``case_asset`` and, asset by asset, that of ``current_position``.
"""

_COLUMNS: Final = (
    *(_VIEW.c[name] for name in CaseAsset._fields[:-3]),
    cast(_VIEW.c.estimated_value_yuan * 100, BigInteger),
)
"""In the order of ``CaseAsset``'s first fields: rows are read by position, not by name."""
_FIX_AT: Final = len(CaseAsset._fields) - 1
_WITHHELD_AT: Final = _FIX_AT - 1


async def case_assets(
    session: AsyncSession, visibility: Visibility, case_id: int, at: datetime, *, whole: bool
) -> list[CaseAsset]:
    """Return the confirmed assets of a case with their current positions, ordered by id.

    A court counts every asset that it has confirmed. Where its right to see one has ended (released, case closed),
    the position does not leave the database, by row-level security and by this query. Other callers, such as an
    entrusted court, do not see such an asset at all.

    Args:
        at: The time of access, UTC; grants are dated.
        whole: Whether the caller sees the whole case: the court that handles it, or a superior court.
    """
    view = _VIEW.c
    if not whole:
        statement = select(*_COLUMNS, literal(value=False), *(view[name] for name in LastFix._fields)).where(
            asset_is_visible(visibility, view.asset_id, view.lessor_id, at)
        )
    else:
        visible = view.asset_id.in_(granted_assets(visibility, at))  # hashed once: a join gets a bad plan
        statement = select(*_COLUMNS, not_(visible), *(view[name] for name in LastFix._fields)).select_from(_VIEW)
    statement = statement.where(view.case_id == case_id).order_by(view.asset_id)
    connection = await session.connection()
    return [
        CaseAsset._make(
            (*row[:_FIX_AT], None if row[_WITHHELD_AT] or row[_FIX_AT] is None else LastFix._make(row[_FIX_AT:]))
        )
        for row in (await connection.execute(statement)).all()
    ]
