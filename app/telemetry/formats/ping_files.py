"""Files of pings (CSV, GPX, NDJSON, Parquet), converted to bodies of our own format."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from defusedxml import ElementTree
from pyarrow import ArrowInvalid, parquet

from app.core.errors import InvalidInput, MalformedRequest
from app.core.geo.datum import CoordSystem

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "device_id": ("device_id", "imei", "device", "terminal", "terminal_id"),
    "fixed_at": ("fixed_at", "timestamp", "fix_time", "gps_time", "time", "datetime"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "lng", "longitude"),
    "coord_system": ("coord_system", "datum"),
    "source": ("position_source", "fix_source"),
    "accuracy_m": ("accuracy_m", "accuracy"),
    "altitude_m": ("altitude_m",),
    "altitude_ft": ("altitude_ft",),
    "speed_kmh": ("speed_kmh",),
    "course_deg": ("course_deg", "course", "bearing", "heading"),
    "satellites": ("satellites",),
    "hdop": ("hdop",),
    "sent_at": ("sent_at",),
    "battery_pct": ("battery_pct",),
    "odometer_km": ("odometer_km",),
}
"""Known column heads; a unit that a head does not name is not guessed."""

_TEXT: Final = frozenset({"device_id", "coord_system", "source"})
_TIMES: Final = frozenset({"fixed_at", "sent_at"})
_REQUIRED: Final = ("fixed_at", "lat", "lon")
_METRES_PER_FOOT: Final = 0.3048
_WITH_OFFSET: Final = re.compile(r"(?:[zZ]|[+-]\d{2}:?\d{2})$")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a file does not say itself.

    Attributes:
        columns: Wire field to column head, for heads that are not among ``ALIASES``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    device_id: str | None = None  # the device of rows that name none (a GPX file)
    coord_system: CoordSystem | None = None  # the datum of rows that name none
    zone: tzinfo | None = None  # the zone of times without offset; without it such times are refused


def read_batches(
    path: Path, how: FileOptions, rows_per_batch: int, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[bytes, list[str]]]:
    """Read a file as NDJSON bodies of at most ``rows_per_batch`` rows, each with the devices that it names.

    Args:
        path: ``.csv``, ``.gpx``, ``.ndjson`` or ``.jsonl``, UTF-8, or ``.parquet``.
        progress: Called with the number of bytes read.

    Raises:
        InvalidInput: Another kind of file, or a required column is missing.
        MalformedRequest: The content is not what its name says.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{path.name}: expected a file that ends in {', '.join(_READERS)}", field="file")
    encode = msgspec.json.Encoder()
    with path.open("rb") as file:
        rows = reader(file, how)
        try:
            while batch := list(islice(rows, rows_per_batch)):
                if progress is not None:
                    progress(file.tell())
                devices = list(dict.fromkeys(str(row.get("device_id", "")) for row in batch))
                yield encode.encode_lines(batch), devices
        except (UnicodeDecodeError, csv.Error, ElementTree.ParseError, msgspec.DecodeError, ArrowInvalid) as error:
            raise MalformedRequest(f"{path.name}: {error}", field="file") from error


def _completed(row: Row, how: FileOptions) -> Row:
    for name in _TIMES & row.keys():
        row[name] = _with_offset(str(row[name]), how.zone)
    if how.device_id is not None:
        row.setdefault("device_id", how.device_id)
    if how.coord_system is not None:
        row.setdefault("coord_system", how.coord_system.value)
    return row


def _with_offset(text: str, zone: tzinfo | None) -> str:
    """Return the time with an offset where the zone is known; otherwise unchanged, and its row is rejected."""
    if zone is None or _WITH_OFFSET.search(text):
        return text.replace(" ", "T", 1)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text


def _columns(heads: list[str], how: FileOptions) -> dict[int, str]:
    place = {head.strip().lower(): i for i, head in enumerate(heads)}
    found: dict[int, str] = {}
    for name, aliases in ALIASES.items():
        wanted = [how.columns[name].strip().lower()] if name in how.columns else list(aliases)
        column = next((place[head] for head in wanted if head in place), None)
        if column is None and name in how.columns:
            raise InvalidInput(f"There is no column {how.columns[name]!r}; there are: {', '.join(heads)}", field=name)
        if column is not None:
            found[column] = name
    missing = [name for name in _REQUIRED if name not in found.values()]
    if "device_id" not in found.values() and how.device_id is None:
        missing.insert(0, "device_id")
    if missing:
        raise InvalidInput(
            f"No column for {', '.join(missing)}; name it, for example --column {missing[0]}=HEAD."
            f" There are: {', '.join(heads)}",
            field=missing[0],
        )
    return found


