"""The worker's table."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class WorkerCursorRow(Base):
    """The last batch of the chain that a job has processed."""

    __tablename__ = "worker_cursor"

    job: Mapped[str] = mapped_column(primary_key=True)
    chain_no: Mapped[int] = mapped_column(BigInteger)
