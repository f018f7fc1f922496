"""The digest over the rows of an export.

It covers the content of the rows, not the bytes of the file. The CSV file and the workbook of an export have the same
digest, and a workbook that was opened and saved again keeps it. ``docs/exports.md`` describes the manual calculation.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Cell = str | int | float
DIGEST_LABEL: Final = "摘要 Digest"
"""The first cell of the last row; the second is the digest."""
_MARK: Final = "sha256:"
FORMULA_OPENERS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""The last four are full-width: spreadsheets in Chinese and Japanese treat them like the half-width ones."""


def content_digest(rows: Iterable[Sequence[Cell | None]]) -> str:
    """Return the digest of rows: ``sha256:`` and 64 hex digits.

    Each row that is not empty becomes a line: a JSON array of strings without spaces, ended by LF, in UTF-8. A number
    has at most 15 significant digits. Empty cells at the end are left out, and so is the apostrophe by which CSV
    marks text that would start a formula.
    """
    digest = hashlib.sha256()
    for row in rows:
        cells = [_canonical(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            digest.update(json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return _MARK + digest.hexdigest()


def _canonical(cell: Cell | None) -> str:
    text = "" if cell is None else cell_text(cell)
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_OPENERS) else text


def cell_text(cell: Cell) -> str:
    """Return a cell as text; a number with at most 15 significant digits, as spreadsheets keep it."""
    return cell if isinstance(cell, str) else format(cell, ".15g")


@dataclass(frozen=True, slots=True)
class DigestCheck:
    """The result of checking a file: the digest that it claims, and the digest of its rows."""

    claimed: str
    found: str

    @property
    def matches(self) -> bool:
        """Whether the rows are those that were exported."""
        return self.claimed == self.found


def check_rows(rows: Sequence[Sequence[Cell | None]]) -> DigestCheck | None:
    """Compare rows with the digest in the last row that is not empty; None where that row has no digest."""
    filled = [row for row in rows if any(cell not in {None, ""} for cell in row)]
    last = [cell for cell in filled[-1] if cell not in {None, ""}] if filled else []
    if len(last) != 2 or last[0] != DIGEST_LABEL:  # noqa: PLR2004 label and digest
        return None
    return DigestCheck(str(last[1]), content_digest(filled[:-1]))
