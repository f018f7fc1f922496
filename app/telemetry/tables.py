"""The tables of telemetry; pings are written by COPY (``pings.store``), never row by row through these classes."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Interval,
    LargeBinary,
    Sequence,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class FeedRow(Base):
    """A lessor's source of pings, with its declarations."""

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("lessor_id", "name"), UniqueConstraint("lessor_id", "feed_id"))

    feed_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    name: Mapped[str]
    coord_system: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    rows_per_s: Mapped[int | None] = mapped_column(default=None)
    requests_per_s: Mapped[int | None] = mapped_column(default=None)
    silent_after: Mapped[timedelta | None] = mapped_column(Interval, default=None)
    device_silent_after: Mapped[timedelta | None] = mapped_column(Interval, default=None)
    hmac_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)


class PingBatchRow(Base):
    """An acknowledged batch with the counts of its receipt."""

    __tablename__ = "ping_batch"
    __table_args__ = (Index(None, "lessor_id", "batch_id"), Index(None, "received_at"))

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
    chain_no: Mapped[int] = mapped_column(BigInteger, unique=True)
    chain_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    results_zstd: Mapped[bytes | None] = mapped_column(LargeBinary)


class BatchChainRow(Base):
    """The head of the chain of batches, one row."""

    __tablename__ = "batch_chain"

    only_row: Mapped[bool] = mapped_column(primary_key=True)
    chain_no: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[bytes] = mapped_column(LargeBinary)


class RawBodyRow(Base):
    """The raw bytes of a batch, compressed."""

    __tablename__ = "raw_body"
    __table_args__ = (Index("raw_body_kept_idx", "batch_id", postgresql_where=text("body_zstd IS NOT NULL")),)

    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content_type: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    body_zstd: Mapped[bytes | None] = mapped_column(LargeBinary)


class PingRow(Base):
    """One stored fix; partitioned by ``fixed_at``, its key led by the device."""

    __tablename__ = "ping"
    __table_args__ = {"postgresql_partition_by": "RANGE (fixed_at)"}  # noqa: RUF012 SQLAlchemy's own form

    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    variant: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asset_id: Mapped[int | None]
    lessor_id: Mapped[int]
    lon_e7: Mapped[int]
    lat_e7: Mapped[int]
    territory_id: Mapped[int | None]
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    odometer_km: Mapped[float | None] = mapped_column(REAL)
    hdop: Mapped[float | None] = mapped_column(REAL)
    doubts: Mapped[int] = mapped_column(SmallInteger)
    row_index: Mapped[int] = mapped_column(SmallInteger)
    origin: Mapped[int] = mapped_column(SmallInteger)
    speed_tenth_kmh: Mapped[int | None] = mapped_column(SmallInteger)
    altitude_m: Mapped[int | None] = mapped_column(SmallInteger)
    course_deg: Mapped[int | None] = mapped_column(SmallInteger)
    satellites: Mapped[int | None] = mapped_column(SmallInteger)
    battery_pct: Mapped[int | None] = mapped_column(SmallInteger)
    ignition: Mapped[bool | None]
    external_power: Mapped[bool | None]


class PingExtraRow(Base):
    """The members of a ping that have no column."""

    __tablename__ = "ping_extra"

    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    row_index: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    lessor_id: Mapped[int]
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB)


class LateWindowRow(Base):
    """A time window in which pings of a device came late; the worker judges it again."""

    __tablename__ = "late_window"

    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    late_window_id: Mapped[int] = mapped_column(
        BigInteger, Sequence("late_window_late_window_id_seq"), primary_key=True, index=True, init=False
    )
    lessor_id: Mapped[int]
    from_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LaterDoubtRow(Base):
    """A doubt about a stored ping that only history shows."""

    __tablename__ = "later_doubt"

    device_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    variant: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    lessor_id: Mapped[int]
    doubts: Mapped[int]
    found_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class FeedHourRow(Base):
    """The counts of a feed in an hour; feed 0 is for the lessor's keys without a feed."""

    __tablename__ = "feed_hour"

    lessor_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    feed_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    batches: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    doubted: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    doubts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    lag_s: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    lag_max_s: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class FeedAlertRow(Base):
    """An alert that a feed is silent, until batches come again; at most one is open per feed."""

    __tablename__ = "feed_alert"
    __table_args__ = (
        Index("feed_alert_open_key", "feed_id", "kind", unique=True, postgresql_where=text("cleared_at IS NULL")),
        Index(None, "lessor_id", "alert_id"),
    )

    alert_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.feed_id"))
    kind: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    cleared_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_batch_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
