"""The tables of ingest: AEMP sources and their cursors."""

from datetime import datetime, timedelta

from sqlalchemy import (
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class AempSourceRow(Base):
    """A maker's interface that is polled for a lessor, with the result of the last poll."""

    __tablename__ = "aemp_source"
    __table_args__ = (
        UniqueConstraint("lessor_id", "name"),
        ForeignKeyConstraint(["lessor_id", "feed_id"], ["feed.lessor_id", "feed.feed_id"]),
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
    """The last acknowledged location of a machine of a source."""

    __tablename__ = "aemp_cursor"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("aemp_source.source_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    identifier: Mapped[str] = mapped_column(primary_key=True)
    last_fixed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
