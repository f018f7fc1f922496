"""A lessor with trucks and devices, the worker's surroundings, and the tables as the tests look at them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from psycopg.rows import dict_row

from app.cli.cluster import ClusterUrls
from app.worker.jobs import JOBS
from app.worker.loop import Surroundings, Worker
from tests.conftest import NOW, context_of
from tests.support import Doors, Holder

CHANGNING = (121.4241, 31.2205)
PUDONG = (121.5440, 31.2210)
BEIJING = (116.3974, 39.9093)
DAY = 60 * 24
"""Minutes of a day."""


class Fleet:
    """A lessor with assets and devices, and short words for what it does."""

    def __init__(self, lessor: Holder) -> None:
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
        """Return where an asset is, and how many minutes before now that was."""
        answer = (await self.lessor.client.get(f"/v1/assets/{asset_id}/position")).json()
        if answer["point"] is None:
            return None
        return (answer["point"]["lon"], answer["point"]["lat"]), answer["age_s"] / 60


class Tables:
    """The database as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def one(self, query: str, *parameters: object) -> Any:
        """Return the only value of a query."""
        (row,) = self.rows(query, *parameters)
        (value,) = row.values()
        return value

    def do(self, statement: str, *parameters: object) -> None:
        """Execute a statement."""
        self.connection.execute(statement.encode(), parameters or None)

    def derived(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything that the worker derives, without the time when a doubt was found."""
        return {
            "current": self.rows("SELECT * FROM current_position ORDER BY asset_id, device_id"),
            "daily": self.rows("SELECT * FROM daily_position ORDER BY asset_id, day, device_id"),
            "doubts": self.rows("SELECT device_id, variant, fixed_at, doubts FROM later_doubt ORDER BY 1, 2, 3"),
        }


@pytest.fixture
async def fleet(doors: Doors) -> Fleet:
    return Fleet(await doors.lessor())


@pytest.fixture
def tables(application: FastAPI, urls: ClusterUrls) -> Iterator[Tables]:
    opened = Tables(urls.owner_url)
    yield opened
    opened.connection.close()


@pytest.fixture
def around(application: FastAPI) -> Surroundings:
    return Surroundings(context_of(application), application.state.locators)


class Runs:
    """Runs jobs by name until nothing waits."""

    def __init__(self, around: Surroundings) -> None:
        self._worker = Worker(around, JOBS)

    async def __call__(self, name: str) -> None:
        (job,) = (job for job in JOBS if job.name == name)
        while await self._worker.run_once(job):
            pass


@pytest.fixture
def run(around: Surroundings) -> Runs:
    return Runs(around)
