"""Use cases of lessors, assets, devices and bindings."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets import binding_guards, queries
from app.assets.bindings import DeviceIndex, load_device_index
from app.assets.csv_import.service import import_assets
from app.assets.domain import UNIDENTIFIED, UNIQUE_IDENTIFIERS, AssetIdentity, DeviceKind, Lessor, period
from app.assets.queries import BoundDevice
from app.assets.schemas import AssetFields, BindingIn, DeviceFields, LessorIn
from app.assets.tables import AssetRow, BindingRow, DeviceRow, LessorRow
from app.audit.notes import Note, note
from app.core.clock import Clock
from app.core.db.database import violated_constraint
from app.core.errors import Conflict, InvalidInput, NotFound

__all__ = [
    "BoundDevice",
    "DeviceIndex",
    "assets_by_id",
    "bind_device",
    "change_asset",
    "change_binding",
    "change_device",
    "change_lessor",
    "clear_datum_suspicion",
    "create_asset",
    "create_device",
    "create_lessor",
    "datum_suspects",
    "delete_binding",
    "devices_ever_on",
    "import_assets",
    "lessor_by_code",
    "lessor_by_id",
    "load_device_index",
    "makes_and_models",
    "register_devices",
    "visible_asset",
]

_TAKEN: Final[Mapping[str, tuple[str, str]]] = {
    "lessor_code_key": ("code", "another lessor has this code"),
    "asset_lessor_id_plate_no_key": ("plate_no", "another asset of this lessor has this plate"),
    "asset_lessor_id_vin_key": ("vin", "another asset of this lessor has this VIN"),
    "asset_lessor_id_serial_no_key": ("serial_no", "another asset of this lessor has this serial number"),
    "device_lessor_id_identifier_key": ("identifier", "another device of this lessor has this identifier"),
    "depot_lessor_id_name_key": ("name", "this lessor has a depot of this name"),
    "device_binding_overlap_excl": ("bound_from", "another binding of this device, made just now, overlaps this one"),
}
"""The message and the field of each violated constraint."""


async def flush(session: AsyncSession) -> None:
    """Write pending changes; a violated unique constraint raises ``Conflict`` with the field."""
    try:
        await session.flush()
    except IntegrityError as error:
        field, message = _TAKEN.get(violated_constraint(error) or "", ("", ""))
        if not field:
            raise
        raise Conflict(f"{field}: {message}", field=field) from error


def _apply(row: AssetRow | DeviceRow | LessorRow, changes: Mapping[str, object]) -> None:
    for column, value in changes.items():
        setattr(row, column, value)


def _change_detail(what: str, changes: Mapping[str, object]) -> str:
    return f"{what}: {', '.join(sorted(changes))}"


async def owner(session: AsyncSession, visibility: Visibility, lessor_id: int | None) -> int:
    """Return the lessor that a new row belongs to: the key's own, or the one an administrator names.

    Raises:
        InvalidInput: An administrator named none.
        NotFound: The lessor does not exist, or is not the key's own.
    """
    wanted = visibility.lessor_id if lessor_id is None else lessor_id
    if wanted is None:
        raise InvalidInput("lessor_id: required for an administrator", field="lessor_id")
    if wanted != visibility.lessor_id and await queries.lessor(session, visibility, wanted) is None:
        raise NotFound("There is no such lessor.", field="lessor_id")
    return wanted


async def create_lessor(session: AsyncSession, lessor: LessorIn, clock: Clock) -> LessorRow:
    """Register a leasing company, or raise ``Conflict`` where its code is taken."""
    row = LessorRow(**lessor.model_dump(), created_at=clock.now())
    session.add(row)
    await flush(session)
    note(session, Note("lessor.create", detail=f"lessor {row.lessor_id}"))
    return row


async def visible_lessor(
    session: AsyncSession, visibility: Visibility, lessor_id: int, *, for_change: bool = False
) -> LessorRow:
    """Return a lessor, or raise ``NotFound`` where it is not visible."""
    row = await queries.lessor(session, visibility, lessor_id, for_change=for_change)
    if row is None:
        raise NotFound("There is no such lessor.")
    return row


async def change_lessor(
    session: AsyncSession, visibility: Visibility, lessor_id: int, changes: Mapping[str, object]
) -> LessorRow:
    """Change a lessor's name or credit code, or raise ``NotFound``."""
    row = await visible_lessor(session, visibility, lessor_id, for_change=True)
    _apply(row, changes)
    await flush(session)
    note(session, Note("lessor.change", detail=_change_detail(f"lessor {lessor_id}", changes)))
    return row


async def lessor_by_code(session: AsyncSession, code: str) -> Lessor:
    """Return the lessor with a code, or raise ``NotFound``; there is no check of visibility."""
    lessor = await queries.lessor_with(session, "code", code)
    if lessor is None:
        raise NotFound(f"There is no lessor with the code {code}.", field="lessor")
    return lessor


