"""Registers the demo fleet through the service, as lessor and court would. Existing records stay unchanged."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.demo.client import ApiClient, ApiClients, DemoKeys, connection
from app.demo.registers import (
    CASE_BASIS_NUMBER,
    CASE_NUMBER,
    CASE_OPENED_ON,
    CLAIM_YUAN,
    DEBTOR_NAME,
    LESSOR_CODE,
    LESSOR_CREDIT_CODE,
    LESSOR_NAME,
    DemoAsset,
    DemoDevice,
    DemoMeasure,
    Fleet,
)

_ASSIGNED_FOR: Final = timedelta(days=30)
_CONFIRMED_BY_VIN: Final = 7  # every seventh vehicle, so that more than one way of recognising an asset is used
_COLUMNS: Final = (
    "asset_type", "kind", "make", "model", "plate_no", "plate_colour", "vin", "serial_no", "engine_no",
    "lease_contract_no", "purchase_contract_no", "registration_no", "estimated_value_yuan", "valued_on",
    "essential_to_production",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Registered:
    """Ids of the registered lessor, case and assets (by reference, in the order of the fleet)."""

    lessor_id: int
    case_id: int
    asset_ids: dict[str, int]


async def register_lessor(base_url: str, administrator_key: str) -> int:
    """Register the demo's lessor where it is missing, and return its id. Its key can be made only afterwards."""
    async with connection(base_url) as http:
        return await _lessor(ApiClient(http, administrator_key))


async def register(clients: ApiClients, keys: DemoKeys, fleet: Fleet, now: datetime) -> Registered:
    """Register everything: lessor, assets with devices, case, offers, confirmations, measures, assignment.

    Args:
        now: Aware; the assignment begins here.

    Raises:
        AppError: The service refuses a request.
    """
    lessor_id = await _lessor(clients.administrator)
    asset_ids = await _assets(clients.lessor, fleet)
    case_id = await _case(clients.court, lessor_id)
    await clients.lessor.post(f"/cases/{case_id}/offers", {"asset_ids": list(asset_ids.values())})
    await clients.court.post(f"/cases/{case_id}/confirmations", {"rows": list(_identifiers(fleet.assets))})
    ids = [asset_ids[asset.reference] for asset in fleet.assets]
    await _measures(clients.court, case_id, fleet.measures, ids)
    await _assignment(clients.court, case_id, keys.dispatcher_id, now)
    return Registered(lessor_id, case_id, asset_ids)


async def _lessor(administrator: ApiClient) -> int:
    async for lessor in administrator.items("/lessors"):
        if lessor["code"] == LESSOR_CODE:
            return int(lessor["lessor_id"])
    body = {"code": LESSOR_CODE, "name": LESSOR_NAME, "credit_code": LESSOR_CREDIT_CODE}
    return int((await administrator.post("/lessors", body))["lessor_id"])


async def _assets(lessor: ApiClient, fleet: Fleet) -> dict[str, int]:
    """Import what is missing: assets with their main devices first, then second devices of existing assets."""
    there = {d["identifier"] async for d in lessor.items("/devices")}
    main, second = fleet.devices[: len(fleet.assets)], fleet.devices[len(fleet.assets) :]
    for devices, columns in ((main, _COLUMNS), (second, ("kind", "plate_no", "lease_contract_no"))):
        missing = [device for device in devices if device.identifier not in there]
        if missing:
            await lessor.upload("/assets/import", assets_csv(fleet.assets, missing, columns), "text/csv")
    known = {a["plate_no"] or a["serial_no"]: int(a["asset_id"]) async for a in lessor.items("/assets")}
    return {asset.reference: known[asset.reference] for asset in fleet.assets}


def assets_csv(assets: Sequence[DemoAsset], devices: Iterable[DemoDevice], columns: Sequence[str]) -> bytes:
    """Return a CSV file for the asset import: one line per device, with the chosen columns of its asset."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    lessee = ("lessee_name", "registered_owner") if "make" in columns else ()
    writer.writerow([*columns, *lessee, "device_id", "device_kind", "bound_from"])
    for device in devices:
        asset = assets[device.asset]
        owners = [DEBTOR_NAME, DEBTOR_NAME if asset.plate_no else LESSOR_NAME][: len(lessee)]
        cells = [_cell(getattr(asset, column)) for column in columns]
        writer.writerow([*cells, *owners, device.identifier, device.kind, device.bound_from.isoformat()])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


async def _case(court: ApiClient, lessor_id: int) -> int:
    async for case in court.items("/cases", case_number=CASE_NUMBER):
        return int(case["case_id"])
    body = {
        "case_number": CASE_NUMBER,
        "applicant_lessor_id": lessor_id,
        "judgment_debtor": DEBTOR_NAME,
        "claim_mode": "money",
        "claim_yuan": CLAIM_YUAN,
        "phase": "enforcement",
        "basis_number": CASE_BASIS_NUMBER,
        "opened_on": CASE_OPENED_ON.isoformat(),
    }
    return int((await court.post("/cases", body))["case_id"])


def _identifiers(assets: Sequence[DemoAsset]) -> Iterable[dict[str, str]]:
    """Identifiers as in the file of the case: mostly plates, some frame numbers, serial numbers of machines."""
    for number, asset in enumerate(assets):
        if asset.vin and number % _CONFIRMED_BY_VIN == 0:
            yield {"matched_by": "vin", "value": asset.vin}
        elif asset.plate_no:
            yield {"matched_by": "plate_no", "value": asset.plate_no}
        else:
            yield {"matched_by": "serial_no", "value": str(asset.serial_no)}


async def _measures(
    court: ApiClient, case_id: int, measures: Sequence[DemoMeasure], asset_ids: Sequence[int]
) -> None:
    path = f"/cases/{case_id}/measures"
    recorded = [m async for m in court.items(path)]
    known = {(m["asset_id"], m["kind"]): m for m in recorded}
    orders = [_order(m, asset_ids[m.asset]) for m in measures if (asset_ids[m.asset], m.kind) not in known]
    if orders:
        await court.post(path, {"measures": orders})
        known = {(m["asset_id"], m["kind"]): m async for m in court.items(path)}
    for measure in measures:
        record = known[asset_ids[measure.asset], measure.kind]
        if measure.released_on and record["released_on"] is None:
            released = {"released_on": measure.released_on.isoformat()}
            await court.patch(f"/measures/{record['measure_id']}", released)


def _order(measure: DemoMeasure, asset_id: int) -> dict[str, Any]:
    return {
        "asset_id": asset_id,
        "kind": measure.kind,
        "rank": measure.rank,
        "starts_on": measure.starts_on.isoformat(),
        "ends_on": measure.ends_on.isoformat(),
        "custodian": measure.custodian,
    }


async def _assignment(court: ApiClient, case_id: int, dispatcher_id: int, now: datetime) -> None:
    path = f"/cases/{case_id}/assignments"
    async for given in court.items(path):
        if given["dispatcher_id"] == dispatcher_id and datetime.fromisoformat(given["ends_at"]) > now:
            return
    await court.post(path, {"dispatcher_id": dispatcher_id, "ends_at": (now + _ASSIGNED_FOR).isoformat()})
