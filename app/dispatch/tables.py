"""Tables of this room."""

from datetime import datetime

from sqlalchemy import (
    DateTime,
    ForeignKey,
    SmallInteger,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class ShareRow(Base):
    """A run sheet that a recipient without an account may open by link and PIN; only their hashes are stored."""

    __tablename__ = "share"

    share_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("planning_assignment.assignment_id"), index=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("enforcement_case.case_id"))
    recipient: Mapped[str]
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    pin_argon2: Mapped[str]
    created_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.api_key_id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    revoked_by: Mapped[int | None] = mapped_column(ForeignKey("principal.principal_id"), default=None)
    wrong_pins: Mapped[int] = mapped_column(SmallInteger, default=0)
    retry_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    opened: Mapped[int] = mapped_column(default=0)
    last_opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
