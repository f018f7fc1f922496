"""The store of pings: writes a group of batches to ``ping``, inside the caller's transaction.

The group is copied into a temporary staging table and inserted from there, because COPY into a table with row-level
security is refused. In the same transaction ``tracking`` reads the staging table to move positions; the last columns
are for that.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from app.core.clock import EPOCH
from app.core.db.database import sql_file
from app.telemetry.domain import NO_INT, NO_TIME_US, Doubt, Int, PlacedFixes, Small
from app.telemetry.pings.pgcopy import HEADER, TRAILER, FixedRow, pg_micros

CURRENT: Final = 1
"""Role of a staged ping that becomes the current position of its asset and device."""
DAY_END: Final = 2
"""Role of a staged ping that may be the last good one of its day."""
LEFT_ASSET: Final = 4
"""Role of a staged ping that may be the current position of an asset that its device has left."""
NEW: Final = 8
"""Role of a staged ping that is newer than its device's last known position, so probably not stored yet."""

STAGE: Final = FixedRow(
    {
        "fixed_at": ">i8", "batch_id": ">i8", "sent_at": ">i8", "received_at": ">i8", "replaced_at": ">i8",
        "device_id": ">i4", "asset_id": ">i4", "lessor_id": ">i4", "lon_e7": ">i4", "lat_e7": ">i4",
        "territory_id": ">i4", "county_adcode": ">i4", "accuracy_m": ">f4", "odometer_km": ">f4", "hdop": ">f4",
        "doubts": ">i2", "row_index": ">i2", "variant": ">i2", "origin": ">i2", "speed_tenth_kmh": ">i2",
        "altitude_m": ">i2", "course_deg": ">i2", "satellites": ">i2", "battery_pct": ">i2", "role": ">i2",
        "ignition": ">i1", "external_power": ">i1",
    }
)  # fmt: skip
_SQL_TYPES: Final = {">i8": "timestamptz", ">i4": "integer", ">f4": "real", ">i2": "smallint", ">i1": "boolean"}

CREATE_STAGE: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS ping_stage ("
    + ", ".join(f"{n} {'bigint' if n == 'batch_id' else _SQL_TYPES[t]}" for n, t in STAGE.columns.items())
    + ") ON COMMIT DELETE ROWS"
)
_COPY: Final = "COPY ping_stage FROM STDIN (FORMAT binary)"
_INSERT_TEXT: Final = sql_file("app.telemetry.pings", "insert_pings.sql")
_INSERT_NEW: Final = sql.SQL(_INSERT_TEXT).format(
    new=sql.Literal(NEW), only_new=sql.Literal(True), unless=sql.SQL("")
)
_INSERT_OTHERS: Final = sql.SQL(_INSERT_TEXT).format(
    new=sql.Literal(NEW), only_new=sql.Literal(False), unless=sql.SQL("ON CONFLICT DO NOTHING")
)
_COLLIDED: Final = sql_file("app.telemetry.pings", "collided_pings.sql")
_DAY_US: Final = 86_400_000_000
_FIRST_DAY: Final = (datetime(1990, 1, 1, tzinfo=UTC) - EPOCH).days
_DAYS_AHEAD: Final = 6
_SPEED_LIMIT_KMH: Final = 3_276.0
_VARIANTS: Final = 32_767
_KEY: Final = 32_768  # more than a batch can have rows

RowKey = tuple[int, int]
"""The name of a staged ping: batch (its number in the group, or its id in the database) and row."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The rows of a group in the order of the key of ``ping``, each once; columns of shape ``(n,)``."""

    rows: NDArray[np.intp]  # places in the columns of the group, sorted by device and time, without repeated rows
    variant: Small  # 0, or the number of a position that contradicts an earlier one of the same moment
    conflict: NDArray[np.bool_]  # whether it contradicts
    repeated: NDArray[np.intp]  # places of rows that are in the group already


def order(placed: PlacedFixes, contradictions: dict[RowKey, int]) -> Ordered:
    """Sort a group by device and time; ``contradictions`` are the variants of rows that contradict stored pings."""
    fixes = placed.fixes
    rows = np.lexsort((fixes.index, fixes.batch, fixes.fixed_us, fixes.device_id))
    variant = np.zeros(len(rows), dtype=np.int32)
    for place in np.flatnonzero(are_among(placed, rows, contradictions)).tolist():
        variant[place] = contradictions[int(fixes.batch[rows[place]]), int(fixes.index[rows[place]])]
    device, fixed = fixes.device_id[rows], fixes.fixed_us[rows]
    same = np.zeros(len(rows), dtype=np.bool_)
    same[1:] = (device[1:] == device[:-1]) & (fixed[1:] == fixed[:-1])
    repeated = np.zeros(len(rows), dtype=np.bool_)
    if same.any():
        _number_variants(placed, rows, same, variant, repeated)
    kept = ~repeated
    return Ordered(rows[kept], variant[kept], variant[kept] > 0, rows[repeated])


