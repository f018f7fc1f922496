"""Queues of devices whose past is to be looked at again: each device's stretch is a transaction of its own."""

from collections.abc import Awaitable, Callable
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from app.tracking.history.derive_positions import hold_device


async def follow_devices(
    connection: AsyncConnection,
    next_device: LiteralString,
    at_once: int,
    follow_one: Callable[[int], Awaitable[None]],
) -> bool:
    """Take device after device from a queue; what is done for one is committed with its leaving the queue.

    Args:
        connection: In autocommit.
        next_device: Gives the device to be taken next, none of the array that it is handed, and locks its row.
        at_once: So many are taken at most.
        follow_one: Does what is to be done for a device, inside the transaction, and takes it from the queue.

    Returns:
        Whether more may be waiting.
    """
    busy: list[int] = []
    for _ in range(at_once):
        try:
            async with connection.transaction():
                row = await (await connection.execute(next_device, (busy,))).fetchone()
                if row is None:
                    return False
                if await hold_device(connection, row[0]):
                    await follow_one(row[0])
                else:
                    busy.append(row[0])
        except psycopg.errors.DeadlockDetected:
            continue  # the writer was at the same rows; nothing was changed
    return True
