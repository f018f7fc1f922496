"""Who asks, and what follows from it; pure."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PrincipalKind(StrEnum):
    """The four kinds of people and machines that hold keys."""

    LESSOR = "lessor"
    COURT = "court"
    DISPATCHER = "dispatcher"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    Attributes:
        principal_id: Its row.
        kind: What it is.
        subject_id: The lessor or court that it acts for; None for dispatchers and administrators.
        api_key_id: The key it came with; None for the command line of whoever runs the service.
        feed_id: The lessor's feed that the key belongs to, if it does.
        post_only: Whether the key opens nothing but the entrances for pings; only such a key may stand in a URL.
    """

    principal_id: int
    kind: PrincipalKind
    subject_id: int | None
    api_key_id: int | None
    feed_id: int | None = None
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a principal may see, taken by every read: to forget it is a type error.

    Attributes:
        principal: Who looks.
        case_id: The case that a court or dispatcher stated as the purpose of reading positions, if any.
    """

    principal: Principal
    case_id: int | None = None

    @property
    def sees_everything(self) -> bool:
        """An administrator runs the platform and sees registers of all."""
        return self.principal.kind is PrincipalKind.ADMINISTRATOR

    @property
    def lessor_id(self) -> int | None:
        """The lessor whose own assets are in sight, for a lessor's key."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.LESSOR else None

    @property
    def court_id(self) -> int | None:
        """The court whose cases are in sight, for a court's key."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.COURT else None


KEY_MARK: Final = "lt"
PREFIX_BYTES: Final = 6
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment when its secret is known."""

    prefix: str
    secret_sha256: bytes
    text: str
    """What its holder sends: ``lt_<prefix>_<secret>``."""


def make_key() -> NewKey:
    """Return a new key of 256 random bits."""
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_hex(SECRET_BYTES)
    return NewKey(prefix, hash_secret(secret), f"{KEY_MARK}_{prefix}_{secret}")


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a key's secret; a slow hash would protect guessable secrets, these are random."""
    return hashlib.sha256(secret.encode()).digest()


def split_key(text: str) -> tuple[str, str] | None:
    """Return prefix and secret of a key as it was sent, or None when it has not the form of one."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    well_formed = mark == KEY_MARK and len(prefix) == 2 * PREFIX_BYTES and len(secret) == 2 * SECRET_BYTES
    return (prefix, secret) if well_formed and text.isascii() else None
