"""A binding says whose track a stored ping is: what a court or the law still needs, a lessor does not take away."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import FixedClock
from tests.conftest import NOW
from tests.integration.clusters.conftest import Fleet
from tests.integration.enforcement.conftest import Matter, open_case
from tests.support import Doors


@pytest.fixture
async def fleet(doors: Doors, session: AsyncSession) -> Fleet:
    court, lessor = await doors.court(), await doors.lessor()
    return Fleet(Matter(session, court, lessor, await open_case(court, lessor)))


async def binding_of(fleet: Fleet, asset_id: int) -> str:
    (binding,) = (await fleet.lessor.get(f"/v1/assets/{asset_id}/bindings")).json()["items"]
    return f"/v1/device-bindings/{binding['binding_id']}"


def ends(at: datetime | None) -> dict[str, Any]:
    return {"bound_until": at and at.isoformat()}


async def losses(client: httpx.AsyncClient, path: str) -> list[int]:
    """Return what changes answer that would take away an hour, everything, and nothing (three times)."""
    return [
        answer.status_code
        for answer in (
            await client.patch(path, json=ends(NOW - timedelta(hours=1))),
            await client.delete(path),
            await client.patch(path, json=ends(NOW)),
            await client.patch(path, json=ends(None)),
            await client.patch(path, json=ends(NOW + timedelta(days=1))),
        )
    ]


async def test_under_a_legal_hold_nobody_takes_the_past_away(fleet: Fleet, doors: Doors) -> None:
    (held,) = await fleet.bound(1)
    path, admin = await binding_of(fleet, held), await doors.administrator()
    hold = (await admin.post("/v1/legal-holds", json={"asset_id": held, "reason": "证据"})).json()["hold_id"]
    for client in (fleet.lessor, admin):
        assert await losses(client, path) == [409, 409, 200, 200, 200]
    refused = await fleet.lessor.delete(path)
    assert "legal hold" in refused.json()["detail"]
    device = await fleet.lessor.post("/v1/devices", json={"identifier": "second", "kind": "wired"})
    bound = {"device_id": device.json()["device_id"], "asset_id": held, "bound_from": "2026-01-01T00:00:00Z"}
    assert (await fleet.lessor.post("/v1/device-bindings", json=bound)).status_code == 201
    assert (await admin.post(f"/v1/legal-holds/{hold}/release")).status_code == 200
    assert (await fleet.lessor.delete(path)).status_code == 204


async def test_a_hold_on_a_case_keeps_the_tracks_of_its_assets(fleet: Fleet) -> None:
    one, later = await fleet.add(1), await fleet.bound(1)
    await fleet.matter.court.client.post(f"{fleet.matter.path}/legal-hold", json={"reason": "证据"})
    closed = await fleet.matter.court.client.patch(fleet.matter.path, json={"phase": "closed"})
    assert closed.status_code == 200
    assert await losses(fleet.lessor, await binding_of(fleet, one[0])) == [409, 409, 200, 200, 200]
    assert (await losses(fleet.lessor, await binding_of(fleet, later[0])))[0] == 200


async def test_in_an_open_case_only_an_administrator_corrects_the_past(fleet: Fleet, doors: Doors) -> None:
    one, other = await fleet.add(2)
    admin, path = await doors.administrator(), await binding_of(fleet, one)
    assert await losses(fleet.lessor, path) == [409, 409, 200, 200, 200]
    assert "open case" in (await fleet.lessor.delete(path)).json()["detail"]
    assert (await admin.patch(path, json=ends(NOW - timedelta(hours=1)))).status_code == 200
    assert (await admin.delete(path)).status_code == 204
    await fleet.matter.court.client.patch(fleet.matter.path, json={"phase": "closed"})
    assert (await fleet.lessor.delete(await binding_of(fleet, other))).status_code == 204


async def test_what_has_not_begun_and_what_is_only_offered_may_be_taken_back(fleet: Fleet, clock: FixedClock) -> None:
    (offered,) = await fleet.bound(1)
    await fleet.matter.offer([offered])
    assert (await fleet.lessor.delete(await binding_of(fleet, offered))).status_code == 204
    (one,) = await fleet.add(1)
    path = await binding_of(fleet, one)
    clock.set(datetime.fromisoformat("2025-12-31T00:00:00Z"))
    assert (await fleet.lessor.delete(path)).status_code == 204
