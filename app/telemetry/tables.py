"""The tables of this room; pings are written by COPY (``store``), never row by row through these classes."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, LargeBinary, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class FeedRow(Base):
    """A lessor's source of pings, with what it declares for all of them."""

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("lessor_id", "name"),)

    feed_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    name: Mapped[str]
    coord_system: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PingBatchRow(Base):
    """A batch that was acknowledged, with its receipt's numbers."""

    __tablename__ = "ping_batch"
    __table_args__ = (Index(None, "lessor_id", "batch_id"),)

    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    lessor_id: Mapped[int]
    feed_id: Mapped[int | None]
    api_key_id: Mapped[int | None]
    layer_id: Mapped[int]
    transform_version: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received: Mapped[int]
    stored: Mapped[int]
    duplicates: Mapped[int]
    doubted: Mapped[int]
    rejected: Mapped[int]


class RawBodyRow(Base):
    """The bytes that a batch came in, compressed."""

    __tablename__ = "raw_body"

    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content_type: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    body_zstd: Mapped[bytes] = mapped_column(LargeBinary)


class PingRow(Base):
    """One stored fix; partitioned by ``fixed_at``, its key led by the device."""

    __tablename__ = "ping"
    __table_args__ = {"postgresql_partition_by": "RANGE (fixed_at)"}  # noqa: RUF012 SQLAlchemy's own form

    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    lon_e7: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lat_e7: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asset_id: Mapped[int | None]
    lessor_id: Mapped[int]
    territory_id: Mapped[int | None]
    county_adcode: Mapped[int | None]
    doubts: Mapped[int]
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    speed_kmh: Mapped[float | None] = mapped_column(REAL)
    odometer_km: Mapped[float | None] = mapped_column(REAL)
    hdop: Mapped[float | None] = mapped_column(REAL)
    row_index: Mapped[int] = mapped_column(SmallInteger)
    altitude_m: Mapped[int | None] = mapped_column(SmallInteger)
    course_deg: Mapped[int | None] = mapped_column(SmallInteger)
    satellites: Mapped[int | None] = mapped_column(SmallInteger)
    battery_pct: Mapped[int | None] = mapped_column(SmallInteger)
    source: Mapped[int] = mapped_column(SmallInteger)
    datum: Mapped[int] = mapped_column(SmallInteger)
    ignition: Mapped[bool | None]
    external_power: Mapped[bool | None]


class AempSourceRow(Base):
    """A maker's interface that is polled for a lessor, with what came of it last."""

    __tablename__ = "aemp_source"
    __table_args__ = (
        UniqueConstraint("lessor_id", "name"),
        Index("aemp_source_due_idx", "next_poll_at", postgresql_where="enabled"),
    )

    source_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.feed_id"))
    name: Mapped[str]
    base_url: Mapped[str]
    auth: Mapped[str]
    client_id: Mapped[str | None]
    token_url: Mapped[str | None]
    scope: Mapped[str | None]
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary, repr=False)
    min_interval: Mapped[timedelta]
    enabled: Mapped[bool]
    next_poll_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_polled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    last_ok_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    last_error: Mapped[str | None] = mapped_column(default=None)
    consecutive_failures: Mapped[int] = mapped_column(default=0)
    last_machines: Mapped[int | None] = mapped_column(default=None)
    last_new: Mapped[int | None] = mapped_column(default=None)
    last_rejected: Mapped[int | None] = mapped_column(default=None)
    last_unlocated: Mapped[int | None] = mapped_column(default=None)
    revision: Mapped[int] = mapped_column(default=0)


class AempCursorRow(Base):
    """How far a machine of a source was taken in."""

    __tablename__ = "aemp_cursor"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("aemp_source.source_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    identifier: Mapped[str] = mapped_column(primary_key=True)
    last_fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
