"""Imports a lessor's file of assets: compares it with what is stored and writes it in few statements."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.assets import queries
from app.assets.csv_import.parser import AssetLine, LineError, ParsedFile, parse_assets_csv
from app.assets.domain import UNIQUE_IDENTIFIERS, ImportMode, ImportReport, LineResult, LineStatus, period
from app.audit.notes import Note, note
from app.core.clock import Clock
from app.core.errors import Conflict, InvalidInput, NotFound

_NEW: Final = 0
"""Placeholder for the key of a row that is not inserted yet; stored keys start at 1."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """The effect of a valid line."""

    source: AssetLine
    asset_id: int  # the asset that it matches, `_NEW` where it registers one
    device_id: int | None  # the device to bind, `_NEW` where it is registered too; None where nothing is bound
    bound_from: datetime

    @property
    def identifiers(self) -> tuple[str | None, ...]:
        """The unique identifiers of the asset."""
        return tuple(getattr(self.source.asset, kind) for kind in UNIQUE_IDENTIFIERS)


_Binding = Row[int, int, datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class _Store:
    """The stored rows that match the identifiers of a file."""

    assets: Mapping[tuple[str, str], Row[Any]]
    devices: Mapping[str, Row[int, str, str]]
    bindings: Mapping[int, Sequence[_Binding]]
    transferred: Mapping[int, datetime]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The effect of a file; rows for the database are JSON objects."""

    lines: list[_Planned]
    errors: list[LineError]
    assets: list[dict[str, object]]
    devices: list[dict[str, object]]


async def import_assets(
    session: AsyncSession, lessor_id: int, data: bytes, mode: str, clock: Clock, *, charset: str = "utf-8"
) -> ImportReport:
    """Register the assets of a file, and bind the trackers that it names; the caller commits.

    A line that equals a registered asset changes nothing, so the same file may be sent again. A line that differs
    from a registered asset is rejected; such changes go through the asset's own route. Where ``written`` is False in
    the report, nothing was written.

    Args:
        mode: A value of ``ImportMode``; with ``all_or_nothing``, a bad line prevents all changes.
        clock: A device without ``bound_from`` is bound from now on.
        charset: ``utf-8`` or ``gb18030``.

    Raises:
        InvalidInput: No such mode.
        NotFound: No such lessor.
        Conflict: Another request registered one of these identifiers just now.
        AppError: The file as a whole cannot be read; see ``parse_assets_csv``.
    """
    if mode not in set(ImportMode):
        raise InvalidInput(f"mode: expected {' or '.join(ImportMode)}", field="mode")
    # Seconds for 20,000 lines: in a thread, so that the event loop stays free.
    parsed = await asyncio.to_thread(parse_assets_csv, data, charset)
    if not await queries.lock_lessor(session, lessor_id):
        raise NotFound("There is no such lessor.", field="lessor_id")
    store, now = await _look_up(session, lessor_id, parsed.rows), clock.now()
    plan = await asyncio.to_thread(_plan, parsed, store, lessor_id, now)
    if not parsed.readable or (plan.errors and mode == ImportMode.ALL_OR_NOTHING):
        return _report(parsed, plan.errors, [], written=False)
    try:
        done = await _write(session, lessor_id, plan)
    except IntegrityError as error:
        raise Conflict("The register changed while the file was read; send it again.") from error
    report = _report(parsed, plan.errors, done, written=True)
    detail = f"lessor {lessor_id}: {report.lines} lines, {report.rejected} rejected, {report.bound} devices bound"
    created = [line.asset_id for line in done if line.status is LineStatus.CREATED and line.asset_id]
    note(session, Note("asset.import", asset_ids=created, results=report.created, detail=detail))
    return report


async def _look_up(session: AsyncSession, lessor_id: int, lines: Sequence[AssetLine]) -> _Store:
    named = {kind: [v for line in lines if (v := getattr(line.asset, kind))] for kind in UNIQUE_IDENTIFIERS}
    assets: dict[tuple[str, str], Row[Any]] = {}
    for row in await queries.assets_identified(session, lessor_id, named):
        assets.update({(kind, v): row for kind in UNIQUE_IDENTIFIERS if (v := getattr(row, kind))})
    identifiers = [line.device.device_id for line in lines if line.device.device_id]
    devices = {row.identifier: row for row in await queries.devices_identified(session, lessor_id, identifiers)}
    bindings: dict[int, list[_Binding]] = {}
    for binding in await queries.bindings_of_devices(session, [row.device_id for row in devices.values()]):
        bindings.setdefault(binding.device_id, []).append(binding)
    transferred = await queries.transferred(session, [row.asset_id for row in assets.values()])
    return _Store(assets, devices, bindings, transferred)


