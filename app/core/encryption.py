"""Encryption of credentials for other systems, which are needed in clear to sign in there for a lessor.

Our own keys are stored as hashes (``app.identity``). A client secret of an AEMP interface has to be sent, so it is
encrypted with AES-256-GCM under a key from the settings that is not in the database. Associated data bind it to its
row: copied to another row it cannot be decrypted.

Layout: version (1 byte, value 1), key id (4 bytes), nonce (12 bytes), ciphertext with its tag (16 bytes).

References:
    NIST SP 800-38D (GCM, 96-bit random nonces: at most 2**32 secrets a key).
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import Unavailable

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD: Final = len(_VERSION) + _ID_BYTES + _NONCE_BYTES
_RETRY_AFTER_S: Final = 3600  # a person has to set something


class NoSecretKey(Unavailable):
    """No encryption key is configured; an operator must set one."""

    code = "no_secret_key"
    title = "This service is not set up to keep secrets"

    def __init__(self) -> None:
        super().__init__(
            "The service has no key to keep secrets with: set LEASETRACE_SECRET_KEYS (`leasetrace secrets new-key`"
            " prints one).",
            retry_after_s=_RETRY_AFTER_S,
        )


class SecretUnreadable(Unavailable):
    """No configured key decrypts this secret: configure the key that encrypted it, or submit the secret again."""

    code = "secret_unreadable"
    title = "A stored secret cannot be opened"

    def __init__(self, why: str) -> None:
        super().__init__(f"The stored secret cannot be opened: {why}.", retry_after_s=_RETRY_AFTER_S)


def new_key() -> str:
    """Return a new key as ``LEASETRACE_SECRET_KEYS`` takes it: 256 random bits, base64url, unpadded."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a comma-separated list; raises ``ValueError`` if there is none or one is malformed."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    keys: list[bytes] = []
    for place, part in enumerate(parts, 1):
        try:
            key = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            msg = f"key {place} is not {KEY_BYTES} bytes in base64; `leasetrace secrets new-key` prints a good one"
            raise ValueError(msg)
        keys.append(key)
    if not keys:
        msg = "expected at least one key; `leasetrace secrets new-key` prints one"
        raise ValueError(msg)
    return tuple(keys)


class Encryptor:
    """Encrypts and decrypts secrets. The first key encrypts, all decrypt; remove a key once no secret uses it."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers: Mapping[bytes, AESGCM] = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])

    @classmethod
    def of(cls, keys: str | None) -> Self:
        """Create one from the text of the setting. Raises ``NoSecretKey`` where it is empty."""
        if not keys:
            raise NoSecretKey
        return cls(parse_keys(keys))

    def seal(self, secret: str, bound_to: str) -> bytes:
        """Encrypt under a random nonce; decryption needs the same ``bound_to``, for example ``aemp_source:12``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION + self._first + nonce
        return head + self._ciphers[self._first].encrypt(nonce, secret.encode(), _bound(head, bound_to))

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Decrypt; raises ``SecretUnreadable`` if no key fits, or the binding or the bytes were changed."""
        head, ciphertext = sealed[:_HEAD], sealed[_HEAD:]
        if not ciphertext or head[:1] != _VERSION:
            raise SecretUnreadable("it is not in the form that this version writes")
        cipher = self._ciphers.get(head[1 : 1 + _ID_BYTES])
        if cipher is None:
            raise SecretUnreadable("none of LEASETRACE_SECRET_KEYS is the key that it was sealed with")
        try:
            return cipher.decrypt(head[1 + _ID_BYTES :], ciphertext, _bound(head, bound_to)).decode()
        except InvalidTag:
            raise SecretUnreadable("its bytes were changed, or it belongs to another row") from None

    def is_outdated(self, sealed: bytes) -> bool:
        """Return whether a secret was encrypted with another key than the first and should be encrypted again."""
        return sealed[1 : 1 + _ID_BYTES] != self._first


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"leasetrace key id" + key).digest()[:_ID_BYTES]


def _bound(head: bytes, bound_to: str) -> bytes:
    return head + bound_to.encode()
