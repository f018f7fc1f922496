"""What leaves the service as a file: rows of text, who took them, when, for which case, and a digest over them.

The digest is over what the rows say, not over the file's bytes: a letter as CSV and as a workbook has the same one,
and a workbook that was opened and saved again keeps it. ``docs/exports.md`` says how to compute it by hand.
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
"""The last four are full-width: spreadsheets in Chinese and Japanese take them for the narrow ones."""


def content_digest(rows: Iterable[Sequence[Cell | None]]) -> str:
    """Return the digest of rows: ``sha256:`` and 64 hex digits.

    Each row that says something becomes a line: its cells as a JSON array of strings without spaces, ended by LF, in
    UTF-8. A number is written with at most 15 significant digits, an empty cell at the end is left out, and so is the
    apostrophe by which CSV marks text that would open a formula.
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
    text = "" if cell is None else written(cell)
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_OPENERS) else text


def written(cell: Cell) -> str:
    """Return a cell as text; a number with at most 15 significant digits, which is what a spreadsheet keeps."""
    return cell if isinstance(cell, str) else format(cell, ".15g")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a file found.

    Attributes:
        claimed: The digest that the file names.
        found: The digest of its rows.
    """

    claimed: str
    found: str

    @property
    def holds(self) -> bool:
        """Whether the rows are those that were exported."""
        return self.claimed == self.found


def check_rows(rows: Sequence[Sequence[Cell | None]]) -> Checked | None:
    """Compare rows with the digest in the last of them; None where the last row that says something holds none."""
    told = [row for row in rows if any(cell not in {None, ""} for cell in row)]
    last = [cell for cell in told[-1] if cell not in {None, ""}] if told else []
    if len(last) != 2 or last[0] != DIGEST_LABEL:  # noqa: PLR2004 label and digest
        return None
    return Checked(str(last[1]), content_digest(told[:-1]))
