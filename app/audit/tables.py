"""The tables of the audit trail."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class TrailRow(Base):
    """One entry of the audit trail; only the SQL function ``trail_append`` writes it."""

    __tablename__ = "trail"
    __table_args__ = (
        Index(None, "principal_id", "trail_no"),
        Index(None, "case_id", "trail_no", postgresql_where=text("case_id IS NOT NULL")),
        Index(None, "subject_id", "trail_no", postgresql_where=text("subject_id IS NOT NULL")),
        Index(None, "assets_sha256", "trail_no", postgresql_where=text("assets_sha256 IS NOT NULL")),
        Index(None, "request_id", postgresql_where=text("request_id IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    trail_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    written_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    principal_id: Mapped[int]
    role: Mapped[str]
    subject_id: Mapped[int | None]
    api_key_id: Mapped[int | None]
    session_id: Mapped[int | None] = mapped_column(BigInteger)
    case_id: Mapped[int | None]
    action: Mapped[str]
    asset_count: Mapped[int]
    assets_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    window_from: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    window_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    results: Mapped[int | None]
    request_id: Mapped[str | None]
    detail: Mapped[str | None]
    link: Mapped[bytes] = mapped_column(LargeBinary)


class TrailAssetsRow(Base):
    """A set of assets of entries, stored once by its digest."""

    __tablename__ = "trail_assets"
    __table_args__ = (Index(None, "asset_ids", postgresql_using="gin"),)

    assets_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    asset_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class TrailHeadRow(Base):
    """The newest entry of the trail; one row."""

    __tablename__ = "trail_head"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True)
    trail_no: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    link: Mapped[bytes] = mapped_column(LargeBinary)


class TrailAnchorRow(Base):
    """A head of the trail with the response of a time stamp authority."""

    __tablename__ = "trail_anchor"

    anchor_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    trail_no: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes] = mapped_column(LargeBinary)
    authority: Mapped[str]
    token: Mapped[bytes] = mapped_column(LargeBinary)
