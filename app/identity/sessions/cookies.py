"""The session cookie, and protection against cross-site requests."""

import hmac
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from app.core.web.parameters import context
from app.identity.errors import CrossSite
from app.identity.sessions.service import csrf_of

COOKIE: Final = "__Host-leasetrace"
"""Browsers accept the prefix ``__Host-`` only over TLS, for this host and path ``/``."""
PLAIN_COOKIE: Final = "leasetrace"
CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN: Final = frozenset({"same-origin", "none"})


def _is_plain(request: Request) -> bool:
    """Return whether the cookie is sent without TLS: for development on loopback, only if a setting allows it."""
    allowed = context(request).settings.session.cookie_over_http
    return allowed and request.url.scheme == "http" and request.url.hostname in _LOOPBACK


def session_token(request: Request) -> str | None:
    """Return the session token of a request's cookie, or None."""
    return request.cookies.get(PLAIN_COOKIE if _is_plain(request) else COOKIE) or None


def set_session_cookie(response: Response, request: Request, token: str) -> None:
    """Set the session cookie; the browser keeps it until it is closed."""
    plain = _is_plain(request)
    response.set_cookie(
        PLAIN_COOKIE if plain else COOKIE, token, path="/", secure=not plain, httponly=True, samesite="strict"
    )


def drop_session_cookie(response: Response, request: Request) -> None:
    """Delete the session cookie."""
    plain = _is_plain(request)
    response.delete_cookie(
        PLAIN_COOKIE if plain else COOKIE, path="/", secure=not plain, httponly=True, samesite="strict"
    )


def check_same_origin(request: Request) -> None:
    """Raise ``CrossSite`` if a browser says that the request comes from another site; other clients pass."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site in _OWN if site is not None else origin is None or _host_of(origin) == request.headers.get("host")
    if not own:
        raise CrossSite("This request comes from another site's page.")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def check_csrf(request: Request, token: str) -> None:
    """Check origin and ``X-CSRF-Token`` of a changing request with a session cookie, else ``CrossSite``."""
    if request.method in _SAFE:
        return
    check_same_origin(request)
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_of(token).encode()):
        raise CrossSite(f"Send the header {CSRF_HEADER} with the token that GET /v1/session returns.")
