"""Around every request: an id, a log line without anything secret, metrics, and headers that close doors."""

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
    """What is done for every request, by whatever layer answers it.

    Args:
        metrics: Where requests are counted, by route template.
        settings: The limits of requests, and what browsers are told.
        clients: Tells who sent a request, for the log.
    """

    def __init__(self, metrics: Metrics, settings: Settings, clients: Clients) -> None:
        self._metrics = metrics
        self.clients = clients
        self._headers = security_headers(settings.http.hsts_s)
        edges = RequestLimits(settings)
        self.limited = edges.limited
        self.refusal = edges.refusal

    @staticmethod
    def begin() -> float:
        """Return the moment from which a request's time counts."""
        return time.perf_counter()

    def headers(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return the headers that every answer carries."""
        return [(b"x-request-id", request_id.encode()), *self._headers]

    def end(self, scope: Scope, method: str, route: str, status: int, began: float, *, quiet: bool = False) -> None:
        """Count and log a request that was answered.

        Args:
            scope: Its ``state`` may hold the principal.
            method: Its method.
            route: Its path as a template, without anything secret.
            status: Of the answer.
            began: Of ``begin``.
            quiet: Whether a success is not logged: there are thousands a second, receipts and metrics tell of them.
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
    """The layer around all of FastAPI, its answer to what breaks inside included (pure ASGI: nothing is buffered).

    Args:
        app: What it wraps.
        account: Counts, logs and limits.
    """

    def __init__(self, app: ASGIApp, account: RequestRecorder) -> None:
        self.app = app
        self.account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = self.account.begin()
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if self.account.clients.has_proxies:
            scope["scheme"] = self.account.clients.scheme(scope)  # for addresses of our own, and for cookies
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                more = [header for header in self.account.headers(request_id) if header[0] not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                refusal = self.account.refusal(scope)
                if refusal is not None:
                    answer = await answer_error(Request(scope, receive), refusal)
                    await answer(scope, receive, send_with_headers)
                    return
                await self.app(scope, self.account.limited(receive), send_with_headers)
            finally:
                route = _template(scope)
                method = scope["method"] if route != "unmatched" else "any"
                self.account.end(scope, method, route, status, began)


def _template(scope: Scope) -> str:
    """Return the route's template with the prefixes of the routers that include it."""
    full = scope.get("fastapi", {}).get("effective_route_context")
    return str(getattr(full or scope.get("route"), "path", "unmatched"))


def request_id_of(scope: Scope) -> str:
    """Return the id that the client or its proxy gave a request, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return f"{random.getrandbits(128):032x}"  # nosec B311 an id, not a secret
