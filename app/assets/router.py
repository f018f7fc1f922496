"""HTTP routes of lessors, assets, devices, bindings, and the import of a file."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect

from app.access.domain import Permission, Principal, Visibility
from app.assets import queries, service
from app.assets.dependencies import MayReadFleet, MayWriteRegisters
from app.assets.depot_router import router as depots
from app.assets.domain import AssetKind, ImportMode, ImportReport
from app.assets.schemas import (
    AssetChangeIn,
    AssetIn,
    AssetOut,
    BindingChangeIn,
    BindingIn,
    BindingOut,
    ContractNo,
    DeviceChangeIn,
    DeviceIn,
    DeviceOut,
    ImportLineOut,
    ImportOut,
    LessorChangeIn,
    LessorIn,
    LessorOut,
    Number,
    PlateNo,
    ResultsWanted,
    SerialNo,
    Vin,
)
from app.assets.transfer_router import router as transfers
from app.audit.notes import Note, note_for_grantee
from app.core.clock import SHANGHAI
from app.core.errors import MalformedRequest, TooLarge, UnsupportedMedia
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, RequirePermission, VisibilityFor, WriteSession

router = APIRouter(tags=["assets"])

MayWriteLessors = Annotated[Principal, Depends(RequirePermission(Permission.LESSORS_WRITE))]
AssetVisibility = Annotated[Visibility, Depends(VisibilityFor(Permission.REGISTERS_READ))]
router.include_router(depots)
router.include_router(transfers)

OfLessor = Annotated[Key | None, Query(description="Only this lessor's; required for an administrator's import.")]
MAX_ERRORS: Final = 1000
"""At most this many faults of a file are listed; the rest is only counted."""


@router.post("/lessors", status_code=201, summary="Register a leasing company")
async def create_lessor(
    session: WriteSession, context: InContext, body: LessorIn, _principal: MayWriteLessors
) -> LessorOut:
    """Register a lessor; its code is its name in files and on the command line, and never changes."""
    return LessorOut.model_validate(await service.create_lessor(session, body, context.clock))


@router.get("/lessors", summary="List leasing companies")
async def list_lessors(
    session: ReadSession, principal: MayReadFleet, limit: Limit = 100, after: After = None
) -> Page[LessorOut]:
    """List lessors in the order of their registration; a lessor sees itself."""
    rows = await queries.lessors(session, Visibility(principal), decode_token(after), limit)
    return page_of([LessorOut.model_validate(row) for row in rows], limit, lambda row: row.lessor_id)


@router.get("/lessors/{lessor_id}", summary="Read a leasing company")
async def read_lessor(session: ReadSession, lessor_id: Key, principal: MayReadFleet) -> LessorOut:
    """Read a lessor; a lessor reads only itself."""
    return LessorOut.model_validate(await service.visible_lessor(session, Visibility(principal), lessor_id))


@router.patch("/lessors/{lessor_id}", summary="Change a leasing company")
async def change_lessor(
    session: WriteSession, lessor_id: Key, body: LessorChangeIn, principal: MayWriteLessors
) -> LessorOut:
    """Change the fields that are sent."""
    changes = body.model_dump(exclude_unset=True)
    return LessorOut.model_validate(await service.change_lessor(session, Visibility(principal), lessor_id, changes))


@router.post("/assets", status_code=201, summary="Register a leased asset")
async def create_asset(
    session: WriteSession, context: InContext, body: AssetIn, principal: MayWriteRegisters
) -> AssetOut:
    """Register an asset; plate, VIN and serial number are unique within a lessor."""
    lessor_id = await service.owner(session, Visibility(principal), body.lessor_id)
    return AssetOut.model_validate(await service.create_asset(session, lessor_id, body, context.clock))


@router.get("/assets", summary="List leased assets")
async def list_assets(
    session: ReadSession,
    context: InContext,
    visibility: AssetVisibility,
    plate_no: Annotated[PlateNo | None, Query()] = None,
    vin: Annotated[Vin | None, Query()] = None,
    serial_no: Annotated[SerialNo | None, Query()] = None,
    lease_contract_no: Annotated[ContractNo | None, Query()] = None,
    kind: AssetKind | None = None,
    lessor_id: OfLessor = None,
    seized: Annotated[
        bool | None, Query(description="Only those with (or without) a measure in force today, in any case.")
    ] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[AssetOut]:
    """List the visible assets; identifiers are compared as a whole, in their normal form."""
    now = context.clock.now()
    named = {
        "plate_no": plate_no,
        "vin": vin,
        "serial_no": serial_no,
        "lease_contract_no": lease_contract_no,
        "kind": kind,
        "lessor_id": lessor_id,
    }
    wanted = {column: value for column, value in named.items() if value is not None}
    today = None if seized is None else (seized, now.astimezone(SHANGHAI).date())
    rows = await queries.assets(session, visibility, now, wanted, decode_token(after), limit, seized=today)
    page = page_of([AssetOut.model_validate(row) for row in rows], limit, lambda row: row.asset_id)
    ids = [asset.asset_id for asset in page.items]
    note_for_grantee(session, visibility, Note("asset.list", asset_ids=ids, results=len(ids)))
    return page


@router.post(
    "/assets/import",
    summary="Register the assets of a CSV file",
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string", "minLength": 1}}}}
    },
)
async def import_assets(
    request: Request,
    session: WriteSession,
    context: InContext,
    principal: MayWriteRegisters,
    mode: ImportMode = ImportMode.ALL_OR_NOTHING,
    results: ResultsWanted = "notable",
    lessor_id: OfLessor = None,
) -> ImportOut:
    """Register assets, and bind the trackers named in the file.

    `text/csv`, UTF-8, or GB18030 with `charset=gb18030`. The first line names the columns, as in `AssetIn` or in
    Chinese (车牌号, 车架号, 序列号, 租赁合同号, 评估价值, 承租人); `device_id`, `device_kind` and `bound_from` name a
    tracker. With `mode=all_or_nothing` a bad line prevents all changes, and the problem document lists every fault as
    `line N.field`. With `mode=good_rows` the good lines are written and the report lists the bad ones. The same file
    may be sent again: lines that change nothing are `unchanged`.
    """
    charset = _csv_charset(request)
    data = await _body(request, context.settings.limits.max_body_bytes)
    owner = await service.owner(session, Visibility(principal), lessor_id)
    report = await service.import_assets(session, owner, data, mode, context.clock, charset=charset)
    if not report.written:
        raise RequestValidationError(_faults(report))
    lines = report.every_line if results == "all" else report.results
    return ImportOut(
        lines=report.lines,
        created=report.created,
        unchanged=report.unchanged,
        rejected=report.rejected,
        bound=report.bound,
        results=[ImportLineOut.model_validate(line) for line in lines],
    )


def _csv_charset(request: Request) -> str:
    kind, *parameters = request.headers.get("content-type", "").split(";")
    if kind.strip().lower() != "text/csv":
        raise UnsupportedMedia("Content-Type: expected text/csv", field="Content-Type")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMedia("Content-Encoding: expected none", field="Content-Encoding")
    named = {
        name.strip().lower(): value.strip().strip('"') for name, _, value in (p.partition("=") for p in parameters)
    }
    return named.get("charset", "utf-8")


async def _body(request: Request, max_bytes: int) -> bytes:
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > max_bytes:
                raise TooLarge(f"A file may have {max_bytes} bytes; send the rest in another file.", field="body")
    except ClientDisconnect as error:
        raise MalformedRequest("The file ended before it was complete.") from error
    return bytes(data)


def _faults(report: ImportReport) -> list[dict[str, Any]]:
    """Return the faults of a file in FastAPI's format for body errors."""
    faults: list[dict[str, Any]] = [
        {"type": "value_error", "loc": ("body", f"line {r.line}", *([r.field] if r.field else ())), "msg": r.message}
        for r in report.results[:MAX_ERRORS]
    ]
    if report.rejected and len(report.results) > MAX_ERRORS:
        rest = f"{len(report.results) - MAX_ERRORS} more faults; {report.rejected} lines are bad in all"
        faults.append({"type": "value_error", "loc": ("body",), "msg": rest})
    return faults


