"""SQL of this room, except the device index (``device_index.sql``)."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    insert,
    not_,
    or_,
    select,
    table,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.access.visibility import asset_is_visible
from app.assets.domain import UNIQUE_IDENTIFIERS, AssetIdentity, IdentifierKind, Lessor
from app.assets.tables import AssetRow, BindingRow, DepotRow, DeviceRow, LessorRow, TransferRow

_IDENTITY = select(
    AssetRow.asset_id,
    AssetRow.lessor_id,
    AssetRow.vin,
    AssetRow.plate_no,
    AssetRow.serial_no,
    AssetRow.lease_contract_no,
)

_HELD: Final = table("held_asset", column("asset_id", Integer))


def _own(visibility: Visibility, lessor_id: Any) -> ColumnElement[bool]:
    """Return the condition for rows that only the lessor and an administrator see: lessors, devices."""
    if visibility.sees_everything:
        return true()
    own: ColumnElement[bool] = lessor_id == (visibility.lessor_id or 0)
    return own


def _visible_assets(visibility: Visibility, at: datetime) -> Select[AssetRow]:
    return select(AssetRow).where(asset_is_visible(visibility, AssetRow.asset_id, AssetRow.lessor_id, at))


async def lessor(
    session: AsyncSession, visibility: Visibility, lessor_id: int, *, for_change: bool = False
) -> LessorRow | None:
    """Return a visible lessor."""
    query = select(LessorRow).where(LessorRow.lessor_id == lessor_id, _own(visibility, LessorRow.lessor_id))
    return (await session.scalars(query.with_for_update(key_share=True) if for_change else query)).one_or_none()


async def lessor_with(session: AsyncSession, column: Literal["code", "lessor_id"], value: object) -> Lessor | None:
    """Return the lessor with a code or a key, without a check of visibility."""
    query = select(LessorRow.lessor_id, LessorRow.code, LessorRow.name)
    row = (await session.execute(query.where(LessorRow.__table__.c[column] == value))).one_or_none()
    return None if row is None else Lessor(*row)


async def lock_lessor(session: AsyncSession, lessor_id: int) -> bool:
    """Block other imports of this lessor until the transaction ends; False where there is no such lessor."""
    query = select(LessorRow.lessor_id).where(LessorRow.lessor_id == lessor_id).with_for_update(key_share=True)
    return (await session.scalar(query)) is not None


async def lessors(session: AsyncSession, visibility: Visibility, after: int, limit: int) -> Sequence[LessorRow]:
    """Return up to ``limit + 1`` visible lessors after a key."""
    query = select(LessorRow).where(_own(visibility, LessorRow.lessor_id), LessorRow.lessor_id > after)
    return (await session.scalars(query.order_by(LessorRow.lessor_id).limit(limit + 1))).all()


async def asset(
    session: AsyncSession, visibility: Visibility, asset_id: int, at: datetime, *, for_change: bool = False
) -> AssetRow | None:
    """Return a visible asset."""
    query = _visible_assets(visibility, at).where(AssetRow.asset_id == asset_id)
    return (await session.scalars(query.with_for_update(key_share=True) if for_change else query)).one_or_none()


async def assets(
    session: AsyncSession,
    visibility: Visibility,
    at: datetime,
    wanted: Mapping[str, object],
    after: int,
    limit: int,
    *,
    seized: tuple[bool, date] | None = None,
) -> Sequence[AssetRow]:
    """Return up to ``limit + 1`` visible assets whose columns have the wanted values.

    ``seized`` selects those with (or without) a measure in force on a day, in any case.
    """
    query = _visible_assets(visibility, at).where(
        *(AssetRow.__table__.c[column] == value for column, value in wanted.items()), AssetRow.asset_id > after
    )
    if seized is not None:
        is_seized, day = seized
        on_some = AssetRow.asset_id.in_(select(func.unnest(func.rls_seized(day))))
        query = query.where(on_some if is_seized else not_(on_some))
    return (await session.scalars(query.order_by(AssetRow.asset_id).limit(limit + 1))).all()


async def transfer(session: AsyncSession, asset_id: int) -> TransferRow | None:
    """Return the transfer of an asset, if there is a visible one."""
    return await session.get(TransferRow, asset_id)


async def transferred(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, datetime]:
    """Return which of some assets were transferred, and when."""
    query = select(TransferRow.asset_id, TransferRow.transferred_at)
    of_these = query.where(TransferRow.asset_id == func.any(list(asset_ids)))
    return dict((await session.execute(of_these)).all())


async def is_held(session: AsyncSession, asset_id: int) -> bool:
    """Return whether a legal hold is on an asset, and block new holds until the transaction ends.

    The view ``held_asset`` is the contract with `enforcement`; only the service itself sees all its rows.
    """
    await session.execute(select(func.lock_legal_holds()))
    query = select(_HELD.c.asset_id).where(_HELD.c.asset_id == asset_id)
    return (await session.scalar(query)) is not None


async def identities(session: AsyncSession, asset_ids: Collection[int]) -> list[AssetIdentity]:
    """Return the identifiers of assets."""
    rows = await session.execute(_IDENTITY.where(AssetRow.asset_id == func.any(list(asset_ids))))
    return [AssetIdentity(*row) for row in rows]


async def makes_and_models(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, str]:
    """Return make and model as one text, for assets that have either."""
    words = func.nullif(func.concat_ws(" ", AssetRow.make, AssetRow.model), "")
    query = select(AssetRow.asset_id, words).where(AssetRow.asset_id == func.any(list(asset_ids)), words.is_not(None))
    return dict((await session.execute(query)).all())


async def assets_identified(
    session: AsyncSession, lessor_id: int, values: Mapping[IdentifierKind, Sequence[str]]
) -> Sequence[Row[Any]]:
    """Return a lessor's assets with one of the normalised identifiers, as plain rows of all columns."""
    columns = AssetRow.__table__.c
    has_one = or_(*(columns[kind] == func.any(list(texts)) for kind, texts in values.items()))
    return (await session.execute(select(*columns).where(AssetRow.lessor_id == lessor_id, has_one))).all()