def are_among(placed: PlacedFixes, rows: NDArray[np.intp], keys: Collection[RowKey]) -> NDArray[np.bool_]:
    """Return whether each of some rows of a group is among those named by batch (in the group) and row."""
    if not keys:
        return np.zeros(len(rows), dtype=np.bool_)
    wanted = np.array([batch * _KEY + row for batch, row in keys], dtype=np.int64)
    found: NDArray[np.bool_] = np.isin(
        placed.fixes.batch[rows].astype(np.int64) * _KEY + placed.fixes.index[rows], wanted
    )
    return found


def _number_variants(
    placed: PlacedFixes,
    rows: NDArray[np.intp],
    same: NDArray[np.bool_],
    variant: Small,
    repeated: NDArray[np.bool_],
) -> None:
    """Compare the rows of one device and moment; fills ``variant`` and ``repeated``."""
    seen: dict[tuple[int, int], int] = {}
    for place in np.flatnonzero(same | np.append(same[1:], False)).tolist():
        spot = (int(placed.fixes.lon_e7[rows[place]]), int(placed.fixes.lat_e7[rows[place]]))
        if not same[place]:
            seen = {}
        if spot in seen:
            repeated[place] = True
            continue
        if not variant[place] and 0 in seen.values():
            variant[place] = variant_of(*spot)
            while int(variant[place]) in seen.values():
                variant[place] = next_variant(int(variant[place]))
        seen[spot] = int(variant[place])


def variant_of(lon_e7: int, lat_e7: int) -> int:
    """Return the number, 1 to 32,767, that distinguishes a contradicting position from others of the same moment."""
    return 1 + ((lon_e7 * 73_856_093) ^ (lat_e7 * 19_349_663)) % _VARIANTS


def next_variant(variant: int) -> int:
    """Return the number to try when another position has this one."""
    return variant % _VARIANTS + 1


def stage_rows(
    placed: PlacedFixes,
    ordered: Ordered,
    lessor_id: Small,
    batch_id: Int,
    doubts: Small,
    role: Small,
    replaced_us: Int,
) -> bytes:
    """Encode a group for COPY into the staging table.

    Args:
        ordered: The arrays after it have one value for each of its rows, except ``lessor_id`` and ``batch_id``.
        lessor_id: Of each batch, as ``batch_id``.
        role: Bits of ``CURRENT``, ``DAY_END``, ``LEFT_ASSET``, ``NEW``.
        replaced_us: For ``CURRENT`` rows, the time of the position that they replace.
    """
    rows = ordered.rows
    fixes, more = placed.fixes, placed.fixes.more
    batch = fixes.batch[rows]
    speed = more.speed_kmh[rows]
    optional: dict[str, NDArray[Any]] = {
        "sent_at": more.sent_us[rows], "asset_id": placed.asset_id[rows], "territory_id": placed.territory_id[rows],
        "county_adcode": placed.county_adcode[rows], "accuracy_m": more.accuracy_m[rows],
        "odometer_km": more.odometer_km[rows], "hdop": more.hdop[rows], "altitude_m": more.altitude_m[rows],
        "course_deg": more.course_deg[rows], "satellites": more.satellites[rows],
        "battery_pct": more.battery_pct[rows], "ignition": more.ignition[rows],
        "external_power": more.external_power[rows], "replaced_at": replaced_us,
    }  # fmt: skip
    absent: dict[str, NDArray[np.bool_]] = {
        name: np.isnan(v) if v.dtype.kind == "f" else v == _none(v) for name, v in optional.items()
    }
    absent["speed_tenth_kmh"] = np.isnan(speed)
    optional["sent_at"] = pg_micros(optional["sent_at"])
    optional["replaced_at"] = pg_micros(optional["replaced_at"])
    values: dict[str, NDArray[Any]] = optional | {
        "fixed_at": pg_micros(fixes.fixed_us[rows]),
        "batch_id": batch_id[batch],
        "received_at": pg_micros(placed.received_us[rows]),
        "device_id": fixes.device_id[rows],
        "lessor_id": lessor_id[batch],
        "lon_e7": fixes.lon_e7[rows],
        "lat_e7": fixes.lat_e7[rows],
        "doubts": doubts,
        "row_index": fixes.index[rows],
        "variant": ordered.variant,
        "origin": fixes.datum[rows] * 10 + fixes.source[rows],
        "speed_tenth_kmh": np.rint(np.clip(np.nan_to_num(speed), 0.0, _SPEED_LIMIT_KMH) * 10),
        "role": role,
    }
    return b"".join((HEADER, STAGE.rows(len(rows), values, absent), TRAILER))


def _none(values: NDArray[np.signedinteger]) -> int:
    return NO_TIME_US if values.dtype == np.int64 else NO_INT


@dataclass(frozen=True, slots=True)
class Collision:
    """A staged ping whose key is taken: by the same position (a repeated ping) or by another (a contradiction)."""

    batch_id: int
    row_index: int
    same_position: bool


class NotNew(Exception):
    """A ping with the role ``NEW`` is stored already; no ping of the group may have the role."""


