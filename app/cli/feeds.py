"""``leasetrace feeds``: the sources of pings and their data quality."""

import sys
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets.service import lessor_by_code, lessor_by_id
from app.cli.service_session import OPERATOR, moment, run_as_service
from app.core.context import Context
from app.core.geo.datum import CoordSystem
from app.telemetry.feeds import quality, service
from app.telemetry.feeds.schemas import FeedIn, FeedOut, FeedQualityOut

feeds_app = typer.Typer(help="Sources of pings, and how well they work.", no_args_is_help=True)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
Lessor = Annotated[str, typer.Option(help="The lessor's code.")]


@feeds_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The feed's name, once per lessor.")],
    lessor: Lessor,
    datum: Annotated[CoordSystem | None, typer.Option(help="The datum of rows that name none.")] = None,
) -> None:
    """Register a source of pings and print its number."""

    async def use(session: AsyncSession, context: Context) -> FeedOut:
        lessor_id = (await lessor_by_code(session, lessor)).lessor_id
        wanted = FeedIn(name=name, coord_system=datum, lessor_id=lessor_id)
        return await service.create_feed(session, OPERATOR, wanted, context)

    console.print(f"feed {run_as_service(use).feed_id}")


@feeds_app.command("list")
def list_all(lessor: Annotated[str | None, typer.Option(help="Only this lessor's, by its code.")] = None) -> None:
    """List the sources of pings, with the time of the last ping of each."""

    async def use(session: AsyncSession, context: Context) -> Table:
        lessor_id = None if lessor is None else (await lessor_by_code(session, lessor)).lessor_id
        table = Table("feed", "lessor", "name", "datum", "state", "last batch")
        for row, last_batch_at in await service.feeds_with_last_batch(session, lessor_id):
            owner = await lessor_by_id(session, row.lessor_id)
            state = quality.state_of(row, last_batch_at, context.clock.now(), context.settings.feeds)
            words = (owner.code if owner else "", row.name, row.coord_system or "", state, moment(last_batch_at))
            table.add_row(str(row.feed_id), *map(escape, words))
        return table

    console.print(run_as_service(use))


@feeds_app.command("quality")
def show_quality(
    feed_id: Annotated[int, typer.Argument(help="The feed's number.", min=1)],
    days: Annotated[int, typer.Option(help="How far back.", min=1, max=quality.MAX_WINDOW.days)] = 1,
) -> None:
    """Print what a feed sent, its errors, and its silent devices."""

    async def use(session: AsyncSession, context: Context) -> FeedQualityOut:
        now = context.clock.now()
        window = quality.hours_of(now - timedelta(days=days) + timedelta(hours=1), None, now)
        return await quality.quality_of(session, Visibility(OPERATOR), feed_id, window, context)

    print_quality(console, run_as_service(use))


def print_quality(to: Console, found: FeedQualityOut) -> None:
    """Print the quality of a feed: shares in percent, durations with their unit, times in Asia/Shanghai."""
    last = moment(found.last_batch_at)
    to.print(f"[bold]{escape(found.name)}[/bold] (feed {found.feed_id}) is {found.state}; last batch {last}")
    to.print(f"{moment(found.window_from)} to {moment(found.window_to)}, Asia/Shanghai")
    counts = Table("", "rows", "share", title="What came", title_justify="left")
    counts.columns[1].justify = counts.columns[2].justify = "right"
    counts.add_row("received", f"{found.received:,}", f"in {found.batches:,} batches")
    counts.add_row("stored", f"{found.stored:,}", "")
    counts.add_row("duplicates", f"{found.duplicates:,}", percent(found.duplicate_share))
    counts.add_row("rejected", f"{found.rejected:,}", percent(found.rejected_share))
    counts.add_row("doubted", f"{found.doubted:,}", percent(found.doubted_share))
    for doubt in found.doubts:
        counts.add_row(f"  {doubt.doubt}", f"{doubt.count:,}", percent(doubt.share))
    to.print(counts)
    if found.lag_mean_s is not None and found.lag_max_s is not None:
        to.print(f"From fix to arrival: {length(found.lag_mean_s)} on average, {length(found.lag_max_s)} at most")
    silent = found.silent_devices
    to.print(f"{silent.count:,} devices silent for longer than {length(silent.silent_after.total_seconds())}")
    if silent.devices:
        listed = Table("device", "asset", "last fix", "silent for")
        for device in silent.devices:
            silent_for = length(device.silent_s)
            listed.add_row(escape(device.identifier), str(device.asset_id), moment(device.fixed_at), silent_for)
        to.print(listed)


def percent(share: float | None) -> str:
    """Return a share, 0 to 1, in percent; a dash where there is none."""
    return "–" if share is None else f"{share * 100:.1f} %"


def length(seconds: float) -> str:
    """Return a duration in seconds as text, in the largest unit that it fills, rounded to tenths."""
    unit, size = next(((unit, size) for unit, size in _UNITS if abs(seconds) >= size), _UNITS[-1])
    return f"{seconds / size:,.1f}".removesuffix(".0") + f" {unit}"