async def lessor_by_id(session: AsyncSession, lessor_id: int) -> Lessor | None:
    """Return a lessor or None; the caller checks visibility."""
    return await queries.lessor_with(session, "lessor_id", lessor_id)


async def create_asset(session: AsyncSession, lessor_id: int, asset: AssetFields, clock: Clock) -> AssetRow:
    """Register an asset; ``Conflict`` where another asset of the lessor has its plate, VIN or serial number."""
    now = clock.now()
    values = asset.model_dump(include=set(AssetFields.model_fields))
    row = AssetRow(**values, lessor_id=lessor_id, created_at=now, changed_at=now)
    session.add(row)
    await flush(session)
    note(session, Note("asset.create", asset_ids=(row.asset_id,), detail=f"lessor {lessor_id}"))
    return row


async def visible_asset(
    session: AsyncSession, visibility: Visibility, asset_id: int, at: datetime, *, for_change: bool = False
) -> AssetRow:
    """Return an asset that is visible at a time, or raise ``NotFound``."""
    row = await queries.asset(session, visibility, asset_id, at, for_change=for_change)
    if row is None:
        raise NotFound("There is no such asset.")
    return row


async def change_asset(
    session: AsyncSession, visibility: Visibility, asset_id: int, changes: Mapping[str, object], clock: Clock
) -> AssetRow:
    """Change an asset; ``changed_at`` moves only when a value differs.

    Raises:
        NotFound: No such asset is visible.
        InvalidInput: It would have no plate, VIN or serial number.
        Conflict: Another asset of the lessor has the new plate, VIN or serial number.
    """
    now = clock.now()
    row = await visible_asset(session, visibility, asset_id, now, for_change=True)
    _apply(row, changes)
    if not any(getattr(row, kind) for kind in UNIQUE_IDENTIFIERS):
        emptied = next(kind for kind in UNIQUE_IDENTIFIERS if kind in changes)
        raise InvalidInput(f"{emptied}: {UNIDENTIFIED}", field=emptied)
    if session.is_modified(row):
        row.changed_at = now
    await flush(session)
    note(
        session,
        Note("asset.change", asset_ids=(asset_id,), detail=_change_detail(f"lessor {row.lessor_id}", changes)),
    )
    return row


async def assets_by_id(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, AssetIdentity]:
    """Return the identifiers of assets, without unknown ids; the caller checks visibility."""
    return {identity.asset_id: identity for identity in await queries.identities(session, asset_ids)}


async def assets_of_lessee(
    session: AsyncSession, visibility: Visibility, name: str, at: datetime, *, after: int, limit: int
) -> Sequence[AssetRow]:
    """Return up to ``limit + 1`` visible assets leased to a lessee with this name."""
    return await queries.assets(session, visibility, at, {"lessee_name": name}, after, limit)


async def lessor_names(session: AsyncSession, lessor_ids: Collection[int]) -> dict[int, str]:
    """Return the names of the lessors that the session sees."""
    return await queries.lessor_names(session, lessor_ids)


async def devices_on(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, list[BoundDevice]]:
    """Return the devices that were or are on assets, in time order."""
    return await queries.devices_on(session, asset_ids)


async def makes_and_models(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, str]:
    """Return make and model of assets that have either; the caller checks visibility."""
    return await queries.makes_and_models(session, asset_ids)


async def create_device(session: AsyncSession, lessor_id: int, device: DeviceFields, clock: Clock) -> DeviceRow:
    """Register a tracker, or raise ``Conflict`` where another device of the lessor has its identifier."""
    values = device.model_dump(include=set(DeviceFields.model_fields))
    row = DeviceRow(**values, lessor_id=lessor_id, created_at=clock.now())
    session.add(row)
    await flush(session)
    note(session, Note("device.create", detail=f"device {row.device_id} of lessor {lessor_id}"))
    return row


async def register_devices(
    session: AsyncSession,
    lessor_id: int,
    identifiers: Iterable[str],
    clock: Clock,
    *,
    kind: DeviceKind = DeviceKind.WIRED,
) -> None:
    """Register those trackers among the identifiers that are not registered yet, in few statements."""
    wanted = list(dict.fromkeys(identifiers))
    known = {row.identifier for row in await queries.devices_identified(session, lessor_id, wanted)}
    now = clock.now().isoformat()
    fresh = [
        {"lessor_id": lessor_id, "identifier": identifier, "kind": kind, "created_at": now}
        for identifier in wanted
        if identifier not in known
    ]
    await queries.insert_devices(session, fresh)
    if fresh:
        note(session, Note("device.import", results=len(fresh), detail=f"lessor {lessor_id}"))


