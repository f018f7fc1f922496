"""Jobs that only one worker at a time should run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from zlib import crc32

from psycopg import AsyncConnection

_KEY_SPACE: Final = 7_153_004
"""The first half of the advisory locks of jobs; any number nobody else uses."""


@asynccontextmanager
async def job_lock(connection: AsyncConnection, job: str) -> AsyncIterator[bool]:
    """Hold the lock of a job while the block lasts, and tell whether it could be had.

    Where not, another worker is at it and there is nothing to do. A worker that dies gives the lock back.
    """
    key = (_KEY_SPACE, crc32(job.encode()) & 0x7FFFFFFF)
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key)).fetchone()
    if row is None or not row[0]:
        yield False
        return
    try:
        yield True
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)