async def device(
    session: AsyncSession, visibility: Visibility, device_id: int, *, for_change: bool = False
) -> DeviceRow | None:
    """Return a visible device."""
    query = select(DeviceRow).where(DeviceRow.device_id == device_id, _own(visibility, DeviceRow.lessor_id))
    return (await session.scalars(query.with_for_update(key_share=True) if for_change else query)).one_or_none()


async def devices(
    session: AsyncSession, visibility: Visibility, wanted: Mapping[str, object], after: int, limit: int
) -> Sequence[DeviceRow]:
    """Return up to ``limit + 1`` visible devices whose columns have the wanted values."""
    query = select(DeviceRow).where(
        _own(visibility, DeviceRow.lessor_id),
        *(DeviceRow.__table__.c[column] == value for column, value in wanted.items()),
        DeviceRow.device_id > after,
    )
    return (await session.scalars(query.order_by(DeviceRow.device_id).limit(limit + 1))).all()


async def datum_suspects(session: AsyncSession, lessor_id: int) -> Sequence[int]:
    """Return the devices of a lessor whose declared datum was found to be wrong."""
    query = select(DeviceRow.device_id).where(DeviceRow.lessor_id == lessor_id, DeviceRow.datum_suspect)
    return (await session.scalars(query)).all()


async def clear_datum_suspicion(session: AsyncSession, device_ids: Sequence[int]) -> None:
    """Clear the suspicion about the datum of some devices."""
    query = update(DeviceRow).where(DeviceRow.device_id == func.any(list(device_ids)))
    await session.execute(query.values(datum_suspect=False))


async def devices_identified(
    session: AsyncSession, lessor_id: int, identifiers: Sequence[str]
) -> Sequence[Row[int, str, str]]:
    """Return key, identifier and kind of a lessor's devices with one of the identifiers."""
    query = select(DeviceRow.device_id, DeviceRow.identifier, DeviceRow.kind)
    is_one = DeviceRow.identifier == func.any(list(identifiers))
    return (await session.execute(query.where(DeviceRow.lessor_id == lessor_id, is_one))).all()


async def binding(session: AsyncSession, visibility: Visibility, binding_id: int) -> BindingRow | None:
    """Return a visible binding, locked for a change."""
    query = select(BindingRow).where(BindingRow.binding_id == binding_id, _own(visibility, BindingRow.lessor_id))
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def bindings(
    session: AsyncSession, column: Literal["asset_id", "device_id"], key: int, after: int, limit: int
) -> Sequence[BindingRow]:
    """Return up to ``limit + 1`` bindings of an asset or of a device after a key."""
    query = select(BindingRow).where(BindingRow.__table__.c[column] == key, BindingRow.binding_id > after)
    return (await session.scalars(query.order_by(BindingRow.binding_id).limit(limit + 1))).all()


async def bindings_of_devices(
    session: AsyncSession, device_ids: Sequence[int]
) -> Sequence[Row[int, int, datetime, datetime | None]]:
    """Return device, asset, beginning and end of the bindings of devices, each device's in time order."""
    query = select(BindingRow.device_id, BindingRow.asset_id, BindingRow.bound_from, BindingRow.bound_until)
    of_one = BindingRow.device_id == func.any(list(device_ids))
    return (await session.execute(query.where(of_one).order_by(BindingRow.device_id, BindingRow.bound_from))).all()


