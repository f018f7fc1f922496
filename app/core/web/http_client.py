"""HTTP client for calls to other systems: size and time limits, address checks, fixed error texts.

Requests go through ``core.web.outbound``: only to public addresses unless a setting allows others. It follows no
redirects, keeps no cookies and ignores proxy variables of the environment.

References:
    RFC 6749, sections 2.3.1 (client password), 4.1.3 (authorization code) and 4.4 (client credentials); RFC 9110,
    section 10.2.3 (``Retry-After``).
"""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Final
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from app.core.web.outbound import AddressRefused, PinnedTransport

LONGEST_WAIT: Final = timedelta(hours=24)
"""Upper limit of an accepted ``Retry-After``."""

_OK: Final = frozenset({200})
_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header, largest window"
_REASONS: Final[Mapping[int, str]] = {
    400: "it does not understand the request",
    401: "it does not accept the secret",
    403: "the secret is not allowed to read this",
    404: "there is nothing at this address",
    429: "too many requests",
    503: "it is not available for the moment",
}


class CallFailed(Exception):
    """A call to another system failed; ``retry_after`` is the wait that the response asks for, if any.

    The reason holds no secret, no address and nothing of the response body.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; ``content_type`` is lower case without parameters, ``body`` is decompressed."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


class HttpClient(httpx.AsyncClient):
    """Calls other systems; an asynchronous context manager that keeps connections alive while it is open.

    Args:
        allow_private: Allow addresses that are not public.
        connect_s: Limit of the time to connect, seconds.
        idle_s: Limit of the time between two pieces of a response, seconds.
        total_s: Limit of a whole call, seconds.
        max_bytes: Limit of a response body, compressed and decompressed.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        connect_s: float,
        idle_s: float,
        total_s: float,
        max_bytes: int,
        verify: SSLContext | None = None,
    ) -> None:
        super().__init__(
            transport=PinnedTransport(allow_private=allow_private, verify=verify),
            timeout=httpx.Timeout(idle_s, connect=connect_s),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "LeaseTrace", "Accept": "application/json", "Accept-Encoding": "gzip"},
        )
        self._total_s = total_s
        self._max_bytes = max_bytes

    async def call(
        self,
        what: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        content: str | bytes | None = None,
        accepted: frozenset[int] = _OK,
    ) -> Answer:
        """Send a GET, or a POST if there is content, and read the response.

        Args:
            what: Start of the failure's reason.
            url: A setting, or an address that ``outbound.check_url`` accepted.
            headers: Added to the default headers, or replace them.
            accepted: Statuses that are returned; for any other the body is not read.

        Raises:
            CallFailed: The address is refused, there is no response in time, or it is not as expected.
        """
        self.cookies.clear()
        try:
            async with (
                asyncio.timeout(self._total_s),
                self.stream("GET" if content is None else "POST", url, headers=headers, content=content) as response,
            ):
                if response.status_code not in accepted:
                    raise _refused(what, response)
                body = await _read_limited(what, response, self._max_bytes)
        except AddressRefused:
            raise CallFailed(f"{what}: the host is at an address that is not public") from None
        except (TimeoutError, httpx.TimeoutException):
            raise CallFailed(f"{what}: no answer in time") from None
        except httpx.ConnectError:
            raise CallFailed(f"{what}: no connection; is the host right, and its certificate?") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
            raise CallFailed(f"{what}: the answer broke off or is no HTTP") from None
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(response.status_code, content_type, body)


async def _read_limited(what: str, response: httpx.Response, max_bytes: int) -> bytes:
    """Return the decompressed body, holding little more than the limit in memory."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip"}:
        raise CallFailed(f"{what}: the answer is packed, but not with gzip")
    unpacker = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    received, body = 0, bytearray()
    try:
        async for chunk in response.aiter_raw():
            received += len(chunk)
            body += chunk if unpacker is None else unpacker.decompress(chunk, max_bytes + 1 - len(body))
            if max(received, len(body)) > max_bytes:
                packed = ", unpacked from gzip" if unpacker else ""
                raise CallFailed(f"{what}: the answer is over {max_bytes // 1024} KiB{packed}")
    except zlib.error:
        raise CallFailed(f"{what}: the answer is broken gzip") from None
    if unpacker is not None and received and (not unpacker.eof or unpacker.unused_data):
        raise CallFailed(f"{what}: the answer is broken gzip")
    return bytes(body)


def _refused(what: str, response: httpx.Response) -> CallFailed:
    status = response.status_code
    if response.is_redirect:
        return CallFailed(f"{what}: HTTP {status}, a redirect, which is not followed", status=status)
    reason = _REASONS.get(status)
    words = f"{what}: HTTP {status}" + (f" ({reason})" if reason else "")
    return CallFailed(words, retry_after=_retry_after(response), status=status)


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Return the wait that a response asks for; None where there is no valid ``Retry-After``.

    A date is taken relative to the response's own ``Date``, so that neither clock need be right.
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


def token_request(
    grant_type: str, client_id: str, client_secret: str | None, *, secret_in_body: bool, **parameters: str | None
) -> tuple[dict[str, str], str]:
    """Return headers and body of a request to an OAuth 2 token endpoint (``grant_type`` as in RFC 6749).

    Without a secret it is a public client. The secret is sent in the ``Authorization`` header or in the body.
    Parameters that are None or empty are left out.
    """
    if client_secret is None:
        auth = ClientAuth(client_id, None, "none")
    elif secret_in_body:
        auth = ClientAuth(client_id, client_secret, "client_secret_post")
    else:  # RFC 6749 wants both encoded first; authlib does not do it
        auth = ClientAuth(quote_plus(client_id), quote_plus(client_secret), "client_secret_basic")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = prepare_token_request(grant_type, **parameters)
    _, headers, body = auth.prepare("POST", "", headers, body)
    return headers, str(body)
