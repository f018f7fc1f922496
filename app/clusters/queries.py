"""All SQL of this room."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, DateTime, Float, Integer, Numeric, Row, SmallInteger, Text, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.access.service import asset_in_sight
from app.clusters.domain import CaseAsset
from app.tracking.domain import Position

_VIEW: Final = table(
    "case_asset_position",
    column("case_id", Integer),
    column("asset_id", Integer),
    column("lessor_id", Integer),
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


async def case_assets(session: AsyncSession, visibility: Visibility, case_id: int, at: datetime) -> list[CaseAsset]:
    """Return the confirmed assets of a case that are in sight, with their current positions, in the order of ids.

    Args:
        session: A transaction.
        visibility: Who looks.
        case_id: The case.
        at: The moment of looking, UTC; grants are dated.
    """
    view = _VIEW.c
    rows = await session.execute(
        select(_VIEW)
        .where(view.case_id == case_id, asset_in_sight(visibility, view.asset_id, view.lessor_id, at))
        .order_by(view.asset_id)
    )
    return [_case_asset(row) for row in rows]


def _case_asset(row: Row[*tuple[object, ...]]) -> CaseAsset:
    value = row.estimated_value_yuan
    return CaseAsset(
        asset_id=row.asset_id,
        kind=row.kind,
        plate_no=row.plate_no,
        vin=row.vin,
        serial_no=row.serial_no,
        value_fen=None if value is None else int(value * 100),
        position=None if row.fixed_at is None else _position(row),
    )


def _position(row: Row[*tuple[object, ...]]) -> Position:
    return Position(
        asset_id=row.asset_id,
        device_id=row.device_id,
        fixed_at=row.fixed_at,
        received_at=row.received_at,
        batch_id=row.batch_id,
        lon_e7=row.lon_e7,
        lat_e7=row.lat_e7,
        territory_id=row.territory_id,
        county_adcode=row.county_adcode,
        source=row.source,
        doubts=row.doubts,
        accuracy_m=row.accuracy_m,
        speed_kmh=row.speed_kmh,
        course_deg=row.course_deg,
    )
