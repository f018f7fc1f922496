"""Reads the first sheet of an XLSX workbook (ECMA-376) with openpyxl, for the check of an export.

Size, rows and columns are limited. The XML is parsed without entities: openpyxl uses defusedxml when installed.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import IO, Final

import openpyxl
from defusedxml.ElementTree import iterparse
from openpyxl.utils.cell import coordinate_to_tuple

MAX_BYTES: Final = 32 * 1024 * 1024
"""All parts together, unpacked. ``zipfile`` reads no more of a part than the size in its directory."""
MAX_PARTS: Final = 1_000
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 100
_ROW: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}row"


class _Refused(ValueError):
    """Larger than a limit, or ambiguous."""


def read_first_sheet(body: bytes) -> list[list[str | float | None]]:
    """Return the rows of the first sheet from the top; an empty cell is None, a skipped row an empty list.

    Formulas are not evaluated: a cell has the value that was saved with it.

    Raises:
        ValueError: Not a workbook, larger than the limits, or with rows or columns out of order.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _check_size(archive.infolist())
            book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            with archive.open(sheet._worksheet_path) as part:  # type: ignore[attr-defined] # noqa: SLF001 no public name
                _check_order(part)
            sheet.reset_dimensions()  # the declared size may be smaller than the sheet
            return list(_limited(sheet.iter_rows(values_only=True)))
    except _Refused:
        raise
    except Exception as error:  # KeyError, TypeError, ParseError and others, by what is damaged
        cause = error.__cause__ or error
        msg = f"no workbook that can be read ({type(cause).__name__}: {cause})"
        raise ValueError(msg) from error


def _check_size(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MAX_PARTS:
        msg = f"the workbook has {len(parts)} parts, at most {MAX_PARTS} are read"
        raise _Refused(msg)
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_BYTES:
        msg = f"the workbook has {unpacked} bytes unpacked, at most {MAX_BYTES} are read"
        raise _Refused(msg)


def _check_order(part: IO[bytes]) -> None:
    """Refuse a sheet in which a row or column number does not increase.

    openpyxl would leave out such rows or cells, while other programs may show them.
    """
    number = 0
    for _, row in iterparse(part):
        if row.tag == _ROW:
            before, number = number, int(row.get("r", number + 1))
            if number <= before:
                msg = f"row {number} comes after row {before}"
                raise _Refused(msg)
            column = 0
            for cell in row:
                before, place = column, cell.get("r")
                column = coordinate_to_tuple(place)[1] if place else column + 1
                if column <= before:
                    msg = f"row {number}: column {column} comes after column {before}"
                    raise _Refused(msg)
            row.clear()


def _limited(rows: Iterator[tuple[object, ...]]) -> Iterator[list[str | float | None]]:
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            msg = f"the sheet has more than {MAX_ROWS} rows"
            raise _Refused(msg)
        if len(row) > MAX_COLUMNS:
            msg = f"row {number} has {len(row)} columns, at most {MAX_COLUMNS} are read"
            raise _Refused(msg)
        yield [cell if cell is None or isinstance(cell, str | int | float) else str(cell) for cell in row]