def _plan(parsed: ParsedFile, store: _Store, lessor_id: int, now: datetime) -> _Plan:
    plan = _Plan([], list(parsed.errors), [], [])
    stamped = {"lessor_id": lessor_id, "created_at": now.isoformat()}
    for line in parsed.rows:
        planned = _plan_line(line, store, now)
        if isinstance(planned, LineError):
            plan.errors.append(planned)
            continue
        plan.lines.append(planned)
        if planned.asset_id == _NEW:
            plan.assets.append({**line.asset.model_dump(mode="json"), **stamped, "changed_at": now.isoformat()})
        if planned.device_id == _NEW:
            plan.devices.append({**stamped, "identifier": line.device.device_id, "kind": line.device.device_kind})
    return plan


def _plan_line(line: AssetLine, store: _Store, now: datetime) -> _Planned | LineError:
    asset_id: int = _NEW
    for kind in UNIQUE_IDENTIFIERS:
        row = store.assets.get((kind, getattr(line.asset, kind) or ""))
        if row is None:
            continue
        other = sorted(field for field in line.stated if getattr(line.asset, field) != getattr(row, field))
        if other:
            message = f"asset {row.asset_id} has this {kind} already, but another {', '.join(other)}"
            return LineError(line.line, kind, message)
        asset_id = row.asset_id
    if line.device.device_id is None:
        return _Planned(line, asset_id, None, now)
    planned = _plan_device(line, line.device.device_id, asset_id, store, now)
    since = store.transferred.get(asset_id)
    if since is None or isinstance(planned, LineError) or planned.device_id is None:
        return planned
    return LineError(line.line, "device_id", f"asset {asset_id} was transferred at {since.isoformat()}")


def _plan_device(
    line: AssetLine, identifier: str, asset_id: int, store: _Store, now: datetime
) -> _Planned | LineError:
    named, bound_from = line.device, line.device.bound_from or now
    device = store.devices.get(identifier)
    if device is None:
        if named.device_kind is None:
            return LineError(line.line, "device_kind", "expected the kind of a device that is not registered yet")
        return _Planned(line, asset_id, _NEW, bound_from)
    if named.device_kind not in {None, device.kind}:
        return LineError(line.line, "device_kind", f"the device is registered as {device.kind}")
    bindings = store.bindings.get(device.device_id, ())
    if any(b.asset_id == asset_id and _is_stored(b, named.bound_from) for b in bindings):
        return _Planned(line, asset_id, None, bound_from)
    clash = next((b for b in bindings if b.bound_until is None or b.bound_until > bound_from), None)
    if clash is not None:
        message = f"the device is on asset {clash.asset_id} {period(clash.bound_from, clash.bound_until)}"
        return LineError(line.line, "bound_from" if named.bound_from else "device_id", message)
    return _Planned(line, asset_id, device.device_id, bound_from)


def _is_stored(binding: _Binding, bound_from: datetime | None) -> bool:
    """Return whether a stored binding already covers a line that binds from this moment (None: now)."""
    return binding.bound_until is None if bound_from is None else binding.bound_from == bound_from


async def _write(session: AsyncSession, lessor_id: int, plan: _Plan) -> list[LineResult]:
    asset_ids = await queries.insert_assets(session, plan.assets)
    device_ids = await queries.insert_devices(session, plan.devices)
    results: list[LineResult] = []
    bindings: list[dict[str, object]] = []
    for line in plan.lines:
        asset_id, message = line.asset_id or asset_ids[line.identifiers], None
        if line.device_id is not None:
            message = f"device bound {period(line.bound_from, None)}"
            bindings.append(
                {
                    "lessor_id": lessor_id,
                    "device_id": line.device_id or device_ids[line.source.device.device_id or ""],
                    "asset_id": asset_id,
                    "bound_from": line.bound_from.isoformat(),
                }
            )
        status = LineStatus.UNCHANGED if line.asset_id else LineStatus.CREATED
        results.append(LineResult(line.source.line, status, asset_id, message=message))
    await queries.insert_bindings(session, bindings)
    return results


def _report(
    parsed: ParsedFile, errors: Sequence[LineError], done: Sequence[LineResult], *, written: bool
) -> ImportReport:
    rejected = [LineResult(e.line, LineStatus.REJECTED, field=e.field, message=e.message) for e in errors]
    return ImportReport(
        written=written,
        lines=parsed.lines,
        created=sum(r.status is LineStatus.CREATED for r in done),
        unchanged=sum(r.status is LineStatus.UNCHANGED for r in done),
        rejected=len({e.line for e in errors}),
        bound=sum(r.message is not None for r in done),
        every_line=tuple(sorted([*done, *rejected], key=lambda r: r.line)),
    )
