"""Around every request: an id, a log line without anything secret, metrics, and headers that close doors."""

import re
import time
import uuid
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.metrics import Metrics

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_log = structlog.get_logger("leasetrace.requests")


class RequestContext:
    """The outermost layer of the application (pure ASGI: nothing is buffered).

    Args:
        app: What it wraps.
        metrics: Where requests are counted, by route template.
        max_body_bytes: A body with more bytes on the wire is not read further; the answer is 413.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int) -> None:
        self.app = app
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # the only kind that FastAPI lets through
            return message

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive_limited, send_with_headers)
            finally:
                self._account(scope, status, time.perf_counter() - started)

    def _account(self, scope: Scope, status: int, seconds: float) -> None:
        route = _template(scope)
        method = scope["method"] if route != "unmatched" else "any"
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.request_seconds.labels(method, route).observe(seconds)
        principal = scope["state"].get("principal")
        in_lane = "lane" in scope["state"] and status < HTTPStatus.BAD_REQUEST
        log = _log.debug if in_lane else _log.info  # thousands a second; their receipts and metrics tell of them
        log(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            principal_id=principal.principal_id if principal else None,
        )


def _template(scope: Scope) -> str:
    """Return the route's template with the prefixes of the routers that include it."""
    lane = scope["state"].get("lane")
    if lane is not None:
        return str(lane)
    full = scope.get("fastapi", {}).get("effective_route_context")
    return str(getattr(full or scope.get("route"), "path", "unmatched"))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return uuid.uuid4().hex
