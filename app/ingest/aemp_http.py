"""What every call to a maker's interface shares: failures without secrets, limits of size, being told to wait."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from app.core.errors import AppError
from app.core.outbound import AddressRefused
from app.ingest.entrance import unpack

LONGEST_WAIT: Final = timedelta(hours=24)
"""A maker that asks for more is asked again after this."""

_REASONS: Final[Mapping[int, str]] = {
    400: "it does not understand the request",
    401: "it does not accept the secret",
    403: "the secret is not allowed to read this",
    404: "there is nothing at this address",
    429: "too many requests",
    503: "it is not available for the moment",
}


class AempFailure(Exception):
    """A poll cannot go on; the reason may be shown to the lessor: it holds no secret, no address and no answer.

    Args:
        reason: A short sentence, with the status where there is one.
        retry_after: How long the maker asked to be left alone; None where it did not ask.
        status: Of the answer, None where there was none.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.status = status


@asynccontextmanager
async def sending(what: str) -> AsyncIterator[None]:
    """Turn what can go wrong on the way into a failure with a short reason."""
    try:
        yield
    except AddressRefused:
        raise AempFailure(f"{what}: the host is at an address that is not public") from None
    except httpx.TimeoutException:
        raise AempFailure(f"{what}: no answer in time") from None
    except httpx.ConnectError:
        raise AempFailure(f"{what}: no connection; is the host right, and its certificate?") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
        raise AempFailure(f"{what}: the answer broke off or is no HTTP") from None


def refuse(what: str, response: httpx.Response) -> AempFailure:
    """Return what an answer other than 200 means."""
    status = response.status_code
    if response.is_redirect:
        return AempFailure(f"{what}: HTTP {status}, a redirect, which is not followed", status=status)
    reason = _REASONS.get(status)
    words = f"{what}: HTTP {status}" + (f" ({reason})" if reason else "")
    return AempFailure(words, retry_after=retry_after(response), status=status)


def retry_after(response: httpx.Response) -> timedelta | None:
    """Return how long an answer asks to be left alone; None where it does not, or not in a way that is understood.

    A date is taken relative to the answer's own ``Date``, so that neither clock need be right.

    References:
        RFC 9110, section 10.2.3.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:9]), 10**6)), LONGEST_WAIT)
    until, answered = _http_date(text), _http_date(response.headers.get("date", ""))
    if until is None or answered is None:
        return None
    return min(max(until - answered, timedelta(0)), LONGEST_WAIT)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


async def read_limited(response: httpx.Response, max_bytes: int) -> bytes:
    """Return an answer's body, unpacked, never holding much more than the limit.

    Raises:
        AempFailure: It is larger, packed in a way that is not spoken, or broken.
    """
    too_large = AempFailure(f"the answer is over {max_bytes // 1024} KiB")
    packed = bytearray()
    async for chunk in response.aiter_raw():
        packed += chunk
        if len(packed) > max_bytes:
            raise too_large
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return bytes(packed)
    if encoding != "gzip":
        raise AempFailure("the answer is packed, but not with gzip")
    try:
        return unpack(bytes(packed), "gzip", max_bytes)
    except AppError:
        raise AempFailure(f"the answer is broken gzip, or over {max_bytes // 1024} KiB") from None
