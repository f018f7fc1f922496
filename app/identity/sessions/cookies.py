"""The cookie of a session, and how it is told whether a request comes from our own page."""

import hmac
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from app.core.web.parameters import context
from app.identity.errors import CrossSite
from app.identity.sessions.service import csrf_of

COOKIE: Final = "__Host-leasetrace"
"""The prefix makes browsers take it over TLS only, for this host only, for every path."""
PLAIN_COOKIE: Final = "leasetrace"
CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN: Final = frozenset({"same-origin", "none"})


def _is_plain(request: Request) -> bool:
    """Tell whether the cookie goes without TLS: development at loopback, and only where a setting says so."""
    allowed = context(request).settings.session.cookie_over_http
    return allowed and request.url.scheme == "http" and request.url.hostname in _LOOPBACK


def session_token(request: Request) -> str | None:
    """Return the token of the session that a request's cookie carries, or None."""
    return request.cookies.get(PLAIN_COOKIE if _is_plain(request) else COOKIE) or None


def set_session_cookie(response: Response, request: Request, token: str) -> None:
    """Let the browser keep a session's token until it is closed, or the session has ended."""
    plain = _is_plain(request)
    response.set_cookie(
        PLAIN_COOKIE if plain else COOKIE, token, path="/", secure=not plain, httponly=True, samesite="strict"
    )


def drop_session_cookie(response: Response, request: Request) -> None:
    """Let the browser forget the session's token."""
    plain = _is_plain(request)
    response.delete_cookie(
        PLAIN_COOKIE if plain else COOKIE, path="/", secure=not plain, httponly=True, samesite="strict"
    )


def must_be_same_origin(request: Request) -> None:
    """Let a request through that a browser says comes from our own page, or that no browser sends.

    Raises:
        CrossSite: It comes from another site.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site in _OWN if site is not None else origin is None or _host_of(origin) == request.headers.get("host")
    if not own:
        raise CrossSite("This request comes from another site's page.")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def must_be_ours(request: Request, token: str) -> None:
    """Let a request with a session's cookie through if it changes nothing, or says the session's token besides.

    Raises:
        CrossSite: It comes from another site, or the header ``X-CSRF-Token`` is missing or wrong.
    """
    if request.method in _SAFE:
        return
    must_be_same_origin(request)
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_of(token).encode()):
        raise CrossSite(f"Send the header {CSRF_HEADER} with the token that GET /v1/session tells.")
