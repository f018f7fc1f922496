"""A lessor that registers assets and devices, binds them and posts pings."""

from datetime import datetime, timedelta
from typing import Any

from app.telemetry.domain import BLOCKING
from tests.api import ApiUser
from tests.database import OwnerDatabase
from tests.factories.constants import NOW


class LessorFleet:
    """A lessor with assets and devices."""

    def __init__(self, lessor: ApiUser) -> None:
        self.lessor = lessor
        self.devices: dict[str, int] = {}
        self._assets = 0

    async def asset(self) -> int:
        """Register an asset."""
        self._assets += 1
        body = {
            "asset_type": "vehicle",
            "kind": "heavy_truck",
            "serial_no": f"S-{self._assets}",
            "lease_contract_no": "L-1",
        }
        answer = await self.lessor.client.post("/v1/assets", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["asset_id"])

    async def device(self, identifier: str) -> int:
        """Register a device."""
        answer = await self.lessor.client.post("/v1/devices", json={"identifier": identifier, "kind": "wired"})
        assert answer.status_code == 201, answer.text
        self.devices[identifier] = int(answer.json()["device_id"])
        return self.devices[identifier]

    async def bind(self, identifier: str, asset_id: int, from_: datetime, until: datetime | None = None) -> int:
        """Bind a device; return the binding."""
        body = {
            "device_id": self.devices[identifier],
            "asset_id": asset_id,
            "bound_from": from_.isoformat(),
            "bound_until": until.isoformat() if until else None,
        }
        answer = await self.lessor.client.post("/v1/device-bindings", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["binding_id"])

    async def truck(self, identifier: str) -> int:
        """Register an asset with a device on it since the beginning of 2020; return the asset."""
        asset_id = await self.asset()
        await self.device(identifier)
        await self.bind(identifier, asset_id, NOW.replace(year=2020))
        return asset_id

    async def post(self, *rows: tuple[str, float, tuple[float, float]], **more: Any) -> dict[str, Any]:
        """Post pings, each a device, minutes before now and a place; return the receipt."""
        pings = [
            {
                "device_id": device,
                "fixed_at": (NOW - timedelta(minutes=minutes)).isoformat(),
                "lon": at[0],
                "lat": at[1],
                "coord_system": "wgs84",
                **more,
            }
            for device, minutes, at in rows
        ]
        answer = await self.lessor.client.post("/v1/pings", json=pings)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def place(self, asset_id: int) -> tuple[tuple[float, float], float] | None:
        """Return where an asset is, and the age of the fix in minutes."""
        answer = (await self.lessor.client.get(f"/v1/assets/{asset_id}/position")).json()
        if answer["point"] is None:
            return None
        return (answer["point"]["lon"], answer["point"]["lat"]), answer["age_s"] / 60


def expected_positions(
    owner_db: OwnerDatabase,
) -> tuple[dict[tuple[int, int], datetime], dict[tuple[int, int, Any], datetime]]:
    """The last good fix of each asset and device, and of each of their days, from the pings alone."""
    rows = owner_db.rows(
        "SELECT p.asset_id, p.device_id, p.fixed_at FROM ping p"
        " LEFT JOIN later_doubt l USING (device_id, variant, fixed_at)"
        " WHERE p.asset_id IS NOT NULL AND (p.doubts | coalesce(l.doubts, 0)) & %s = 0 ORDER BY fixed_at",
        int(BLOCKING),
    )
    now = {(r["asset_id"], r["device_id"]): r["fixed_at"] for r in rows}
    return now, {(r["asset_id"], r["device_id"], r["fixed_at"].date()): r["fixed_at"] for r in rows}


def assert_positions_match_pings(owner_db: OwnerDatabase) -> None:
    """Check that current and daily positions are those that follow from the stored pings."""
    now, each_day = expected_positions(owner_db)
    derived = owner_db.derived()
    assert {(r["asset_id"], r["device_id"]): r["fixed_at"] for r in derived["current"]} == now
    found = {(r["asset_id"], r["device_id"], r["day"]): r["fixed_at"] for r in derived["daily"]}
    assert found.items() <= each_day.items()
    missing = set(each_day) - set(found)
    assert missing <= {(asset, device, at.date()) for (asset, device), at in now.items()}
