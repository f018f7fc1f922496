"""The device index of one lessor in memory: which device an identifier names, and on which asset it was when.

Any psycopg connection can fill it: run ``DEVICE_INDEX_SQL`` and pass the row to ``DeviceIndex.from_row``. The index
is stale when ``fleet_versions`` returns another ``version``: triggers raise it in the transaction of every change of
a device or a binding.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.database import sql_file

DEVICE_INDEX_SQL: Final = sql_file("app.assets", "device_index.sql")
NONE: Final = -1
"""No such device, or no asset at that time."""


@dataclass(frozen=True, slots=True)
class DeviceIndex:
    """The devices of one lessor and their bindings; immutable, shared between threads."""

    version: int  # the lessor's `fleet_version` at the time of reading
    device_ids: Mapping[str, int]  # identifier, as the feed sends it, to device id
    device_id: NDArray[np.int32]  # device of each binding, shape `(n,)`; sorted by device, then by beginning
    from_us: NDArray[np.int64]  # first moment of each binding, microseconds since 1970-01-01T00:00Z, shape `(n,)`
    until_us: NDArray[np.int64]  # first moment after it, `2**63 - 1` where it is open, shape `(n,)`
    asset_id: NDArray[np.int32]  # asset of each binding, shape `(n,)`
    suspects: NDArray[np.int32]  # devices whose declared datum was found to be wrong, shape `(m,)`
    _starts: NDArray[np.int64]  # the distinct values of `from_us`, ascending
    _keys: NDArray[np.int64]  # device and beginning of each binding in one ascending number

    @classmethod
    def of(
        cls,
        version: int,
        device_ids: Mapping[str, int],
        device_id: Sequence[int],
        from_us: Sequence[int],
        until_us: Sequence[int],
        asset_id: Sequence[int],
        suspects: Sequence[int] = (),
    ) -> Self:
        """Build the index from bindings in any order; a database constraint prevents overlaps."""
        devices, starts = np.array(device_id, dtype=np.int32), np.array(from_us, dtype=np.int64)
        order = np.lexsort((starts, devices))
        devices, starts = devices[order], starts[order]
        distinct = np.unique(starts)
        columns = (
            devices,
            starts,
            np.array(until_us, dtype=np.int64)[order],
            np.array(asset_id, dtype=np.int32)[order],
            np.array(suspects, dtype=np.int32),
            distinct,
            _key(devices, starts, distinct),
        )
        for column in columns:
            column.flags.writeable = False
        return cls(version, MappingProxyType(dict(device_ids)), *columns)

    @classmethod
    def from_row(cls, row: Sequence[Any] | None) -> Self:
        """Build the index from the row of ``DEVICE_INDEX_SQL``; None (no such lessor) gives an empty index.

        The columns are version, identifiers, their device ids, devices with a suspect datum, then device, beginning,
        end and asset of each binding. A column without rows is None.
        """
        if row is None:
            return cls.of(0, {}, (), (), (), ())
        version, *columns = row
        identifiers, ids, suspects, devices, starts, ends, assets = (column or [] for column in columns)
        return cls.of(version, dict(zip(identifiers, ids, strict=True)), devices, starts, ends, assets, suspects)

    def resolve(self, identifiers: Sequence[str]) -> list[int]:
        """Return the device id of each identifier as the feed sends it, ``NONE`` (-1) where the lessor has none."""
        return list(map(self.device_ids.get, identifiers, repeat(NONE)))

    def asset_at(self, device_id: NDArray[np.int32], fixed_us: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the asset of each device at a time, ``NONE`` (-1) where there is none.

        A binding includes its beginning and excludes its end. ``fixed_us`` is in microseconds since
        1970-01-01T00:00Z; arrays have shape ``(n,)``; ``device_id`` may be ``NONE``.
        """
        if not len(self._keys):
            return np.full(len(device_id), NONE, dtype=np.int32)
        # The last binding that begins at or before the time, among those of this and of lower device ids.
        found = np.searchsorted(self._keys, _key(device_id, fixed_us, self._starts), side="right") - 1
        holds = (found >= 0) & (self.device_id[found] == device_id) & (fixed_us < self.until_us[found])
        return np.where(holds, self.asset_id[found], np.int32(NONE))


def _key(device_id: NDArray[np.int32], at_us: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    # Device and time do not fit into 64 bits; the time's rank among the beginnings sorts alike and fits.
    return device_id.astype(np.int64) * (len(starts) + 1) + np.searchsorted(starts, at_us, side="right")


async def load_device_index(session: AsyncSession, lessor_id: int) -> DeviceIndex:
    """Read the index of a lessor; it is empty, at version 0, where there is no such lessor."""
    connection = await session.connection()
    row = (await connection.exec_driver_sql(DEVICE_INDEX_SQL, {"lessor_id": lessor_id})).one_or_none()
    return await asyncio.to_thread(DeviceIndex.from_row, row)  # 80 ms for 100,000 devices: keep the event loop free


async def fleet_versions(connection: AsyncConnection, lessor_ids: Sequence[int]) -> dict[int, int]:
    """Return the current index version of each lessor, and lock it until the transaction ends.

    A change of a device or binding waits for that end, so that it finds every ping that was bound before it.
    """
    cursor = await connection.execute(
        "SELECT lessor_id, fleet_version FROM lessor WHERE lessor_id = ANY(%s) ORDER BY lessor_id FOR SHARE",
        (list(lessor_ids),),
    )
    return dict(await cursor.fetchall())
