"""How fast a sender may be."""

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from app.ingest.feed_limits import FeedLimits
from tests.api import ApiUser, Principals, services
from tests.factories.devices import make_feed
from tests.factories.pings import ping


@pytest.fixture
async def feed_limits(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> FeedLimits:
    """Those of the application; keys without a feed have 3 requests and 5 rows a second, with twice that at once."""
    await services(application).locators.current()  # loaded by the first batch, it would take as long as a refill
    found = services(application).ingest.feed_limits
    monkeypatch.setattr(found, "_without_feed", replace(found._without_feed, rows_per_s=5, requests_per_s=3))
    return found


def assert_too_fast(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert (answer.json()["code"], answer.headers["content-type"]) == (
        "too_many_requests",
        "application/problem+json",
    )
    assert int(answer.headers["Retry-After"]) >= 1


async def test_past_the_limit_of_requests_even_a_body_that_cannot_be_read_is_answered_429(
    feed_limits: FeedLimits, lessor: ApiUser
) -> None:
    async def post() -> httpx.Response:
        return await lessor.client.post("/v1/pings", content=b"[", headers={"Content-Type": "application/json"})

    answers = [await post() for _ in range(40)]
    assert [a.status_code for a in answers[:6]] == [400] * 6
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    assert_too_fast(refused[0])


async def test_past_the_limit_of_rows_nothing_of_the_batch_is_stored(
    feed_limits: FeedLimits, lessor: ApiUser
) -> None:
    first = await lessor.client.post("/v1/pings", json=[ping(n) for n in range(9, 0, -1)])
    assert first.json()["stored"] == 9
    for _ in range(2):
        assert_too_fast(await lessor.client.post("/v1/pings", json=[ping(n / 10) for n in range(9, 0, -1)]))
    feed_limits._rows.clear()  # the seconds go by
    again = await lessor.client.post("/v1/pings", json=[ping(n / 10) for n in range(9, 0, -1)])
    assert (again.json()["stored"], again.json()["duplicates"]) == (9, 0)


async def test_one_sender_does_not_slow_another(
    feed_limits: FeedLimits, lessor: ApiUser, principals: Principals
) -> None:
    rows = [ping(n) for n in range(10, 0, -1)]
    assert (await lessor.client.post("/v1/pings", json=rows)).status_code == 200
    assert_too_fast(await lessor.client.post("/v1/pings", json=rows))
    other_key = await principals.lessor()
    assert (await other_key.client.post("/v1/pings", json=rows)).json()["duplicates"] == 10
    with_feed = await principals.lessor(feed_id=await make_feed(lessor))
    for _ in range(3):
        assert (await with_feed.client.post("/v1/pings", json=rows)).json()["duplicates"] == 10


async def test_keys_of_one_feed_share_its_limit(
    feed_limits: FeedLimits, lessor: ApiUser, principals: Principals
) -> None:
    feed_id = await make_feed(lessor)
    first, second = await principals.lessor(feed_id=feed_id), await principals.lessor(feed_id=feed_id)
    await first.client.post("/v1/pings", json=[ping(3)])
    await second.client.post("/v1/pings", json=[ping(2)])
    taken_of = feed_limits._rows[feed_id]
    assert taken_of._tokens < 2 * 200_000
    assert set(feed_limits._rows) & {first.principal_id, second.principal_id} == set()


async def test_foreign_entrances_have_the_same_limits(feed_limits: FeedLimits, principals: Principals) -> None:
    poster = await principals.lessor(post_only=True)
    answers = [await poster.client.post("/v1/feeds/owntracks", content=b"") for _ in range(40)]
    assert answers[0].json() == []
    assert_too_fast(next(a for a in answers if a.status_code != 200))
