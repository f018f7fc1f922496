"""Imports boundaries, assets and pings from files, with progress and a report."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from app.access.domain import Principal, Role
from app.access.roles import permissions_of
from app.assets import service as assets
from app.audit.notes import COMMAND_LINE
from app.audit.writer import writing_as
from app.core.clock import Clock, SystemClock
from app.core.context import Context
from app.core.db.database import SERVICE, Database
from app.core.errors import AppError
from app.core.geo.datum import CoordSystem
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.identity.keys.credentials import principal_for
from app.ingest.http.request_body import Body
from app.ingest.http.schemas import ReceiptOut
from app.ingest.service import Ingest
from app.jurisdictions import service as jurisdictions
from app.jurisdictions.loading import service as loading
from app.localdb.cluster import ClusterUrls
from app.telemetry.formats.ping_files import FileOptions, read_batches
from app.telemetry.pings.service import territories_of

ROWS_PER_BATCH = 5_000
SHOWN_REJECTIONS = 5
_STAGES = {"read": "reading and checking", "raster": "making the locator", "store": "storing"}


def load_boundaries(
    where: ClusterUrls,
    console: Console,
    file: Path | None = None,
    *,
    datum: CoordSystem | None = None,
    adcode_column: str | None = None,
    name_column: str | None = None,
) -> None:
    """Load a boundary layer, the bundled one when no file is named, and report what was loaded.

    Args:
        where: The database; its owner writes divisions and courts.
        file: GeoJSON, Shapefile, GeoPackage or FlatGeobuf of counties.
        datum: The file's datum, where the file does not declare it.
        adcode_column: The file's column with the six-digit code.
        name_column: The file's column with the name.

    Raises:
        BoundaryFileRefused: The file fails a check; nothing was changed.
    """
    now = SystemClock().now()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=console) as progress:
        task = progress.add_task("Boundaries")

        def stage(name: str, done: int, total: int) -> None:
            progress.update(task, description=f"Boundaries: {_STAGES[name]}", completed=done, total=total)

        if file is None:
            report = loading.load_bundled_layer(where.owner_url, now=now, stage=stage)
        else:
            report = loading.load_boundary_file(
                where.owner_url,
                file,
                now=now,
                datum=datum,
                adcode_column=adcode_column,
                name_column=name_column,
                stage=stage,
            )
    what = "Loaded" if report.loaded else "Already loaded:"
    courts = ", ".join(f"{count:,} {level}" for level, count in report.courts.items())
    console.print(
        f"{what} layer {report.layer_id}: {report.counties:,} counties; courts by the naming rule: {courts}."
    )
    if report.datum is not None:
        console.print(str(report.datum))
    if report.caveats:
        console.print(f"{len(report.caveats)} caveats, for example: {report.caveats[0]}")


async def boundaries_are_loaded(settings: Settings) -> bool:
    """Return whether a boundary layer is in force."""
    database = Database(settings)
    try:
        async with database.reading(SERVICE) as session:
            return (await jurisdictions.boundaries_loaded(session)).ok
    finally:
        await database.close()


async def import_assets(
    settings: Settings, clock: Clock, console: Console, file: Path, lessor: str, mode: str
) -> None:
    """Register a lessor's assets from a CSV file and print the report, line by line where something is wrong.

    Raises:
        AppError: Nothing was written: the lessor does not exist, or a line is bad and the mode is all or nothing.
    """
    database = Database(settings)
    try:
        async with writing_as(database, COMMAND_LINE, clock) as session:
            lessor_id = (await assets.lessor_by_code(session, lessor)).lessor_id
            report = await assets.import_assets(session, lessor_id, file.read_bytes(), mode, clock)
    finally:
        await database.close()
    for line in report.results:
        console.print(f"line {line.line}: {line.status}: {line.message or ''}")
    console.print(
        f"{report.lines:,} lines: {report.created:,} created, {report.unchanged:,} unchanged,"
        f" {report.rejected:,} rejected"
    )
    if not report.written:
        raise AppError("Nothing was written. Mend the lines above, or use --mode good_rows.")


async def import_pings(
    settings: Settings,
    clock: Clock,
    console: Console,
    file: Path,
    lessor: str,
    reading: FileOptions,
    *,
    register_devices: bool,
) -> None:
    """Import the pings of a file through the normal ingest, with progress, and print the result.

    Pings stored before count as duplicates, so an import that was stopped can be started again.

    Raises:
        AppError: The lessor does not exist, the file cannot be read, or no row of it was stored before or now.
    """
    context = Context(settings, clock, Database(settings), Metrics())
    receipts: list[ReceiptOut] = []
    outcomes: Counter[str] = Counter()
    try:
        async with context.database.writing(SERVICE) as session:
            lessor_id = (await assets.lessor_by_code(session, lessor)).lessor_id
            principal_id = await principal_for(
                session, Role.LESSOR_MANAGER, "command line", clock, subject_id=lessor_id
            )
        principal = Principal(
            principal_id,
            Role.LESSOR_MANAGER,
            lessor_id,
            api_key_id=None,
            permissions=permissions_of(Role.LESSOR_MANAGER),
        )
        locators = jurisdictions.LocatorProvider(context.database)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(file.name, total=file.stat().st_size)
            async with Ingest(context, locators) as ingest:
                batches = read_batches(
                    file, reading, ROWS_PER_BATCH, lambda read: progress.update(task, completed=read)
                )
                for body, identifiers in batches:
                    if register_devices:
                        async with writing_as(context.database, COMMAND_LINE, clock) as session:
                            await assets.register_devices(session, lessor_id, identifiers, clock)
                    receipt = await ingest.receive(principal, Body(body, "application/x-ndjson"))
                    if receipt is None:
                        continue
                    receipts.append(receipt)
                    outcomes.update(row.code for row in receipt.results if row.code)
                    _print_rejections(console, receipt, outcomes)
        await _report(context, console, receipts, outcomes)
    finally:
        await context.database.close()


def _print_rejections(console: Console, receipt: ReceiptOut, outcomes: Counter[str]) -> None:
    for row in receipt.results:
        if row.status == "rejected" and outcomes["shown"] < SHOWN_REJECTIONS:
            outcomes["shown"] += 1
            console.print(f"batch {receipt.batch_id}, row {row.index}: {row.message}")


async def _report(context: Context, console: Console, receipts: list[ReceiptOut], outcomes: Counter[str]) -> None:
    del outcomes["shown"]
    total = {
        name: sum(getattr(r, name) for r in receipts) for name in ("received", "stored", "duplicates", "rejected")
    }
    console.print(
        f"{total['received']:,} rows: {total['stored']:,} stored, {total['duplicates']:,} stored before,"
        f" {total['rejected']:,} rejected"
    )
    for code, count in outcomes.most_common():
        console.print(f"  {code}: {count:,}")
    async with context.database.reading(SERVICE) as session:
        counties, outside = await territories_of(session, [r.batch_id for r in receipts])
    console.print(f"  in {counties:,} counties; {outside:,} rows outside every territory")
    if total["received"] and not total["stored"] + total["duplicates"]:
        raise AppError("No row was stored. Register the devices first, or use --register-devices.")
