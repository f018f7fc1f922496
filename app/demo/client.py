"""HTTP clients of the demo, one per key. They repeat a request while the service is busy."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from app.core.errors import AppError

PAGE: Final = 1_000
_TRIES: Final = 30
_LONGEST_WAIT_S: Final = 10.0
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_BUSY: Final = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """API keys of the demo."""

    administrator: str  # registers the lessor
    lessor: str  # key of the demo's lessor
    court: str  # key of the court that handles the case
    dispatcher: str  # key of the dispatcher with the planning assignment
    dispatcher_id: int  # that dispatcher's ``principal_id``


class ApiClient:
    """Sends requests with one API key."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str, **parameters: str | float) -> Any:
        """Send GET; return the decoded JSON."""
        return await self._send("GET", path, params=parameters)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send POST; return the decoded JSON."""
        return await self._send("POST", path, json=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send PATCH; return the decoded JSON."""
        return await self._send("PATCH", path, json=body)

    async def upload(self, path: str, content: bytes, content_type: str) -> Any:
        """Post a raw body; return the decoded JSON. Repeated when the connection breaks."""
        headers = {"Content-Type": content_type}
        return await self._send("POST", path, content=content, headers=headers, again=True)

    async def items(self, path: str, **parameters: str | int) -> AsyncIterator[Any]:
        """Read a list page by page."""
        page = await self.get(path, limit=PAGE, **parameters)
        while True:
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            page = await self.get(path, limit=PAGE, after=page["next"], **parameters)

    async def _send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, again: bool = False, **more: Any
    ) -> Any:
        """Send a request; repeat it while the service is busy and, with ``again``, when the connection breaks.

        Raises:
            AppError: The service refuses, stays busy, or cannot be reached. The message is the service's own.
        """
        for attempt in range(_TRIES):
            try:
                response = await self._http.request(
                    method, f"/v1{path}", headers={**self._headers, **(headers or {})}, **more
                )
            except httpx.TransportError as error:
                if not again or attempt + 1 == _TRIES:
                    raise AppError(f"the service at {self._http.base_url} does not answer: {error!r}") from error
                await asyncio.sleep(min(0.2 * 2**attempt, _LONGEST_WAIT_S))
                continue
            if response.status_code not in _BUSY:
                return _decoded(response)
            await asyncio.sleep(_wait_s(response))
        raise AppError(f"{method} {path}: the service was still busy after {_TRIES} tries")


@dataclass(frozen=True, slots=True)
class ApiClients:
    """One client for each principal of the demo."""

    administrator: ApiClient
    lessor: ApiClient
    court: ApiClient

    @classmethod
    def of(cls, http: httpx.AsyncClient, keys: DemoKeys) -> Self:
        """Make one client per key."""
        return cls(ApiClient(http, keys.administrator), ApiClient(http, keys.lessor), ApiClient(http, keys.court))


@asynccontextmanager
async def connection(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Open an HTTP client. Proxies of the environment are ignored: the service runs on this machine."""
    async with httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT, trust_env=False) as http:
        yield http


def _wait_s(response: httpx.Response) -> float:
    retry_after = response.headers.get("Retry-After", "")
    return min(float(retry_after), _LONGEST_WAIT_S) if retry_after.isdigit() else 1.0


def _decoded(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    message = response.text[:500]
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem = response.json()
        message = str(problem.get("detail") or problem.get("title"))
    request = response.request
    raise AppError(f"{request.method} {request.url.path}: {response.status_code}: {message}")
