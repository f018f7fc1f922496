"""The tables of this room."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
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
    made_by: Mapped[int | None] = mapped_column(ForeignKey("principal.principal_id"), index=True, default=None)
    rotated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)


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


class ShareRow(Base):
    """A run sheet that somebody without an account may open for a while, by link and PIN; neither is stored."""

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


class TrailRow(Base):
    """One entry of the audit trail; written by the database's own function ``trail_append`` only."""

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
    """A set of assets that entries are about, once, under its digest."""

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
    """A head of the trail that a time stamp authority has signed, with its answer."""

    __tablename__ = "trail_anchor"

    anchor_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    trail_no: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes] = mapped_column(LargeBinary)
    authority: Mapped[str]
    token: Mapped[bytes] = mapped_column(LargeBinary)


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
