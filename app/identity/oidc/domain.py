"""Signing in through an institution's OpenID provider: what is agreed with it and with the browser; pure.

References:
    OpenID Connect Core 1.0, section 3.1 (authorization code flow); RFC 7636 (PKCE); RFC 9700, section 2.1 (what a
    client must do: PKCE, state bound to the browser, exact redirect address, no open redirects).
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
"""So long somebody may take to sign in at the provider."""

MAX_PATH: Final = 500
_ABOUT_THE_PERSON: Final = 300
"""An e-mail address or a user name is not longer."""


@dataclass(frozen=True, slots=True)
class Registration:
    """As whom this service is known at the provider of the one institution whose people sign in here.

    Attributes:
        issuer: The provider, letter by letter as it calls itself.
        client_id: The service there.
        client_secret: Its secret; None for a public client.
        scope: What is asked for.
        name: What people call the provider.
        redirect_uri: Where the provider sends the browser back to.
        ca_file: Authorities that may vouch for it besides the public ones.
        allow_private: Whether it may be at a private address.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scope: str
    name: str
    redirect_uri: str
    ca_file: Path | None
    allow_private: bool

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service by TLS, so that a cookie may ask for it."""
        return self.redirect_uri.startswith("https://")


def registration_of(settings: Settings) -> Registration | None:
    """Return the registration that the settings name; None where they name no provider."""
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
    """One attempt to sign in, as the browser holds it, sealed, while it is at the provider.

    Attributes:
        state: Tells this attempt from others of the same browser; the provider gives it back.
        nonce: Stands in the ID token that answers this attempt, and in no other.
        verifier: Proves to the provider that whoever redeems the code began the attempt (PKCE).
        return_to: The local path where the person wanted to be.
        begun_at: When it began, UTC.
        replaces: The SHA-256, in hexadecimal digits, of the token of the session that the browser had, if any.
    """

    state: str
    nonce: str
    verifier: str
    return_to: str
    begun_at: datetime
    replaces: str = ""

    def is_over(self, now: datetime) -> bool:
        """Tell whether it began too long ago (or, where a clock was put back, has not begun yet)."""
        return not self.begun_at <= now < self.begun_at + FLOW_LIFE


def begin_flow(return_to: str, now: datetime, replaces: str = "") -> Flow:
    """Return a new attempt; its three secrets have 256 random bits each."""
    return Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        return_to=return_to,
        begun_at=now,
        replaces=replaces,
    )


def local_path(text: str) -> str:
    r"""Return a path of this service that a browser may be sent to, as it was given.

    Browsers take ``//host``, ``/\host`` and such with tabs in between for other hosts, so only printable ASCII that
    begins with one slash passes; what else stands in an address is percent-encoded by whoever makes it.

    Raises:
        InvalidInput: It is anything else.
    """
    plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if not plain or not text.startswith("/") or text.startswith("//") or len(text) > MAX_PATH:
        raise InvalidInput("return_to: expected a path of this service, such as /map", field="return_to")
    return text


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who the provider says has signed in: nothing but its names; what somebody may do is never taken from there.

    Attributes:
        subject: The provider's own name for the person, which never changes.
        email: Its address, where the provider says that it is verified.
        username: Its user name at the provider.
    """

    subject: str
    email: str | None = None
    username: str | None = None

    @property
    def logins(self) -> tuple[str, ...]:
        """What an administrator may have written down for the first sign-in: see ``awaited_login``."""
        email = awaited_login(self.email) if self.email and "@" in self.email else None
        username = awaited_login(self.username) if self.username and "@" not in self.username else None
        return tuple(login for login in (email, username) if login)


def awaited_login(text: str) -> str:
    """Return an e-mail address or a user name in the form in which both sides are compared.

    One with an ``@`` is compared with verified addresses only: at many providers people choose their user name
    themselves, and could choose somebody's address.
    """
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def claimed_by(claims: dict[str, object]) -> Claimed | None:
    """Return who somebody is by the claims of an ID token or of the provider's page about a person."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004 OpenID Connect Core, section 2
        return None
    verified = claims.get("email_verified") is True
    return Claimed(
        subject=subject,
        email=_short(claims.get("email")) if verified else None,
        username=_short(claims.get("preferred_username")),
    )


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _ABOUT_THE_PERSON else None
