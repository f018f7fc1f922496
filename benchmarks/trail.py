"""Cost of the audit trail: entries per second, and the milliseconds that an audited read waits for its own."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import psycopg
from pydantic import SecretStr

from app.audit.chain import Head, TrailFault, walk
from app.audit.notes import Author, Entry, Note
from app.audit.writer import TrailWriter, append
from app.core.clock import Clock
from app.core.db.database import SERVICE, Database
from app.core.errors import AppError
from app.core.settings import DatabaseSettings, Settings
from benchmarks.numbers import percentile_ms

READERS: Final = 200
CASE_ASSETS: Final = 671
_SEPARATE: Final = 8
_AUTHOR: Final = Author(1, "enforcement_officer", 1, 1)
_SIZE: Final = """
    SELECT sum(pg_total_relation_size(inhrelid))::float8 / nullif((SELECT trail_no FROM trail_head), 0)
    FROM pg_inherits WHERE inhparent = 'trail'::regclass"""


class _Run:
    """Readers that write entries in sequence for some seconds, each waiting for the commit of its entry."""

    def __init__(self, clock: Clock, seconds: float, assets: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._assets = assets
        self.took: list[float] = []

    async def measure(
        self, readers: int, write: Callable[[list[Entry]], Coroutine[Any, Any, None]]
    ) -> dict[str, float]:
        """Return entries per second and percentiles of the wait, milliseconds."""
        began = time.perf_counter()
        await asyncio.gather(*(self._read(number, began, write) for number in range(readers)))
        seconds = time.perf_counter() - began
        return {
            "entries_per_s": round(len(self.took) / seconds),
            "p50_ms": percentile_ms(self.took, 50),
            "p99_ms": percentile_ms(self.took, 99),
        }

    async def _read(
        self, reader: int, began: float, write: Callable[[list[Entry]], Coroutine[Any, Any, None]]
    ) -> None:
        count = 0
        while time.perf_counter() - began < self._seconds:
            count += 1
            first = 1 if self._assets > 1 else 1 + (reader * 31 + count) % 10_000
            assets = range(first, first + self._assets)
            noted = Note("position.read", 1 + reader % 50, assets, results=1)
            started = time.perf_counter()
            await write([Entry(noted, _AUTHOR, self._clock.now(), f"{reader:08x}{count:024x}")])
            self.took.append(time.perf_counter() - started)


async def measure(app_url: str, clock: Clock, seconds: float) -> dict[str, Any]:
    """Measure on a migrated database with an empty trail.

    Args:
        app_url: The database, as the application.
        clock: Time of the entries.
        seconds: Duration of each measurement.

    Returns:
        ``alone``: one reader; ``together``: 200 at once; ``together_gathering_2ms``: the same where the writer waits
        2 ms for more before each group; ``case_together``: 200 at once, each of a case of 671 assets; ``separate``:
        without the common writer, a transaction for each entry over 8 connections. Each has ``entries_per_s`` and the
        wait, ``p50_ms`` and ``p99_ms``. ``bytes_per_entry``: on the disk with indexes. ``verified_per_s``: entries
        that the verifier walks.
    """
    database = Database(Settings(database=DatabaseSettings(url=SecretStr(app_url), pool_size=_SEPARATE)))
    numbers: dict[str, Any] = {}
    try:
        for name, readers, assets, gather_s in (
            ("alone", 1, 1, 0.0),
            ("together", READERS, 1, 0.0),
            ("together_gathering_2ms", READERS, 1, 0.002),
            ("case_together", READERS, CASE_ASSETS, 0.0),
        ):
            async with TrailWriter(database, gather_s=gather_s) as writer:
                await writer.write([Entry(Note("bench.begin"), _AUTHOR, clock.now())])  # connect first
                numbers[name] = await _Run(clock, seconds, assets).measure(readers, writer.write)

        async def write(entries: list[Entry]) -> None:
            async with database.writing(SERVICE) as session:
                await append(session, entries)

        numbers["separate"] = await _Run(clock, seconds, 1).measure(_SEPARATE, write)
        numbers |= await _walked(database)
    finally:
        await database.close()
    return numbers


async def _walked(database: Database) -> dict[str, float]:
    async with database.direct("leasetrace bench", statement_timeout_s=600) as connection:
        size = await (await connection.execute(_SIZE)).fetchone()
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        began, last = time.perf_counter(), Head(0, b"")
        async with connection.transaction():
            async for step in walk(connection, {}):
                if isinstance(step, TrailFault):
                    raise AppError(f"The trail of the benchmark does not hold at {step.trail_no}: {step.reason}.")
                last = step
        seconds = time.perf_counter() - began
    return {
        "entries": last.trail_no,
        "bytes_per_entry": round(float(size[0]) if size and size[0] else 0),
        "verified_per_s": round(last.trail_no / seconds),
    }
