"""Posts pings to the service as a lessor's gateway would: batches in the order of arrival, a few in parallel."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.demo.client import ApiClient
from app.demo.fleet import DemoData
from app.demo.pings import Pings, batches

CONNECTIONS: Final = 3
_PLAIN_LINES: Final = 10


@dataclass(slots=True)
class Receipts:
    """Sum of the receipts of several batches."""

    batches: int = 0
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    doubted: int = 0
    rejected: int = 0
    seconds: float = 0.0

    def add(self, receipt: dict[str, Any]) -> None:
        """Add one receipt."""
        self.batches += 1
        self.received += receipt["received"]
        self.stored += receipt["stored"]
        self.duplicates += receipt["duplicates"]
        self.doubted += receipt["doubted"]
        self.rejected += receipt["rejected"]


async def post_pings(lessor: ApiClient, demo: DemoData, pings: Pings, console: Console) -> Receipts:
    """Post pings and return the sum of the receipts.

    Args:
        pings: In the order of arrival.
        console: Shows a progress bar on a terminal, else a line for every tenth.

    Raises:
        AppError: The service refuses a batch or stops answering.
    """
    receipts = Receipts()
    begun = time.monotonic()
    waiting = iter(batches(pings, demo.identifiers))
    with _progress(console) as progress:
        shown = _ProgressDisplay(console, progress, len(pings))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(_machine(lessor, waiting, receipts, shown, begun))
        except ExceptionGroup as failed:  # the first refusal is enough to report
            raise failed.exceptions[0] from None
    receipts.seconds = time.monotonic() - begun
    return receipts


async def _machine(
    lessor: ApiClient, waiting: Iterator[bytes], receipts: Receipts, shown: "_ProgressDisplay", begun: float
) -> None:
    for body in waiting:
        receipts.add(await lessor.upload("/pings", body, "application/x-ndjson"))
        shown.moved(receipts.received, time.monotonic() - begun)


class _ProgressDisplay:
    """Progress: a bar on a terminal, else a line for every tenth."""

    def __init__(self, console: Console, progress: Progress, total: int) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("posting pings", total=total, rate="")
        self._total = total
        self._lines = 0

    def moved(self, received: int, seconds: float) -> None:
        rate = f"{received / max(seconds, 1e-9):,.0f}/s"
        self._progress.update(self._task, completed=received, rate=rate)
        if not self._console.is_terminal and received * _PLAIN_LINES // self._total > self._lines:
            self._lines = received * _PLAIN_LINES // self._total
            self._console.print(f"posted {received:,} of {self._total:,} pings ({rate})")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,} of {task.total:,}  {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
