"""The tables of this room."""

from datetime import date, datetime

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class RetentionLogRow(Base):
    """One deletion by retention: rows of a class and day that were deleted, and rows that a legal hold kept."""

    __tablename__ = "retention_log"

    retention_log_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, init=False)
    kind: Mapped[str] = mapped_column("class")
    day: Mapped[date | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    held_rows: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
