"""CSV files of exports."""

import csv
import io
from collections.abc import Sequence

from app.exports.digest import DIGEST_LABEL, FORMULA_OPENERS, Cell, cell_text


def to_csv(rows: Sequence[Sequence[Cell]], digest: str) -> bytes:
    """Write rows and their digest as CSV, with a byte order mark so that Excel detects UTF-8.

    Text that a spreadsheet would read as a formula gets a leading apostrophe.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([_plain(cell_text(cell), cell) for cell in row] for row in rows)
    writer.writerow([])
    writer.writerow([DIGEST_LABEL, digest])
    return out.getvalue().encode("utf-8-sig")


def _plain(text: str, cell: Cell) -> str:
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA_OPENERS) else text


def read_csv(body: bytes) -> list[list[str]]:
    """Return the rows of a CSV file in UTF-8, or raise ``ValueError`` where it is not UTF-8 or no CSV."""
    try:
        return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
