"""Request id, log line without secrets, metrics and security headers for every request."""

import random
import re
import time
from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import answer_error
from app.api.request_limits import RequestLimits, security_headers
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.core.web.client_address import Clients

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger("leasetrace.requests")


class RequestRecorder:
    """Counts, logs and limits every request, whichever layer answers it.

    Args:
        metrics: Counts requests by route template.
        settings: Limits of requests, and security headers for browsers.
        clients: Gives the client's address for the log.
    """

    def __init__(self, metrics: Metrics, settings: Settings, clients: Clients) -> None:
        self._metrics = metrics
        self.clients = clients
        self._headers = security_headers(settings.http.hsts_s)
        limits = RequestLimits(settings)
        self.limited = limits.limited
        self.refusal = limits.refusal

    @staticmethod
    def begin() -> float:
        """Return the start of a request, in seconds of ``time.perf_counter``."""
        return time.perf_counter()

    def headers(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return the headers of every response."""
        return [(b"x-request-id", request_id.encode()), *self._headers]

    def end(self, scope: Scope, method: str, route: str, status: int, began: float, *, quiet: bool = False) -> None:
        """Count and log an answered request.

        Args:
            scope: Its ``state`` may hold the principal.
            route: Its path as a template, without secrets.
            began: Value of ``begin``.
            quiet: Do not log a success: there are thousands a second, and receipts and metrics report them.
        """
        seconds = time.perf_counter() - began
        self._metrics.count_request(method, route, status, seconds)
        if quiet and status < HTTPStatus.BAD_REQUEST:
            return
        principal = scope["state"].get("principal")
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            principal_id=principal.principal_id if principal else None,
            client=str(self.clients.address(scope)),
            request_id=scope["state"]["request_id"],
        )


class RequestContext:
    """ASGI middleware outside all of FastAPI, its handler of server errors included. It buffers nothing."""

    def __init__(self, app: ASGIApp, recorder: RequestRecorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = self.recorder.begin()
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if self.recorder.clients.has_proxies:
            scope["scheme"] = self.recorder.clients.scheme(scope)  # for URLs of this service, and for cookies
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                more = [header for header in self.recorder.headers(request_id) if header[0] not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                refusal = self.recorder.refusal(scope)
                if refusal is not None:
                    answer = await answer_error(Request(scope, receive), refusal)
                    await answer(scope, receive, send_with_headers)
                    return
                await self.app(scope, self.recorder.limited(receive), send_with_headers)
            finally:
                route = _template(scope)
                method = scope["method"] if route != "unmatched" else "any"
                self.recorder.end(scope, method, route, status, began)


def _template(scope: Scope) -> str:
    """Return the route's template with the prefixes of its routers."""
    full = scope.get("fastapi", {}).get("effective_route_context")
    return str(getattr(full or scope.get("route"), "path", "unmatched"))


def request_id_of(scope: Scope) -> str:
    """Return the request id of the client or its proxy, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return f"{random.getrandbits(128):032x}"  # nosec B311 an id, not a secret
