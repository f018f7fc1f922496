"""``leasetrace exports check``: verifies the digest of an exported file. It needs no database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.core.errors import AppError
from app.exports.csv_file import read_csv
from app.exports.digest import Cell, DigestCheck, check_rows
from app.exports.html_reader import read_rows
from app.exports.workbooks import read_first_sheet

exports_app = typer.Typer(help="Files that left the service.", no_args_is_help=True)


@exports_app.callback()
def _exports() -> None:
    """Makes ``exports`` a group, though it has one command."""


@exports_app.command("check")
def exports_check(
    file: Annotated[
        Path, typer.Argument(help="A .csv, .xlsx or .html file as it was taken.", exists=True, dir_okay=False)
    ],
) -> None:
    """Compute the digest of a file's rows and compare it with the one in its last row.

    The digest in the audit trail proves that the last row was not changed with the others.
    """
    checked = check_file(file)
    if not checked.matches:
        raise AppError(f"{file.name} was changed: its rows have {checked.found}, it names {checked.claimed}.")
    Console(highlight=False).print(
        f"{file.name} is as it was exported: {checked.found}", soft_wrap=True, markup=False
    )


def _rows(body: bytes) -> Sequence[Sequence[Cell | None]]:
    if body.startswith(b"PK"):
        return read_first_sheet(body)
    return read_rows(body.decode()) if body.lstrip()[:1] == b"<" else read_csv(body)


def check_file(file: Path) -> DigestCheck:
    """Compare the rows of a CSV file, a workbook or a saved page with the digest in its last row.

    Raises:
        AppError: The file is none of these, or has no digest.
    """
    body = file.read_bytes()
    try:
        rows = _rows(body)
    except ValueError as error:
        raise AppError(f"{file.name} cannot be read as CSV in UTF-8, a workbook or a page: {error}.") from error
    checked = check_rows(rows)
    if checked is None:
        raise AppError(f"{file.name} has no digest in its last row: it was not exported here, or was added to.")
    return checked
