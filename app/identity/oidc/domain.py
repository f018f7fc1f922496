"""The OpenID Connect authorization code flow: registration, state of a sign-in, claims.

References:
    OpenID Connect Core 1.0, section 3.1 (authorization code flow); RFC 7636 (PKCE); RFC 9700, section 2.1 (client
    duties: PKCE, state bound to the browser, exact redirect address, no open redirects).
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from app.core.errors import InvalidInput
from app.core.settings import Settings

CALLBACK_PATH: Final = "/v1/session/oidc/callback"
FLOW_LIFE: Final = timedelta(minutes=10)
"""Longest time between the redirect to the provider and the callback."""

MAX_PATH: Final = 500
_ABOUT_THE_PERSON: Final = 300
"""Longest e-mail address or user name, characters."""


@dataclass(frozen=True, slots=True)
class Registration:
    """This service's registration at the institution's provider."""

    issuer: str  # the provider's issuer identifier, exactly as in its metadata
    client_id: str
    client_secret: str | None = field(repr=False)  # None for a public client
    scope: str
    name: str  # the provider's name for people
    redirect_uri: str  # the callback address
    ca_file: Path | None  # certificate authorities to trust besides the public ones
    allow_private: bool  # whether it may have a private address

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service by TLS, so that cookies can be marked Secure."""
        return self.redirect_uri.startswith("https://")


def registration_of(settings: Settings) -> Registration | None:
    """Return the registration from the settings; None where they name no provider."""
    if settings.oidc.issuer is None or settings.oidc.client_id is None or settings.http.public_url is None:
        return None
    secret = settings.oidc.client_secret
    scopes = [scope for scope in settings.oidc.scopes.split() if scope != "openid"]
    return Registration(
        issuer=settings.oidc.issuer,
        client_id=settings.oidc.client_id,
        client_secret=secret.get_secret_value() if secret else None,
        scope=" ".join(["openid", *scopes]),
        name=settings.oidc.name,
        redirect_uri=settings.http.public_url + CALLBACK_PATH,
        ca_file=settings.oidc.ca_file,
        allow_private=settings.oidc.allow_private,
    )


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in in progress; the browser holds it encrypted in a cookie."""

    state: str  # identifies this sign-in among others of the same browser; the provider returns it
    nonce: str  # the ID token of this sign-in must contain it
    verifier: str  # the PKCE code verifier
    return_to: str  # the local path to open afterwards
    begun_at: datetime  # when it began, UTC
    replaces: str = ""  # SHA-256 (hexadecimal) of the token of the browser's earlier session, if any

    def is_over(self, now: datetime) -> bool:
        """Return whether it is too old, or begins in the future because a clock was set back."""
        return not self.begun_at <= now < self.begun_at + FLOW_LIFE


def begin_flow(return_to: str, now: datetime, replaces: str = "") -> Flow:
    """Return a new flow; state, nonce and verifier have 256 random bits each."""
    return Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        return_to=return_to,
        begun_at=now,
        replaces=replaces,
    )


def local_path(text: str) -> str:
    r"""Return a path of this service that is safe as a redirect target; raises ``InvalidInput`` for any other.

    Browsers take ``//host``, ``/\host`` and variants with tabs for other hosts. Only printable ASCII that begins with
    one slash is accepted; other characters must be percent-encoded.
    """
    plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if not plain or not text.startswith("/") or text.startswith("//") or len(text) > MAX_PATH:
        raise InvalidInput("return_to: expected a path of this service, such as /map", field="return_to")
    return text


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """The identity that the provider asserts. Roles and permissions are never read from the provider."""

    subject: str  # the provider's permanent identifier of the person
    email: str | None = None  # the e-mail address, if the provider says that it is verified
    username: str | None = None

    @property
    def logins(self) -> tuple[str, ...]:
        """Names that an administrator may have entered for the first sign-in: see ``awaited_login``."""
        email = awaited_login(self.email) if self.email and "@" in self.email else None
        username = awaited_login(self.username) if self.username and "@" not in self.username else None
        return tuple(login for login in (email, username) if login)


def awaited_login(text: str) -> str:
    """Return an e-mail address or user name in the form in which both sides are compared.

    A name with ``@`` is compared with verified addresses only: many providers let people choose their user name, so
    it could be another person's address.
    """
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def identity_in_claims(claims: dict[str, object]) -> ProviderIdentity | None:
    """Return the identity in the claims of an ID token or a userinfo response; None without a valid subject."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004 OpenID Connect Core, section 2
        return None
    verified = claims.get("email_verified") is True
    return ProviderIdentity(
        subject=subject,
        email=_short(claims.get("email")) if verified else None,
        username=_short(claims.get("preferred_username")),
    )


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _ABOUT_THE_PERSON else None
