"""Parses a lessor's CSV file of assets line by line; pure: it does not know what is stored."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from pydantic import ValidationError, model_validator

from app.assets.csv_import.cells import COLUMNS, column_of, quoted, read_cell
from app.assets.domain import (
    TYPE_OF_KIND,
    UNIQUE_IDENTIFIERS,
    AssetKind,
    DeviceKind,
    IdentifierKind,
    normalise_identifier,
)
from app.assets.schemas import AssetFields, Number
from app.core.errors import MalformedRequest, TooLarge, UnsupportedMedia
from app.core.web.schema_types import RequestModel

MAX_LINES: Final = 20_000
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}
_REQUIRED: Final = ("kind", "lease_contract_no")


class DeviceCells(RequestModel):
    """The tracker of a line."""

    device_id: Number | None = None
    device_kind: DeviceKind | None = None
    bound_from: datetime | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.device_id is None and (self.device_kind or self.bound_from):
            msg = "expected device_id where device_kind or bound_from is given"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class AssetLine:
    """A valid line, as far as the file alone shows."""

    line: int  # its number in the file; the header is line 1
    asset: AssetFields  # its asset, validated and normalised
    stated: frozenset[str]  # the asset's fields that the line has a value for
    device: DeviceCells  # its tracker; `device_id` is None where it has none


@dataclass(frozen=True, slots=True)
class LineError:
    """A fault in a line; ``field`` is None where it concerns the whole line."""

    line: int
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A parsed file."""

    lines: int  # lines of data, without the header and blank lines
    rows: tuple[AssetLine, ...]  # the valid lines
    errors: tuple[LineError, ...]  # the faults, ordered by line; a line may have several
    readable: bool  # False where a bad header or an unclosed quotation mark makes the rest meaningless


def parse_assets_csv(data: bytes, charset: str = "utf-8") -> ParsedFile:
    """Parse a file of assets.

    The separator is a comma. The first line names the columns (the schema's field names, or Chinese headings). Empty
    lines are skipped. ``device_id``, ``device_kind`` and ``bound_from`` register a tracker and bind it. A missing
    ``asset_type`` follows from ``kind``. All line ends are accepted.

    Args:
        data: The file; a byte order mark is allowed.
        charset: ``utf-8`` or ``gb18030`` (``gbk`` and ``gb2312`` are subsets of it).

    Raises:
        UnsupportedMedia: Another charset.
        MalformedRequest: The bytes are not in this charset.
        TooLarge: More than ``MAX_LINES`` lines.
    """
    records = _records(_decode(data, charset))
    columns, error = _header(next(records, None))
    if error:
        return ParsedFile(0, (), (error,), readable=False)
    collector = _LineCollector(columns)
    for line, cells in records:
        if isinstance(cells, str):
            return ParsedFile(collector.lines, (), (*collector.errors, LineError(line, None, cells)), readable=False)
        collector.take(line, cells)
    return ParsedFile(collector.lines, tuple(collector.rows), tuple(collector.errors), readable=True)


def _decode(data: bytes, charset: str) -> str:
    name = _CHARSETS.get(charset.strip().casefold())
    if name is None:
        raise UnsupportedMedia("charset: expected utf-8 or gb18030", field="charset")
    if name == "gb18030" and _is_utf8(data):
        raise MalformedRequest("The file is declared as gb18030, but its bytes are UTF-8: leave the charset out.")
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "; a file saved by a Chinese Excel is often gb18030: say charset=gb18030" if name == "utf-8" else ""
        raise MalformedRequest(f"line {line}: the bytes are not {name}{hint}") from error


def _is_utf8(data: bytes) -> bool:
    # Chinese text in GB18030 is almost never valid UTF-8 throughout; decoded as the other it would be garbled.
    if data.startswith(codecs.BOM_UTF8):
        return True
    try:
        return not data.isascii() and bool(data.decode())
    except UnicodeDecodeError:
        return False


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield each record that is not blank with its first line number; a text instead of cells ends the file."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, f"from here on the file cannot be read as CSV: {error}"


