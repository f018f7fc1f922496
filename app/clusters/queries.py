"""All SQL of this room."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final

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
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.access.service import asset_in_sight
from app.clusters.domain import CaseAsset
from app.tracking.domain import Position

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
    column("device_id", Integer),
    column("fixed_at", DateTime(timezone=True)),
    column("received_at", DateTime(timezone=True)),
    column("batch_id", BigInteger),
    column("lon_e7", Integer),
    column("lat_e7", Integer),
    column("territory_id", Integer),
    column("county_adcode", Integer),
    column("source", SmallInteger),
    column("doubts", Integer),
    column("accuracy_m", Float),
    column("speed_kmh", Float),
    column("course_deg", SmallInteger),
)
"""The view of migration 0007: confirmed assets of cases, each with its best current position or nulls.

It goes by the key of ``case_asset`` and, asset by asset, by that of ``current_position``.
"""

_ASSET: Final = ("asset_id", "kind", "plate_no", "vin", "serial_no")
_POSITION: Final = tuple(field.name for field in fields(Position) if field.name != "asset_id")


async def case_assets(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> list[CaseAsset]:
    """Return the confirmed assets of a case that are in sight, with their current positions, in the order of ids.

    Args:
        session: A transaction.
        visibility: Who looks.
        case_id: The case.
        at: The moment of looking, UTC; grants are dated.
    """
    view = _VIEW.c
    statement = (
        select(
            cast(view.estimated_value_yuan * 100, BigInteger),
            *(view[name] for name in _ASSET),
            *(view[name] for name in _POSITION),
        )
        .where(view.case_id == case_id, asset_in_sight(visibility, view.asset_id, view.lessor_id, at))
        .order_by(view.asset_id)
    )
    connection = await session.connection()
    return [_case_asset(*row) for row in await connection.execute(statement)]


def _case_asset(
    value_fen: int | None,
    asset_id: int,
    kind: str,
    plate_no: str | None,
    vin: str | None,
    serial_no: str | None,
    *position: Any,
) -> CaseAsset:
    """Read a row by place, not by name: every answer reads one for every asset of its case."""
    there = position[0] is not None
    return CaseAsset(
        asset_id, kind, plate_no, vin, serial_no, value_fen, Position(asset_id, *position) if there else None
    )
