"""A feed that falls silent raises an alert, and clears it when batches come again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from app.core.clock import FixedClock
from app.core.context import Context
from app.core.db.database import SERVICE
from app.telemetry.feeds.silence import SilenceChange, check_silence
from tests.api import ApiUser, Principals, context_of, counted_queries
from tests.factories.constants import NOW
from tests.factories.devices import make_feed
from tests.factories.pings import ping


class Worker:
    """Checks at a time, as the worker does, and tells what changed."""

    def __init__(self, context: Context, clock: FixedClock) -> None:
        self.context = context
        self.clock = clock

    async def at(self, hours: float) -> list[tuple[int, bool]]:
        return [(change.feed_id, change.silent) for change in await self.changes_at(hours)]

    async def changes_at(self, hours: float) -> list[SilenceChange]:
        self.clock.set(NOW + timedelta(hours=hours))
        async with self.context.database.writing(SERVICE) as session:
            return await check_silence(session, self.clock.now(), self.context)

    @property
    def gauge(self) -> float | None:
        return self.context.metrics.registry.get_sample_value("leasetrace_feeds_silent")


@pytest.fixture
async def worker(application: FastAPI, clock: FixedClock) -> AsyncIterator[Worker]:
    made = Worker(context_of(application), clock)
    yield made
    made.context.metrics.feeds_silent.set(0)


async def alerts(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/alerts", params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_feed_that_never_sent_is_not_silent(lessor: ApiUser, worker: Worker) -> None:
    await make_feed(lessor)
    assert await worker.at(1000) == []


async def test_silence_is_raised_once_and_cleared_once(
    lessor: ApiUser, principals: Principals, worker: Worker
) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    await gateway.client.post("/v1/pings", json=[ping()])
    assert [await worker.at(hours) for hours in (0, 5.99)] == [[], []]
    assert await worker.at(6) == [(feed_id, True)]
    assert [await worker.at(hours) for hours in (6, 7, 500)] == [[], [], []]
    assert worker.gauge == 1
    (alert,) = await alerts(lessor.client)
    assert alert == {
        "alert_id": alert["alert_id"],
        "feed_id": feed_id,
        "lessor_id": lessor.subject_id,
        "kind": "silent",
        "raised_at": "2026-11-23T10:00:00Z",
        "cleared_at": None,
        "last_batch_at": "2026-11-23T04:00:00Z",
    }
    answer = await gateway.client.post("/v1/pings", json=[ping(-60 * 499)])
    assert answer.status_code == 200, answer.text
    assert await worker.at(501) == [(feed_id, False)]
    assert await worker.at(501) == []
    assert (worker.gauge, await alerts(lessor.client)) == (0, [])
    (cleared,) = await alerts(lessor.client, all=True)
    assert cleared["cleared_at"] == (NOW + timedelta(hours=501)).isoformat().replace("+00:00", "Z")
    assert await worker.at(600) == [(feed_id, True)]
    assert len(await alerts(lessor.client, all="true")) == 2


async def test_a_silence_between_two_checks_is_an_alert_of_its_own(
    lessor: ApiUser, principals: Principals, worker: Worker
) -> None:
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    await gateway.client.post("/v1/pings", json=[ping()])
    await worker.at(10)
    await gateway.client.post("/v1/pings", json=[ping(1)])
    assert await worker.at(20) == [(feed_id, False), (feed_id, True)]


async def test_each_feed_has_its_own_patience(lessor: ApiUser, principals: Principals, worker: Worker) -> None:
    quick, usual = await make_feed(lessor, "quick", silent_after="PT1H"), await make_feed(lessor, "usual")
    for feed_id in (quick, usual):
        await (await principals.lessor(feed_id=feed_id)).client.post("/v1/pings", json=[ping(feed_id)])
    assert await worker.at(1) == [(quick, True)]
    await lessor.client.patch(f"/v1/feeds/{quick}", json={"silent_after": "P2D"})
    assert await worker.at(2) == [(quick, False)]
    assert await worker.at(6) == [(usual, True)]


async def test_batches_without_a_feed_and_rejected_rows_do_not_matter(
    lessor: ApiUser, principals: Principals, worker: Worker
) -> None:
    await lessor.client.post("/v1/pings", json=[ping()])
    assert await worker.at(100) == []
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    await gateway.client.post("/v1/pings", json=[ping(device_id="nobody")])
    assert await worker.at(105) == []
    assert await worker.at(106) == [(feed_id, True)]


async def test_who_sees_which_alerts(
    lessor: ApiUser, principals: Principals, admin: httpx.AsyncClient, worker: Worker, client: httpx.AsyncClient
) -> None:
    stranger = await principals.lessor("beishan")
    for holder in (lessor, stranger):
        for name in ("first", "second"):
            gateway = await principals.lessor(
                "yuanhai" if holder is lessor else "beishan", feed_id=await make_feed(holder, name)
            )
            await gateway.client.post("/v1/pings", json=[ping()])
    assert len(await worker.at(6)) == 4
    assert {a["lessor_id"] for a in await alerts(lessor.client)} == {lessor.subject_id}
    assert len(await alerts(admin)) == 4
    assert (await (await principals.court()).client.get("/v1/alerts")).status_code == 403
    assert (await client.get("/v1/alerts")).status_code == 401
    page = (await admin.get("/v1/alerts", params={"limit": 3})).json()
    rest = (await admin.get("/v1/alerts", params={"limit": 3, "after": page["next"]})).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)


async def test_it_is_a_line_of_warning_and_three_queries(
    application: FastAPI, lessor: ApiUser, principals: Principals, worker: Worker
) -> None:
    feed_id = await make_feed(lessor)
    await (await principals.lessor(feed_id=feed_id)).client.post("/v1/pings", json=[ping()])
    with structlog.testing.capture_logs() as lines, counted_queries(application) as statements:
        await worker.at(6)
    assert len(statements) == 3
    (line,) = lines
    assert (line["event"], line["log_level"], line["feed_id"]) == ("feed_silent", "warning", feed_id)
    assert line["last_batch_at"] == "2026-11-23T04:00:00+00:00"
