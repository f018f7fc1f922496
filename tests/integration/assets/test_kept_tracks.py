"""A binding says whose track a stored ping is: what a court or the law still needs, a lessor does not take away."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from app.core.clock import FixedClock
from tests.api import Principals
from tests.factories.cases import CaseAssets
from tests.factories.constants import NOW


async def binding_of(case_assets: CaseAssets, asset_id: int) -> str:
    (binding,) = (await case_assets.lessor.get(f"/v1/assets/{asset_id}/bindings")).json()["items"]
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


async def test_under_a_legal_hold_nobody_takes_the_past_away(case_assets: CaseAssets, principals: Principals) -> None:
    (held,) = await case_assets.bound(1)
    path, admin = await binding_of(case_assets, held), await principals.administrator()
    hold = (await admin.post("/v1/legal-holds", json={"asset_id": held, "reason": "证据"})).json()["hold_id"]
    for client in (case_assets.lessor, admin):
        assert await losses(client, path) == [409, 409, 200, 200, 200]
    refused = await case_assets.lessor.delete(path)
    assert "legal hold" in refused.json()["detail"]
    device = await case_assets.lessor.post("/v1/devices", json={"identifier": "second", "kind": "wired"})
    bound = {"device_id": device.json()["device_id"], "asset_id": held, "bound_from": "2026-01-01T00:00:00Z"}
    assert (await case_assets.lessor.post("/v1/device-bindings", json=bound)).status_code == 201
    assert (await admin.post(f"/v1/legal-holds/{hold}/release")).status_code == 200
    assert (await case_assets.lessor.delete(path)).status_code == 204


async def test_a_hold_on_a_case_keeps_the_tracks_of_its_assets(case_assets: CaseAssets) -> None:
    one, later = await case_assets.add(1), await case_assets.bound(1)
    await case_assets.case.court.client.post(f"{case_assets.case.path}/legal-hold", json={"reason": "证据"})
    closed = await case_assets.case.court.client.patch(case_assets.case.path, json={"phase": "closed"})
    assert closed.status_code == 200
    assert await losses(case_assets.lessor, await binding_of(case_assets, one[0])) == [409, 409, 200, 200, 200]
    assert (await losses(case_assets.lessor, await binding_of(case_assets, later[0])))[0] == 200


async def test_in_an_open_case_only_an_administrator_corrects_the_past(
    case_assets: CaseAssets, principals: Principals
) -> None:
    one, other = await case_assets.add(2)
    admin, path = await principals.administrator(), await binding_of(case_assets, one)
    assert await losses(case_assets.lessor, path) == [409, 409, 200, 200, 200]
    assert "open case" in (await case_assets.lessor.delete(path)).json()["detail"]
    assert (await admin.patch(path, json=ends(NOW - timedelta(hours=1)))).status_code == 200
    assert (await admin.delete(path)).status_code == 204
    await case_assets.case.court.client.patch(case_assets.case.path, json={"phase": "closed"})
    assert (await case_assets.lessor.delete(await binding_of(case_assets, other))).status_code == 204


async def test_what_has_not_begun_and_what_is_only_offered_may_be_taken_back(
    case_assets: CaseAssets, clock: FixedClock
) -> None:
    (offered,) = await case_assets.bound(1)
    await case_assets.case.offer([offered])
    assert (await case_assets.lessor.delete(await binding_of(case_assets, offered))).status_code == 204
    (one,) = await case_assets.add(1)
    path = await binding_of(case_assets, one)
    clock.set(datetime.fromisoformat("2025-12-31T00:00:00Z"))
    assert (await case_assets.lessor.delete(path)).status_code == 204
