"""The one transaction of a group: what it writes, and in which order (``commit_group``)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.assets.bindings import DeviceIndex, fleet_versions
from app.core.db.database import apply_writer_row_security
from app.core.settings import TrackingSettings
from app.ingest.http.schemas import ReceiptOut
from app.ingest.writer.batch import PreparedGroup
from app.ingest.writer.receipt import acknowledged, feed_counts, make_receipts
from app.telemetry.domain import BLOCKING, NO_INT, NO_TIME_US, Doubt, Float, Int, Mask, PlacedFixes, Small
from app.telemetry.formats.ping_row import PingRow, within_size
from app.telemetry.pings import batches, store
from app.tracking.live import update_positions
from app.tracking.live.last_known import NO_ASSET, DeviceFixes, GateResult, LastKnownPositions, uncertainty_of


class StaleDevices(Exception):
    """Devices or bindings of some lessors changed after the group was prepared; it must be prepared again."""

    def __init__(self, lessors: Sequence[int]) -> None:
        super().__init__(f"devices changed: {lessors}")
        self.lessors = tuple(lessors)


class ConflictingRows(Exception):
    """Rows contradict stored pings: same device and time, another position. ``variants``: a number for each row."""

    def __init__(self, variants: Mapping[store.RowKey, int]) -> None:
        super().__init__(f"{len(variants)} rows contradict stored pings")
        self.variants = dict(variants)


class AlreadyStored(Exception):
    """Rows that would move a position are stored already; they must not move it again."""

    def __init__(self, rows: frozenset[store.RowKey]) -> None:
        super().__init__(f"{len(rows)} rows are stored already")
        self.rows = rows


class PositionChanged(Exception):
    """Another process moved a position; the group is judged again from the stored positions."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A prepared group after the speed gate; arrays over ``ordered.rows`` unless noted.

    ``usable`` has the places of the rows that went through the gate; ``device_fixes`` and ``result`` are over these.
    """

    ordered: store.Ordered
    doubts: Small
    usable: np.ndarray[tuple[int], np.dtype[np.intp]]
    device_fixes: DeviceFixes
    result: GateResult
    role: Small
    replaced_us: Int


@dataclass(slots=True)
class RetryState:
    """What failed attempts to write a group have found.

    Attributes:
        variants: Variant numbers of rows that contradict stored pings.
    """

    variants: dict[store.RowKey, int] = field(default_factory=dict)
    stored_before: frozenset[store.RowKey] = frozenset()  # rows that are stored already: they move no position
    locked: bool = False  # read and lock the positions first, because another process keeps moving them
    assume_none_new: bool = False  # treat no ping as certainly new, because one of them was stored already
    dry_run: bool = False  # Roll back at the end: the caller only asks whether the group can be written


@dataclass(frozen=True, slots=True)
class SharedState:
    """The state that all connections of a writer share.

    ``judging_lock`` is held while a group is judged against the last known positions and its result is accepted.
    """

    last_known: LastKnownPositions
    judging_lock: asyncio.Lock = field(default_factory=asyncio.Lock)


async def commit_group(
    connection: AsyncConnection, prepared: PreparedGroup, shared: SharedState, retry: RetryState
) -> list[ReceiptOut]:
    """Write a group in one transaction and return its receipts after the commit (after the rollback of a dry run).

    The last known positions in memory change before the commit, so that the next group can be judged and written at
    the same time. That group replaces positions only if they are the ones in memory. So it waits for this commit, and
    fails with ``PositionChanged`` if there is none. After any error the caller makes the memory forget the group's
    devices.

    Raises:
        StaleDevices: Prepare the group again.
        ConflictingRows: Write it again, with the variants.
        NotNew: Write it again with ``assume_none_new``.
        AlreadyStored: Write it again with these rows in ``stored_before``.
        PositionChanged: Write it again with positions locked.
    """
    group, placed = prepared.group, prepared.placed
    async with connection.transaction(force_rollback=retry.dry_run):
        await apply_writer_row_security(connection, prepared.context.devices)
        await _check_fleets(connection, prepared.context.devices)
        batch_ids = await store.next_batch_ids(connection, len(group))
        judged = await _judge_fixes(connection, prepared, shared, retry)
        stored_before = await _insert_pings(connection, prepared, judged, batch_ids)
        duplicate = _duplicates(placed, judged, stored_before)
        await _move_positions(connection, judged)
        doubts = _final_doubts(placed, judged)
        await _note_late_and_extras(connection, prepared, judged, batch_ids, duplicate)
        receipts = make_receipts(group, batch_ids, placed, doubts, duplicate)
        await batches.append(
            connection, acknowledged(prepared, receipts), feed_counts(prepared, receipts, doubts, duplicate)
        )
    return receipts


async def _check_fleets(connection: AsyncConnection, devices: Mapping[int, DeviceIndex]) -> None:
    """Lock the lessors' versions until the commit; a change of devices waits for it, and then finds these pings."""
    versions = await fleet_versions(connection, sorted(devices))
    stale = [lessor for lessor, index in devices.items() if versions.get(lessor, 0) != index.version]
    if stale:
        raise StaleDevices(stale)


