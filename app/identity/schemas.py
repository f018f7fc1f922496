"""What this room takes and answers over HTTP."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, SecretStr, StringConstraints

from app.access.domain import Permission, Role
from app.core.web.parameters import SetMoment
from app.core.web.schema_types import PLAIN, WHOLE, Duration, Id, RequestModel, ResponseModel, Text
from app.identity.domain import SignInMethod, SignInStep

_MAX_TYPED: Final = 512
Login = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), *PLAIN]
"""What somebody types to say who it is; case and width of letters do not matter."""
Password = Annotated[SecretStr, Field(min_length=1, max_length=_MAX_TYPED), WHOLE]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=40), *PLAIN]
"""Six digits of an authenticator, or a recovery code."""
Secret = Annotated[str, Field(repr=False)]
"""Text that is answered once; the ``repr`` of its model leaves it out, so a log line cannot hold it."""
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
"""The middle part of a key, by which it is named."""


class CredentialsIn(RequestModel):
    """What somebody signs in with."""

    login: Login
    password: Password
    totp: Code | None = None
    """The code that the authenticator shows, or a recovery code; for accounts that have an authenticator."""


class SessionOut(ResponseModel):
    """Who is asking."""

    principal_id: int
    name: str | None
    """What a person is called; null for a key."""
    role: Role
    court_id: int | None
    lessor_id: int | None
    permissions: list[Permission]
    method: SignInMethod | None
    """How a person signed in; null for a key."""
    pending: list[SignInStep]
    """What must be done before anything else is answered: `password` (choose one), `totp` (enrol one)."""
    signed_in_at: datetime | None
    idle_after_s: int | None
    """So long unused the session ends, seconds; null for a key."""
    expires_at: datetime | None
    """When the session ends whatever is done; null for a key."""
    csrf_token: str | None
    """Goes into the header `X-CSRF-Token` of every request that changes something; null for a key."""


class InstitutionOut(ResponseModel):
    """The provider through which people of an institution sign in."""

    name: str
    """What people call it."""
    start: str
    """Where a page sends the browser; `return_to=` says where it comes back to."""


class SignInOptionsOut(ResponseModel):
    """How one can sign in here."""

    password: bool
    """With a login and a password; always."""
    institution: InstitutionOut | None
    """Through an institution; null where none is set up."""


class PasswordChangeIn(RequestModel):
    """Another password for oneself."""

    old_password: Password
    new_password: Password
    """12 to 128 characters, not the login and not one of the commonest."""


class TotpEnrolmentIn(RequestModel):
    """Begin to enrol an authenticator."""

    password: Password | None = None
    """Needed unless enrolling is all that the session can do."""


class TotpEnrolmentOut(ResponseModel):
    """The secret of an authenticator, told only now."""

    otpauth_uri: Secret
    """For a QR code."""
    secret: Secret
    """The same to be typed, base32."""


class TotpCodeIn(RequestModel):
    """The first code of an authenticator."""

    code: Code


class RenewedSessionOut(ResponseModel):
    """The session has another cookie, and with it another token against cross-site requests."""

    csrf_token: str


class TotpEnrolledOut(RenewedSessionOut):
    """An authenticator is in use."""

    recovery_codes: Annotated[list[str], Field(repr=False)]
    """Each stands in once for the authenticator; told only now."""


class PersonIn(RequestModel):
    """An account to be made."""

    login: Login
    name: Text
    role: Role
    court_id: Id | None = None
    lessor_id: Id | None = None


class PersonChangeIn(RequestModel):
    """What is to be changed of an account."""

    name: Text | None = None
    role: Role | None = None
    """Another of the same kind; every session of the person ends."""
    disabled: bool | None = None


class PersonOut(ResponseModel):
    """Somebody who signs in."""

    principal_id: int
    login: str
    name: str
    role: Role
    court_id: int | None
    lessor_id: int | None
    totp_enrolled: bool
    must_change_password: bool
    password_until: datetime | None
    """Until when a one-time password can be used."""
    last_sign_in_at: datetime | None
    disabled_at: datetime | None
    locked_until: datetime | None
    """The login is locked until then, after failures."""
    created_at: datetime


class ChangedPersonOut(PersonOut):
    """An account after a change."""

    keys_made: list[str]
    """Prefixes of the keys in force that the person made: they stay in force when it is shut out, revoke them too."""


class OneTimePasswordOut(ResponseModel):
    """A one-time password, told only now; it has to be changed at the first sign-in."""

    password: Secret
    until: datetime


class NewPersonOut(PersonOut):
    """A new account, with its one-time password."""

    password: Secret
    """Told only now; it has to be changed at the first sign-in."""


class KeyIn(RequestModel):
    """A key to be made."""

    role: Role
    holder: Text
    """What its holder is called, for example the system that will send it; its keys belong together."""
    label: Text
    """What the key is for."""
    court_id: Id | None = None
    lessor_id: Id | None = None
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))] | None = None
    """What the key is narrowed to; all that the role may when left out."""
    feed_id: Id | None = None
    expires_at: SetMoment | None = None


class KeyRotationIn(RequestModel):
    """How a key is rotated."""

    overlap: Duration | None = None
    """So long both keys are in force; seven days when left out."""


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
    """Since then another key opens the same, and this one ends after the overlap."""
    made_by: int | None
    """The principal that made it; where that was done with a key, whoever made that one. Null: the command line."""


class NewKeyOut(KeyOut):
    """A new key, with its text."""

    key: Secret
    """What its holder sends: `Authorization: Bearer lt_…`; told only now."""
