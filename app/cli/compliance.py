"""``leasetrace subject-report`` and ``leasetrace retention``: what is stored, for how long, and who read it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.access.domain import Principal, Role, Visibility
from app.access.roles import permissions_of
from app.audit.notes import COMMAND_LINE, note_export
from app.audit.writer import writing_as
from app.compliance.retention.domain import Term
from app.compliance.retention.service import terms_and_last_deletions
from app.compliance.subject_report import service as subject_report
from app.compliance.subject_report.export_table import report_rows
from app.core.clock import Clock, in_shanghai
from app.core.context import Context
from app.core.db.database import SERVICE, Database
from app.core.errors import InvalidInput
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.exports.csv_file import to_csv
from app.exports.digest import cell_text, content_digest
from app.exports.stamp import Stamp, new_export_id

_RUNS_IT = Principal(
    0, Role.PLATFORM_ADMINISTRATOR, None, None, permissions=permissions_of(Role.PLATFORM_ADMINISTRATOR)
)
"""The command line acts as a platform administrator: it needs the database's URL."""
_AT_MOST = 1_000


async def print_report(
    settings: Settings, clock: Clock, console: Console, *, asset_id: int | None, lessee: str | None, file: Path | None
) -> None:
    """Print the report about an asset or a lessee, or write it as CSV with its digest; the trail records both.

    Args:
        lessee: The name as it was registered, in place of ``asset_id``.
        file: None: print.

    Raises:
        InvalidInput: Neither ``asset_id`` nor ``lessee`` is given, or both are.
        NotFound: There is no such asset or lessee.
    """
    if (asset_id is None) == (lessee is None):
        raise InvalidInput("Say of what: --asset NUMBER, or --lessee NAME", field="asset")
    context = Context(settings, clock, Database(settings), Metrics())
    visibility = Visibility(_RUNS_IT)
    try:
        async with writing_as(context.database, COMMAND_LINE, clock) as session:
            if asset_id is not None:
                report = await subject_report.report_on_asset(session, visibility, asset_id, context)
            else:
                report = await subject_report.report_on_lessee(
                    session, visibility, lessee or "", context, after=0, limit=_AT_MOST
                )
            stamp = Stamp(new_export_id(), "命令行 command line", "运行方 operator of the service", "", clock.now())
            rows = report_rows(report, stamp)
            digest = content_digest(rows)
            if file is not None:
                note_export(session, "subject.export", f"{digest} export:{stamp.export_id} format:csv")
    finally:
        await context.database.close()
    if file is not None:
        file.write_bytes(to_csv(rows, digest))
        console.print(f"{file.name}: {len(report.assets)} assets, {digest}", soft_wrap=True, markup=False)
        return
    for row in rows:
        console.print("  ".join(cell_text(cell) for cell in row), soft_wrap=True, markup=False)


async def print_retention(settings: Settings, console: Console) -> None:
    """Print each retention class with its term and its last deletion (Asia/Shanghai)."""
    database = Database(settings)
    try:
        async with database.reading(SERVICE) as session:
            terms = await terms_and_last_deletions(session, settings.retention)
    finally:
        await database.close()
    table = Table("class", "what", "kept", "deleted last (Asia/Shanghai)", "rows", "held")
    for term, last in terms:
        table.add_row(
            term.kind.value,
            term.what,
            _kept(term),
            "never" if last is None else in_shanghai(last.at).strftime("%Y-%m-%d %H:%M"),
            "" if last is None else f"{last.rows:,}",
            "" if last is None else f"{last.held_rows:,}",
        )
    console.print(table)


def _kept(term: Term) -> str:
    if not term.deletable:
        return term.since
    if term.days is None:
        return "for ever"
    return f"{term.days} days from {term.since}" + (", longer under a legal hold" if term.held else "")