def _csv_rows(file: IO[bytes], how: FileOptions) -> Iterator[Row]:
    lines = (line.decode("utf-8-sig" if i == 0 else "utf-8") for i, line in enumerate(file))
    table = csv.reader(lines)
    heads = next(table, None)
    if heads is None:
        raise InvalidInput("The file is empty: expected a line of column heads.", field="file")
    columns = _columns(heads, how)
    for cells in table:
        row = {columns[i]: _value(columns[i], cell.strip()) for i, cell in enumerate(cells) if i in columns and cell}
        yield _completed(_in_metres(row), how)


def _value(name: str, cell: str) -> str | float:
    """Return a cell as the wire format expects it; text in a number column stays text, and its row is rejected."""
    if name in _TEXT or name in _TIMES:
        return cell
    try:
        number = float(cell)
    except ValueError:
        return cell
    return int(number) if name == "satellites" and number.is_integer() else number


def _ndjson_rows(file: IO[bytes], how: FileOptions) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line in file:
        if line.strip():
            yield _completed(decode(line), how)


def _gpx_rows(file: IO[bytes], how: FileOptions) -> Iterator[Row]:
    """Read track points of GPX 1.0 or 1.1, which defines UTC and WGS-84."""
    track = how.device_id
    for event, element in ElementTree.iterparse(file, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start" and tag == "trk":
            track = how.device_id
        elif event == "end" and tag == "name" and track is None:
            track = (element.text or "").strip() or None
        elif event == "end" and tag == "trkpt":
            yield _track_point(element, track)
            element.clear()


def _track_point(element: Any, device_id: str | None) -> Row:
    row: Row = {"coord_system": CoordSystem.WGS84.value}
    if device_id is not None:
        row["device_id"] = device_id
    for name in ("lat", "lon"):
        row[name] = _value(name, element.get(name, ""))
    for child in element:
        tag, text = child.tag.rpartition("}")[2], (child.text or "").strip()
        if tag == "time":
            row["fixed_at"] = text
        elif tag == "ele":
            row["altitude_m"] = _value("altitude_m", text)
        elif tag == "speed":
            speed = _value("speed_kmh", text)
            row["speed_kmh"] = speed * 3.6 if isinstance(speed, float) else speed
    return row


def _parquet_rows(file: IO[bytes], how: FileOptions) -> Iterator[Row]:
    """Read a Parquet file, row group by row group; column heads as in CSV.

    Times are timestamps (those without a zone are in ``how.zone``) or text; numbers are numbers.
    """
    table = parquet.ParquetFile(file)
    heads = table.schema_arrow.names
    columns = _columns(heads, how)
    wanted = [heads[i] for i in columns]
    for batch in table.iter_batches(columns=wanted):
        cells_by_name = {columns[heads.index(head)]: batch.column(head).to_pylist() for head in wanted}
        for cells in zip(*cells_by_name.values(), strict=True):
            yield _completed(_parquet_row(dict(zip(cells_by_name, cells, strict=True))), how)


def _parquet_row(cells: Row) -> Row:
    row = {name: cell for name, cell in cells.items() if cell is not None}
    for name in _TIMES & row.keys():
        row[name] = row[name].isoformat() if isinstance(row[name], datetime) else str(row[name])
    for name in ("device_id", "satellites"):  # whole numbers become 1.0 where a column also has empty cells
        if isinstance(row.get(name), float) and row[name].is_integer():
            row[name] = int(row[name])
    for name in _TEXT & row.keys():
        row[name] = str(row[name])
    return _in_metres(row)


def _in_metres(row: Row) -> Row:
    feet = row.pop("altitude_ft", None)
    if isinstance(feet, float | int):
        row.setdefault("altitude_m", feet * _METRES_PER_FOOT)
    return row


_READERS: Final[Mapping[str, Callable[[IO[bytes], FileOptions], Iterator[Row]]]] = {
    ".csv": _csv_rows,
    ".gpx": _gpx_rows,
    ".ndjson": _ndjson_rows,
    ".jsonl": _ndjson_rows,
    ".parquet": _parquet_rows,
}
