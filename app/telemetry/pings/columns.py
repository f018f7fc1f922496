"""Rows become columns: one set of arrays for all batches of a group, so that no later step runs code per row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np

from app.core.geo.datum import CoordSystem
from app.telemetry.domain import (
    DATUM_CODES,
    FIRST_US,
    LAST_US,
    NO_INT,
    NO_TIME_US,
    Float,
    Int,
    Measurements,
    Reports,
    Small,
    Source,
)
from app.telemetry.formats.ping_row import Decoded, PingRow

_FIELDS: Final = [field.name for field in msgspec.structs.fields(PingRow)]
_DATUMS: Final[dict[str | None, int]] = {None: 0, **{str(k): v for k, v in DATUM_CODES.items()}}
_SOURCES: Final[dict[str | None, int]] = {None: Source.GNSS, **{s.name.lower(): int(s) for s in Source}}
_INT_LIMIT: Final = 32_767

Column = Sequence[Any]


def to_reports(batches: Sequence[Decoded], declared: Sequence[CoordSystem | None]) -> Reports:
    """Convert the rows of some batches to columns.

    An optional value out of range (a course of 720 degrees) is left out: it never costs the fix.

    Args:
        declared: For each batch the datum of its feed, for rows that name none.
    """
    rows = [row for batch in batches for row in batch.rows]
    counts = [len(batch.rows) for batch in batches]
    n = len(rows)
    fields = _transposed(rows)
    default = np.repeat(np.array([_DATUMS[system] for system in declared], dtype=np.int32), counts)
    datum = _coded(fields["coord_system"], _DATUMS)
    return Reports(
        batch=np.repeat(np.arange(len(batches), dtype=np.int32), counts),
        index=np.fromiter((i for batch in batches for i in batch.index), np.int32, n),
        identifiers=list(fields["device_id"]),
        fixed_us=_times(fields["fixed_at"]),
        lon=np.array(fields["lon"], dtype=np.float64),
        lat=np.array(fields["lat"], dtype=np.float64),
        datum=np.where(datum == 0, default, datum),
        source=_coded(fields["source"], _SOURCES),
        located=_flags(fields["located"]) != 0,
        backfill=_flags(fields["backfill"]) == 1,
        more=Measurements(
            sent_us=_representable(_times(fields["sent_at"])),
            accuracy_m=_floats(fields["accuracy_m"], 0, 1e6),
            speed_kmh=_floats(fields["speed_kmh"], 0, 3_000),
            odometer_km=_floats(fields["odometer_km"], 0, 1e8),
            hdop=_floats(fields["hdop"], 0, 1e4),
            altitude_m=_ints(fields["altitude_m"], -_INT_LIMIT, _INT_LIMIT),
            course_deg=_ints(fields["course_deg"], 0, 360),
            satellites=_ints(fields["satellites"], 0, 255),
            battery_pct=_ints(fields["battery_pct"], 0, 100),
            ignition=_flags(fields["ignition"]),
            external_power=_flags(fields["external_power"]),
        ),
        rejections=tuple(batch.rejections for batch in batches),
    )


def _transposed(rows: Sequence[PingRow]) -> dict[str, Column]:
    if not rows:
        return dict.fromkeys(_FIELDS, ())
    return dict(zip(_FIELDS, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True))


def _all_absent(column: Column) -> bool:
    return column.count(None) == len(column)


def _coded(column: Column, codes: dict[str | None, int]) -> Small:
    if _all_absent(column):
        return np.full(len(column), codes[None], dtype=np.int32)
    return np.fromiter(map(codes.__getitem__, column), np.int32, len(column))


def _flags(column: Column) -> Small:
    return _coded(column, {None: NO_INT, False: 0, True: 1})  # type: ignore[dict-item] # False and True are 0 and 1


def _times(column: Sequence[datetime | None]) -> Int:
    if _all_absent(column):
        return np.full(len(column), NO_TIME_US, dtype=np.int64)
    if None not in column:
        seconds = np.fromiter(map(datetime.timestamp, column), np.float64, len(column))  # type: ignore[arg-type]
        return np.rint(seconds * 1e6).astype(np.int64)
    return np.fromiter(
        (NO_TIME_US if t is None else round(t.timestamp() * 1e6) for t in column), np.int64, len(column)
    )


def _representable(times_us: Int) -> Int:
    return np.where((times_us >= FIRST_US) & (times_us <= LAST_US), times_us, NO_TIME_US)


def _floats(column: Column, least: float, most: float) -> Float:
    """Return a column, NaN where a value is absent or out of range."""
    if _all_absent(column):
        return np.full(len(column), np.nan)
    try:
        values = np.array(column, dtype=np.float64)
    except OverflowError:  # an integer of more than 300 digits
        values = np.array([_finite(v) for v in column], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((values >= least) & (values <= most), values, np.nan)


def _finite(value: float | None) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:
        return np.nan


def _ints(column: Column, least: int, most: int) -> Small:
    if _all_absent(column):
        return np.full(len(column), NO_INT, dtype=np.int32)
    values = _floats(column, least, most)
    return np.where(np.isnan(values), NO_INT, np.rint(np.nan_to_num(values))).astype(np.int32)
