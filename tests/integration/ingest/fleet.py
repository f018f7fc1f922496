"""What the tests of the entrances share: a lessor with a truck, pings, and a server on real HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.api.connections import server_config
from tests.conftest import NOW
from tests.support import Holder

DEVICE = "860123456789012"
CHANGNING = (121.4241, 31.2205)
URUMQI = (87.6, 43.8)


def ping(minutes_ago: float = 5, at: tuple[float, float] = CHANGNING, **more: Any) -> dict[str, Any]:
    """A ping of the truck's device, WGS-84, longitude first."""
    fixed_at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return {"device_id": DEVICE, "fixed_at": fixed_at, "lon": at[0], "lat": at[1], "coord_system": "wgs84", **more}


async def register_truck(holder: Holder, identifier: str = DEVICE, plate_no: str = "沪A12345") -> int:
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


async def make_feed(holder: Holder, name: str = "gateway", **more: Any) -> int:
    """Register a feed that declares WGS-84 unless told otherwise; returns its id."""
    feed = await holder.client.post("/v1/feeds", json={"name": name, "coord_system": "wgs84", **more})
    assert feed.status_code == 201, feed.text
    return int(feed.json()["feed_id"])


async def position(holder: Holder) -> dict[str, Any]:
    """Where the lessor's first asset is now."""
    asset_id = (await holder.client.get("/v1/assets")).json()["items"][0]["asset_id"]
    answer = await holder.client.get(f"/v1/assets/{asset_id}/position")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def serving(application: FastAPI) -> AsyncIterator[int]:
    """Serve the application, which runs already, on a port of the loopback address, as ``leasetrace serve`` does."""
    async with serving_config(server_config(application, port=0, lifespan="off")) as listens:
        yield listens


@asynccontextmanager
async def serving_config(config: uvicorn.Config) -> AsyncIterator[int]:
    """Serve what a configuration says, on the port that it was given."""
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    await server.listens.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def exchange(port: int, *parts: bytes, close: bool = False) -> bytes:
    """Send bytes on a connection of their own and return the whole answer; with ``close`` hang up without reading."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = b"" if close else await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


def request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP/1.1 request whose answer ends the connection; ``_`` in a header's name stands for ``-``."""
    told = {"Host": "leasetrace.test", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
