"""``leasetrace batches verify``: verifies the chain of batches."""

from typing import Final

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.core.db.database import Database
from app.core.errors import AppError
from app.core.settings import Settings
from app.telemetry.pings.batches import FIRST_LINK, ChainFault, head_of, verify

_STATEMENT_TIMEOUT_S: Final = 3600


async def verify_batches(settings: Settings, console: Console, kept: str | None) -> None:
    """Verify every link and every raw body, with progress, and print the head.

    Args:
        kept: A head that was kept elsewhere, ``NUMBER:SHA256``; the chain must contain it.

    Raises:
        AppError: The chain is broken; the message names the first wrong batch.
    """
    number, link = _kept(kept)
    async with Database(settings).direct("leasetrace verify", statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
        await connection.set_autocommit(False)
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)  # writes continue
        total, head = await head_of(connection)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("Batches", total=total)
            sound, last = 0, FIRST_LINK
            async for step in verify(connection):
                if isinstance(step, ChainFault):
                    which = f"Batch {step.batch_id or '?'} (number {step.chain_no} of the chain)"
                    raise AppError(f"{which}: {step.reason}.")
                sound, last = step
                if sound == number and last.hex() != link:
                    raise AppError(f"Number {number} of the chain is not the batch that the kept head names.")
                progress.update(task, completed=sound)
    if sound < total or last != head:
        raise AppError(f"The chain ends at number {sound}, but its head is number {total}: its tail is missing.")
    if number > sound:
        raise AppError(f"The chain ends at number {sound}, before the kept head, number {number}: it was cut.")
    console.print(f"{sound:,} batches hold together. Head: {sound}:{last.hex()}")


def _kept(text: str | None) -> tuple[int, str]:
    if text is None:
        return 0, ""
    number, colon, link = text.partition(":")
    if not (colon and number.isascii() and number.isdigit() and len(link) == 64):  # noqa: PLR2004 hex digits of SHA-256
        raise AppError(f"{text!r} is no head: expected NUMBER:SHA256 as this command prints it.")
    return int(number), link.lower()
