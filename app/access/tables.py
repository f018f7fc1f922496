"""The tables of this room."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
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


class AccountRow(Base):
    """How a person signs in; what it is called stands with its principal."""

    __tablename__ = "account"

    principal_id: Mapped[int] = mapped_column(
        ForeignKey("principal.principal_id"), primary_key=True, autoincrement=False
    )
    login: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    must_change_password: Mapped[bool]
    password_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    totp_sealed: Mapped[bytes | None] = mapped_column(default=None)
    totp_pending: Mapped[bytes | None] = mapped_column(default=None)
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger, default=None)
    recovery_sha256: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), default_factory=list)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


class SessionRow(Base):
    """That a person has signed in, until it ends; without the token."""

    __tablename__ = "session"

    session_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, init=False)
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    principal_id: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"), index=True)
    method: Mapped[str]
    user_agent_sha256: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


class SignInFailureRow(Base):
    """How often a login, whether anybody has it or not, was tried in vain since it last succeeded."""

    __tablename__ = "sign_in_failure"

    login_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PersonIdentityRow(Base):
    """Who somebody is at an institution's OpenID provider; the subject is the provider's, and never changes."""

    __tablename__ = "person_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    principal_id: Mapped[int] = mapped_column(
        ForeignKey("principal.principal_id"), primary_key=True, autoincrement=False
    )
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


class AwaitedIdentityRow(Base):
    """By which name at the provider somebody will be known at the first sign-in; it is gone after that."""

    __tablename__ = "awaited_identity"
    __table_args__ = (UniqueConstraint("issuer", "login"),)

    principal_id: Mapped[int] = mapped_column(
        ForeignKey("principal.principal_id"), primary_key=True, autoincrement=False
    )
    issuer: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
