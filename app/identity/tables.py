"""The tables of this room: keys, accounts, sessions, identities at a provider."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    ForeignKey,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class ApiKeyRow(Base):
    """An API key, without its secret."""

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
    made_by: Mapped[int | None] = mapped_column(ForeignKey("principal.principal_id"), index=True, default=None)
    rotated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


class AccountRow(Base):
    """The account of a person; the name is in ``principal``."""

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
    """A session of a person, without its token."""

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
    """The number of failed sign-ins of a login since the last success, whether or not the account exists."""

    __tablename__ = "sign_in_failure"

    login_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PersonIdentityRow(Base):
    """The subject of a person at an OpenID provider."""

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
    """The name that identifies a person at the first sign-in with a provider; deleted by it."""

    __tablename__ = "awaited_identity"
    __table_args__ = (UniqueConstraint("issuer", "login"),)

    principal_id: Mapped[int] = mapped_column(
        ForeignKey("principal.principal_id"), primary_key=True, autoincrement=False
    )
    issuer: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
