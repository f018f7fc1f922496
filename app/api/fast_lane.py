"""A lane beside FastAPI for the few requests that come thousands a second.

Routing, dependencies and layers of FastAPI take several times what the entrance of a ping needs itself. What is
listed here is answered by the same function as the route of that path, its errors become the same problem documents,
and it is counted and marked like any other; everything else goes on to FastAPI.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import answer_error
from app.api.request_log import RequestContext, RequestRecorder, request_id_of
from app.ingest.http.adapters import FORMATS, PREFIX, receive_from_adapter, split_path
from app.ingest.http.router import receive_pings

Handler = Callable[[Request], Awaitable[Response]]


def lane_of(method: str, path: str) -> tuple[Handler, str] | None:
    """Return what answers a request, and its path without what may be secret in it; None for FastAPI's own."""
    if path == "/v1/pings":
        return (receive_pings, path) if method == "POST" else None
    found = split_path(path)
    if found is None or method not in FORMATS[found[0]].methods:
        return None
    return receive_from_adapter, f"{PREFIX}{found[0]}" + ("/{key}" if found[1] else "")


class FastLane:
    """Answers the requests of the lane itself, before any layer of FastAPI (pure ASGI).

    Args:
        app: Answers everything else.
        account: Counts, logs and limits.
    """

    def __init__(self, app: ASGIApp, account: RequestRecorder) -> None:
        self.app = app
        self.account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        found = lane_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        handler, route = found
        began = self.account.begin()
        request_id = request_id_of(scope)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        request = Request(scope, self.account.limited(receive))
        try:
            refusal = self.account.refusal(scope)
            response = await handler(request) if refusal is None else await answer_error(request, refusal)
        except Exception as error:  # noqa: BLE001 whatever it is becomes a problem document
            response = await answer_error(request, error)
        response.raw_headers += self.account.headers(request_id)
        try:
            await response(scope, receive, send)
        finally:
            self.account.end(scope, scope["method"], route, response.status_code, began, quiet=True)


def install(application: FastAPI, account: RequestRecorder) -> None:
    """Lay the lane, and what is done for every request, around an application that is not serving yet."""
    build = application.build_middleware_stack

    def with_lane() -> ASGIApp:
        return FastLane(RequestContext(build(), account), account)

    # Called once, when serving begins. Added as a middleware it would stand inside FastAPI's answer to what breaks.
    application.build_middleware_stack = with_lane  # type: ignore[method-assign]
