"""Limits that every request must keep before it is handled, and the headers of every response."""

from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from app.core.errors import AddressTooLong, AppError, HeadTooLarge, WrongHost
from app.core.settings import Settings

_API_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_NO_FEATURES: Final = b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
PROBED_BY_ADDRESS: Final = frozenset({"/livez", "/readyz"})
"""Paths of probes that know an address but no host name."""


def security_headers(hsts_s: int) -> list[tuple[bytes, bytes]]:
    """Return the security headers for browsers; a page that needs more sends its own policy.

    Args:
        hsts_s: Seconds for which a browser must use TLS only; browsers accept it over TLS alone (RFC 6797).
    """
    return [
        (b"strict-transport-security", b"max-age=%d; includeSubDomains" % hsts_s),
        (b"content-security-policy", _API_POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", _NO_FEATURES),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


class RequestLimits:
    """Limits on host, path, query, headers and body; ``app.api.uvicorn_protocol`` limits the connection itself."""

    def __init__(self, settings: Settings) -> None:
        self._url_bytes = settings.limits.max_url_bytes
        self._query_bytes = settings.limits.max_query_bytes
        self._headers = settings.limits.max_headers
        self._body_bytes = settings.limits.max_body_bytes
        self._hosts = frozenset(settings.http.hosts)

    def refusal(self, scope: Any) -> AppError | None:
        """Return why a request is refused before it is handled, or None."""
        query, path = len(scope["query_string"]), len(scope.get("raw_path") or scope["path"])
        if query > self._query_bytes or path + query > self._url_bytes:
            return AddressTooLong(
                f"expected an address of at most {self._url_bytes} bytes, its query of at most {self._query_bytes}"
            )
        if len(scope["headers"]) > self._headers:
            return HeadTooLarge(f"expected at most {self._headers} headers")
        if self._hosts and scope["path"] not in PROBED_BY_ADDRESS and _host(scope) not in self._hosts:
            return WrongHost("Host: requests for this host are not answered here")
        return None

    def limited(self, receive: Receive) -> Receive:
        """Return ``receive`` with a limit on the body's size; a larger body ends in 413."""
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._body_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # the only kind that FastAPI does not catch
            return message

        return receive_limited


def _host(scope: Any) -> str:
    """Return the requested host, lower case, without its port."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").strip()
    if host.startswith("["):
        return str(host[1:].partition("]")[0].lower())
    return str(host.partition(":")[0].lower().removesuffix("."))