async def visible_device(
    session: AsyncSession, visibility: Visibility, device_id: int, *, for_change: bool = False
) -> DeviceRow:
    """Return a device, or raise ``NotFound`` where it is not visible."""
    row = await queries.device(session, visibility, device_id, for_change=for_change)
    if row is None:
        raise NotFound("There is no such device.")
    return row


async def change_device(
    session: AsyncSession, visibility: Visibility, device_id: int, changes: Mapping[str, object]
) -> DeviceRow:
    """Change a tracker.

    Raises:
        NotFound: No such device is visible.
        Conflict: Another device of the lessor has the new identifier.
    """
    row = await visible_device(session, visibility, device_id, for_change=True)
    _apply(row, changes)
    await flush(session)
    note(session, Note("device.change", detail=_change_detail(f"device {device_id}", changes)))
    return row


async def datum_suspects(session: AsyncSession, lessor_id: int) -> Sequence[int]:
    """Return the devices of a lessor whose declared datum was found to be wrong."""
    return await queries.datum_suspects(session, lessor_id)


async def clear_datum_suspicion(session: AsyncSession, device_ids: Sequence[int]) -> None:
    """Clear the datum suspicion of some devices, because their declared datum has changed."""
    if device_ids:
        await queries.clear_datum_suspicion(session, device_ids)


async def devices_ever_on(session: AsyncSession, asset_id: int) -> Sequence[int]:
    """Return the devices that are or were bound to an asset; the caller checks visibility."""
    return await queries.devices_ever_on(session, asset_id)


async def bind_device(session: AsyncSession, visibility: Visibility, binding: BindingIn, clock: Clock) -> BindingRow:
    """Bind a device to an asset for a period.

    Raises:
        NotFound: The device or the asset is not visible.
        InvalidInput: They belong to different lessors, or the period is empty.
        Conflict: The device is bound in a part of this period (the message has it), or the asset was transferred.
    """
    device = await queries.device(session, visibility, binding.device_id)
    if device is None:
        raise NotFound("device_id: there is no such device", field="device_id")
    asset = await queries.asset(session, visibility, binding.asset_id, clock.now())
    if asset is None:
        raise NotFound("asset_id: there is no such asset", field="asset_id")
    if asset.lessor_id != device.lessor_id:
        raise InvalidInput("asset_id: expected an asset of the device's lessor", field="asset_id")
    await binding_guards.refuse_transferred(session, visibility, asset.asset_id)
    row = BindingRow(lessor_id=device.lessor_id, **binding.model_dump())
    await _check_period(session, row, "bound_from")
    session.add(row)
    await flush(session)
    _note_binding(session, "binding.create", row)
    return row


async def change_binding(
    session: AsyncSession, visibility: Visibility, binding_id: int, bound_until: datetime | None, now: datetime
) -> BindingRow:
    """Set the end of a binding, None for open-ended; the worker updates stored pings.

    Raises:
        NotFound: The binding is not visible.
        InvalidInput: The period would be empty.
        Conflict: The device is bound in a part of the new period (the message has it), or ``binding_guards`` refuses.
    """
    row = await queries.binding(session, visibility, binding_id)
    if row is None:
        raise NotFound("There is no such binding.")
    await binding_guards.refuse_history_loss(session, visibility, row, bound_until or binding_guards.FOREVER, now)
    row.bound_until = bound_until
    await _check_period(session, row, "bound_until")
    await flush(session)
    _note_binding(session, "binding.change", row)
    return row


async def delete_binding(session: AsyncSession, visibility: Visibility, binding_id: int, now: datetime) -> None:
    """Delete a binding that was made by mistake; the worker updates stored pings.

    Raises:
        NotFound: The binding is not visible.
        Conflict: ``binding_guards`` refuses.
    """
    row = await queries.binding(session, visibility, binding_id)
    if row is None:
        raise NotFound("There is no such binding.")
    await binding_guards.refuse_history_loss(session, visibility, row, row.bound_from, now)
    await session.delete(row)
    await flush(session)
    _note_binding(session, "binding.delete", row)


def _note_binding(session: AsyncSession, action: str, row: BindingRow) -> None:
    detail = f"binding {row.binding_id} of device {row.device_id}"
    note(session, Note(action, asset_ids=(row.asset_id,), window=(row.bound_from, row.bound_until), detail=detail))


async def _check_period(session: AsyncSession, binding: BindingRow, field: str) -> None:
    if binding.bound_until is not None and binding.bound_until <= binding.bound_from:
        raise InvalidInput(
            f"bound_until: expected a time after {binding.bound_from.isoformat()}", field="bound_until"
        )
    other = await queries.overlapping(session, binding)
    if other is not None:
        raise Conflict(
            f"{field}: the device is on asset {other.asset_id} {period(other.bound_from, other.bound_until)}"
            f" (binding {other.binding_id})",
            field=field,
        )