async def _judge_fixes(
    connection: AsyncConnection, prepared: PreparedGroup, shared: SharedState, retry: RetryState
) -> _Judged:
    placed, settings = prepared.placed, prepared.context.settings
    ordered = store.order(placed, retry.variants)
    rows = ordered.rows
    doubts = placed.doubts[rows] | np.where(ordered.conflict, int(Doubt.CONFLICT), 0).astype(np.int32)
    usable = np.flatnonzero((doubts & int(BLOCKING) == 0) & ~store.are_among(placed, rows, retry.stored_before))
    fixes, chosen = placed.fixes, rows[usable]
    asset_id = placed.asset_id[chosen]
    device_fixes = DeviceFixes(
        device_id=fixes.device_id[chosen],
        asset_id=np.where(asset_id == NO_INT, NO_ASSET, asset_id).astype(np.int32),
        fixed_us=fixes.fixed_us[chosen],
        lon_e7=fixes.lon_e7[chosen],
        lat_e7=fixes.lat_e7[chosen],
        uncertainty_m=uncertainty_of(fixes.source[chosen], fixes.more.accuracy_m[chosen], settings),
    )
    async with shared.judging_lock:
        result = await _judge_locked(connection, device_fixes, shared.last_known, retry, settings)
    doubts[usable] |= result.doubts
    role = np.zeros(len(rows), dtype=np.int32)
    replaced_us = np.full(len(rows), NO_TIME_US, dtype=np.int64)
    bound = device_fixes.asset_id[result.current] != NO_ASSET
    role[usable[result.current[bound]]] |= store.CURRENT
    role[usable[result.day_ends]] |= store.DAY_END
    role[usable[result.left_asset]] |= store.LEFT_ASSET
    replaced_us[usable[result.current]] = result.replaced_us
    if not retry.assume_none_new:
        role[usable[~result.late & (result.doubts == 0)]] |= store.NEW
    return _Judged(ordered, doubts, usable, device_fixes, result, role, replaced_us)


async def _judge_locked(
    connection: AsyncConnection,
    device_fixes: DeviceFixes,
    last_known: LastKnownPositions,
    retry: RetryState,
    settings: TrackingSettings,
) -> GateResult:
    if retry.locked:
        last_known.forget(device_fixes.device_id)
    unknown = last_known.unknown(device_fixes)
    if len(unknown[0]):
        last_known.load(
            await update_positions.read_last_known(
                connection, *unknown, _stored_uncertainty(settings), locked=retry.locked
            )
        )
    result = last_known.judge(device_fixes)
    await _check_doubted(connection, device_fixes, result, last_known, settings)
    if not retry.dry_run:
        last_known.accept(device_fixes, result)
    return result


async def _check_doubted(
    connection: AsyncConnection,
    device_fixes: DeviceFixes,
    result: GateResult,
    last_known: LastKnownPositions,
    settings: TrackingSettings,
) -> None:
    """Check the doubted fixes' positions against the store, and lock them until the commit.

    The statement that moves a position checks it. A doubted fix moves nothing. Without this check the doubt would
    stay although the worker has moved the position. Raises ``PositionChanged`` if memory is out of date.
    """
    rows = np.flatnonzero((result.doubts != 0) & (device_fixes.asset_id != NO_ASSET))
    if not len(rows):
        return
    device_id, first = np.unique(device_fixes.device_id[rows], return_index=True)
    asset_id = device_fixes.asset_id[rows[first]]
    found = await update_positions.read_last_known(
        connection, asset_id, device_id, _stored_uncertainty(settings), locked=True
    )
    stored = {row.device_id: row.fixed_us for row in found}
    remembered = zip(device_id.tolist(), last_known.fixed_us_of(device_id).tolist(), strict=True)
    if any(stored.get(device, NO_TIME_US) != us for device, us in remembered):
        raise PositionChanged


def _stored_uncertainty(settings: TrackingSettings) -> update_positions.UncertaintyOf:
    def uncertainty(source: int, accuracy_m: float | None) -> float:
        accuracy: Float = np.array([np.nan if accuracy_m is None else accuracy_m])
        return float(uncertainty_of(np.array([source], dtype=np.int32), accuracy, settings)[0])

    return uncertainty


