"""Frozen types and pure rules of keys, sessions and sign-in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.access.domain import Principal


class SignInMethod(StrEnum):
    """How a person was authenticated."""

    PASSWORD = "password"  # noqa: S105 # nosec B105 a word, not a secret
    OIDC = "oidc"


class SignInStep(StrEnum):
    """What a signed-in person must complete before any other request, in this order."""

    PASSWORD = "password"  # noqa: S105 # nosec B105 a word, not a secret
    TOTP = "totp"


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session of a person; times are UTC, ``last_seen_at`` to the minute, ``expires_at`` the latest end.

    ``pending`` are the steps to complete before any other request.
    """

    session_id: int
    principal: Principal
    name: str
    method: SignInMethod
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    pending: tuple[SignInStep, ...] = ()

    def is_over(self, now: datetime, idle_after: timedelta) -> bool:
        """Return whether it has expired or was unused for too long."""
        return now >= self.expires_at or now >= self.last_seen_at + idle_after


KEY_MARK: Final = "lt"


PREFIX_BYTES: Final = 6


SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new API key; only here is its text known."""

    prefix: str
    secret_sha256: bytes
    text: str
    """The key as its holder sends it: ``lt_<prefix>_<secret>``."""


def make_key() -> NewKey:
    """Return a new key of 256 random bits."""
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_hex(SECRET_BYTES)
    return NewKey(prefix, hash_secret(secret), f"{KEY_MARK}_{prefix}_{secret}")


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a key's secret; a slow hash is not needed for random secrets."""
    return hashlib.sha256(secret.encode()).digest()


def split_key(text: str) -> tuple[str, str] | None:
    """Return prefix and secret of a key's text; None where it is not formed like a key."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    well_formed = mark == KEY_MARK and len(prefix) == 2 * PREFIX_BYTES and len(secret) == 2 * SECRET_BYTES
    return (prefix, secret) if well_formed and text.isascii() else None