async def insert_pings(connection: AsyncConnection, payload: bytes, rows: int, new: int) -> list[Collision]:
    """Copy an encoded group into ``ping_stage`` and insert what is new; return the rows that were not inserted.

    The staged rows stay readable until the transaction ends. The connection has run ``CREATE_STAGE``.

    Args:
        payload: Of ``stage_rows``.
        new: Number of rows with the role ``NEW``.

    Raises:
        NotNew: The transaction is lost.
    """
    async with connection.cursor() as cursor:
        async with cursor.copy(_COPY) as copy:
            await copy.write(payload)
        if new:
            try:
                await cursor.execute(_INSERT_NEW)
            except psycopg.errors.UniqueViolation as error:
                raise NotNew from error
        if new == rows:
            return []
        await cursor.execute(_INSERT_OTHERS)
        if cursor.rowcount == rows - new:
            return []
        inserted = cursor.rowcount
        await cursor.execute(_COLLIDED)
        collisions = [Collision(*row) for row in await cursor.fetchall()]
        if len(collisions) != rows - new - inserted:
            raise NotNew  # what a ping collided with was deleted meanwhile
        return collisions


async def clear_roles(connection: AsyncConnection, collisions: Sequence[Collision]) -> None:
    """Clear the roles of staged pings that are stored already: a repeated ping moves no position."""
    if collisions:
        await connection.execute(
            "UPDATE ping_stage s SET role = 0 FROM unnest(%s::bigint[], %s::smallint[]) AS known(batch_id, row_index)"
            " WHERE s.batch_id = known.batch_id AND s.row_index = known.row_index",
            ([c.batch_id for c in collisions], [c.row_index for c in collisions]),
        )


def days_of(fixed_us: Int, now: datetime) -> set[int]:
    """Return the days (UTC, counted from 1970) that need a partition of their own.

    Times of wrong clocks, before 1990 or more than a week ahead, go to the default partition.
    """
    days = np.unique(fixed_us // _DAY_US)
    last = int(now.timestamp() // 86_400) + _DAYS_AHEAD
    return {int(day) for day in days if _FIRST_DAY <= day <= last}


def date_of(day: int) -> date:
    """Return the date of a day that is counted from 1970-01-01."""
    return (EPOCH + timedelta(days=day)).date()


async def ensure_partitions(connection: AsyncConnection, days: Sequence[int]) -> list[int]:
    """Make the missing partitions of these days, each in a transaction; return the days that have one now.

    A day is left out where the lock is busy, or where the database's clock says that it is too far ahead. Its pings
    go to the default partition, and the worker moves them later.
    """
    made: list[int] = []
    for day in days:
        try:
            await connection.execute("SELECT ping_partition_ensure(%s)", (date_of(day),))
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            psycopg.errors.CheckViolation,
        ):
            continue
        made.append(day)
    return made


async def next_batch_ids(connection: AsyncConnection, n: int) -> list[int]:
    """Return ``n`` batch ids, ascending; the order of commits is ``ping_batch.chain_no``."""
    cursor = await connection.execute("SELECT nextval('ping_batch_id_seq') FROM generate_series(1, %s)", (n,))
    return [row[0] for row in await cursor.fetchall()]


def doubt_counts(doubts: Small) -> list[int]:
    """Return the count of each doubt, in the order of the bits."""
    return [int(np.count_nonzero(doubts & int(doubt))) for doubt in Doubt]


async def note_late(connection: AsyncConnection, device_id: Small, fixed_us: Int, lessor_id: Int) -> None:
    """Note for the worker the times of late pings, one window a device; microseconds since 1970, shape ``(n,)``."""
    devices, first = np.unique(device_id, return_index=True)
    place = np.searchsorted(devices, device_id)
    earliest, latest = np.full(len(devices), np.iinfo(np.int64).max), np.full(len(devices), np.iinfo(np.int64).min)
    np.minimum.at(earliest, place, fixed_us)
    np.maximum.at(latest, place, fixed_us)
    await connection.execute(
        "INSERT INTO late_window (device_id, lessor_id, from_at, until_at)"
        " SELECT device_id, lessor_id, to_timestamp(from_us / 1e6), to_timestamp(until_us / 1e6)"
        " FROM unnest(%s::integer[], %s::integer[], %s::bigint[], %s::bigint[])"
        " AS late(device_id, lessor_id, from_us, until_us)",
        (devices.tolist(), lessor_id[first].tolist(), earliest.tolist(), latest.tolist()),
    )


ExtraValues = tuple[int, int, int, int, Jsonb]
"""A row of ``ping_extra`` in the order of its columns."""


async def insert_extras(connection: AsyncConnection, extras: Sequence[ExtraValues]) -> None:
    """Store the members of pings that have no column."""
    if extras:
        await connection.execute(
            "INSERT INTO ping_extra"
            " SELECT * FROM unnest(%s::int8[], %s::int2[], %s::int4[], %s::int4[], %s::jsonb[])",
            [list(column) for column in zip(*extras, strict=True)],
        )
