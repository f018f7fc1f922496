"""What ends on one process ends on all of them within a second: keys, cases, entrustments, assignments.

Two applications on one database, each with its own pool and its own memory, as two processes have.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx
import pytest
from fastapi import FastAPI

from app.access.domain import Role
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import ApiUser, services
from tests.factories.constants import NOW
from tests.factories.scenario import Scenario, aclosing_pool, scenario_on, settings_of

WITHIN_S: Final = 1.0
ENDLESS_S: Final = 5.0


@dataclass(slots=True)
class Two:
    """The scene's own application, and another one beside it."""

    scenario: Scenario
    other: FastAPI
    clients: AsyncExitStack

    async def there(self, holder: ApiUser) -> httpx.AsyncClient:
        """Return somebody's client of the other application."""
        return await self.clients.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(self.other, raise_app_exceptions=False),
                base_url="http://leasetrace.test",
                headers={"Authorization": f"Bearer {holder.key}"},
            )
        )


@pytest.fixture
async def two(template_urls: ClusterUrls, worker_id: str) -> AsyncIterator[Two]:
    async with scenario_on(template_urls, f"leasetrace_two_{worker_id}") as scenario:
        other = create_app(settings_of(scenario.urls), scenario.clock)
        async with (
            aclosing_pool(other),
            other.router.lifespan_context(other),
            AsyncExitStack() as clients,
        ):
            async with asyncio.timeout(ENDLESS_S):
                # Only then does it remember for long, and must be told.
                while not services(other).credential_cache.is_listening:  # noqa: ASYNC110 the keyring has no event for it
                    await asyncio.sleep(0.01)
            yield Two(scenario, other, clients)


async def seconds_until(client: httpx.AsyncClient, path: str, status: int, began: float) -> float:
    """Return how long after a moment a read is first answered so; it is asked all the time, so caches stay warm."""
    while time.monotonic() - began < ENDLESS_S:
        answer = await client.get(path)
        if answer.status_code == status:
            return time.monotonic() - began
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(0.02)
    return ENDLESS_S


async def test_a_revoked_key_a_closed_case_and_an_ended_assignment_stop_reads_everywhere(two: Two) -> None:
    scenario, ours = two.scenario, two.scenario.sides["ours"]
    own = f"/v1/assets/{ours['asset_id']}/position"
    position = f"{own}?case={ours['case_id']}"
    distribution = f"/v1/cases/{ours['case_id']}/distribution"
    officer = scenario.people["officer"].client
    reader = await two.there(scenario.people[Role.LESSOR_READER])
    dispatcher = await two.there(scenario.people["dispatcher"])
    superior = await two.there(scenario.people["high"])
    entrusted = await two.there(scenario.people["entrusted"])
    assert (await reader.get(own)).status_code == 200
    for client in (dispatcher, superior, entrusted):
        assert (await client.get(position)).status_code == 200

    began = time.monotonic()
    prefix = scenario.people[Role.LESSOR_READER].key.split("_")[1]
    revoked = await scenario.people[Role.LESSOR_MANAGER].client.delete(f"/v1/keys/{prefix}")
    assert revoked.status_code == 204, revoked.text
    assert await seconds_until(reader, own, 401, began) < WITHIN_S

    began = time.monotonic()
    withdrawn = await officer.post(f"/v1/entrustments/{ours['entrustment_id']}/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text
    assert await seconds_until(entrusted, position, 404, began) < WITHIN_S

    scenario.clock.set(NOW + timedelta(days=6))  # nothing ends yet
    assert (await dispatcher.get(position)).status_code == 200
    scenario.clock.set(NOW + timedelta(days=7))  # the assignment ends then, to the moment
    began = time.monotonic()
    assert await seconds_until(dispatcher, position, 404, began) < WITHIN_S
    assert (await dispatcher.get(distribution)).status_code == 404

    closing = {"phase": "closed"}
    began = time.monotonic()
    closed = await officer.patch(f"/v1/cases/{ours['case_id']}", json=closing)
    assert closed.status_code == 200, closed.text
    assert await seconds_until(superior, position, 404, began) < WITHIN_S
    withheld = (await superior.get(distribution)).json()
    assert withheld["totals"]["located"] == 0, withheld["totals"]
