"""Use cases of ingest: receive a batch, store it, return its receipt."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import zstandard
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.access.domain import Permission, Principal, Visibility
from app.core.context import Context
from app.core.errors import NotPermitted
from app.core.web.parameters import CoreServices, services_of
from app.ingest.feed_limits import FeedLimits, FeedRules
from app.ingest.http.request_body import Body
from app.ingest.http.schemas import ReceiptOut, ReceiptRowOut
from app.ingest.writer.batch import Batch
from app.ingest.writer.group_writer import GroupWriter
from app.jurisdictions.service import LocatorProvider
from app.telemetry.formats import json_pings
from app.telemetry.formats.ping_row import Arrival, Decoded
from app.telemetry.pings.service import acknowledged_batch

Decoder = Callable[[Arrival, int], Decoded]
"""Reads a body of some format: ``(arrival, max_rows)``."""


def own_format(arrival: Arrival, max_rows: int) -> Decoded:
    """Decode a body of our own format."""
    return json_pings.decode(arrival.body, ndjson=Body(b"", arrival.content_type).is_ndjson, max_rows=max_rows)


class Ingest:
    """Receives pings; one a process, an asynchronous context manager."""

    def __init__(self, context: Context, locators: LocatorProvider) -> None:
        self._context = context
        self._writer = GroupWriter(context, locators)
        self.feed_limits = FeedLimits(context)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the writer."""
        await self._stack.enter_async_context(self._writer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the waiting batches, then stop."""
        await self._stack.aclose()

    async def admit(self, principal: Principal) -> FeedRules:
        """Check a request before its body is read, and return the rules of its feed.

        Raises ``NotPermitted`` (may not post pings) and ``TooManyRequests``.
        """
        _poster(principal)
        rules = await self.feed_limits.rules_of(principal)
        self.feed_limits.count_request(principal, rules)
        return rules

    async def receive(
        self,
        principal: Principal,
        body: Body,
        *,
        every_row: bool = False,
        decode: Decoder = own_format,
        query: str = "",
        raw: Body | None = None,
    ) -> ReceiptOut | None:
        """Decode a body, store it, and return its receipt after the commit; None for a body without rows.

        Args:
            every_row: List plainly stored rows in the receipt too.
            query: The query string, for formats that carry data in it.
            raw: The raw body to keep, where it is not ``body``.

        Raises:
            NotPermitted: The principal may not post pings.
            TooManyRequests: Too many rows came through its feed.
            AppError: The batch as a whole cannot be stored; see the decoder and ``GroupWriter.submit``.
        """
        lessor_id = _poster(principal)
        rules = await self.feed_limits.rules_of(principal)
        now = self._context.clock.now()
        arrival = Arrival(body.data, body.content_type, query, now)
        decoded = decode(arrival, self._context.settings.ingest.max_batch_rows)
        if not decoded.received:
            return None
        self.feed_limits.count_rows(principal, rules, decoded.received)
        kept = raw or body
        return await self.store(
            Batch(
                decoded=decoded,
                lessor_id=lessor_id,
                feed_id=principal.feed_id,
                api_key_id=principal.api_key_id,
                declared=rules.coord_system,
                received_at=now,
                content_type=kept.content_type,
                body=kept.data,
                every_row=every_row,
            )
        )

    async def receive_decoded(
        self, lessor_id: int, feed_id: int, decoded: Decoded, raw: bytes, content_type: str
    ) -> ReceiptOut:
        """Store polled rows and return their receipt after the commit; ``raw`` are the bytes they were read from.

        The feed's declared datum counts for them. Raises ``Unavailable`` as ``GroupWriter.submit``.
        """
        return await self.store(
            Batch(
                decoded=decoded,
                lessor_id=lessor_id,
                feed_id=feed_id,
                api_key_id=None,
                declared=(await self.feed_limits.rules_of_feed(feed_id)).coord_system,
                received_at=self._context.clock.now(),
                content_type=content_type,
                body=raw,
            )
        )

    async def store(self, batch: Batch) -> ReceiptOut:
        """Store a decoded batch and return its receipt after the commit; errors as in ``GroupWriter.submit``."""
        return await self._writer.submit(batch)


@dataclass(frozen=True, kw_only=True)
class IngestServices(CoreServices):
    """This room's part of ``application.state.services``."""

    ingest: Ingest


def ingest_of(connection: HTTPConnection) -> Ingest:
    """Return the ``Ingest`` of the application that serves a request."""
    return services_of(connection.app, IngestServices).ingest


def _poster(principal: Principal) -> int:
    lessor_id = Visibility(principal).lessor_id
    if lessor_id is None or not principal.may(Permission.PINGS_POST):
        raise NotPermitted("Only a key of a lessor that may post pings does that.")
    return lessor_id


async def stored_receipt(session: AsyncSession, visibility: Visibility, batch_id: int) -> ReceiptOut:
    """Return a batch's receipt as it was sent; raises ``NotFound`` if there is none or it is another lessor's."""
    row = await acknowledged_batch(session, visibility, batch_id)
    packed = row.results_zstd
    results = msgspec.json.decode(zstandard.decompress(packed), type=tuple[ReceiptRowOut, ...]) if packed else ()
    return ReceiptOut(row.batch_id, row.received, row.stored, row.duplicates, row.doubted, row.rejected, results)
