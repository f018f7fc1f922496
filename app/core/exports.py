"""What leaves the service as a file: rows of text, who took them, when, for which case, and a digest over them.

The digest is over what the rows say, not over the file's bytes: a letter as CSV and as a workbook has the same one,
and a workbook that was opened and saved again keeps it. ``docs/exports.md`` says how to compute it by hand.
"""

import base64
import csv
import hashlib
import io
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from app.core.clock import in_shanghai

Cell = str | int | float
DIGEST_LABEL: Final = "摘要 Digest"
"""The first cell of the last row; the second is the digest."""
_MARK: Final = "sha256:"
_FORMULA_OPENERS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""The last four are full-width: spreadsheets in Chinese and Japanese take them for the narrow ones."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who took an export, and when.

    Attributes:
        export_id: Its number, random.
        asked_by: The name of who asked, with its number here.
        role: What that one does.
        acting_for: The court or the lessor, empty for others.
        at: When, aware.
    """

    export_id: str
    asked_by: str
    role: str
    acting_for: str
    at: datetime

    def lines(self) -> tuple[tuple[str, Cell], ...]:
        """Return what stands in the heading of a file: label and value."""
        return (
            ("查询人 Asked by", self.asked_by),
            ("身份 Role", self.role),
            ("所属 Acting for", self.acting_for),
            ("导出时间 Exported at (Asia/Shanghai)", in_shanghai(self.at).strftime("%Y-%m-%d %H:%M:%S")),
            ("导出时间 Exported at (UTC)", self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("导出编号 Export", self.export_id),
        )


def new_export_id() -> str:
    """Return the number of an export: 64 random bits, so that it tells nothing of others."""
    return secrets.token_hex(8)


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
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_OPENERS) else text


def written(cell: Cell) -> str:
    """Return a cell as text; a number with at most 15 significant digits, which is what a spreadsheet keeps."""
    return cell if isinstance(cell, str) else format(cell, ".15g")


def to_csv(rows: Sequence[Sequence[Cell]], digest: str) -> bytes:
    """Write rows and their digest as CSV, with the byte order mark by which Excel knows UTF-8.

    Text stays text: what begins like a formula gets an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([_plain(written(cell), cell) for cell in row] for row in rows)
    writer.writerow([])
    writer.writerow([DIGEST_LABEL, digest])
    return out.getvalue().encode("utf-8-sig")


def _plain(text: str, cell: Cell) -> str:
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA_OPENERS) else text


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


def read_csv(body: bytes) -> list[list[str]]:
    """Return the rows of a CSV file in UTF-8.

    Raises:
        ValueError: It is not text in UTF-8, or no CSV.
    """
    try:
        return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def repr_digest(body: bytes) -> dict[str, str]:
    """Return the header with the SHA-256 of an answer's bytes (RFC 9530, which replaces the older ``Digest``)."""
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"}


def export_headers(body: bytes, stamp: Stamp, filename: str) -> dict[str, str]:
    """Return the headers of a file: what it is called, its number, and the digest of its bytes."""
    return {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "X-LeaseTrace-Export": stamp.export_id,
        **repr_digest(body),
    }
