"""The client of a maker's AEMP 2.0 interface: signs in, reads the pages, and keeps to the maker's limits."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from app.core.errors import AppError
from app.core.web.http_client import CallFailed, HttpClient
from app.ingest.aemp.domain import AempAuth, DueSource
from app.ingest.aemp.paging import LeavesOrigin, Step, first_step, next_step
from app.ingest.aemp.tokens import TokenCache
from app.telemetry.formats.aemp import AempPage, decode_page

MAX_PAGES: Final = 200
# The longest Retry-After that is waited for within a poll. Without waiting, a fleet with a maker that always refuses
# the thirtieth page would never be read beyond it.
SHORT_WAIT: Final = timedelta(seconds=60)

MAX_WAITS: Final = 5
_ACCEPTED: Final = frozenset({200, 204})
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page: bytes (unpacked, kept as evidence), content type (lower case, no parameters), and its content."""

    body: bytes
    content_type: str
    page: AempPage


class AempClient:
    """Reads one source's fleet snapshot; ``secret`` is in clear, ``client`` open, ``sleep`` replaced in tests."""

    def __init__(
        self,
        source: DueSource,
        secret: str,
        tokens: TokenCache,
        client: HttpClient,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._secret = secret
        self._tokens = tokens
        self._client = client
        self._sleep = sleep
        self._waits = 0

    async def pages(self) -> AsyncGenerator[FetchedPage]:
        """Yield the pages of the fleet; raises ``CallFailed`` where the next one cannot be read."""
        step = first_step(self._source.base_url)
        seen: set[str] = set()
        asked: set[str] = set()
        for _ in range(MAX_PAGES):
            asked.add(step.url)
            fetched = await self._fetch(step)
            if fetched is None:
                return
            yield fetched
            page = fetched.page
            brought_new = not seen.issuperset(page.identifiers)
            seen.update(page.identifiers)
            try:
                following = next_step(self._source.base_url, step, page, brought_new=brought_new)
            except LeavesOrigin:
                raise CallFailed("the link to the next page leads to another host; it is not followed") from None
            if following is None or following.url in asked:
                return
            step = following
        raise CallFailed(f"the fleet has more than {MAX_PAGES} pages; the rest is not read")

    async def _fetch(self, step: Step) -> FetchedPage | None:
        """Return a page, None where the fleet ended before it."""
        what, renewed = f"page {step.number}", False
        while True:
            headers = {
                "Accept": "application/json, application/xml;q=0.9, text/xml;q=0.8",
                "Authorization": f"Bearer {await self._bearer()}",
            }
            try:
                answer = await self._client.call(what, step.url, headers, accepted=_ACCEPTED)
                break
            except CallFailed as failure:
                if failure.status == httpx.codes.NOT_FOUND and step.number > 1:
                    return None  # the fleet became smaller, or the page was a guess
                if (
                    failure.status == httpx.codes.UNAUTHORIZED
                    and self._source.auth is AempAuth.OAUTH2
                    and not renewed
                ):
                    self._tokens.forget(self._source, self._secret)
                    renewed = True
                elif failure.status in _BUSY and self._may_wait(failure.retry_after):
                    self._waits += 1
                    await self._sleep((failure.retry_after or timedelta(0)).total_seconds())
                else:
                    raise
        if answer.status == httpx.codes.NO_CONTENT:
            return None
        try:
            page = await asyncio.to_thread(decode_page, answer.body, answer.content_type)
        except AppError as error:
            raise CallFailed(f"{what}: {error.detail}") from None
        return FetchedPage(answer.body, answer.content_type, page)

    def _may_wait(self, asked: timedelta | None) -> bool:
        return asked is not None and asked <= SHORT_WAIT and self._waits < MAX_WAITS

    async def _bearer(self) -> str:
        if self._source.auth is AempAuth.BEARER:
            return self._secret
        return await self._tokens.token(self._client, self._source, self._secret)
