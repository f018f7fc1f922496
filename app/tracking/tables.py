"""The tables of tracking, written in the transaction that stores the pings."""

from datetime import date, datetime

from sqlalchemy import BigInteger, DateTime, Index, SmallInteger
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from app.core.db.database import Base


class _Position(MappedAsDataclass, kw_only=True):
    fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    batch_id: Mapped[int] = mapped_column(BigInteger)
    lessor_id: Mapped[int]
    lon_e7: Mapped[int]
    lat_e7: Mapped[int]
    territory_id: Mapped[int | None]
    county_adcode: Mapped[int | None]
    doubts: Mapped[int]
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    speed_kmh: Mapped[float | None] = mapped_column(REAL)
    course_deg: Mapped[int | None] = mapped_column(SmallInteger)
    source: Mapped[int] = mapped_column(SmallInteger)


class CurrentPositionRow(_Position, Base):
    """The newest fix without a blocking doubt, per asset and device; ``candidate_…`` as ``last_known.Candidate``."""

    __tablename__ = "current_position"

    asset_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    candidate_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    candidate_lon_e7: Mapped[int | None] = mapped_column(default=None)
    candidate_lat_e7: Mapped[int | None] = mapped_column(default=None)
    candidate_fixes: Mapped[int | None] = mapped_column(SmallInteger, default=None)


class DailyPositionRow(_Position, Base):
    """The last such fix of each finished day (UTC) of a device: past positions without a scan of partitions."""

    __tablename__ = "daily_position"
    __table_args__ = (Index(None, "day", postgresql_using="brin"),)

    asset_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