def _header(record: tuple[int, list[str] | str] | None) -> tuple[list[str], LineError | None]:
    if record is None:
        return [], LineError(1, None, "the file is empty: expected a line that names the columns")
    line, headings = record
    if isinstance(headings, str):
        return [], LineError(line, None, headings)
    columns = [column_of(heading) for heading in headings]
    known = [column for column in columns if column is not None]
    for heading, column in zip(headings, columns, strict=True):
        if column is None:
            return [], LineError(
                line, None, f"{quoted(heading)} is not a column; expected some of: {', '.join(COLUMNS)}"
            )
        if known.count(column) > 1:
            return [], LineError(line, column, f"two columns are {column}")
    for column in _REQUIRED:
        if column not in known:
            return [], LineError(line, column, f"expected a column {column}")
    return known, None


class _LineCollector:
    """Collects the lines of a file."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.lines = 0
        self.rows: list[AssetLine] = []
        self.errors: list[LineError] = []
        self._columns = columns
        self._seen: dict[tuple[str, str], int] = {}

    def take(self, line: int, cells: list[str]) -> None:
        """Add one line."""
        self.lines += 1
        if self.lines > MAX_LINES:
            raise TooLarge(f"A file may have {MAX_LINES} lines of data; send the rest in another file.")
        before = len(self.errors)
        if len(cells) > len(self._columns):
            message = (
                f"{len(cells)} cells where the header has {len(self._columns)}; "
                "a value with a comma must be in quotation marks"
            )
            self.errors.append(LineError(line, None, message))
            return
        values = self._values(line, cells)
        self._find_repetitions(line, values)
        asset, device = self._validated(line, values)
        if asset and device and len(self.errors) == before:
            stated = frozenset(values) & frozenset(AssetFields.model_fields)
            self.rows.append(AssetLine(line, asset, stated, device))

    def _values(self, line: int, cells: list[str]) -> dict[str, object]:
        values: dict[str, object] = {}
        for column, cell in zip(
            self._columns, cells, strict=False
        ):  # a spreadsheet may leave out empty cells at the end
            try:
                value = read_cell(column, cell)
            except ValueError as error:
                self.errors.append(LineError(line, column, str(error)))
                value = _UNREADABLE
            if value is not None:
                values[column] = value
        return values

    def _find_repetitions(self, line: int, values: dict[str, object]) -> None:
        for column in (*UNIQUE_IDENTIFIERS, "device_id"):
            value = values.get(column)
            if not isinstance(value, str):
                continue
            if isinstance(column, IdentifierKind):
                value = normalise_identifier(column, value)
            first = self._seen.setdefault((column, value), line)
            if first != line:
                self.errors.append(LineError(line, column, f"{quoted(value)} is already on line {first}"))

    def _validated(self, line: int, values: dict[str, object]) -> tuple[AssetFields | None, DeviceCells | None]:
        of_device = {name: value for name, value in values.items() if name in DeviceCells.model_fields}
        of_asset = {name: value for name, value in values.items() if name not in of_device}
        kind = of_asset.get("kind")
        if kind != AssetKind.OTHER:  # an invalid kind gives one fault, not two
            of_asset.setdefault("asset_type", TYPE_OF_KIND.get(str(kind), _UNREADABLE))
        asset: AssetFields | None = None
        device: DeviceCells | None = None
        try:
            asset = AssetFields.model_validate(of_asset)
        except ValidationError as error:
            self._note(line, error)
        try:
            device = DeviceCells.model_validate(of_device)
        except ValidationError as error:
            self._note(line, error)
        return asset, device

    def _note(self, line: int, error: ValidationError) -> None:
        for fault in error.errors(include_url=False, include_context=False):
            field = str(fault["loc"][0]) if fault["loc"] else None
            if fault["input"] is not _UNREADABLE:  # an unreadable cell was reported already
                self.errors.append(LineError(line, field, fault["msg"].removeprefix("Value error, ")))


_UNREADABLE: Final = object()
"""Marks a cell with an invalid value: it fails every validation, and its fault is reported only once."""
