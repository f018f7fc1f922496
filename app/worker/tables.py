"""The table of this room."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class WorkerCursorRow(Base):
    """How far a job has followed the chain of batches."""

    __tablename__ = "worker_cursor"

    job: Mapped[str] = mapped_column(primary_key=True)
    chain_no: Mapped[int] = mapped_column(BigInteger)
