"""Polls the makers' interfaces that are due, and submits their new locations as pings.

A source is leased before it is called, so two workers never poll it at once. A machine's cursor moves only after its
locations were acknowledged: a kill in between gives duplicates, which the store detects, and never a loss. An error
of one source is recorded on that source and stops no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.encryption import SecretUnreadable
from app.core.errors import AppError
from app.core.web.http_client import CallFailed, HttpClient
from app.ingest.aemp import service as aemp_service
from app.ingest.aemp.client import AempClient, FetchedPage
from app.ingest.aemp.domain import DueSource, Tally, bound_to, cursors_after, is_new
from app.ingest.aemp.tokens import TokenCache
from app.ingest.http.schemas import ReceiptOut
from app.telemetry.formats.ping_row import Decoded, PingRow

StorePings = Callable[[int, int, Decoded, bytes, str], Awaitable[ReceiptOut]]
"""Stores a batch and returns after its commit: lessor, feed, rows, the raw page, its content type."""

MAX_BATCH: Final = 1_000
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
POLL_LIMIT: Final = timedelta(minutes=10)
LEASE: Final = timedelta(minutes=15)  # longer than a poll can last; after a kill the source is polled again then

AT_ONCE: Final = 4

_log = structlog.get_logger("leasetrace.aemp")


async def poll_due(
    context: Context,
    store_pings: StorePings,
    now: datetime,
    *,
    tokens: TokenCache | None = None,
    at_once: int = AT_ONCE,
) -> int:
    """Poll every source that is due; may be cancelled at any moment. Returns the number of sources polled.

    Args:
        store_pings: Raises where it cannot store a batch.
        now: When it begins, aware.
        tokens: Kept between calls, so that a token is used as long as it is valid.
        at_once: Sources that are polled in parallel.
    """
    poller = _Poller(context, store_pings, tokens or TokenCache(), now)
    async with asyncio.TaskGroup() as group:
        slots = [group.create_task(poller.run()) for _ in range(at_once)]
    return sum(slot.result() for slot in slots)


class _Poller:
    """One call of ``poll_due``."""

    def __init__(self, context: Context, store_pings: StorePings, tokens: TokenCache, now: datetime) -> None:
        self._context = context
        self._store_pings = store_pings
        self._tokens = tokens
        self._began = now
        self._began_s = asyncio.get_running_loop().time()

    def _now(self) -> datetime:
        return self._began + timedelta(seconds=asyncio.get_running_loop().time() - self._began_s)

    async def run(self) -> int:
        """Poll one source after another until none is due."""
        polled = 0
        while True:
            async with self._context.database.writing(SERVICE) as session:
                source = await aemp_service.claim_due(session, self._now(), LEASE)
            if source is None:
                return polled
            await self._poll(source)
            polled += 1

    async def _poll(self, source: DueSource) -> None:
        """Poll a source and record the result."""
        try:
            async with asyncio.timeout(POLL_LIMIT.total_seconds()):
                tally = await self._read(source)
        except CallFailed as failure:
            await self._failed(source, failure.reason, failure.retry_after)
        except TimeoutError:
            await self._failed(source, f"not finished within {POLL_LIMIT.total_seconds():.0f} s")
        except SecretUnreadable as error:
            await self._failed(source, error.detail)
        except AppError as error:  # our own side: the database is away, or no key is set
            await self._failed(source, f"what was read could not be taken in ({error.code})")
        except Exception as error:  # noqa: BLE001 one source never stops the others; the log says where it broke
            _log.error("aemp_poll_broke", source_id=source.source_id, exc_info=error)
            await self._failed(source, "an error on our side; it is in the log")
        else:
            _log.info("aemp_polled", source_id=source.source_id, machines=tally.machines, new=tally.new)
            async with self._context.database.writing(SERVICE) as session:
                await aemp_service.poll_succeeded(session, source, tally, self._now())

    async def _failed(self, source: DueSource, reason: str, retry_after: timedelta | None = None) -> None:
        _log.warning("aemp_poll_failed", source_id=source.source_id, reason=reason)
        async with self._context.database.writing(SERVICE) as session:
            await aemp_service.poll_failed(
                session, source, reason, self._now(), retry_after=retry_after or timedelta(0)
            )

    async def _read(self, source: DueSource) -> Tally:
        settings = self._context.settings
        secret = await self._secret_of(source)
        tally = Tally()
        async with (
            HttpClient(
                allow_private=settings.aemp.allow_private,
                connect_s=10,
                idle_s=30,
                total_s=POLL_LIMIT.total_seconds(),
                max_bytes=MAX_PAGE_BYTES,
            ) as client,
            aclosing(AempClient(source, secret, self._tokens, client).pages()) as pages,
        ):
            async for fetched in pages:
                new, refused = await self._store_new(source, fetched)
                page = fetched.page
                tally = replace(
                    tally,
                    machines=tally.machines + page.machines,
                    new=tally.new + new,
                    rejected=tally.rejected + len(page.rejections) + refused,
                    unlocated=tally.unlocated + page.without_location,
                )
        return tally

    async def _secret_of(self, source: DueSource) -> str:
        """Return the secret in clear; a secret encrypted with an old key is encrypted again with the first key."""
        encryptor = self._context.settings.encryption.encryptor()
        secret = encryptor.open(source.secret_sealed, bound_to(source.source_id))
        if encryptor.is_outdated(source.secret_sealed):
            async with self._context.database.writing(SERVICE) as session:
                await aemp_service.reseal(session, source, encryptor.seal(secret, bound_to(source.source_id)))
        return secret

    async def _store_new(self, source: DueSource, fetched: FetchedPage) -> tuple[int, int]:
        """Submit the new locations of a page; return their number, and how many were refused."""
        page, now = fetched.page, self._now()
        names = sorted({row.device_id for row in page.rows})
        async with self._context.database.reading(SERVICE) as session:
            cursors = await aemp_service.cursors_of(session, source.source_id, names)
        new = [
            (index, row)
            for index, row in zip(page.index, page.rows, strict=True)
            if is_new(row, cursors.get(row.device_id), now)
        ]
        refused = 0
        for start in range(0, len(new), MAX_BATCH):
            refused += await self._store_batch(source, fetched, new[start : start + MAX_BATCH], first=start == 0)
        return len(new), refused

    async def _store_batch(
        self, source: DueSource, fetched: FetchedPage, batch: Sequence[tuple[int, PingRow]], *, first: bool
    ) -> int:
        # Rejections go with the first batch; alone they would create a batch at every poll.
        rejections = fetched.page.rejections if first else ()
        decoded = Decoded(
            rows=[row for _, row in batch],
            index=[index for index, _ in batch],
            rejections=rejections,
            received=len(batch) + len(rejections),
        )
        receipt = await self._store_pings(
            source.lessor_id, source.feed_id, decoded, fetched.body, fetched.content_type
        )
        unread = {rejection.index for rejection in rejections}
        rejected = frozenset(result.index for result in receipt.results if result.status == "rejected")
        refused = rejected - unread
        async with self._context.database.writing(SERVICE) as session:
            await aemp_service.move_cursors(session, source.source_id, cursors_after(batch, refused, self._now()))
        return len(refused)