@router.get("/assets/{asset_id}", summary="Read a leased asset")
async def read_asset(
    session: ReadSession, context: InContext, asset_id: Key, visibility: AssetVisibility
) -> AssetOut:
    """Read an asset: a lessor its own, a court or a dispatcher those that a case makes visible."""
    found = await service.visible_asset(session, visibility, asset_id, context.clock.now())
    note_for_grantee(session, visibility, Note("asset.read", asset_ids=(asset_id,), results=1))
    return AssetOut.model_validate(found)


@router.patch("/assets/{asset_id}", summary="Change a leased asset")
async def change_asset(
    session: WriteSession, context: InContext, asset_id: Key, body: AssetChangeIn, principal: MayWriteRegisters
) -> AssetOut:
    """Change the fields that are sent; null clears a field."""
    changes = body.model_dump(exclude_unset=True)
    return AssetOut.model_validate(
        await service.change_asset(session, Visibility(principal), asset_id, changes, context.clock)
    )


@router.get("/assets/{asset_id}/bindings", summary="List the bindings of an asset")
async def list_asset_bindings(
    session: ReadSession,
    context: InContext,
    asset_id: Key,
    visibility: AssetVisibility,
    limit: Limit = 100,
    after: After = None,
) -> Page[BindingOut]:
    """List the bindings of an asset, in the order in which they were registered."""
    await service.visible_asset(session, visibility, asset_id, context.clock.now())
    rows = await queries.bindings(session, "asset_id", asset_id, decode_token(after), limit)
    page = page_of([BindingOut.model_validate(row) for row in rows], limit, lambda row: row.binding_id)
    note_for_grantee(session, visibility, Note("binding.list", asset_ids=(asset_id,), results=len(page.items)))
    return page


