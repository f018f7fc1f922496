"""One connection of the writer: writes one group after the other, and retries a group with what a failure found."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import AsyncConnection

from app.core.db.roles import WRITER_ROLE
from app.core.errors import Unavailable
from app.ingest.http.schemas import ReceiptOut
from app.ingest.writer.batch import Batch, PreparedGroup
from app.ingest.writer.commit import (
    AlreadyStored,
    ConflictingRows,
    PositionChanged,
    RetryState,
    SharedState,
    StaleDevices,
    commit_group,
)
from app.ingest.writer.device_cache import DeviceCache
from app.telemetry.pings import store

_CONNECT_TIMEOUT_S: Final = 5
_STATEMENT_TIMEOUT_MS: Final = 60_000
_SESSION: Final = "-c timezone=UTC -c jit=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
"""The staging table has no statistics. Without these settings the planner joins it with whole tables."""
_DEFER_S: Final = 60.0  # retry after this when a lock prevents a partition; its pings go to the default partition
_ATTEMPTS: Final = 20
_AGAIN: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.CheckViolation,  # a day got its partition while its pings went to the default one
)


@dataclass(slots=True)
class KnownPartitions:
    """The days that have a partition, counted from 1970.

    ``deferred``: days whose partition could not be made, and when (monotonic seconds) to try again.
    """

    known: set[int] = field(default_factory=set)
    deferred: dict[int, float] = field(default_factory=dict)

    def missing(self, days: frozenset[int]) -> list[int]:
        """Return the days whose partition is to be made now."""
        now = time.monotonic()
        return sorted(day for day in days - self.known if self.deferred.get(day, now) <= now)

    def made(self, wanted: Sequence[int], made: Sequence[int]) -> None:
        """Note the days that were wanted and those that were made."""
        self.known.update(made)
        self.deferred.update(dict.fromkeys(set(wanted) - set(made), time.monotonic() + _DEFER_S))


class WriterConnection:
    """Writes groups on its own connection, which is opened when first needed; the state is shared with the others."""

    def __init__(self, url: str, shared: SharedState, device_cache: DeviceCache, days: KnownPartitions) -> None:
        self._url = url
        self._shared = shared
        self._device_cache = device_cache
        self._days = days
        self._connection: AsyncConnection | None = None

    async def run_group(
        self,
        prepared: PreparedGroup,
        prepare_again: Callable[[Sequence[Batch]], Awaitable[PreparedGroup]],
        *,
        dry_run: bool = False,
    ) -> list[ReceiptOut]:
        """Write a group and return its receipts after the commit; a dry run rolls back.

        Raises ``Unavailable`` if other processes keep changing the same devices, and any error of a group that cannot
        be written.
        """
        retry = RetryState(dry_run=dry_run)
        for _ in range(_ATTEMPTS):
            try:
                connection = await self._connect()
                await self._ensure_partitions(connection, prepared)
                return await commit_group(connection, prepared, self._shared, retry)
            except StaleDevices as stale:
                await self._device_cache.refresh(stale.lessors)
                prepared = await prepare_again(prepared.group)
            except ConflictingRows as found:
                await self._forget(prepared)
                retry.variants.update(found.variants)
            except AlreadyStored as found:
                await self._forget(prepared)
                retry.stored_before |= found.rows
            except store.NotNew:
                await self._forget(prepared)
                retry.assume_none_new = True
            except PositionChanged:
                await self._forget(prepared)
                retry.locked = True
            except _AGAIN:
                await self._forget(prepared)
            except BaseException:
                await self.close()
                await self._forget(prepared)
                raise
        raise Unavailable("Other writers keep changing the same devices; send the same batch again.")

    async def close(self) -> None:
        """Close the connection; the next group opens another."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _forget(self, prepared: PreparedGroup) -> None:
        async with self._shared.judging_lock:  # not while another connection judges
            self._shared.last_known.forget(prepared.placed.fixes.device_id)

    async def _connect(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                keepalives_idle=10,  # a lost connection is noticed within 30 s
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=30_000,
                application_name="leasetrace writer",
                options=f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} {_SESSION}",
            )
            await self._connection.execute(f"SET ROLE {WRITER_ROLE}")
            await self._connection.execute(store.CREATE_STAGE)
        return self._connection

    async def _ensure_partitions(self, connection: AsyncConnection, prepared: PreparedGroup) -> None:
        missing = self._days.missing(prepared.days)
        if missing:
            self._days.made(missing, await store.ensure_partitions(connection, missing))