async def overlapping(session: AsyncSession, binding: BindingRow) -> BindingRow | None:
    """Return the earliest other binding of the same device whose period ``[from, until)`` overlaps this one's."""
    others = [BindingRow.device_id == binding.device_id]
    if binding.binding_id is not None:
        others.append(BindingRow.binding_id != binding.binding_id)
    if binding.bound_until is not None:
        others.append(BindingRow.bound_from < binding.bound_until)
    ends_later = or_(BindingRow.bound_until.is_(None), BindingRow.bound_until > binding.bound_from)
    query = select(BindingRow).where(and_(*others, ends_later)).order_by(BindingRow.bound_from).limit(1)
    with session.no_autoflush:
        return (await session.scalars(query)).one_or_none()


async def depots(session: AsyncSession, visibility: Visibility, after: int, limit: int) -> Sequence[DepotRow]:
    """Return up to ``limit + 1`` visible depots after a key."""
    query = select(DepotRow).where(_own(visibility, DepotRow.lessor_id), DepotRow.depot_id > after)
    return (await session.scalars(query.order_by(DepotRow.depot_id).limit(limit + 1))).all()


async def depot(session: AsyncSession, visibility: Visibility, depot_id: int) -> DepotRow | None:
    """Return a visible depot, locked for a change."""
    query = select(DepotRow).where(DepotRow.depot_id == depot_id, _own(visibility, DepotRow.lessor_id))
    return (await session.scalars(query.with_for_update())).one_or_none()


class BoundDevice(NamedTuple):
    """A device on an asset, for a period (UTC)."""

    identifier: str
    kind: str
    make: str | None
    model: str | None
    bound_from: datetime
    bound_until: datetime | None


async def devices_on(session: AsyncSession, asset_ids: Collection[int]) -> dict[int, list[BoundDevice]]:
    """Return the devices that were or are on assets, in time order."""
    query = (
        select(
            BindingRow.asset_id,
            DeviceRow.identifier,
            DeviceRow.kind,
            DeviceRow.make,
            DeviceRow.model,
            BindingRow.bound_from,
            BindingRow.bound_until,
        )
        .join(DeviceRow, DeviceRow.device_id == BindingRow.device_id)
        .where(BindingRow.asset_id == func.any(list(asset_ids)))
        .order_by(BindingRow.asset_id, BindingRow.bound_from, BindingRow.binding_id)
    )
    found: dict[int, list[BoundDevice]] = {}
    for row in (await session.execute(query)).all():
        found.setdefault(row[0], []).append(BoundDevice._make(row[1:]))
    return found


async def lessor_names(session: AsyncSession, lessor_ids: Collection[int]) -> dict[int, str]:
    """Return the names of visible lessors."""
    query = select(LessorRow.lessor_id, LessorRow.name).where(LessorRow.lessor_id == func.any(list(lessor_ids)))
    return dict((await session.execute(query)).all())


async def devices_ever_on(session: AsyncSession, asset_id: int) -> list[int]:
    """Return the devices that are or were bound to an asset."""
    query = select(BindingRow.device_id).where(BindingRow.asset_id == asset_id).distinct()
    return list((await session.scalars(query.order_by(BindingRow.device_id))).all())


async def _insert_many(
    session: AsyncSession,
    into: type[AssetRow | DeviceRow | BindingRow],
    rows: Sequence[Mapping[str, object]],
    returning: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Insert rows with equal columns as JSON in one statement, and return the requested columns.

    A list of VALUES costs ten times as much: 20,000 lines of a file are 400,000 placeholders.
    """
    if not rows:
        return []
    columns = [into.__table__.c[name] for name in rows[0]]
    given_rows = await asyncio.to_thread(json.dumps, rows)
    given = func.jsonb_to_recordset(cast(bindparam("rows", given_rows, Text), JSONB)).table_valued(
        *(column(c.name, c.type) for c in columns), name="given"
    )
    statement = insert(into).from_select([c.name for c in columns], select(*given.render_derived(with_types=True).c))
    answer = await session.execute(statement.returning(*(into.__table__.c[name] for name in returning)))
    return [tuple(row) for row in answer]


async def insert_assets(
    session: AsyncSession, rows: Sequence[Mapping[str, object]]
) -> dict[tuple[str | None, ...], int]:
    """Insert assets in one statement; return their keys by plate, VIN and serial number."""
    made = await _insert_many(session, AssetRow, rows, ["asset_id", *UNIQUE_IDENTIFIERS])
    return {tuple(row[1:]): row[0] for row in made}


async def insert_devices(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> dict[str, int]:
    """Insert devices in one statement; return their keys by identifier."""
    made = await _insert_many(session, DeviceRow, rows, ["identifier", "device_id"])
    return {row[0]: row[1] for row in made}


async def insert_bindings(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert bindings in one statement."""
    await _insert_many(session, BindingRow, rows, ["binding_id"])
