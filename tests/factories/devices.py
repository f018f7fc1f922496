"""Trucks with devices on them, and feeds, registered over HTTP."""

from typing import Any

from tests.api import ApiUser
from tests.factories.pings import DEVICE


async def register_truck(holder: ApiUser, identifier: str = DEVICE, plate_no: str = "沪A12345") -> int:
    """Register a truck with a device on it since the beginning of the year; returns the asset."""
    asset = await holder.client.post(
        "/v1/assets",
        json={"asset_type": "vehicle", "kind": "heavy_truck", "plate_no": plate_no, "lease_contract_no": "L-1"},
    )
    assert asset.status_code == 201, asset.text
    device = await holder.client.post("/v1/devices", json={"identifier": identifier, "kind": "wired"})
    assert device.status_code == 201, device.text
    ids = {"device_id": device.json()["device_id"], "asset_id": asset.json()["asset_id"]}
    bound = await holder.client.post("/v1/device-bindings", json={**ids, "bound_from": "2026-01-01T00:00:00Z"})
    assert bound.status_code == 201, bound.text
    return int(ids["asset_id"])


async def make_feed(holder: ApiUser, name: str = "gateway", **more: Any) -> int:
    """Register a feed, by default one that declares WGS-84; return its id."""
    feed = await holder.client.post("/v1/feeds", json={"name": name, "coord_system": "wgs84", **more})
    assert feed.status_code == 201, feed.text
    return int(feed.json()["feed_id"])
