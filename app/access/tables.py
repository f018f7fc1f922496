"""The tables of principals and grants."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class PrincipalRow(Base):
    """A principal and its role."""

    __tablename__ = "principal"

    principal_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    role: Mapped[str]
    subject_id: Mapped[int | None]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class GrantRow(Base):
    """The right of a grantee to see an asset for a case, with ground and period."""

    __tablename__ = "access_grant"
    __table_args__ = (
        Index(
            "access_grant_grantee_idx",
            "grantee_kind",
            "grantee_id",
            "case_id",
            postgresql_include=["asset_id", "valid_from", "valid_until"],
        ),
        Index("access_grant_beyond_idx", "grantee_kind", "grantee_id", postgresql_where=text("ground <> 'case'")),
        Index("access_grant_case_id_asset_id_idx", "case_id", "asset_id"),
        Index("access_grant_asset_id_idx", "asset_id"),
    )

    grant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, init=False)
    grantee_kind: Mapped[str]
    grantee_id: Mapped[int]
    case_id: Mapped[int]
    asset_id: Mapped[int]
    ground: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    granted_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    ground_id: Mapped[int | None] = mapped_column(default=None)
    through_kind: Mapped[str | None] = mapped_column(default=None)
    through_id: Mapped[int | None] = mapped_column(default=None)
