"""The group-commit writer: requests submit decoded batches and wait; waiting batches are written together.

Several connections work in turn: while one writes its group, the next one gathers and prepares another. A batch is
answered only after the commit that contains it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self

import psycopg
import sqlalchemy.exc
import structlog

from app.core.context import Context
from app.core.db.database import libpq_url
from app.core.errors import Unavailable
from app.ingest.http.schemas import ReceiptOut
from app.ingest.writer.batch import Batch, PipelineContext, PreparedGroup
from app.ingest.writer.commit import SharedState
from app.ingest.writer.device_cache import DeviceCache
from app.ingest.writer.pipeline import prepare_group
from app.ingest.writer.receipt import unstorable
from app.ingest.writer.writer_connection import KnownPartitions, WriterConnection
from app.jurisdictions.service import LocatorProvider
from app.telemetry.formats.ping_row import Decoded
from app.tracking.live.last_known import LastKnownPositions

_log = structlog.get_logger("leasetrace.ingest")
_CONNECTIONS: Final = 3
_GROUP_ROWS: Final = 2_000  # enough for a group; fewer wait for more while another group is in the database
_BUSY_FACTOR: Final = 4  # how many times longer than the usual gathering time they wait then
_INLINE_ROWS: Final = 400  # more rows are prepared in a thread, so that other requests go on
_INLINE_BYTES: Final = 1024 * 1024
_GROUP_BYTES: Final = 32 * 1024 * 1024
_SEARCH_S: Final = 60.0  # how long bad rows are searched; then the batch is refused, to free the connection
_DATABASE_DOWN: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    sqlalchemy.exc.OperationalError,  # registers and boundaries are read by way of SQLAlchemy
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: Batch
    receipt: "asyncio.Future[ReceiptOut]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def rows(self) -> int:
        return max(1, self.batch.decoded.received)  # rejected rows need memory too


class GroupWriter:
    """Writes all batches of this process in groups; an asynchronous context manager."""

    def __init__(self, context: Context, locators: LocatorProvider) -> None:
        self._settings = context.settings
        self._metrics = context.metrics
        self._url = libpq_url(context.database.url)
        self._locators = locators
        self._device_cache = DeviceCache(context.database)
        self._shared = SharedState(LastKnownPositions(context.settings.tracking))
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._rows_waiting = 0
        self._bytes_waiting = 0
        self._arrived = asyncio.Event()
        self._enough_arrived = asyncio.Event()
        self._gathering = asyncio.Lock()
        self._closing = False
        self._days = KnownPartitions()
        self._busy = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start writing."""
        connections = [
            WriterConnection(self._url, self._shared, self._device_cache, self._days) for _ in range(_CONNECTIONS)
        ]
        self._tasks = [asyncio.create_task(self._work(connection), name="ping-writer") for connection in connections]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the waiting batches, then stop."""
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def submit(self, batch: Batch) -> ReceiptOut:
        """Store a batch and return its receipt after the commit.

        Raises:
            Unavailable: The queue is full, the service stops, or the database is away. The batch may be sent again
                unchanged: rows that were stored come back as duplicates.
        """
        full = self._rows_waiting >= self._settings.writer.queue_rows
        if self._closing or full or self._bytes_waiting >= self._settings.writer.queue_bytes:
            raise Unavailable("Too many pings are waiting to be stored; send the same batch again.", retry_after_s=2)
        waiting = _Waiting(batch)
        self._queue.append(waiting)
        self._queued_rows += waiting.rows
        self._count(waiting.rows, len(batch.body))
        if not self._arrived.is_set():
            self._arrived.set()
        if self._queued_rows >= _GROUP_ROWS:
            self._enough_arrived.set()
        return await waiting.receipt

    def _count(self, rows: int, size: int) -> None:
        self._rows_waiting += rows
        self._bytes_waiting += size
        self._metrics.writer_rows_waiting.set(self._rows_waiting)

    async def _work(self, connection: WriterConnection) -> None:
        while True:
            async with self._gathering:
                group = await self._gather()
            if not group:
                await connection.close()
                return
            self._busy += 1
            try:
                await self._write_or_refuse(connection, group)
            finally:
                self._busy -= 1
                self._count(
                    -sum(waiting.rows for waiting in group), -sum(len(waiting.batch.body) for waiting in group)
                )

    async def _gather(self) -> list[_Waiting]:
        """Wait for batches and return the next group; an empty one when the writer closes."""
        while not self._queue:
            if self._closing:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        if not self._closing:
            await self._let_more_arrive()
        share = -(-self._queued_rows // (_CONNECTIONS - self._busy))
        most = min(max(share, _GROUP_ROWS), self._settings.writer.rows)
        group: list[_Waiting] = []
        rows = 0
        size = 0
        while self._queue and (not group or (rows + self._queue[0].rows <= most and size < _GROUP_BYTES)):
            group.append(self._queue.popleft())
            rows += group[-1].rows
            size += len(group[-1].batch.body)
        self._queued_rows -= rows
        return group

    async def _let_more_arrive(self) -> None:
        """Wait for more batches: longer while another connection writes, until it is done or enough has arrived."""
        gather_s = self._settings.writer.gather_ms / 1000
        await asyncio.sleep(gather_s)
        if not self._busy or self._queued_rows >= _GROUP_ROWS:
            return
        self._enough_arrived.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._enough_arrived.wait(), _BUSY_FACTOR * gather_s)

    async def _write_or_refuse(self, connection: WriterConnection, group: list[_Waiting]) -> None:
        """Write a group; if it fails, write each batch alone, and then search the failing batch for the bad rows."""
        try:
            receipts = await self._write(connection, [waiting.batch for waiting in group])
        except _DATABASE_DOWN as error:
            _log.warning("writer_unavailable", error=type(error).__name__, batches=len(group))
            self._refuse(group, _unavailable())
        except Unavailable as error:
            self._refuse(group, error)
        except Exception as error:  # noqa: BLE001 whatever fails, the writer goes on and stores the other batches
            _log.warning("group_split", error=type(error).__name__, batches=len(group))
            if len(group) > 1:
                for waiting in group:
                    await self._write_or_refuse(connection, [waiting])
            else:
                await self._write_row_by_row(connection, group[0], error)
        else:
            for waiting, receipt in zip(group, receipts, strict=True):
                _settle(waiting, receipt)

    async def _write_row_by_row(self, connection: WriterConnection, waiting: _Waiting, error: Exception) -> None:
        """Store one batch without the rows that cannot be stored; its receipt rejects those rows."""
        batch = waiting.batch
        everything = frozenset(range(len(batch.decoded.rows)))
        try:
            async with asyncio.timeout(_SEARCH_S):  # its TimeoutError is an OSError: answered as "database away"
                bad = await self._unstorable_rows(connection, batch, sorted(everything), error)
            (receipt,) = await self._write(connection, [without_rows(batch, bad)])
        except Exception as last:  # noqa: BLE001 whatever it is, the writer goes on
            _log.error("batch_failed", error=type(last).__name__, exc_info=last)
            self._refuse([waiting], _unavailable() if isinstance(last, _DATABASE_DOWN) else last)
        else:
            _log.warning("rows_failed", error=type(error).__name__, rows=len(bad))
            _settle(waiting, receipt)

    async def _unstorable_rows(
        self, connection: WriterConnection, batch: Batch, rows: Sequence[int], error: Exception
    ) -> frozenset[int]:
        """Return the rows that cannot be stored, by bisection in dry runs.

        Raises ``error`` if the batch cannot be stored without any of them either.
        """
        if not await self._can_be_written(connection, without_rows(batch, frozenset(rows))):
            raise error
        return await self._bisect(connection, batch, rows)

    async def _bisect(self, connection: WriterConnection, batch: Batch, rows: Sequence[int]) -> frozenset[int]:
        others = frozenset(range(len(batch.decoded.rows))) - frozenset(rows)
        if await self._can_be_written(connection, without_rows(batch, others)):
            return frozenset()
        if len(rows) == 1:  # reject the row only if the rest can still be written and this row still cannot
            nothing = frozenset(range(len(batch.decoded.rows)))
            if await self._can_be_written(connection, without_rows(batch, others)):
                return frozenset()
            if not await self._can_be_written(connection, without_rows(batch, nothing)):
                raise _unavailable()
            return frozenset(rows)
        half = len(rows) // 2
        return await self._bisect(connection, batch, rows[:half]) | await self._bisect(connection, batch, rows[half:])

    async def _can_be_written(self, connection: WriterConnection, batch: Batch) -> bool:
        try:
            await self._write(connection, [batch], dry_run=True)
        except (*_DATABASE_DOWN, Unavailable):
            raise
        except Exception:  # noqa: BLE001 that is the answer
            return False
        return True

    @staticmethod
    def _refuse(group: Sequence[_Waiting], error: Exception) -> None:
        for waiting in group:
            if not waiting.receipt.done():
                waiting.receipt.set_exception(error)

    async def _write(
        self, connection: WriterConnection, group: Sequence[Batch], *, dry_run: bool = False
    ) -> list[ReceiptOut]:
        try:
            receipts = await connection.run_group(await self._prepare(group), self._prepare, dry_run=dry_run)
        finally:
            self._enough_arrived.set()
        if not dry_run:
            self._account(receipts)
        return receipts

    async def _prepare(self, group: Sequence[Batch]) -> PreparedGroup:
        pipeline_context = PipelineContext(
            self._settings.tracking,
            await self._device_cache.of({batch.lessor_id for batch in group}),
            await self._locators.current(),
        )
        size = sum(len(batch.body) for batch in group)
        if sum(len(batch.decoded.rows) for batch in group) <= _INLINE_ROWS and size <= _INLINE_BYTES:
            return prepare_group(group, pipeline_context)
        return await asyncio.to_thread(prepare_group, group, pipeline_context)

    def _account(self, receipts: Sequence[ReceiptOut]) -> None:
        self._metrics.writer_commits.inc()
        for outcome in ("stored", "duplicates", "doubted", "rejected"):
            self._metrics.pings.labels(outcome).inc(sum(getattr(receipt, outcome) for receipt in receipts))


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer; send the same batch again.")


def _settle(waiting: _Waiting, receipt: ReceiptOut) -> None:
    if not waiting.receipt.done():  # the client may have disconnected; its rows are stored all the same
        waiting.receipt.set_result(receipt)


def without_rows(batch: Batch, bad: frozenset[int]) -> Batch:
    """Return a batch with some rows (by place among the decoded ones) rejected as not storable."""
    decoded = batch.decoded
    kept = [place for place in range(len(decoded.rows)) if place not in bad]
    rejections = [*decoded.rejections, *(unstorable(decoded.index[place]) for place in sorted(bad))]
    return replace(
        batch,
        decoded=Decoded(
            rows=[decoded.rows[place] for place in kept],
            index=[decoded.index[place] for place in kept],
            rejections=tuple(sorted(rejections, key=lambda rejection: rejection.index)),
            received=decoded.received,
        ),
    )
