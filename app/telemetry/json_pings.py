"""The decoder of our own format: a JSON array or NDJSON of pings (formats.md, "The contract of our own endpoint").

A body of good rows takes one typed pass. Only when that fails is each row judged by itself, so that one bad row costs
its neighbours nothing.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from app.core.datum import CoordSystem
from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import (
    DATUM_CODES,
    NO_INT,
    NO_TIME_US,
    Measurements,
    RejectCode,
    Rejection,
    Reports,
    Source,
)

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class PingRow(msgspec.Struct, gc=False):
    """One ping as it stands on the wire; the unit is in the name."""

    device_id: Identifier
    fixed_at: AwareTime
    lat: float
    lon: float
    coord_system: Literal["wgs84", "cgcs2000", "gcj02", "bd09"] | None = None
    source: Literal["gnss", "cell", "wifi", "manual"] | None = None
    located: bool | None = None
    accuracy_m: float | None = None
    altitude_m: float | None = None
    speed_kmh: float | None = None
    course_deg: float | None = None
    satellites: int | None = None
    hdop: float | None = None
    sent_at: AwareTime | None = None
    sequence: int | None = None
    backfill: bool | None = None
    ignition: bool | None = None
    external_power: bool | None = None
    battery_pct: float | None = None
    odometer_km: float | None = None
    alarms: list[str] | None = None


_rows = msgspec.json.Decoder(list[PingRow])
_row = msgspec.json.Decoder(PingRow)
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_FIELD: Final = re.compile(r"at `\$\.(\w+)")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_DATUMS: Final[dict[str | None, int]] = {None: 0, **{str(k): v for k, v in DATUM_CODES.items()}}
_SOURCES: Final[dict[str | None, int]] = {None: Source.GNSS, **{s.name.lower(): int(s) for s in Source}}
_FLAGS: Final[dict[bool | None, int]] = {None: NO_INT, False: 0, True: 1}
_INT_LIMIT: Final = 32_767


def decode(body: bytes, *, ndjson: bool, max_rows: int) -> Reports:
    """Read a batch.

    Args:
        body: The body, unpacked, UTF-8.
        ndjson: One object a line instead of one array.
        max_rows: More rows are refused.

    Raises:
        MalformedRequest: It is not JSON at all (an array), or not UTF-8.
        InvalidInput: It is JSON, but not an array, or has no row.
        TooLarge: It has more rows than ``max_rows``.
    """
    rejections: list[Rejection] = []
    rows, index = _decode_lines(body, rejections) if ndjson else _decode_array(body, rejections)
    received = len(rows) + len(rejections)
    if received == 0:
        raise InvalidInput("The batch is empty: expected at least one ping.", field="body")
    if received > max_rows:
        raise TooLarge(f"The batch has {received:,} rows; at most {max_rows:,} are taken at once.", field="body")
    return _columns(rows, index, rejections, received)


def _decode_array(body: bytes, rejections: list[Rejection]) -> tuple[list[PingRow], list[int]]:
    try:
        rows = _rows.decode(body)
        return rows, list(range(len(rows)))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # which row it is, the slower pass tells
    try:
        raw = _raw_rows.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput("The body must be a JSON array of pings (or NDJSON).", field="body") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}") from error
    return _one_by_one([bytes(r) for r in raw], rejections)


def _decode_lines(body: bytes, rejections: list[Rejection]) -> tuple[list[PingRow], list[int]]:
    try:
        rows = _row.decode_lines(body)
        return rows, list(range(len(rows)))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        lines = [line for line in body.splitlines() if line.strip()]
        return _one_by_one(lines, rejections)


def _one_by_one(lines: Sequence[bytes], rejections: list[Rejection]) -> tuple[list[PingRow], list[int]]:
    rows: list[PingRow] = []
    index: list[int] = []
    for i, line in enumerate(lines):
        try:
            rows.append(_row.decode(line))
            index.append(i)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejections.append(_rejection(i, str(error)))
    return rows, index


def _rejection(index: int, text: str) -> Rejection:
    missing = _MISSING.search(text)
    if missing:
        field = missing.group(1)
        return Rejection(index, RejectCode.MISSING_FIELD, field, f"{field}: required, but missing")
    at = _FIELD.search(text)
    field_at = at.group(1) if at else None
    reason = text.split(" - at `", 1)[0]
    if field_at in {"fixed_at", "sent_at"}:
        reason += "; expected a time with offset such as 2026-03-01T08:00:00+08:00"
    return Rejection(index, RejectCode.MALFORMED, field_at, f"{field_at or 'row'}: {reason}")


def _micros(value: datetime | None) -> int:
    return NO_TIME_US if value is None else round(value.timestamp() * 1_000_000)


def _floats(values: list[float | None], least: float, most: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a column, NaN where a value is not told or cannot be; an odd optional value never costs the fix."""
    column = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((column >= least) & (column <= most), column, np.nan)


def _ints(values: list[Any], least: int, most: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    column = _floats(values, least, most)
    return np.where(np.isnan(column), NO_INT, np.rint(np.nan_to_num(column))).astype(np.int32)


def _columns(rows: list[PingRow], index: list[int], rejections: list[Rejection], received: int) -> Reports:
    n = len(rows)
    return Reports(
        index=np.array(index, dtype=np.int32),
        identifiers=[r.device_id for r in rows],
        fixed_us=np.fromiter((_micros(r.fixed_at) for r in rows), np.int64, n),
        lon=np.fromiter((r.lon for r in rows), np.float64, n),
        lat=np.fromiter((r.lat for r in rows), np.float64, n),
        datum=np.fromiter((_DATUMS[r.coord_system] for r in rows), np.int32, n),
        source=np.fromiter((_SOURCES[r.source] for r in rows), np.int32, n),
        located=np.fromiter((r.located is not False for r in rows), np.bool_, n),
        backfill=np.fromiter((r.backfill is True for r in rows), np.bool_, n),
        more=Measurements(
            sent_us=np.fromiter((_micros(r.sent_at) for r in rows), np.int64, n),
            accuracy_m=_floats([r.accuracy_m for r in rows], 0, 1e6),
            speed_kmh=_floats([r.speed_kmh for r in rows], 0, 2_000),
            odometer_km=_floats([r.odometer_km for r in rows], 0, 1e8),
            hdop=_floats([r.hdop for r in rows], 0, 1e4),
            altitude_m=_ints([r.altitude_m for r in rows], -_INT_LIMIT, _INT_LIMIT),
            course_deg=_ints([r.course_deg for r in rows], 0, 360),
            satellites=_ints([r.satellites for r in rows], 0, 255),
            battery_pct=_ints([r.battery_pct for r in rows], 0, 100),
            ignition=np.fromiter((_FLAGS[r.ignition] for r in rows), np.int32, n),
            external_power=np.fromiter((_FLAGS[r.external_power] for r in rows), np.int32, n),
        ),
        rejections=tuple(rejections),
        received=received,
    )


def declared_datum(coord_system: CoordSystem | None) -> int:
    """Return the code of what a feed declares for rows that declare nothing, 0 for no declaration."""
    return 0 if coord_system is None else DATUM_CODES[coord_system]
