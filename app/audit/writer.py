"""Appends notes to the audit trail: changes in their own transaction, reads in groups, both before the response."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Final, Self

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.chain import digest_of
from app.audit.notes import Author, Entry, notes_of
from app.core.clock import Clock
from app.core.db.database import SERVICE, Database
from app.core.errors import Unavailable

_log = structlog.get_logger("leasetrace.trail")
_APPEND: Final = text("SELECT trail_append(CAST(:entries AS jsonb))")
_APPEND_DIRECTLY: Final = "SELECT trail_append(%s::jsonb)"
_STATEMENT_TIMEOUT_S: Final = 10
_GROUP_ENTRIES: Final = 500
_MAX_WAITING: Final = 20_000
"""With more entries waiting, a read is refused with 503."""
_WAIT_S: Final = 15.0
"""A read whose entry waits for longer is refused with 503, seconds."""
_months_in_default: Final[set[date]] = set()
"""Months whose first entry is in the default partition and stays there: logged once."""
_CONNECTION_ERRORS: Final = (psycopg.OperationalError, psycopg.InterfaceError, OSError)


def _fields(entry: Entry) -> dict[str, object]:
    noted, author = entry.note, entry.author
    ids = sorted(set(noted.asset_ids))
    starts_at, ends_at = noted.window or (None, None)
    return {
        "at": entry.at.isoformat(),
        "principal_id": author.principal_id,
        "role": str(author.role),
        "subject_id": author.subject_id,
        "api_key_id": author.api_key_id,
        "session_id": author.session_id,
        "case_id": noted.case_id,
        "action": noted.action,
        "assets_sha256": digest_of(ids).hex() if ids else None,
        "asset_ids": "{" + ",".join(map(str, ids)) + "}",  # as text: parsed only for a new set
        "window_from": None if starts_at is None else _in_utc(starts_at),
        "window_until": None if ends_at is None else _in_utc(ends_at),
        "results": noted.results,
        "request_id": entry.request_id,
        "detail": None if noted.detail is None else _storable(noted.detail),
    }


def _in_utc(at: datetime) -> str:
    """Return a moment in UTC; an overflow to year 0 or 10000 gives the first or last moment of the calendar."""
    try:
        return at.astimezone(UTC).isoformat()
    except OverflowError:
        return "0001-01-01T00:00:00+00:00" if at.year == 1 else "9999-12-31T23:59:59.999999+00:00"


def _storable(words: str) -> str:
    """Replace what PostgreSQL cannot store: NUL and lone surrogates."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _as_json(entries: Sequence[Entry]) -> str:
    return json.dumps([_fields(entry) for entry in entries], separators=(",", ":"))


