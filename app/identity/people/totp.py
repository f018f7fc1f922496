"""TOTP codes (RFC 6238): six digits of HMAC-SHA1 over steps of 30 s, the default of authenticator apps."""

import base64
import hashlib
import hmac
import secrets
import struct
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_S: Final = 30
DIGITS: Final = 6
_TOLERATED_STEPS: Final = 1
_SECRET_BYTES: Final = 20
_RECOVERY_BYTES: Final = 10
RECOVERY_CODES: Final = 10
ISSUER: Final = "LeaseTrace"


def make_secret() -> str:
    """Return a new secret: 160 random bits, base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def step_at(at: datetime) -> int:
    """Return the number of the 30 s step of a moment."""
    return int(at.timestamp()) // STEP_S


def code_of(secret: str, step: int) -> str:
    """Return the code of a step."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the current, previous or next step if the code is its code; None otherwise. Constant time."""
    found = None
    for step in range(step_at(at) - _TOLERATED_STEPS, step_at(at) + _TOLERATED_STEPS + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            found = step
    return found


def otpauth_uri(secret: str, login: str) -> str:
    """Return the ``otpauth://`` URI for a QR code."""
    parameters = {"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_S}
    return f"otpauth://totp/{quote(ISSUER)}:{quote(login)}?{urlencode(parameters)}"


def make_recovery_codes() -> list[str]:
    """Return codes of 80 random bits; each replaces a TOTP code once."""
    codes = (base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def recovery_digest(code: str) -> bytes:
    """Return the stored digest of a recovery code; hyphens, blanks and case do not matter."""
    return hashlib.sha256("".join(code.split()).replace("-", "").lower().encode()).digest()
