"""Positions of jobs in the chain of batches."""

from typing import Final

from psycopg import AsyncConnection

_READ: Final = "SELECT chain_no FROM worker_cursor WHERE job = %s"
_KEEP: Final = """
    INSERT INTO worker_cursor AS w (job, chain_no) VALUES (%s, %s)
    ON CONFLICT (job) DO UPDATE SET chain_no = excluded.chain_no WHERE excluded.chain_no > w.chain_no"""


async def cursor_of(connection: AsyncConnection, job: str) -> int:
    """Return the number of the last batch that a job has processed, 0 where it never ran.

    Numbers follow the order of commits without gaps: no batch appears below the cursor later.
    """
    row = await (await connection.execute(_READ, (job,))).fetchone()
    return int(row[0]) if row else 0


async def keep_cursor(connection: AsyncConnection, job: str, chain_no: int) -> None:
    """Store a job's position; call it after its work is committed."""
    await connection.execute(_KEEP, (job, chain_no))