async def _insert_pings(
    connection: AsyncConnection, prepared: PreparedGroup, judged: _Judged, batch_ids: Sequence[int]
) -> frozenset[store.RowKey]:
    """Store the pings; return those that were stored before, by batch (its number in the group) and row.

    Raises:
        ConflictingRows: Some contradict stored pings.
        AlreadyStored: One that would move a position was stored before.
    """
    rows = len(judged.ordered.rows)
    if not rows:
        return frozenset()
    payload = store.stage_rows(
        prepared.placed,
        judged.ordered,
        np.array([batch.lessor_id for batch in prepared.group], dtype=np.int32),
        np.array(batch_ids, dtype=np.int64),
        judged.doubts,
        judged.role,
        judged.replaced_us,
    )
    new = int(np.count_nonzero(judged.role & store.NEW))
    collisions = await store.insert_pings(connection, payload, rows, new)
    number = {batch_id: i for i, batch_id in enumerate(batch_ids)}
    contradicting = {(number[c.batch_id], c.row_index) for c in collisions if not c.same_position}
    if contradicting:
        raise ConflictingRows(_variants(prepared.placed, judged.ordered, contradicting))
    repeated = frozenset((number[c.batch_id], c.row_index) for c in collisions)
    current = store.are_among(prepared.placed, judged.ordered.rows, repeated) & (judged.role & store.CURRENT != 0)
    if current.any():
        raise AlreadyStored(repeated)
    await store.clear_roles(connection, collisions)
    return repeated


def _variants(
    placed: PlacedFixes, ordered: store.Ordered, contradicting: Collection[store.RowKey]
) -> dict[store.RowKey, int]:
    fixes = placed.fixes
    found: dict[store.RowKey, int] = {}
    for place in np.flatnonzero(store.are_among(placed, ordered.rows, contradicting)).tolist():
        row, variant = ordered.rows[place], int(ordered.variant[place])
        fresh = store.variant_of(int(fixes.lon_e7[row]), int(fixes.lat_e7[row]))
        found[int(fixes.batch[row]), int(fixes.index[row])] = store.next_variant(variant) if variant else fresh
    return found


async def _move_positions(connection: AsyncConnection, judged: _Judged) -> None:
    """Move positions and store candidates. Raises ``PositionChanged`` if another process moved one."""
    result, device_fixes = judged.result, judged.device_fixes
    bound = device_fixes.asset_id[result.current] != NO_ASSET
    replaced = int(np.count_nonzero(bound & (result.replaced_us != NO_TIME_US)))
    moved = await update_positions.move_positions(
        connection,
        replaced=replaced,
        first=int(np.count_nonzero(bound)) - replaced,
        crossed=result.crossed,
        ended=len(result.day_ends),
        left=len(result.left_asset),
    )
    if not moved:
        raise PositionChanged
    await update_positions.note_candidates(connection, [c for c in result.candidates if c.asset_id != NO_ASSET])


def _duplicates(placed: PlacedFixes, judged: _Judged, stored_before: Collection[store.RowKey]) -> Mask:
    """Return whether each row of the group was stored before, or is in the group twice."""
    duplicate = store.are_among(placed, np.arange(len(placed.fixes.index)), stored_before)
    duplicate[judged.ordered.repeated] = True
    return duplicate


def _final_doubts(placed: PlacedFixes, judged: _Judged) -> Small:
    doubts = placed.doubts.copy()
    doubts[judged.ordered.rows] = judged.doubts
    return doubts


async def _note_late_and_extras(
    connection: AsyncConnection, prepared: PreparedGroup, judged: _Judged, batch_ids: Sequence[int], duplicate: Mask
) -> None:
    """Note late windows for the worker, and store the members that have no column."""
    late = judged.ordered.rows[judged.usable[judged.result.late]]
    late = late[~duplicate[late]]
    fixes = prepared.placed.fixes
    lessor_id = [batch.lessor_id for batch in prepared.group]
    if len(late):
        await store.note_late(
            connection, fixes.device_id[late], fixes.fixed_us[late], np.array(lessor_id)[fixes.batch[late]]
        )
    if not any(row.extra or row.alarms for batch in prepared.group for row in batch.decoded.rows):
        return
    device = dict(
        zip(zip(fixes.batch.tolist(), fixes.index.tolist(), strict=True), fixes.device_id.tolist(), strict=True)
    )
    again = set(zip(fixes.batch[duplicate].tolist(), fixes.index[duplicate].tolist(), strict=True))
    extras = [
        (batch_ids[i], index, device[i, index], batch.lessor_id, Jsonb(extra))
        for i, batch in enumerate(prepared.group)
        for index, row in zip(batch.decoded.index, batch.decoded.rows, strict=True)
        if (i, index) in device and (i, index) not in again and (extra := _extra_of(row)) is not None
    ]
    await store.insert_extras(connection, extras)


def _extra_of(row: PingRow) -> dict[str, Any] | None:
    return within_size({**(row.extra or {}), **({"alarms": row.alarms} if row.alarms else {})})
