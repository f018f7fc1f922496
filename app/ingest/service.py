"""Use case of this room: take in a batch and answer for it."""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import zstandard

from app.access.domain import Principal, Visibility
from app.assets.bindings import DeviceIndex, device_index_version, load_device_index
from app.core.errors import NotPermitted
from app.core.http import Context
from app.ingest.entrance import Body
from app.ingest.path import Surroundings, judge
from app.ingest.receipt import Receipt
from app.ingest.writer import GroupWriter, Submission
from app.jurisdictions.service import LocatorProvider
from app.telemetry.service import declared_coord_system

_RAW_LEVEL = 1  # zstd's fastest: a body of pings shrinks to a tenth already, and this is on the hot path


class Ingest:
    """The way in for pings; one a process, an asynchronous context manager.

    Args:
        context: The application's.
        locators: Gives the boundary layer in force.
    """

    def __init__(self, context: Context, locators: LocatorProvider) -> None:
        self._context = context
        self._locators = locators
        self._writer = GroupWriter(context)
        self._devices: dict[int, DeviceIndex] = {}
        self._loading: dict[int, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the writer."""
        await self._stack.enter_async_context(self._writer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, then stop."""
        await self._stack.aclose()

    async def take_in(self, principal: Principal, body: Body, *, every_row: bool = False) -> Receipt:
        """Judge a batch, store it, and return its receipt after the commit.

        Args:
            principal: A lessor.
            body: The batch.
            every_row: Whether the receipt lists plainly stored rows too.

        Raises:
            NotPermitted: The principal is no lessor.
            AppError: The batch as a whole cannot be taken; see ``path.judge`` and ``GroupWriter.write``.
        """
        lessor_id = Visibility(principal).lessor_id
        if lessor_id is None:
            raise NotPermitted("Only a lessor's key posts pings.")
        layer = await self._locators.current()
        async with self._context.database.reading() as session:
            version = await device_index_version(session, lessor_id)
            feed_datum = await declared_coord_system(session, principal.feed_id) if principal.feed_id else None
        around = Surroundings(
            settings=self._context.settings,
            received_at=self._context.clock.now(),
            feed_datum=feed_datum,
            devices=await self._devices_of(lessor_id, version),
            layer=layer,
        )
        placed = judge(body, around)
        return await self._writer.write(
            Submission(
                placed=placed,
                lessor_id=lessor_id,
                feed_id=principal.feed_id,
                api_key_id=principal.api_key_id,
                layer_id=layer.layer_id,
                received_at=around.received_at,
                content_type=body.content_type,
                sha256=hashlib.sha256(body.data).digest(),
                body_zstd=zstandard.compress(body.data, _RAW_LEVEL),
                every_row=every_row,
            )
        )

    async def _devices_of(self, lessor_id: int, version: int) -> DeviceIndex:
        """Return the lessor's devices at this version or a later one, loaded once however many requests wait."""
        async with self._loading.setdefault(lessor_id, asyncio.Lock()):
            known = self._devices.get(lessor_id)
            if known is None or known.version < version:
                async with self._context.database.reading() as session:
                    known = self._devices[lessor_id] = await load_device_index(session, lessor_id)
            return known
