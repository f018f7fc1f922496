"""A lane beside FastAPI for the few requests that come thousands a second.

Routing, dependencies and the exit stacks of FastAPI take a third of a millisecond, several times what the entrance of
a ping needs itself. What is listed here is answered by the same function as the route of that path, and its errors
become the same problem documents; everything else goes on to FastAPI.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import answer_error
from app.ingest.router import take_pings

Handler = Callable[[Request], Awaitable[Response]]

LANES: Final[Mapping[tuple[str, str], Handler]] = {("POST", "/v1/pings"): take_pings}
"""Method and path to what answers them."""


class FastLane:
    """Answers the requests of the lane itself (pure ASGI).

    Args:
        app: Answers everything else.
        lanes: Method and path to what answers them.
    """

    def __init__(self, app: ASGIApp, lanes: Mapping[tuple[str, str], Handler]) -> None:
        self.app = app
        self.lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        handler = self.lanes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if handler is None:
            await self.app(scope, receive, send)
            return
        scope["state"]["lane"] = scope["path"]
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 whatever it is becomes a problem document
            response = await answer_error(request, error)
        await response(scope, receive, send)
