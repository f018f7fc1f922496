"""The tables of this room."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class PrincipalRow(Base):
    """Someone who may come in, and in which role."""

    __tablename__ = "principal"

    principal_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    role: Mapped[str]
    subject_id: Mapped[int | None]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ApiKeyRow(Base):
    """A key, without its secret."""

    __tablename__ = "api_key"

    api_key_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    principal_id: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"), index=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_sha256: Mapped[bytes]
    label: Mapped[str]
    feed_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


class GrantRow(Base):
    """Who may see which asset, for which case, on what ground, from when to when."""

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
