"""Word from the database of what ends somebody's way in: one connection a process that listens.

What a process remembers may be old only while it is sure to hear of changes. So it asks the connection for a sign of
life several times a second; a notification that was sent before the answer has come in before it. Without an answer
the process stops trusting what it remembers by itself, well within a second.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg
import structlog

from app.core.db.database import Database

CHANNEL: Final = "leasetrace_access"
_PAUSE_S: Final = 0.25
_TRUSTED_S: Final = 0.8
"""So long after a sign of life was asked for and given, changes are sure to have been heard."""
_SIGN_OF_LIFE_S: Final = 3
_FIRST_REST_S: Final = 0.1
_LONGEST_REST_S: Final = 5.0
_log = structlog.get_logger("leasetrace.access")


class RevocationListener:
    """Listens until it is cancelled, and connects again when the connection is lost.

    Args:
        database: Where changes are told.
        changed: Called with each word: the table, a colon, the id of the row.
        begun: Called when listening begins: whatever was remembered before may be wrong.
    """

    def __init__(self, database: Database, changed: Callable[[str], None], begun: Callable[[], None]) -> None:
        self._database = database
        self._changed = changed
        self._begun = begun
        self._trusted_until_s = 0.0

    @property
    def hears(self) -> bool:
        """Whether every change up to a fraction of a second ago has been heard."""
        return time.monotonic() < self._trusted_until_s

    async def run(self) -> None:
        """Listen; returns only by being cancelled."""
        rest_s = _FIRST_REST_S
        while True:
            try:
                async with self._database.direct("leasetrace access", statement_timeout_s=_SIGN_OF_LIFE_S) as opened:
                    await opened.execute(f"LISTEN {CHANNEL}")
                    self._begun()
                    rest_s = _FIRST_REST_S
                    await self._listen(opened)
            except (psycopg.Error, OSError, TimeoutError) as error:
                self._trusted_until_s = 0.0
                _log.warning("access_not_listening", error=type(error).__name__, again_in_s=rest_s)
                await asyncio.sleep(rest_s)
                rest_s = min(2 * rest_s, _LONGEST_REST_S)
            finally:
                self._trusted_until_s = 0.0

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            asked_s = time.monotonic()
            async with asyncio.timeout(_SIGN_OF_LIFE_S):
                await connection.execute("SELECT 1")
            await self._hear(connection, 0.0)  # what came in with the answer
            self._trusted_until_s = asked_s + _TRUSTED_S
            await self._hear(connection, _PAUSE_S)

    async def _hear(self, connection: psycopg.AsyncConnection, timeout_s: float) -> None:
        async for word in connection.notifies(timeout=timeout_s):
            self._changed(word.payload)


async def stopped(task: "asyncio.Task[None]") -> None:
    """Cancel a task that runs for ever, and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
