"""The store of pings: how a group of batches gets into ``ping``, inside the caller's transaction.

The group is copied into a temporary staging table (a table with policies refuses COPY; a temporary one is the
connection's own), where absent values are sentinels, and inserted from there. Rooms above read the same staging table
to derive what follows from the group, in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql

from app.core.database import sql_file
from app.telemetry.domain import NO_INT, NO_TIME_US, Doubt, PlacedFixes
from app.telemetry.pgcopy import HEADER, PG_EPOCH_US, TRAILER, FixedRow, pg_micros

STAGE: Final = FixedRow(
    {
        "fixed_at": ">i8", "batch_id": ">i8", "sent_at": ">i8", "received_at": ">i8", "device_id": ">i4",
        "asset_id": ">i4", "lessor_id": ">i4", "lon_e7": ">i4", "lat_e7": ">i4", "territory_id": ">i4",
        "county_adcode": ">i4", "doubts": ">i4", "accuracy_m": ">f4", "speed_kmh": ">f4", "odometer_km": ">f4",
        "hdop": ">f4", "row_index": ">i4", "altitude_m": ">i4", "course_deg": ">i4", "satellites": ">i4",
        "battery_pct": ">i4", "source": ">i4", "datum": ">i4", "ignition": ">i4", "external_power": ">i4",
    }
)  # fmt: skip
_SQL_TYPES: Final = {">i8": "bigint", ">i4": "integer", ">f4": "real"}
_TIMES: Final = ("fixed_at", "sent_at", "received_at")

CREATE_STAGE: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS ping_stage ("
    + ", ".join(f"{n} {'timestamptz' if n in _TIMES else _SQL_TYPES[t]} NOT NULL" for n, t in STAGE.columns.items())
    + ") ON COMMIT DELETE ROWS"
)
_COPY: Final = "COPY ping_stage FROM STDIN (FORMAT binary)"

_MARK_CONFLICTS: Final = sql.SQL(sql_file("app.telemetry", "mark_conflicts.sql")).format(
    conflict=sql.Literal(int(Doubt.CONFLICT))
)
_INSERT: Final = sql.SQL(sql_file("app.telemetry", "insert_pings.sql")).format(none=sql.Literal(NO_INT))

RowKey = tuple[int, int]
"""Batch and row: how the statements above name a staged ping."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a staged group, as exceptions from "stored as it was".

    Attributes:
        duplicates: Rows that were there already, or twice in the group.
        conflicts: Rows that were given the doubt ``conflict``.
    """

    duplicates: frozenset[RowKey]
    conflicts: frozenset[RowKey]


def stage_rows(placed: PlacedFixes, lessor_id: int, received_at: datetime) -> NDArray[np.void]:
    """Lay out one batch for COPY; its batch number is filled in when the group is written."""
    fixes, more = placed.fixes, placed.fixes.more
    return STAGE.rows(
        len(fixes.index),
        {
            "fixed_at": pg_micros(fixes.fixed_us, NO_TIME_US),
            "batch_id": 0,
            "sent_at": pg_micros(more.sent_us, NO_TIME_US),
            "received_at": round(received_at.timestamp() * 1_000_000) - PG_EPOCH_US,
            "device_id": fixes.device_id,
            "asset_id": placed.asset_id,
            "lessor_id": lessor_id,
            "lon_e7": fixes.lon_e7,
            "lat_e7": fixes.lat_e7,
            "territory_id": placed.territory_id,
            "county_adcode": placed.county_adcode,
            "doubts": placed.doubts,
            "accuracy_m": more.accuracy_m,
            "speed_kmh": more.speed_kmh,
            "odometer_km": more.odometer_km,
            "hdop": more.hdop,
            "row_index": fixes.index,
            "altitude_m": more.altitude_m,
            "course_deg": more.course_deg,
            "satellites": more.satellites,
            "battery_pct": more.battery_pct,
            "source": fixes.source,
            "datum": fixes.datum,
            "ignition": more.ignition,
            "external_power": more.external_power,
        },
    )


async def store_group(connection: AsyncConnection, batches: Sequence[NDArray[np.void]]) -> Stored:
    """Stage a group of batches and insert what is new; the caller owns the transaction.

    The staged rows stay readable in ``ping_stage`` until the transaction ends.

    Args:
        connection: Its session has run ``CREATE_STAGE``.
        batches: Rows of ``stage_rows``, each with its batch number filled in.
    """
    within = _mark_conflicts_within(batches)
    async with connection.cursor() as cursor:
        async with cursor.copy(_COPY) as copy:
            await copy.write(b"".join([HEADER, *(rows.tobytes() for rows in batches), TRAILER]))
        await cursor.execute(_MARK_CONFLICTS)
        conflicts = within.union(await cursor.fetchall())
        await cursor.execute(_INSERT)
        duplicates = frozenset(await cursor.fetchall())
    return Stored(duplicates, conflicts - duplicates)


def _mark_conflicts_within(batches: Sequence[NDArray[np.void]]) -> frozenset[RowKey]:
    """Give the doubt to rows of the group that contradict an earlier row of the same group."""
    device, fixed, lon, lat, batch, row = (
        np.concatenate([rows[name] for rows in batches])
        for name in ("device_id", "fixed_at", "lon_e7", "lat_e7", "batch_id", "row_index")
    )
    order = np.lexsort((row, batch, fixed, device))
    same_time = np.zeros(len(order), dtype=np.bool_)
    same_time[1:] = (np.diff(device[order]) == 0) & (np.diff(fixed[order]) == 0)
    if not same_time.any():
        return frozenset()
    first = np.maximum.accumulate(np.where(same_time, 0, np.arange(len(order))))
    elsewhere = (lon[order] != lon[order][first]) | (lat[order] != lat[order][first])
    found = np.zeros(len(order), dtype=np.bool_)
    found[order] = elsewhere
    ends = np.cumsum([len(rows) for rows in batches])
    for rows, mask in zip(batches, np.split(found, ends[:-1]), strict=True):
        rows["doubts"][mask] |= int(Doubt.CONFLICT)
    return frozenset(zip(batch[found].tolist(), row[found].tolist(), strict=True))


def days_of(fixed_us: NDArray[np.int64], now: datetime) -> set[int]:
    """Return the days (UTC, counted from 1970) that need a partition of their own.

    Impossible clocks, before 1990 or more than a week ahead, go to the default partition.
    """
    days = np.unique(fixed_us // 86_400_000_000)
    first = (datetime(1990, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    last = int(now.timestamp() // 86_400) + 6
    return {int(day) for day in days if first <= day <= last}


async def ensure_partitions(connection: AsyncConnection, days: Sequence[int]) -> None:
    """Make the partitions of these days where they are missing, each in a transaction of its own."""
    for day in days:
        date = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()
        await connection.execute("SELECT ping_partition_ensure(%s)", (date,))


async def next_batch_ids(connection: AsyncConnection, n: int) -> list[int]:
    """Return ``n`` batch numbers, ascending."""
    cursor = await connection.execute("SELECT nextval('ping_batch_id_seq') FROM generate_series(1, %s)", (n,))
    return [row[0] for row in await cursor.fetchall()]


BatchValues = tuple[int, int, int | None, int | None, int, str, datetime, int, int, int, int, int]
"""A row of ``ping_batch`` in the order of its columns."""

RawValues = tuple[int, str, bytes, bytes]
"""A row of ``raw_body`` in the order of its columns."""


async def insert_batches(
    connection: AsyncConnection, batches: Sequence[BatchValues], bodies: Sequence[RawValues]
) -> None:
    """Write receipts and raw bodies of a group, by COPY."""
    async with connection.cursor() as cursor:
        async with cursor.copy("COPY ping_batch FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(
                [
                    "int8",
                    "int4",
                    "int4",
                    "int4",
                    "int4",
                    "text",
                    "timestamptz",
                    "int4",
                    "int4",
                    "int4",
                    "int4",
                    "int4",
                ]
            )
            for values in batches:
                await copy.write_row(values)
        async with cursor.copy("COPY raw_body FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "bytea", "bytea"])
            for body in bodies:
                await copy.write_row(body)
