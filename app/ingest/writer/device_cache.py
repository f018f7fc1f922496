"""The devices and bindings of lessors in memory; read again when the writer finds them changed."""

import asyncio
from collections.abc import Iterable, Mapping

from app.assets.bindings import DeviceIndex, load_device_index
from app.core.db.database import SERVICE, Database


class DeviceCache:
    """The device indexes of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, DeviceIndex] = {}
        self._loading: dict[int, asyncio.Lock] = {}

    async def of(self, lessor_ids: Iterable[int]) -> Mapping[int, DeviceIndex]:
        """Return the index of each lessor; it may be out of date, which ``commit`` checks before it stores."""
        return {
            lessor_id: self._known.get(lessor_id) or await self._load(lessor_id, None) for lessor_id in lessor_ids
        }

    async def refresh(self, lessor_ids: Iterable[int]) -> None:
        """Read the indexes of some lessors again."""
        for lessor_id in lessor_ids:
            await self._load(lessor_id, self._known.get(lessor_id))

    async def _load(self, lessor_id: int, outdated: DeviceIndex | None) -> DeviceIndex:
        async with self._loading.setdefault(lessor_id, asyncio.Lock()):
            known = self._known.get(lessor_id)
            if known is None or known is outdated:  # a task that waited uses what the first one read
                async with self._database.reading(SERVICE) as session:
                    known = self._known[lessor_id] = await load_device_index(session, lessor_id)
            return known
