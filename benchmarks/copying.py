"""Binary COPY of pings into tables like ``ping``, with the columns that ``ping`` has now."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from app.core.errors import AppError
from app.telemetry.pings.pgcopy import HEADER, PG_EPOCH_US, TRAILER, FixedRow
from benchmarks.pings import Load

_COUNTY: Final = 310_105
_TERRITORIES: Final = 2_000
_WIRE: Final = {
    "bool": ">i1", "char": "S1", "int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8",
    "timestamptz": ">i8", "timestamp": ">i8", "date": ">i4", "text": "S1", "varchar": "S1", "bytea": "S1",
    "uuid": "V16",
}  # fmt: skip
"""Binary COPY format by type; texts of one letter only."""
_BY_TYPE: Final[dict[str, bytes | int]] = {"char": b"1", "text": b"1", "varchar": b"1", "bytea": b"1", "uuid": 0}
_PG_DAY_US: Final = 86_400_000_000
_COLUMNS: Final[LiteralString] = """
    SELECT a.attname, t.typname, a.attnotnull, a.atthasdef OR a.attidentity <> '' FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum"""

_VALUES: Final[dict[str, Callable[[Load, int, int], NDArray[np.int64] | int]]] = {
    "fixed_at": lambda load, _, __: load.fixed_us - PG_EPOCH_US,
    "received_at": lambda load, _, __: load.fixed_us - PG_EPOCH_US,
    "batch_id": lambda _, __, batch: batch,
    "row_index": lambda load, _, __: np.arange(len(load.device)),
    "device_id": lambda load, _, __: load.device,
    "asset_id": lambda load, _, __: load.device,
    "lessor_id": lambda _, lessor, __: lessor,
    "lon_e7": lambda load, _, __: load.lon_e7,
    "lat_e7": lambda load, _, __: load.lat_e7,
    "territory_id": lambda load, _, __: load.device % _TERRITORIES + 1,
    "county_adcode": lambda _, __, ___: _COUNTY,
    "doubts": lambda _, __, ___: 0,
    "variant": lambda _, __, ___: 0,
    "origin": lambda _, __, ___: 11,
    "speed_tenth_kmh": lambda load, _, __: load.speed_kmh * 10,
    "course_deg": lambda load, _, __: load.course_deg,
    "satellites": lambda _, __, ___: 11,
    "ignition": lambda _, __, ___: 1,
}
"""Value by column, as the service would store it: from a load, the lessor, and the batch number."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        kind: Name of its type in PostgreSQL.
        required: It is not null and has no default.
    """

    name: str
    kind: str
    required: bool

    def value(self, load: Load, lessor_id: int, batch_id: int) -> Any:
        """Return a plausible value for every ping, or one for all."""
        if self.name in _VALUES:
            value = _VALUES[self.name](load, lessor_id, batch_id)
            return value % np.iinfo(np.int16).max if self.kind == "int2" else value
        if self.kind in {"timestamptz", "timestamp"}:
            return load.fixed_us - PG_EPOCH_US
        if self.kind == "date":
            return (load.fixed_us - PG_EPOCH_US) // _PG_DAY_US
        return np.zeros(1, dtype="V16") if self.kind == "uuid" else _BY_TYPE.get(self.kind, 1)


class PingCopy:
    """Binary COPY of pings into a table, with the table's columns in the database.

    Optional columns without a benchmark value are left out, as the service leaves them empty.

    Args:
        connection: Of a role that may read the catalog.
        table: The table whose columns count.

    Raises:
        AppError: A required column has a type without a benchmark value.
    """

    def __init__(self, connection: psycopg.Connection, table: str = "ping") -> None:
        found = [
            Column(name, kind, not_null and not has_default)
            for name, kind, not_null, has_default in connection.execute(_COLUMNS, (table,)).fetchall()
        ]
        self.columns = [column for column in found if column.required or column.name in _VALUES]
        if strange := [column.name for column in self.columns if column.kind not in _WIRE]:
            raise AppError(f"The benchmark has no value for the columns {', '.join(strange)} of {table}.")
        self._row = FixedRow({column.name: _WIRE[column.kind] for column in self.columns})

    def payload(self, load: Load, lessor_id: int, batch_id: int) -> bytes:
        """Return the whole data stream of one COPY.

        Args:
            batch_id: The batch id of all rows.
        """
        values = {column.name: column.value(load, lessor_id, batch_id) for column in self.columns}
        return b"".join([HEADER, self._row.rows(len(load.device), values), TRAILER])

    def statement(self, table: str) -> sql.Composed:
        """Return the COPY statement for a table with these columns."""
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), names)


def bare_copy_rows_per_s(owner_url: str, load: Load, lessor_id: int, batch_rows: int) -> float:
    """Return rows per second of one connection's binary COPY into a table like ``ping``, one commit per batch.

    Args:
        batch_rows: Rows of a commit.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        copying = PingCopy(connection)
        firsts = range(0, len(load.device), batch_rows)
        chunks = [copying.payload(load.part(i, i + batch_rows), lessor_id, n) for n, i in enumerate(firsts, 1)]
        connection.execute("DROP TABLE IF EXISTS bare_copy")
        connection.execute("CREATE TABLE bare_copy (LIKE ping INCLUDING ALL)")
        statement = copying.statement("bare_copy")
        began = time.perf_counter()
        for chunk in chunks:
            with connection.cursor().copy(statement) as copy:
                copy.write(chunk)
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE bare_copy")
    return len(load.device) / seconds
