"""A queue of devices whose history is judged again; each device is a transaction of its own."""

from collections.abc import Awaitable, Callable
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from app.tracking.history.derive_positions import lock_device


async def process_devices(
    connection: AsyncConnection,
    next_device: LiteralString,
    at_once: int,
    process_one: Callable[[int], Awaitable[None]],
) -> bool:
    """Take at most ``at_once`` devices from a queue; return whether more may wait. The connection is in autocommit.

    ``next_device`` selects and locks the next device that is not in its array. ``process_one`` removes it from the
    queue, in the transaction of its work.
    """
    busy: list[int] = []
    for _ in range(at_once):
        try:
            async with connection.transaction():
                row = await (await connection.execute(next_device, (busy,))).fetchone()
                if row is None:
                    return False
                if await lock_device(connection, row[0]):
                    await process_one(row[0])
                else:
                    busy.append(row[0])
        except psycopg.errors.DeadlockDetected:
            continue  # the writer locked the same rows; nothing was changed
    return True
