"""The SQL that moves positions by the staged pings of a group, inside the transaction that stores them.

The ``role`` of a row of ``ping_stage`` (bits in ``telemetry.pings.store``) says which position it may become.
``CURRENT``: the current position of its asset and device. ``DAY_END``: the last good fix of its day (UTC).
``LEFT_ASSET``: the current position of an asset that its device has left. All statements lock rows in the order of
the keys.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg import AsyncConnection, sql

from app.core.clock import EPOCH
from app.telemetry.domain import NO_TIME_US, Small
from app.telemetry.pings.store import CURRENT, DAY_END, LEFT_ASSET
from app.tracking.live.last_known import Candidate, LastKnown

MEMBERS: Final = (
    "fixed_at", "received_at", "batch_id", "lessor_id", "lon_e7", "lat_e7", "territory_id", "county_adcode", "doubts",
    "accuracy_m", "speed_kmh", "course_deg", "source",
)  # fmt: skip
_STAGED: Final = {"speed_kmh": "s.speed_tenth_kmh / real '10'", "source": "(s.origin % 10)::smallint"}
_FRAGMENTS: Final = {
    "payload": sql.SQL(", ".join(MEMBERS)),
    "staged": sql.SQL(", ".join(_STAGED.get(m, f"s.{m}") for m in MEMBERS)),
    "moved": sql.SQL(", ".join(f"{m} = {_STAGED.get(m, f's.{m}')}" for m in MEMBERS if m != "lessor_id")),
    "kept": sql.SQL(", ".join(f"c.{m}" for m in MEMBERS)),
    "newer": sql.SQL("DO UPDATE SET {} WHERE excluded.fixed_at > c.fixed_at").format(
        sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(m)) for m in MEMBERS)
    ),
    "current": sql.Literal(CURRENT),
    "day_end": sql.Literal(DAY_END),
    "left_asset": sql.Literal(LEFT_ASSET),
}

UncertaintyOf = Callable[[int, float | None], float]


def _statement(text: str) -> sql.Composed:
    return sql.SQL(text).format(**_FRAGMENTS)


# Replaces only the position that is in the writer's memory. If another group is moving the row, this statement waits
# for it (the old fix is older, so it matches) and compares again. A different fix sets lessor_id to null, which the
# table refuses. Fewer rows than expected: another process moved a position further.
_MOVE: Final = _statement("""
    UPDATE current_position c
    SET {moved}, lessor_id = CASE WHEN c.fixed_at = s.replaced_at THEN s.lessor_id END,
        candidate_at = NULL, candidate_lon_e7 = NULL, candidate_lat_e7 = NULL, candidate_fixes = NULL
    FROM ping_stage s
    WHERE c.asset_id = s.asset_id AND c.device_id = s.device_id AND c.fixed_at <= s.replaced_at
      AND s.role & {current} <> 0""")
_FIRST: Final = _statement("""
    INSERT INTO current_position (asset_id, device_id, {payload})
    SELECT s.asset_id, s.device_id, {staged} FROM ping_stage s
    WHERE s.role & {current} <> 0 AND s.replaced_at IS NULL
    ON CONFLICT DO NOTHING""")
_LEFT: Final = _statement("""
    INSERT INTO current_position AS c (asset_id, device_id, {payload})
    SELECT s.asset_id, s.device_id, {staged} FROM ping_stage s WHERE s.role & {left_asset} <> 0
    ON CONFLICT (asset_id, device_id) {newer}""")
# Waits for groups that are moving these rows, so that the statements after this one see the moved positions.
_LOCK_POSITIONS: Final = _statement("""
    SELECT FROM ping_stage s JOIN current_position c ON c.asset_id = s.asset_id AND c.device_id = s.device_id
    WHERE s.role & ({current} | {left_asset}) <> 0 ORDER BY c.device_id, c.asset_id FOR UPDATE OF c""")
# A position that is replaced by one of a later day is the last of its day. Run before the position moves.
_CLOSE_DAYS: Final = _statement("""
    INSERT INTO daily_position AS c (asset_id, day, device_id, {payload})
    SELECT c.asset_id, (c.fixed_at AT TIME ZONE 'UTC')::date, c.device_id, {kept}
    FROM ping_stage s
    JOIN current_position c ON c.asset_id = s.asset_id AND c.device_id = s.device_id AND c.fixed_at = s.replaced_at
    WHERE s.role & {current} <> 0 AND (c.fixed_at AT TIME ZONE 'UTC')::date < (s.fixed_at AT TIME ZONE 'UTC')::date
    ON CONFLICT (asset_id, day, device_id) {newer}""")
_CLOSE_LEFT_DAYS: Final = _statement("""
    INSERT INTO daily_position AS c (asset_id, day, device_id, {payload})
    SELECT c.asset_id, (c.fixed_at AT TIME ZONE 'UTC')::date, c.device_id, {kept}
    FROM ping_stage s
    JOIN current_position c ON c.asset_id = s.asset_id AND c.device_id = s.device_id AND c.fixed_at < s.fixed_at
    WHERE s.role & {left_asset} <> 0 AND (c.fixed_at AT TIME ZONE 'UTC')::date < (s.fixed_at AT TIME ZONE 'UTC')::date
    ON CONFLICT (asset_id, day, device_id) {newer}""")
_DAY_ENDS: Final = _statement("""
    INSERT INTO daily_position AS c (asset_id, day, device_id, {payload})
    SELECT s.asset_id, (s.fixed_at AT TIME ZONE 'UTC')::date, s.device_id, {staged}
    FROM ping_stage s WHERE s.role & {day_end} <> 0
    ON CONFLICT (asset_id, day, device_id) {newer}""")
_CANDIDATES: Final = """
    UPDATE current_position c
    SET candidate_at = n.at, candidate_lon_e7 = n.lon_e7, candidate_lat_e7 = n.lat_e7, candidate_fixes = n.fixes
    FROM unnest(%s::integer[], %s::integer[], %s::timestamptz[], %s::integer[], %s::integer[], %s::smallint[])
         AS n(asset_id, device_id, at, lon_e7, lat_e7, fixes)
    WHERE c.asset_id = n.asset_id AND c.device_id = n.device_id"""
_LAST_KNOWN: Final = """
    SELECT c.asset_id, c.device_id, (extract(epoch FROM c.fixed_at) * 1000000)::bigint, c.lon_e7, c.lat_e7, c.source,
           c.accuracy_m, (extract(epoch FROM c.candidate_at) * 1000000)::bigint, c.candidate_lon_e7,
           c.candidate_lat_e7, c.candidate_fixes
    FROM unnest(%s::integer[], %s::integer[]) AS wanted(asset_id, device_id)
    JOIN current_position c USING (asset_id, device_id)"""


async def read_last_known(
    connection: AsyncConnection, asset_id: Small, device_id: Small, uncertainty_of: UncertaintyOf, *, locked: bool
) -> list[LastKnown]:
    """Return the stored positions of (asset, device) pairs; pairs without one are left out.

    ``uncertainty_of`` gives metres from source and accuracy. ``locked`` rows stay locked until the transaction ends.
    """
    query = _LAST_KNOWN + (" ORDER BY 2, 1 FOR UPDATE OF c" if locked else "")
    rows = await (await connection.execute(query, (asset_id.tolist(), device_id.tolist()))).fetchall()
    return [
        LastKnown(
            row[0], row[1], row[2], row[3], row[4], uncertainty_of(row[5], row[6]),
            NO_TIME_US if row[7] is None else row[7], row[8] or 0, row[9] or 0, row[10] or 0,
        )
        for row in rows
    ]  # fmt: skip


async def move_positions(
    connection: AsyncConnection, *, replaced: int, first: int, crossed: bool, ended: int, left: int
) -> bool:
    """Move positions by the pings that are staged on this connection.

    Args:
        replaced: Staged pings that replace a current position.
        first: Staged pings that are the first current position of their asset and device.
        crossed: Whether one of them is of a later day (UTC) than the position that it replaces.
        ended: Staged pings that may be the last of their day.
        left: Staged pings that may be the newest of an asset that their device has left.

    Returns:
        False if a position was not the one in memory: another process moved it. The caller rolls back and judges
            again.
    """
    if crossed or left:
        await connection.execute(_LOCK_POSITIONS)
    if crossed:
        await connection.execute(_CLOSE_DAYS)
    if ended:
        await connection.execute(_DAY_ENDS)
    if left:
        await connection.execute(_CLOSE_LEFT_DAYS)
        await connection.execute(_LEFT)
    if replaced:
        try:
            moved = (await connection.execute(_MOVE)).rowcount
        except psycopg.errors.NotNullViolation:
            return False
        if moved != replaced:
            return False
    return not first or (await connection.execute(_FIRST)).rowcount == first


async def note_candidates(connection: AsyncConnection, candidates: Sequence[Candidate]) -> None:
    """Store the candidates, so that a restart keeps them."""
    if candidates:
        columns = zip(
            *((c.asset_id, c.device_id, _at(c.fixed_us), c.lon_e7, c.lat_e7, c.fixes) for c in candidates),
            strict=True,
        )
        await connection.execute(_CANDIDATES, [list(column) for column in columns])


def _at(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
