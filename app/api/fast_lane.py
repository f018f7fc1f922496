"""A lane beside FastAPI for the few requests that come thousands a second.

Routing, dependencies and the exit stacks of FastAPI take a third of a millisecond, several times what the entrance of
a ping needs itself. What is listed here is answered by the same function as the route of that path, and its errors
become the same problem documents; everything else goes on to FastAPI.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import answer_error
from app.ingest.foreign import FORMATS, PREFIX, split_path, take_foreign
from app.ingest.router import take_pings

Handler = Callable[[Request], Awaitable[Response]]


def lane_of(method: str, path: str) -> tuple[Handler, str] | None:
    """Return what answers a request, and its path without what may be secret in it; None for FastAPI's own."""
    if path == "/v1/pings":
        return (take_pings, path) if method == "POST" else None
    found = split_path(path)
    if found is None or method not in FORMATS[found[0]].methods:
        return None
    return take_foreign, f"{PREFIX}{found[0]}" + ("/{key}" if found[1] else "")


class FastLane:
    """Answers the requests of the lane itself (pure ASGI).

    Args:
        app: Answers everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = lane_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        handler, scope["state"]["lane"] = found
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 whatever it is becomes a problem document
            response = await answer_error(request, error)
        await response(scope, receive, send)
