"""Calls to other systems: limits of size and time, what a failure says, and requests for tokens."""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import httpx
import pytest

from app.core.web.http_client import Answer, CallFailed, HttpClient, token_request

URL = "https://maker.example/secret-path"
LIMIT = 1000


class Host(httpx.AsyncBaseTransport):
    """Takes the place of the other system."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], pause_s: float = 0) -> None:
        self.answer = answer
        self.pause_s = pause_s
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.sleep(self.pause_s)
        return self.answer(request)


async def called(host: Host, *, total_s: float = 5, **more: Any) -> Answer:
    client = HttpClient(allow_private=True, connect_s=1, idle_s=1, total_s=total_s, max_bytes=LIMIT)
    async with client:
        client._transport = host
        return await client.call("page 1", URL, **more)


async def reason(host: Host, **more: Any) -> str:
    with pytest.raises(CallFailed) as failed:
        await called(host, **more)
    assert "secret" not in failed.value.reason.replace("the secret", "")
    return failed.value.reason


class Drips:
    """A body in pieces of 100 bytes."""

    def __init__(self, body: bytes, pause_s: float = 0) -> None:
        self.body = body
        self.pause_s = pause_s
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.sent < len(self.body):
            await asyncio.sleep(self.pause_s)
            self.sent += 100
            yield self.body[self.sent - 100 : self.sent]


def packed(body: bytes) -> bytes:
    """Compress without the present time, so that each process names the tests alike."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (b"x" * LIMIT, "", None),
        (b"x" * LIMIT, "Identity", None),
        (packed(b"x" * LIMIT), "gzip", None),
        (b"", "gzip", None),
        (b"x" * 10**6, "", "over 0 KiB"),
        (packed(b"x" * 10**8), "gzip", "over 0 KiB"),
        (packed(b"x" * 100)[:-3], "gzip", "broken gzip"),
        (packed(b"x") + b"y", "gzip", "broken gzip"),
        (b"xyz", "gzip", "broken gzip"),
        (b"xyz", "br", "not with gzip"),
        (packed(packed(b"x")), "gzip, gzip", "not with gzip"),
    ],
)
async def test_a_body_is_read_up_to_its_limit_packed_and_unpacked(
    body: bytes, encoding: str, words: str | None
) -> None:
    drips = Drips(body)
    host = Host(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, content=drips))
    if words is None:
        assert (await called(host)).body in {b"x" * LIMIT, b""}
    else:
        assert words in await reason(host)
    assert drips.sent <= LIMIT + 100


async def test_a_call_has_a_limit_of_time_however_it_drips() -> None:
    drips = Drips(b"x" * LIMIT, pause_s=0.05)
    assert (
        await reason(Host(lambda _: httpx.Response(200, content=drips)), total_s=0.2) == "page 1: no answer in time"
    )
    assert (
        await reason(Host(lambda _: httpx.Response(200, content=Drips(b"")), pause_s=5), total_s=0.1)
        == "page 1: no answer in time"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "page 1: HTTP 302, a redirect, which is not followed"),
        (401, "page 1: HTTP 401 (it does not accept the secret)"),
        (418, "page 1: HTTP 418"),
    ],
)
async def test_another_status_is_a_failure_without_anything_of_the_answer(status: int, words: str) -> None:
    body = Drips(b"a secret " * 50)
    host = Host(lambda _: httpx.Response(status, headers={"location": "https://secret.example/"}, content=body))
    assert await reason(host) == words
    assert len(host.requests) == 1
    assert body.sent == 0
    assert (await called(host, accepted=frozenset({200, status}))).status == status


@pytest.mark.parametrize(
    "error", [httpx.RemoteProtocolError("secret"), httpx.ReadError("secret"), httpx.ConnectError("secret")]
)
async def test_what_breaks_on_the_way_is_told_in_our_own_words(error: Exception) -> None:
    def breaks(_: httpx.Request) -> httpx.Response:
        raise error

    assert await reason(Host(breaks))


async def test_no_cookie_is_sent_back() -> None:
    host = Host(lambda _: httpx.Response(200, headers={"set-cookie": "a=b"}, content=Drips(b"")))
    async with HttpClient(allow_private=True, connect_s=1, idle_s=1, total_s=1, max_bytes=1) as client:
        client._transport = host
        for _ in range(2):
            await client.call("page 1", URL)
    assert ["cookie" in request.headers for request in host.requests] == [False, False]


CLIENT_ID, SECRET = "lessor:client", "s3cret/of+the maker %2F 密 ü&="


def test_the_secret_is_in_the_header_encoded_as_oauth_says() -> None:
    headers, body = token_request("client_credentials", CLIENT_ID, SECRET, secret_in_body=False, scope=None)
    scheme, _, basic = headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert [unquote_plus(part) for part in base64.b64decode(basic).decode().split(":")] == [CLIENT_ID, SECRET]
    assert body == "grant_type=client_credentials"


def test_the_secret_is_in_the_body_where_it_is_wanted_there() -> None:
    headers, body = token_request("client_credentials", CLIENT_ID, SECRET, secret_in_body=True, scope="fleet.read a")
    assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert parse_qs(body) == {
        "grant_type": ["client_credentials"],
        "scope": ["fleet.read a"],
        "client_id": [CLIENT_ID],
        "client_secret": [SECRET],
    }


def test_a_public_client_sends_its_name_only() -> None:
    headers, body = token_request(
        "authorization_code", CLIENT_ID, None, secret_in_body=False, code="c", code_verifier="v"
    )
    assert "Authorization" not in headers
    assert parse_qs(body) == {
        "grant_type": ["authorization_code"],
        "code": ["c"],
        "code_verifier": ["v"],
        "client_id": [CLIENT_ID],
    }
