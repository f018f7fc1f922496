"""A key in the path of a URL: it opens the entrances only, and no line of a log and no metric ever holds it."""

import io
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.access.domain import Role
from app.cli.keys import make_key
from app.core.clock import FixedClock
from app.core.errors import InvalidInput
from app.core.logging import configure_logging
from app.core.settings import Settings
from app.ingest.service import Ingest
from tests.api import ApiUser, Principals, exchange, http_request, serving
from tests.factories.constants import NOW
from tests.factories.devices import make_feed
from tests.factories.pings import DEVICE, ping

AT = f"id={DEVICE}&lat=31.2205&lon=121.4241&timestamp={round((NOW - timedelta(minutes=5)).timestamp())}"


@pytest.fixture
async def poster(principals: Principals, lessor: ApiUser) -> ApiUser:
    """A key of the lessor's feed that can only post."""
    return await principals.lessor(feed_id=await make_feed(lessor), post_only=True)


async def test_a_key_that_only_posts_may_stand_in_the_path_or_in_a_header(
    client: httpx.AsyncClient, poster: ApiUser
) -> None:
    assert (await client.get(f"/v1/feeds/osmand/{poster.key}?{AT}")).status_code == 200
    assert (await poster.client.post("/v1/pings", json=[ping(4)])).json()["stored"] == 1
    basic = await client.post("/v1/feeds/owntracks", content=b"", auth=("jane", poster.key))
    assert (basic.status_code, basic.json()) == (200, [])


async def test_a_key_that_opens_more_is_refused_in_the_path_like_an_unknown_one(
    client: httpx.AsyncClient, lessor: ApiUser, admin: httpx.AsyncClient
) -> None:
    unknown = await client.get(f"/v1/feeds/osmand/lt_{'0' * 12}_{'0' * 64}?{AT}")
    for key in (lessor.key, admin.headers["Authorization"].removeprefix("Bearer "), "nonsense"):
        refused = await client.get(f"/v1/feeds/osmand/{key}?{AT}")
        assert refused.status_code == unknown.status_code == 401
        assert refused.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    with_header = {"Authorization": f"Bearer {lessor.key}"}
    assert (await client.get(f"/v1/feeds/osmand/{lessor.key}?{AT}", headers=with_header)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/feeds"),
        ("POST", "/v1/feeds"),
        ("GET", "/v1/assets"),
        ("GET", "/v1/devices"),
        ("GET", "/v1/batches/1"),
        ("GET", "/v1/assets/1/position"),
        ("GET", "/v1/courts"),
        ("POST", "/v1/assets/import"),
    ],
)
async def test_a_key_that_only_posts_opens_nothing_else(poster: ApiUser, method: str, path: str) -> None:
    body = {} if method == "GET" else {"json": {"name": "x"}}
    answer = await poster.client.request(method, path, **body)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["detail"]) == (403, "This key can only post pings.")


async def test_the_command_line_makes_such_a_key_for_a_lessor_only(
    settings: Settings, clock: FixedClock, client: httpx.AsyncClient, lessor: ApiUser
) -> None:
    feed_id = await make_feed(lessor)
    key = await make_key(settings, clock, Role.LESSOR_MANAGER, lessor="yuanhai", feed_id=feed_id, post_only=True)
    assert (await client.get(f"/v1/feeds/osmand/{key.text}?{AT}")).status_code == 200
    with pytest.raises(InvalidInput, match="Only lessors"):
        await make_key(settings, clock, Role.PLATFORM_ADMINISTRATOR, post_only=True)


@pytest.fixture
def everything_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that structlog, the standard library and uvicorn write, down to DEBUG."""
    written = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("DEBUG")
    root.handlers.append(logging.StreamHandler(written))
    logging.getLogger("asyncio").setLevel(logging.DEBUG)
    yield written
    configure_logging(logging.getLevelName(level))
    root.handlers[:] = before
    logging.getLogger("asyncio").setLevel(logging.NOTSET)


async def test_no_log_line_and_no_metric_holds_a_key_that_stood_in_a_path(
    application: FastAPI,
    client: httpx.AsyncClient,
    poster: ApiUser,
    everything_logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = poster.key
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    wanted: dict[bytes, int] = {
        http_request("GET", f"/v1/feeds/osmand/{key}?{AT}"): 200,
        http_request("POST", f"/v1/feeds/osmand/{key}", AT.encode(), **form): 200,
        http_request("POST", f"/v1/feeds/owntracks/{key}", b""): 200,
        http_request("POST", f"/v1/feeds/flespi/{key}", b"["): 400,
        http_request("GET", f"/v1/feeds/osmand/{key[:-1]}?{AT}"): 401,
        http_request("GET", f"/v1/feeds/osmand/{key[:-1]}!?{AT}"): 401,
        http_request("GET", f"/v1/feeds/osmand/{key}?id=nobody&lat=1&lon=1"): 404,
        http_request("GET", f"/v1/feeds/nothing/{key}?{AT}"): 404,
        http_request("GET", f"/v1/feeds/osmand/{key}/more?{AT}"): 404,
        http_request("DELETE", f"/v1/feeds/osmand/{key}"): 405,
        http_request("GET", f"/v1/feeds/traccar/{key}"): 405,
        http_request("GET", f"/v1/feeds/osmand/{key}/?{AT}"): 200,
        http_request("POST", f"/v1/feeds/traccar/{key}", b"[]", Content_Encoding="br"): 415,
        http_request("GET", f"/{key}"): 404,
        f"GET /v1/feeds/osmand/{key}\x00 HTTP/1.1\r\n\r\n".encode(): 400,
        f"NONSENSE /v1/feeds/osmand/{key} HTTP/9.7\r\n\r\n".encode(): 400,
    }
    async with serving(application) as port:
        for sent, status in wanted.items():
            answer = await exchange(port, sent)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (sent[:200], answer[:200])
        assert (await client.post(f"/v1/feeds/traccar/{key}", content=b"x" * 9_000_000)).status_code == 413
        half = http_request("POST", f"/v1/feeds/traccar/{key}", b"x" * 100)[:-50]
        await exchange(port, half, close=True)

        async def break_down(*_: Any, **__: Any) -> None:
            raise RuntimeError(f"a driver's words with {key}") from ValueError(key)

        monkeypatch.setattr(Ingest, "receive", break_down)
        answer = await exchange(port, http_request("GET", f"/v1/feeds/osmand/{key}?{AT}"))
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert key.encode() not in answer
    lines = everything_logged.getvalue()
    assert "unexpected_error" in lines
    assert "/v1/feeds/osmand/{key}" in lines
    metrics = (await client.get("/metrics")).text
    assert "/v1/feeds/osmand/{key}" in metrics
    _, prefix, secret = key.split("_")
    for text in (lines, metrics):
        assert prefix not in text
        assert secret[:16] not in text
