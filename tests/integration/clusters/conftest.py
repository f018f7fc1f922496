"""A case whose assets stand in real places, heard of through the real entrance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.conftest import NOW
from tests.integration.enforcement.conftest import Matter, open_case, register, seizure, vin
from tests.support import Doors, Holder

Place = tuple[float, float]

CHANGNING: Place = (121.4241, 31.2205)
JIADING: Place = (121.2655, 31.3756)
KUNSHAN: Place = (120.9814, 31.3855)
HONG_KONG: Place = (114.1694, 22.3193)
AT_SEA: Place = (123.5, 30.5)


@dataclass(slots=True)
class Fleet:
    """The assets of a case: registered, bound to devices, offered, confirmed, seized, heard of."""

    matter: Matter
    registered: int = 0

    @property
    def court(self) -> httpx.AsyncClient:
        """The officer of the court of Changning."""
        return self.matter.court.client

    @property
    def lessor(self) -> httpx.AsyncClient:
        """The applicant."""
        return self.matter.lessor.client

    async def add(
        self, count: int, *, seized: bool = True, value_yuan: int | None = 100_000, **order: Any
    ) -> list[int]:
        """Bring assets with devices into the case and, unless told otherwise, seize them on the register."""
        ids = await self.bound(count)
        await self.matter.session.execute(
            text("UPDATE asset SET estimated_value_yuan = :value WHERE asset_id = ANY(:ids)"),
            {"value": value_yuan, "ids": ids},
        )
        await self.matter.session.commit()
        await self.matter.offer(ids)
        last = self.registered
        await self.matter.confirm(*(("vin", vin(n)) for n in range(last - count + 1, last + 1)))
        if seized:
            await self.matter.order(*(seizure(i, **order) for i in ids))
        return ids

    async def bound(self, count: int) -> list[int]:
        """Register assets, each with a device since the beginning of the year; ``device-<asset_id>`` sends for it."""
        ids = await register(self.matter.session, self.matter.lessor.subject_id, count, self.registered + 1)
        self.registered += count
        await self.matter.session.execute(
            text("""
                WITH device AS (
                    INSERT INTO device (lessor_id, identifier, kind, created_at)
                    SELECT :lessor, 'device-' || id, 'wired', now() FROM unnest(CAST(:ids AS int[])) AS id
                    RETURNING device_id, identifier)
                INSERT INTO device_binding (lessor_id, device_id, asset_id, bound_from)
                SELECT :lessor, device_id, split_part(identifier, '-', 2)::int, '2026-01-01Z' FROM device"""),
            {"lessor": self.matter.lessor.subject_id, "ids": ids},
        )
        await self.matter.session.commit()
        return ids

    async def heard(self, asset_ids: Sequence[int], place: Place, *, ago: timedelta = timedelta(hours=1)) -> None:
        """Post a ping for each asset: 30 m apart from each other, northward from a place."""
        rows = [
            {
                "device_id": f"device-{asset_id}",
                "fixed_at": (NOW - ago).isoformat(),
                "lon": place[0],
                "lat": place[1] + number * 0.00027,
                "coord_system": "wgs84",
            }
            for number, asset_id in enumerate(asset_ids)
        ]
        receipt = (await self.lessor.post("/v1/pings", json=rows)).json()
        assert (receipt["stored"], receipt["rejected"]) == (len(rows), 0)

    async def distribution(self, client: httpx.AsyncClient | None = None, **params: Any) -> dict[str, Any]:
        """Return where the assets are, as the court (or somebody else) reads it."""
        answer = await self.ask_distribution(client or self.court, **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask_distribution(self, client: httpx.AsyncClient, **params: Any) -> httpx.Response:
        """Ask for the distribution and return the answer as it came."""
        return await client.get(f"{self.matter.path}/distribution", params=params)

    async def clusters(self, client: httpx.AsyncClient | None = None, **params: Any) -> dict[str, Any]:
        """Return the clusters, as the court (or somebody else) reads them."""
        answer = await self.ask_clusters(client or self.court, **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask_clusters(self, client: httpx.AsyncClient, **params: Any) -> httpx.Response:
        """Ask for the clusters and return the answer as it came."""
        return await client.get("/v1/clusters", params={"case": self.matter.case_id} | params)


@pytest.fixture
async def fleet(doors: Doors, session: AsyncSession) -> Fleet:
    """A case of the Changning court, still without assets."""
    court, lessor = await doors.court(), await doors.lessor()
    return Fleet(Matter(session, court, lessor, await open_case(court, lessor)))


async def strangers(doors: Doors) -> list[Holder]:
    """Return those to whom the case must not exist."""
    return [await doors.court("沪0107"), await doors.lessor("other"), await doors.dispatcher()]