@router.post("/devices", status_code=201, summary="Register a tracker")
async def create_device(
    session: WriteSession, context: InContext, body: DeviceIn, principal: MayWriteRegisters
) -> DeviceOut:
    """Register a device under the identifier that its feed sends."""
    lessor_id = await service.owner(session, Visibility(principal), body.lessor_id)
    return DeviceOut.model_validate(await service.create_device(session, lessor_id, body, context.clock))


@router.get("/devices", summary="List trackers")
async def list_devices(
    session: ReadSession,
    principal: MayReadFleet,
    identifier: Annotated[Number | None, Query()] = None,
    lessor_id: OfLessor = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[DeviceOut]:
    """List devices in the order of their registration."""
    named = {"identifier": identifier, "lessor_id": lessor_id}
    wanted = {column: value for column, value in named.items() if value is not None}
    rows = await queries.devices(session, Visibility(principal), wanted, decode_token(after), limit)
    return page_of([DeviceOut.model_validate(row) for row in rows], limit, lambda row: row.device_id)


@router.get("/devices/{device_id}", summary="Read a tracker")
async def read_device(session: ReadSession, device_id: Key, principal: MayReadFleet) -> DeviceOut:
    """Read a device."""
    return DeviceOut.model_validate(await service.visible_device(session, Visibility(principal), device_id))


@router.patch("/devices/{device_id}", summary="Change a tracker")
async def change_device(
    session: WriteSession, device_id: Key, body: DeviceChangeIn, principal: MayWriteRegisters
) -> DeviceOut:
    """Change the fields that are sent; null clears a field."""
    changes = body.model_dump(exclude_unset=True)
    return DeviceOut.model_validate(await service.change_device(session, Visibility(principal), device_id, changes))


@router.get("/devices/{device_id}/bindings", summary="List the bindings of a tracker")
async def list_device_bindings(
    session: ReadSession,
    device_id: Key,
    principal: MayReadFleet,
    limit: Limit = 100,
    after: After = None,
) -> Page[BindingOut]:
    """List the bindings of a device, in the order in which they were registered."""
    await service.visible_device(session, Visibility(principal), device_id)
    rows = await queries.bindings(session, "device_id", device_id, decode_token(after), limit)
    return page_of([BindingOut.model_validate(row) for row in rows], limit, lambda row: row.binding_id)


@router.post("/device-bindings", status_code=201, summary="Bind a tracker to an asset")
async def create_binding(
    session: WriteSession, context: InContext, body: BindingIn, principal: MayWriteRegisters
) -> BindingOut:
    """Bind a device to an asset, from a time until (excluding) another, or open-ended.

    A device is on one asset at a time; an asset may have several devices. A ping belongs to the asset that its device
    was on at the time of its fix. Stored pings and positions are updated within seconds.
    """
    return BindingOut.model_validate(await service.bind_device(session, Visibility(principal), body, context.clock))


@router.patch("/device-bindings/{binding_id}", summary="Set the end of a binding")
async def change_binding(
    session: WriteSession, context: InContext, binding_id: Key, body: BindingChangeIn, principal: MayWriteRegisters
) -> BindingOut:
    """Set the end of a binding; null makes it open-ended.

    Data sent from an asset under a legal hold or in an open case stays with it: the new end must be now or later. A
    lessor cannot change bindings of a transferred asset.
    """
    changed = await service.change_binding(
        session, Visibility(principal), binding_id, body.bound_until, context.clock.now()
    )
    return BindingOut.model_validate(changed)


@router.delete("/device-bindings/{binding_id}", status_code=204, summary="Delete a binding")
async def delete_binding(
    session: WriteSession, context: InContext, binding_id: Key, principal: MayWriteRegisters
) -> None:
    """Delete a binding that was made by mistake; its pings are updated within seconds.

    To end a binding, set its end instead. Refused where the asset would lose data that a court or a legal hold needs.
    """
    await service.delete_binding(session, Visibility(principal), binding_id, context.clock.now())
