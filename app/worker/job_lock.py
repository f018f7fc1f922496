"""Advisory locks for jobs that only one worker at a time may run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from zlib import crc32

from psycopg import AsyncConnection

_KEY_SPACE: Final = 7_153_004
"""First half of the advisory lock keys of jobs; no other lock uses this number."""


@asynccontextmanager
async def job_lock(connection: AsyncConnection, job: str) -> AsyncIterator[bool]:
    """Try to hold a job's lock while the block lasts; yield whether it was free.

    If not, another worker runs the job: do nothing. PostgreSQL releases the lock of a worker that dies.
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
