"""Answers the most frequent requests without FastAPI.

Routing, dependencies and middleware of FastAPI cost several times the work of accepting a ping. A request listed
here is answered by the function of its route. Its errors become the same problem documents, and it is counted and
logged in the same way. All other requests go to FastAPI.
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
    """Return the handler of a request and its path without secrets; None for a request of FastAPI."""
    if path == "/v1/pings":
        return (receive_pings, path) if method == "POST" else None
    found = split_path(path)
    if found is None or method not in FORMATS[found[0]].methods:
        return None
    return receive_from_adapter, f"{PREFIX}{found[0]}" + ("/{key}" if found[1] else "")


class FastLane:
    """ASGI middleware outside all of FastAPI; answers the requests of ``lane_of`` itself.

    Args:
        app: Answers all other requests.
        recorder: Counts, logs and limits.
    """

    def __init__(self, app: ASGIApp, recorder: RequestRecorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        found = lane_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        handler, route = found
        began = self.recorder.begin()
        request_id = request_id_of(scope)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        request = Request(scope, self.recorder.limited(receive))
        try:
            refusal = self.recorder.refusal(scope)
            response = await handler(request) if refusal is None else await answer_error(request, refusal)
        except Exception as error:  # noqa: BLE001 whatever it is becomes a problem document
            response = await answer_error(request, error)
        response.raw_headers += self.recorder.headers(request_id)
        try:
            await response(scope, receive, send)
        finally:
            self.recorder.end(scope, scope["method"], route, response.status_code, began, quiet=True)


def install(application: FastAPI, recorder: RequestRecorder) -> None:
    """Install the fast lane and the request recorder around an application that is not serving yet."""
    build = application.build_middleware_stack

    def with_lane() -> ASGIApp:
        return FastLane(RequestContext(build(), recorder), recorder)

    # Called once, when serving begins. ``add_middleware`` would put it inside FastAPI's handler of server errors.
    application.build_middleware_stack = with_lane  # type: ignore[method-assign]
