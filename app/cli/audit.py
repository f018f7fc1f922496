"""``leasetrace audit``: verifies the audit trail and prints its head."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.audit import timestamps
from app.audit.anchors import anchors_of, append_to, read_anchors
from app.audit.chain import FIRST_LINK, Head, TrailFault, head_of, walk
from app.core.clock import SystemClock
from app.core.db.database import Database
from app.core.errors import AppError
from app.core.settings import Settings
from app.localdb.cluster import database_urls

audit_app = typer.Typer(help="The audit trail: does it hold, and up to where?", no_args_is_help=True)
_STATEMENT_TIMEOUT_S = 24 * 3600
_console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)


def _settings() -> Settings:
    return Settings.from_environment(os.environ, database_url=database_urls(os.environ).app_url)


@audit_app.command("verify")
def verify(
    anchor: Annotated[
        list[str] | None, typer.Option(help="NUMBER:SHA256 that was kept elsewhere; may be repeated.")
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="A file of anchors, or a folder of such files.", exists=True)
    ] = None,
    tsa_roots: Annotated[
        Path | None,
        typer.Option(help="Root certificates (PEM) that kept time stamps must be signed under.", exists=True),
    ] = None,
) -> None:
    """Walk the trail and name the first entry that breaks it.

    Prints the head. Keep it elsewhere: only with it can a cut tail be detected.
    """
    given = dict(anchors_of(anchor or []))
    for number, link in (read_anchors(anchors) if anchors else {}).items():
        if given.setdefault(number, link) != link:
            raise AppError(f"Two anchors say different things of number {number}.")
    asyncio.run(verify_trail(_settings(), _console, given, tsa_roots))


async def verify_trail(
    settings: Settings, console: Console, anchors: dict[int, bytes], tsa_roots: Path | None = None
) -> Head:
    """Verify every link of the trail, with progress, and print the head.

    Args:
        anchors: Links by number that were kept elsewhere; those of kept time stamps are added.
        tsa_roots: Root certificates under which kept time stamps must be signed; unchecked where left out.

    Raises:
        AppError: The trail is broken; the message names the first wrong entry.
    """
    database = Database(settings)
    try:
        async with database.direct("leasetrace audit", statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)  # writes continue
            async with connection.transaction():
                stamps = await timestamps.kept(connection)
                if tsa_roots is not None:
                    timestamps.check_signatures(stamps, tsa_roots)
                for stamp in stamps:
                    if anchors.setdefault(stamp.head.trail_no, stamp.head.link) != stamp.head.link:
                        number = stamp.head.trail_no
                        raise AppError(f"Number {number} of the trail: the anchor is not the one that was stamped.")
                reached = await _walk(connection, console, anchors)
    finally:
        await database.close()
    if stamps:
        words = "checked" if tsa_roots else "not checked (--tsa-roots)"
        console.print(
            f"{len(stamps):,} time stamps, the last of {stamps[-1].stamped_at}; signatures {words}.", soft_wrap=True
        )
    console.print(
        f"{reached.trail_no:,} entries hold together; {len(anchors):,} anchors are met. Head: {reached}",
        soft_wrap=True,
    )
    return reached


async def _walk(connection: psycopg.AsyncConnection, console: Console, anchors: dict[int, bytes]) -> Head:
    total = (await head_of(connection)).trail_no
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reached = Head(0, FIRST_LINK)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Entries", total=total)
        async for step in walk(connection, anchors):
            if isinstance(step, TrailFault):
                raise AppError(f"Entry {step.trail_no} of the trail: {step.reason}.")
            reached = step
            progress.update(task, completed=reached.trail_no)
    return reached


@audit_app.command("anchor")
def anchor(
    file: Annotated[Path | None, typer.Option(help="Append the line to this file; best on another machine.")] = None,
) -> None:
    """Print the head as NUMBER:SHA256, and append it with the time to a file."""
    head = asyncio.run(read_head(_settings()))
    if file is not None:
        append_to(file, head, SystemClock().now())
    _console.print(str(head), soft_wrap=True)


async def read_head(settings: Settings) -> Head:
    """Return the current head of the trail."""
    database = Database(settings)
    try:
        async with database.direct("leasetrace audit", statement_timeout_s=60) as connection:
            return await head_of(connection)
    finally:
        await database.close()
