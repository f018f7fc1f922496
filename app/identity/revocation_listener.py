"""Subscribes to LISTEN/NOTIFY: tells this process when a key, session or account is revoked.

Cached credentials may be used only while notifications arrive. The listener therefore sends a query several times
a second; a notification sent before the query's answer arrives before it. Without an answer the listener reports
within a second that it no longer receives notifications.
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
"""Time after a successful query, from its start, for which notifications count as received."""
_TIMEOUT_S: Final = 3
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 5.0
_log = structlog.get_logger("leasetrace.access")


class RevocationListener:
    """Runs until it is cancelled, and reconnects when the connection is lost.

    Args:
        changed: Called with each payload: the table, a colon, the id of the row.
        begun: Called when listening begins: everything cached before may be outdated.
    """

    def __init__(self, database: Database, changed: Callable[[str], None], begun: Callable[[], None]) -> None:
        self._database = database
        self._changed = changed
        self._begun = begun
        self._trusted_until_s = 0.0

    @property
    def is_listening(self) -> bool:
        """Whether every notification up to a fraction of a second ago has been received."""
        return time.monotonic() < self._trusted_until_s

    async def run(self) -> None:
        """Listen until cancelled."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                async with self._database.direct("leasetrace access", statement_timeout_s=_TIMEOUT_S) as opened:
                    await opened.execute(f"LISTEN {CHANNEL}")
                    self._begun()
                    retry_s = _FIRST_RETRY_S
                    await self._listen(opened)
            except (psycopg.Error, OSError, TimeoutError) as error:
                self._trusted_until_s = 0.0
                _log.warning("access_not_listening", error=type(error).__name__, again_in_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
            finally:
                self._trusted_until_s = 0.0

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            asked_s = time.monotonic()
            async with asyncio.timeout(_TIMEOUT_S):
                await connection.execute("SELECT 1")
            await self._receive(connection, 0.0)  # notifications that arrived before the answer
            self._trusted_until_s = asked_s + _TRUSTED_S
            await self._receive(connection, _PAUSE_S)

    async def _receive(self, connection: psycopg.AsyncConnection, timeout_s: float) -> None:
        async for notification in connection.notifies(timeout=timeout_s):
            self._changed(notification.payload)


async def cancel_and_wait(task: "asyncio.Task[None]") -> None:
    """Cancel a task, and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