async def append(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Append entries as the transaction's last statement before its commit, because other appends wait for it.

    Raises:
        Unavailable: They cannot be written; the transaction and its changes are lost.
    """
    if entries:
        await session.flush()
        try:
            await session.execute(_APPEND, {"entries": _as_json(entries)})
        except DBAPIError as error:
            _log.warning("trail_unavailable", error=type(error).__name__, exc_info=error)
            raise _unavailable() from error


def entries_of(session: AsyncSession, author: Author, clock: Clock, request_id: str | None = None) -> list[Entry]:
    """Return the notes of a session as entries of an author, dated now."""
    now = clock.now()
    return [Entry(noted, author, now, request_id) for noted in notes_of(session)]


@asynccontextmanager
async def writing_as(database: Database, author: Author, clock: Clock) -> AsyncIterator[AsyncSession]:
    """Open a transaction with the service role that also writes its notes, in a request or outside of one."""
    async with database.writing(SERVICE) as session:
        yield session
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        await append(session, entries_of(session, author, clock, request_id))


@dataclass(frozen=True, slots=True)
class _Waiting:
    entries: Sequence[Entry]
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class TrailWriter:
    """Writes the entries of this process's reads in groups; an asynchronous context manager.

    While one group commits, the next one collects: many reads share a commit, and a single one does not wait. Leaving
    the context writes the remaining entries.

    Args:
        gather_s: Time to collect entries before a group begins, seconds.
    """

    def __init__(self, database: Database, *, gather_s: float = 0.0) -> None:
        self._database = database
        self._gather_s = gather_s
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._link = AsyncExitStack()
        self._connection: psycopg.AsyncConnection | None = None
        self._months: set[date] = set()

    async def __aenter__(self) -> Self:
        """Start the writing task; it connects when the first entry arrives."""
        self._task = asyncio.create_task(self._work(), name="trail-writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the remaining entries, then stop."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._disconnect()

    async def write(self, entries: Sequence[Entry]) -> None:
        """Return when the entries are committed. If it raises ``Unavailable``, the read must be refused."""
        if not entries:
            return
        if self._closing or self._waiting >= _MAX_WAITING:
            raise _unavailable()
        waiting = _Waiting(entries)
        self._queue.append(waiting)
        self._waiting += len(entries)
        self._arrived.set()
        try:
            async with asyncio.timeout(_WAIT_S):
                await waiting.done
        except TimeoutError as error:
            raise _unavailable() from error

    async def _work(self) -> None:
        while True:
            while not self._queue:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            if self._gather_s and not self._closing:
                await asyncio.sleep(self._gather_s)
            group, size = [self._queue.popleft()], 0
            size = len(group[0].entries)
            while self._queue and size + len(self._queue[0].entries) <= _GROUP_ENTRIES:
                group.append(self._queue.popleft())
                size += len(group[-1].entries)
            await self._write_or_refuse([one for one in group if not one.done.done()])
            self._waiting -= size

    async def _write_or_refuse(self, group: Sequence[_Waiting]) -> None:
        """Write a group; if it fails because of an entry, write each alone. Errors never stop the writing task."""
        if not group:
            return
        try:
            await self._append([entry for one in group for entry in one.entries])
        except _CONNECTION_ERRORS as error:
            await self._disconnect()
            self._settle(group, error)
        except Exception as error:  # noqa: BLE001 one entry that cannot be stored must not block the other requests
            await self._disconnect()
            if len(group) == 1:
                _log.error("trail_entry_failed", error=type(error).__name__, exc_info=error)
                self._settle(group, error)
            else:
                for one in group:
                    await self._write_or_refuse([one])
        else:
            self._settle(group, None)

    @staticmethod
    def _settle(group: Sequence[_Waiting], error: Exception | None) -> None:
        if error is not None:
            _log.warning("trail_unavailable", error=type(error).__name__, requests=len(group))
        for one in group:
            if one.done.done():
                continue  # the request was cancelled
            if error is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(_unavailable())

    async def _append(self, entries: Sequence[Entry]) -> None:
        connection, fresh = await self._connected()
        parameters = (_as_json(entries),)
        try:
            await self._ensure_months(connection, entries)
            await connection.execute(_APPEND_DIRECTLY, parameters)  # autocommit: committed when it returns
        except psycopg.OperationalError:
            if fresh or not connection.closed:
                raise
            # The server was restarted. If it stopped just after the commit, an entry is stored twice.
            await self._disconnect()
            connection, _ = await self._connected()
            await connection.execute(_APPEND_DIRECTLY, parameters)

    async def _connected(self) -> tuple[psycopg.AsyncConnection, bool]:
        if self._connection is not None and not self._connection.closed:
            return self._connection, False
        await self._disconnect()
        opening = self._database.direct("leasetrace trail", statement_timeout_s=_STATEMENT_TIMEOUT_S)
        self._connection = await self._link.enter_async_context(opening)
        return self._connection, True

    async def _disconnect(self) -> None:
        self._connection = None
        link, self._link = self._link, AsyncExitStack()
        try:
            await link.aclose()
        except _CONNECTION_ERRORS as error:
            _log.info("trail_disconnected", error=type(error).__name__)

    async def _ensure_months(self, connection: psycopg.AsyncConnection, entries: Sequence[Entry]) -> None:
        for month in {entry.at.astimezone(UTC).date().replace(day=1) for entry in entries} - self._months:
            self._months.add(month)  # without it, the entries go to the default partition
            await ensure_month(connection, month)


async def ensure_month(connection: psycopg.AsyncConnection, month: date) -> bool:
    """Create the partition of a day's month (UTC) if it is missing; return whether it was created now.

    The connection is in autocommit, with the service role.
    """
    try:
        cursor = await connection.execute("SELECT trail_partition_ensure(%s)", (month,))
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.CheckViolation,  # the application's clock differs by months from the database's
    ) as error:
        _log.warning("trail_partition_left", month=f"{month:%Y-%m}", error=type(error).__name__)
        return False
    (made,) = await cursor.fetchone() or (False,)
    if made is None and month not in _months_in_default:
        _months_in_default.add(month)
        _log.warning("trail_partition_begun_in_default", month=f"{month:%Y-%m}")
    return bool(made)


async def ensure_partitions(connection: psycopg.AsyncConnection, now: datetime) -> None:
    """Create the partitions of this month (UTC) and the next two; the connection as in ``ensure_month``."""
    for ahead in range(3):
        years, month = divmod(now.month - 1 + ahead, 12)
        await ensure_month(connection, date(now.year + years, month + 1, 1))


def _unavailable() -> Unavailable:
    return Unavailable("The audit trail cannot be written, so nothing is answered; ask again.")
