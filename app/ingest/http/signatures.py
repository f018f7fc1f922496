"""HMAC signatures of requests: with them, a stolen key alone cannot post pings.

The sender signs the time and the content with the feed's secret::

    X-LeaseTrace-Time: 1795406400
    X-LeaseTrace-Signature: sha256=<hex of HMAC-SHA256(secret, "1795406400." + content)>

The content is the body as sent (packed, if it is), or the query string where that carries the data. A replay within
the window stores nothing new: a repeated ping is a duplicate.

References:
    RFC 2104 (HMAC).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.core.errors import NotAuthenticated

TIME_HEADER: Final = "X-LeaseTrace-Time"
SIGNATURE_HEADER: Final = "X-LeaseTrace-Signature"
WINDOW_S: Final = 300
_MOST_DIGITS: Final = 12


class NotSigned(NotAuthenticated):
    """The feed requires signed requests; this one is unsigned, wrongly signed or signed at another time."""

    code = "not_signed"
    title = "A valid signature is needed"


def signature_of(secret: str, time_s: str, content: bytes) -> str:
    """Return the value of the signature header.

    The characters of ``secret`` are the key. ``time_s`` is the time header: whole seconds since 1970, UTC.
    """
    digest = hmac.new(secret.encode(), time_s.encode() + b"." + content, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def check(secret: str, headers: Mapping[str, str], content: bytes, now: datetime) -> None:
    """Check that the content was signed with the secret within ``WINDOW_S`` of now.

    Raises ``NotSigned``; its reason reveals nothing about the secret.
    """
    time_s, signature = headers.get(TIME_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not time_s or not signature:
        raise NotSigned(
            f"This feed takes signed requests only: send {TIME_HEADER} and {SIGNATURE_HEADER}.",
            field=SIGNATURE_HEADER,
        )
    well_formed = time_s.isascii() and time_s.isdigit() and len(time_s) <= _MOST_DIGITS
    if not well_formed or abs(now.timestamp() - int(time_s)) > WINDOW_S:
        raise NotSigned(
            f"{TIME_HEADER}: expected the present time in seconds since 1970, at most {WINDOW_S} s off",
            field=TIME_HEADER,
        )
    expected = signature_of(secret, time_s, content)
    if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
        raise NotSigned(
            f"{SIGNATURE_HEADER}: expected sha256= and the hex of HMAC-SHA256 over time, a point and body as sent",
            field=SIGNATURE_HEADER,
        )
