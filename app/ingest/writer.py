"""The group-commit writer: requests hand over judged batches and wait; what has arrived is written together.

While one group is being committed the next one gathers, so a thousand small requests cost about as much as one large
one, and nobody waits for a timer. A batch is answered only after the commit that holds it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray
from psycopg import AsyncConnection

from app.core.database import libpq_url
from app.core.datum import TRANSFORM_VERSION
from app.core.errors import Unavailable
from app.core.http import Context
from app.ingest.receipt import Receipt, make_receipt
from app.telemetry import store
from app.telemetry.domain import PlacedFixes
from app.tracking.service import advance_positions

_log = structlog.get_logger("leasetrace.ingest")
_CONNECT_TIMEOUT_S: Final = 5
_STATEMENT_TIMEOUT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Submission:
    """A judged batch on its way to the store.

    Attributes:
        placed: Its rows.
        lessor_id: Whose it is.
        feed_id: Through which feed it came, if any.
        api_key_id: With which key; None from the command line.
        layer_id: The boundary layer it was located with.
        received_at: When it came in, UTC.
        content_type: What the raw body claims to be.
        sha256: Of the body as it came, unpacked.
        body_zstd: The body, compressed.
        every_row: Whether the receipt lists plainly stored rows too.
    """

    placed: PlacedFixes
    lessor_id: int
    feed_id: int | None
    api_key_id: int | None
    layer_id: int
    received_at: datetime
    content_type: str
    sha256: bytes
    body_zstd: bytes
    every_row: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    submission: Submission
    rows: NDArray[np.void]
    receipt: "asyncio.Future[Receipt]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupWriter:
    """One connection that writes all batches of this process, group after group.

    Use as an asynchronous context manager; leaving it writes what still waits.

    Args:
        context: Settings (group size, queue bound), database URL, metrics.
    """

    def __init__(self, context: Context) -> None:
        self._settings = context.settings
        self._metrics = context.metrics
        self._url = libpq_url(context.database.url)
        self._clock = context.clock
        self._queue: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._connection: AsyncConnection | None = None
        self._known_days: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._task = asyncio.create_task(self._run(), name="ping-writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what still waits, then stop."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._disconnect()

    async def write(self, submission: Submission) -> Receipt:
        """Store a batch and return its receipt, after the commit.

        Raises:
            Unavailable: Too much is waiting, the service stops, or the database is away. The batch may be sent again
                as it is: what was stored nevertheless comes back as duplicates.
        """
        if self._closing or self._rows_waiting >= self._settings.writer_queue_rows:
            raise Unavailable("Too many pings are waiting to be stored; send the same batch again.", retry_after_s=2)
        rows = store.stage_rows(submission.placed, submission.lessor_id, submission.received_at)
        waiting = _Waiting(submission, rows)
        self._queue.append(waiting)
        self._count(len(rows))
        self._arrived.set()
        return await waiting.receipt

    def _count(self, rows: int) -> None:
        self._rows_waiting += rows
        self._metrics.writer_rows_waiting.set(self._rows_waiting)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._write_or_refuse(self._next_group())
            if self._closing:
                return

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        rows = 0
        while self._queue and (not group or rows + len(self._queue[0].rows) <= self._settings.writer_rows):
            group.append(self._queue.popleft())
            rows += len(group[-1].rows)
        self._count(-rows)
        return group

    async def _write_or_refuse(self, group: list[_Waiting]) -> None:
        """Write a group; if one batch makes it fail, each batch alone, so that only the bad one fails."""
        try:
            receipts = await self._write(group)
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            _log.warning("writer_unavailable", error=type(error).__name__, batches=len(group))
            await self._disconnect()
            self._refuse(group, Unavailable("The database does not answer; send the same batch again."))
        except Exception as error:  # noqa: BLE001 whatever a batch breaks, the writer goes on and its neighbours are stored
            await self._disconnect()
            if len(group) == 1:
                _log.exception("batch_failed", error=type(error).__name__)
                self._refuse(group, error)
                return
            _log.warning("group_split", error=type(error).__name__, batches=len(group))
            for waiting in group:
                await self._write_or_refuse([waiting])
        else:
            for waiting, receipt in zip(group, receipts, strict=True):
                if not waiting.receipt.done():  # its client may have gone away; what it sent is stored all the same
                    waiting.receipt.set_result(receipt)

    @staticmethod
    def _refuse(group: Sequence[_Waiting], error: Exception) -> None:
        for waiting in group:
            if not waiting.receipt.done():
                waiting.receipt.set_exception(error)

    async def _write(self, group: Sequence[_Waiting]) -> list[Receipt]:
        connection = await self._connect()
        await self._ensure_partitions(connection, group)
        async with connection.transaction():
            batch_ids = await store.next_batch_ids(connection, len(group))
            for batch_id, waiting in zip(batch_ids, group, strict=True):
                waiting.rows["batch_id"] = batch_id
            stored = await store.store_group(connection, [waiting.rows for waiting in group])
            await advance_positions(connection)
            receipts = [
                _receipt(batch_id, waiting, stored) for batch_id, waiting in zip(batch_ids, group, strict=True)
            ]
            await store.insert_batches(
                connection,
                [_batch_values(w.submission, r) for w, r in zip(group, receipts, strict=True)],
                [
                    (r.batch_id, w.submission.content_type, w.submission.sha256, w.submission.body_zstd)
                    for w, r in zip(group, receipts, strict=True)
                ],
            )
        self._account(receipts)
        return receipts

    async def _connect(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="leasetrace writer",
                options=f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c timezone=UTC -c jit=off",
            )
            await self._connection.execute(store.CREATE_STAGE)
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _ensure_partitions(self, connection: AsyncConnection, group: Sequence[_Waiting]) -> None:
        now = self._clock.now()
        days: set[int] = set()
        for waiting in group:
            days |= store.days_of(waiting.submission.placed.fixes.fixed_us, now)
        missing = sorted(days - self._known_days)
        await store.ensure_partitions(connection, missing)
        self._known_days.update(missing)

    def _account(self, receipts: Sequence[Receipt]) -> None:
        self._metrics.writer_commits.inc()
        for outcome in ("stored", "duplicates", "doubted", "rejected"):
            self._metrics.pings.labels(outcome).inc(sum(getattr(receipt, outcome) for receipt in receipts))


def _receipt(batch_id: int, waiting: _Waiting, stored: store.Stored) -> Receipt:
    return make_receipt(
        batch_id,
        waiting.submission.placed,
        frozenset(row for batch, row in stored.duplicates if batch == batch_id),
        frozenset(row for batch, row in stored.conflicts if batch == batch_id),
        every_row=waiting.submission.every_row,
    )


def _batch_values(submission: Submission, receipt: Receipt) -> store.BatchValues:
    return (
        receipt.batch_id,
        submission.lessor_id,
        submission.feed_id,
        submission.api_key_id,
        submission.layer_id,
        TRANSFORM_VERSION,
        submission.received_at,
        receipt.received,
        receipt.stored,
        receipt.duplicates,
        receipt.doubted,
        receipt.rejected,
    )
