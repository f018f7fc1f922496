"""Request and response models of this room."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, SecretStr, StringConstraints

from app.access.domain import Permission, Role
from app.core.web.parameters import BoundedMoment
from app.core.web.schema_types import SINGLE_LINE, VALID_UTF8, Duration, Id, RequestModel, ResponseModel, Text
from app.identity.domain import SignInMethod, SignInStep

_MAX_TYPED: Final = 512
Login = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), *SINGLE_LINE]
"""The login name; case and full or half width do not matter."""
Password = Annotated[SecretStr, Field(min_length=1, max_length=_MAX_TYPED), VALID_UTF8]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=40), *SINGLE_LINE]
"""Six digits of an authenticator, or a recovery code."""
Secret = Annotated[str, Field(repr=False)]
"""Text that is returned only once; left out of the model's ``repr``, so that it cannot appear in a log."""
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
"""The middle part of a key, which identifies it."""


class CredentialsIn(RequestModel):
    """Login and password of a person, and a code if the account has an authenticator."""

    login: Login
    password: Password
    totp: Code | None = None
    """The code of the authenticator, or a recovery code; for accounts that have an authenticator."""


class SessionOut(ResponseModel):
    """The authenticated person or key."""

    principal_id: int
    name: str | None
    """A person's name; null for a key."""
    role: Role
    court_id: int | None
    lessor_id: int | None
    permissions: list[Permission]
    method: SignInMethod | None
    """How a person signed in; null for a key."""
    pending: list[SignInStep]
    """Steps to complete before any other request: `password` (choose one), `totp` (enrol one)."""
    signed_in_at: datetime | None
    idle_after_s: int | None
    """Seconds without use after which the session ends; null for a key."""
    expires_at: datetime | None
    """When the session ends in any case; null for a key."""
    csrf_token: str | None
    """Send it in the header `X-CSRF-Token` of every changing request; null for a key."""


class InstitutionOut(ResponseModel):
    """The OpenID provider of an institution."""

    name: str
    """Its name for people."""
    start: str
    """The path that starts the sign-in; `return_to=` is the path to open afterwards."""


class SignInOptionsOut(ResponseModel):
    """The available sign-in methods."""

    password: bool
    """Login and password; always true."""
    institution: InstitutionOut | None
    """The institution's provider; null where none is configured."""


class PasswordChangeIn(RequestModel):
    """A change of one's own password."""

    old_password: Password
    new_password: Password
    """12 to 128 characters, not the login and not one of the most common."""


class TotpEnrolmentIn(RequestModel):
    """The start of an authenticator's enrolment."""

    password: Password | None = None
    """Required unless enrolment is a pending step of the session."""


class TotpEnrolmentOut(ResponseModel):
    """The secret of a new authenticator, returned only once."""

    otpauth_uri: Secret
    """For a QR code."""
    secret: Secret
    """The same for manual entry, base32."""


class TotpCodeIn(RequestModel):
    """The first code of an authenticator."""

    code: Code


class RenewedSessionOut(ResponseModel):
    """The session's new CSRF token; its cookie has changed too."""

    csrf_token: str


class TotpEnrolledOut(RenewedSessionOut):
    """The authenticator is active."""

    recovery_codes: Annotated[list[str], Field(repr=False)]
    """Each replaces a TOTP code once; returned only once."""


class PersonIn(RequestModel):
    """An account to create."""

    login: Login
    name: Text
    role: Role
    court_id: Id | None = None
    lessor_id: Id | None = None


class PersonChangeIn(RequestModel):
    """Changes to an account; omitted members stay."""

    name: Text | None = None
    role: Role | None = None
    """Another role of the same kind; every session of the person ends."""
    disabled: bool | None = None


class PersonOut(ResponseModel):
    """The account of a person."""

    principal_id: int
    login: str
    name: str
    role: Role
    court_id: int | None
    lessor_id: int | None
    totp_enrolled: bool
    must_change_password: bool
    password_until: datetime | None
    """The end of a one-time password's validity."""
    last_sign_in_at: datetime | None
    disabled_at: datetime | None
    locked_until: datetime | None
    """The login is locked until then, after failures."""
    created_at: datetime


class ChangedPersonOut(PersonOut):
    """An account after a change."""

    keys_made: list[str]
    """Prefixes of valid keys that the person created: they stay valid when the account is disabled, revoke them
    too."""


class OneTimePasswordOut(ResponseModel):
    """A one-time password, returned only once; it must be changed at the first sign-in."""

    password: Secret
    until: datetime


class NewPersonOut(PersonOut):
    """A new account, with its one-time password."""

    password: Secret
    """Returned only once; it must be changed at the first sign-in."""


class KeyIn(RequestModel):
    """A key to create."""

    role: Role
    holder: Text
    """The holder's name, for example the system that will send the key; keys with the same holder belong together."""
    label: Text
    """What the key is for."""
    court_id: Id | None = None
    lessor_id: Id | None = None
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))] | None = None
    """The permissions of the key; all of the role's when omitted."""
    feed_id: Id | None = None
    expires_at: BoundedMoment | None = None


class KeyRotationIn(RequestModel):
    """How to rotate a key."""

    overlap: Duration | None = None
    """How long both keys are valid; seven days when omitted."""


class KeyOut(ResponseModel):
    """A key, without its secret."""

    prefix: str
    principal_id: int
    holder: str
    role: Role
    court_id: int | None
    lessor_id: int | None
    label: str
    scopes: list[Permission] | None
    feed_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    rotated_at: datetime | None
    """When a new key replaced this one, which ends after the overlap."""
    made_by: int | None
    """The principal that created it; if a key created it, that key's creator. Null: the command line."""


class NewKeyOut(KeyOut):
    """A new key, with its text."""

    key: Secret
    """The key to send: `Authorization: Bearer lt_…`; returned only once."""
