"""What stands between the service and a stranger: headers, limits, hosts, proxies; clients that hold things back."""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.access.domain import Permission, Role
from app.api.uvicorn_protocol import connection_type
from app.core.clock import FixedClock
from app.core.settings import Settings
from app.identity.auth_throttle import AuthThrottle
from app.localdb.cluster import ClusterUrls
from app.main import API_VERSION, create_app
from tests.api import Principals, context_of, exchange, http_request, services, serving, serving_config
from tests.factories.settings import changed

MUST = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
STRANGER = "203.0.113.9"
LIMITS: Final[Mapping[str, Mapping[str, Any]]] = {
    "limits": {
        "head_within_s": 0.4,
        "body_pause_s": 0.4,
        "body_within_s": 1.5,
        "answer_pause_s": 0.4,
        "max_head_bytes": 4096,
        "max_url_bytes": 1024,
        "max_query_bytes": 512,
        "max_headers": 30,
        "max_connections": 3,
        "max_body_bytes": 100_000,
    },
    "auth_throttle": {"failures_per_minute": 5},
    "http": {"hosts": ("leasetrace.test",), "trusted_proxies": "10.0.0.0/8"},
}


@pytest.fixture(scope="module")
async def strict(settings: Settings, session_clock: FixedClock) -> AsyncIterator[FastAPI]:
    """An application with limits that a test can reach."""
    application = create_app(changed(settings, **LIMITS), session_clock)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def port(strict: FastAPI) -> AsyncIterator[int]:
    async with serving(strict) as listens:
        yield listens


def visitor(application: FastAPI, address: str = STRANGER, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test", headers=headers)


def parse(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of the first answer on a connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def assert_problem(answer: bytes, status: int, code: str) -> None:
    found, headers, body = parse(answer)
    assert (found, headers["content-type"]) == (status, "application/problem+json"), answer[:300]
    assert json.loads(body)["code"] == code
    assert "server" not in headers
    assert {name: headers.get(name) for name in MUST} == {name: value.lower() for name, value in MUST.items()}


# --- what every answer carries ---


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/static-offline-docs/swagger-ui.css", 200),
        ("GET", "/static-offline-docs/nothing.js", 404),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/livez", 405),
        ("GET", "/v1/courts", 401),
        ("POST", "/v1/pings", 401),
        ("GET", "/v1/feeds/osmand", 401),
        ("HEAD", "/docs", 405),
        ("OPTIONS", "/v1/courts", 405),
    ],
)
async def test_every_answer_closes_doors(application: FastAPI, method: str, path: str, status: int) -> None:
    async with visitor(application) as stranger:
        answer = await stranger.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get_list(name) for name in MUST} == {name: [value] for name, value in MUST.items()}
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"]


async def test_an_answer_to_what_breaks_inside_carries_them_too(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.health.check_database", None)
    answer = await client.get("/readyz", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "from-the-proxy-1"
    assert {name: answer.headers.get(name) for name in MUST} == MUST


async def test_the_page_of_the_api_may_run_its_own_scripts_and_nothing_else(application: FastAPI) -> None:
    async with visitor(application) as stranger:
        page = await stranger.get("/docs")
        (policy,) = page.headers.get_list("content-security-policy")
        told = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert told["default-src"] == told["frame-ancestors"] == told["base-uri"] == "'none'"
        assert "unsafe" not in policy
        assert "*" not in policy
        inline = re.findall(r"<script>(.*?)</script>", page.text, flags=re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
        assert told["script-src"].split() == ["'self'", *(f"'sha256-{one}'" for one in hashes)]
        assert len(inline) == 1
        for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert (await stranger.get(link)).status_code == 200


async def test_a_stranger_learns_no_version(application: FastAPI) -> None:
    from importlib.metadata import version

    async with visitor(application) as stranger:
        document = (await stranger.get("/openapi.json")).text
        page = (await stranger.get("/docs")).text
    assert json.loads(document)["info"]["version"] == API_VERSION != version("leasetrace")
    for package in ("fastapi", "uvicorn", "starlette", "sqlalchemy", "pydantic"):
        assert version(package) not in document + page


# --- what is for those who run the service ---


async def test_a_stranger_learns_of_readiness_only_what_fails(application: FastAPI) -> None:
    async with visitor(application) as stranger, visitor(application, "127.0.0.1") as near:
        assert (await stranger.get("/readyz")).json() == {"ready": True, "checks": []}
        assert all(check["detail"] for check in (await near.get("/readyz")).json()["checks"])
        assert (await stranger.get("/metrics")).status_code == 404
        assert (await near.get("/metrics")).status_code == 200
        forwarded = {"X-Forwarded-For": "127.0.0.1"}
        assert (await near.get("/metrics", headers=forwarded)).status_code == 404  # a proxy that nobody named
        assert (await stranger.get("/metrics", headers=forwarded)).status_code == 404


async def test_a_service_that_is_not_ready_names_what_fails_and_no_more(
    settings: Settings, session_clock: FixedClock, urls: ClusterUrls
) -> None:
    as_owner = changed(settings, database={"url": urls.owner_url})
    application = create_app(as_owner, session_clock)
    async with visitor(application) as stranger:
        answer = await stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": [{"name": "role", "ok": False, "detail": None}]}
    await context_of(application).database.close()


async def test_who_runs_the_service_sees_its_counters_with_a_key_from_anywhere(
    application: FastAPI, principals: Principals
) -> None:
    keys = {role: (await principals.create(role)).key for role in (Role.PLATFORM_ADMINISTRATOR, Role.AUDITOR)}
    lessor = await principals.lessor()
    for key, status in (
        (keys[Role.PLATFORM_ADMINISTRATOR], 200),
        (keys[Role.AUDITOR], 404),
        (lessor.key, 404),
        ("lt_wrong", 404),
    ):
        async with visitor(application, Authorization=f"Bearer {key}") as holder:
            assert (await holder.get("/metrics")).status_code == status
            ready = (await holder.get("/readyz")).json()
            assert bool(ready["checks"]) is (status == 200)


# --- hosts and proxies ---


async def test_only_named_hosts_are_answered(strict: FastAPI) -> None:
    async with visitor(strict) as stranger:
        for path, method in (("/v1/courts", "GET"), ("/v1/pings", "POST")):
            wrong = await stranger.request(method, path, headers={"Host": "evil.example"})
            assert (wrong.status_code, wrong.json()["code"]) == (421, "wrong_host")
            right = await stranger.request(method, path, headers={"Host": "LeaseTrace.test:8443"})
            assert right.status_code == 401
        assert (await stranger.get("/livez", headers={"Host": "10.1.2.3:8000"})).status_code == 200


async def test_addresses_of_our_own_have_the_scheme_that_the_trusted_proxy_says(strict: FastAPI) -> None:
    told = {"X-Forwarded-Proto": "https"}
    async with visitor(strict, "10.0.0.1", **told) as proxy, visitor(strict, **told) as stranger:
        assert (await proxy.get("/livez/")).headers["location"] == "https://leasetrace.test/livez"
        assert (await stranger.get("/livez/")).headers["location"] == "http://leasetrace.test/livez"


async def test_the_log_names_the_client_behind_a_trusted_proxy(
    strict: FastAPI, capfd: pytest.CaptureFixture[str]
) -> None:
    from app.core.logging import configure_logging

    configure_logging("INFO")
    try:
        async with visitor(strict, "10.0.0.1") as proxy:
            await proxy.get("/livez", headers={"X-Forwarded-For": "192.0.2.66, 198.51.100.1"})
        async with visitor(strict, STRANGER) as stranger:
            await stranger.get("/livez", headers={"X-Forwarded-For": "198.51.100.2"})
    finally:
        configure_logging("WARNING")
    logged = capfd.readouterr().err
    assert '"client": "198.51.100.1"' in logged
    assert f'"client": "{STRANGER}"' in logged
    assert "198.51.100.2" not in logged
    assert "192.0.2.66" not in logged


# --- too many refused keys ---


async def test_an_address_with_too_many_refused_keys_waits_and_others_do_not(
    strict: FastAPI, principals: Principals
) -> None:
    strict.state.services = replace(services(strict), auth_throttle=AuthThrottle(services(strict).context.settings))
    lessor = await principals.lessor()
    wrong = f"{lessor.key[:-1]}{'0' if lessor.key[-1] != '0' else '1'}"
    async with visitor(strict, "198.51.100.7", Authorization=f"Bearer {wrong}") as attacker:
        tried = [await attacker.post("/v1/pings", json=[]) for _ in range(3)]
        async with visitor(strict, "198.51.100.7", Authorization=f"Bearer {lessor.key}") as known:
            assert (await known.get("/v1/courts")).status_code == 200
        tried += [await attacker.get("/v1/courts") for _ in range(2)]
        assert [answer.status_code for answer in tried] == [401] * 5
        for path in ("/v1/feeds/osmand?id=1", f"/v1/feeds/osmand/{wrong}?id=1", "/v1/courts"):
            refused = await attacker.get(path)
            assert refused.status_code == 429, path
            assert 0 < int(refused.headers["retry-after"]) <= 60
    other = await principals.lessor("other")
    async with visitor(strict, "198.51.100.7", Authorization=f"Bearer {other.key}") as unknown:
        assert (await unknown.get("/v1/courts")).status_code == 429  # never valid here: not even looked up
    async with visitor(strict, "198.51.100.8", Authorization=f"Bearer {other.key}") as elsewhere:
        assert (await elsewhere.get("/v1/courts")).status_code == 200
    async with visitor(strict, "198.51.100.7", Authorization=f"Bearer {lessor.key}") as known:
        assert (await known.get("/v1/courts")).status_code == 200  # a gateway with one wrong device behind it goes on


async def test_what_is_refused_for_want_of_a_permission_does_not_count(
    strict: FastAPI, principals: Principals
) -> None:
    strict.state.services = replace(services(strict), auth_throttle=AuthThrottle(services(strict).context.settings))
    auditor = await principals.create(Role.AUDITOR)
    async with visitor(strict, Authorization=f"Bearer {auditor.key}") as client:
        assert {(await client.get("/v1/assets")).status_code for _ in range(8)} == {403}
    other = await principals.create(Role.AUDITOR)
    async with visitor(strict, Authorization=f"Bearer {other.key}") as client:
        assert (await client.get("/v1/assets")).status_code == 403, "a key that is new here is looked up"


# --- sizes ---


async def test_addresses_and_headers_have_sizes(port: int) -> None:
    assert parse(await exchange(port, http_request("GET", "/livez?" + "q" * 512)))[0] == 200
    assert_problem(await exchange(port, http_request("GET", "/livez?" + "q" * 513)), 414, "address_too_long")
    assert_problem(await exchange(port, http_request("GET", "/" + "p" * 1024)), 414, "address_too_long")
    assert_problem(
        await exchange(port, http_request("POST", "/v1/pings?" + "q" * 513, b"[]")), 414, "address_too_long"
    )
    many = b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\nConnection: close\r\n" + b"X-A: b\r\n" * 40 + b"\r\n"
    assert_problem(await exchange(port, many), 431, "head_too_large")
    assert_problem(await exchange(port, http_request("GET", "/livez", X="y" * 5000)), 431, "head_too_large")


async def test_a_head_that_never_ends_is_cut_off_while_it_grows(port: int) -> None:
    started = b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\nX-Long: "
    assert_problem(await exchange(port, started, b"y" * 3000, b"y" * 3000), 431, "head_too_large")
    assert_problem(await exchange(port, b"GET /" + b"p" * 6000), 414, "address_too_long")


async def test_a_large_body_in_the_same_bytes_is_no_large_head(port: int) -> None:
    body = b"[" + b" " * 50_000 + b"]"
    assert parse(await exchange(port, http_request("POST", "/v1/pings", body)))[0] == 401


async def test_a_second_request_on_a_connection_has_the_same_limits(port: int) -> None:
    first = b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\n\r\n"
    answer = await exchange(
        port, first + b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\nX: " + b"y" * 5000 + b"\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert_problem(answer[answer.index(b"HTTP/1.1 4") :], 431, "head_too_large")


# --- what comes around a body ---

CHUNKED = (
    b"POST /%s HTTP/1.1\r\nHost: leasetrace.test\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.20\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@asynccontextmanager
async def echo(strict: FastAPI) -> AsyncIterator[tuple[int, list[list[tuple[bytes, bytes]]]]]:
    """A server behind the edges of a connection that tells what a http_request has after its whole body was read."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        headers, more, read = scope["headers"], True, 0
        while more:
            message = await receive()
            more = message.get("more_body", False)
            read += len(message.get("body", b""))
        seen.append(list(headers))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"%d bytes" % read})

    limits = context_of(strict)
    config = uvicorn.Config(
        tell,
        http=connection_type(limits.settings, limits.metrics),
        ws="none",
        port=0,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    async with serving_config(config) as listens:
        yield listens, seen


async def test_trailers_are_no_headers(strict: FastAPI) -> None:
    """Whatever was checked of the head did not see them."""
    head = CHUNKED % b"echo"
    trailers = b"X-Forwarded-For: 192.0.2.1\r\nAuthorization: Bearer lt_late\r\n" + b"T: 1\r\n" * 40
    for gap in (False, True):
        parts = [head + b"2\r\n{}\r\n0\r\n", trailers + b"\r\n"]
        async with echo(strict) as (listens, seen):
            if gap:
                _, answer = await seconds_until_closed(listens, *parts, pause_s=0.1)
            else:
                answer = await exchange(listens, b"".join(parts))
        assert b"2 bytes" in parse(answer)[2]
        assert [name for name, _ in seen[0]] == [
            b"host",
            b"connection",
            b"x-forwarded-for",
            b"content-type",
            b"transfer-encoding",
        ]


@pytest.mark.parametrize(
    "padding",
    [
        b"1\r\na\r\n0\r\n" + b"X-A: bbbbbbbbbb\r\n" * 4_000,
        b"1\r\na\r\n0\r\nX-A: " + b"b" * 60_000,
        (b"1;" + b"x" * 1_000 + b"\r\na\r\n") * 60,
        b"1;" + b"x" * 60_000,
    ],
    ids=["trailers", "one trailer", "extensions", "one extension"],
)
@pytest.mark.parametrize("answered", [False, True])
async def test_what_is_around_a_body_has_a_size(strict: FastAPI, padding: bytes, answered: bool) -> None:
    head = CHUNKED % b"echo"
    parts = [head, *(padding[i : i + 1_500] for i in range(0, len(padding), 1_500))]
    if answered:
        async with serving(strict) as listens:
            parts[0] = head.replace(b"Connection: close", b"Connection: keep-alive").replace(b"/echo", b"/v1/pings")
            _, answer = await seconds_until_closed(listens, *parts, pause_s=0.01)
        assert parse(answer)[0] in {401, 431}
        assert answer.count(b"HTTP/1.1 ") == 1
    else:
        async with echo(strict) as (listens, seen):
            _, answer = await seconds_until_closed(listens, *parts, pause_s=0.01)
        assert_problem(answer, 431, "head_too_large")
        assert all(len(headers) == 5 for headers in seen)


async def test_a_body_in_the_smallest_chunks_is_a_body_all_the_same(strict: FastAPI) -> None:
    head = CHUNKED % b"echo"
    chunks = b"00000001\r\na\r\n" * 3_000
    async with echo(strict) as (listens, _):
        parts = [head, *(chunks[i : i + 5_000] for i in range(0, len(chunks), 5_000)), b"0\r\n\r\n"]
        _, answer = await seconds_until_closed(listens, *parts, pause_s=0.01)
    assert b"3000 bytes" in parse(answer)[2]


async def test_a_trailer_does_not_change_who_is_limited(strict: FastAPI) -> None:
    """The trusted proxy forwards what a client says after its body; the address is that of the head."""
    settings = changed(
        context_of(strict).settings,
        http={"trusted_proxies": "127.0.0.1/32"},
        auth_throttle={"sign_in_attempts_per_minute": 3},
    )
    application = create_app(settings, context_of(strict).clock)
    body = b'{"login":"nobody","password":"wrong"}'
    codes = []
    async with application.router.lifespan_context(application), serving(application) as listens:
        for n in range(5):
            answer = await exchange(
                listens,
                CHUNKED % b"v1/session" + b"%x\r\n%b\r\n0\r\n" % (len(body), body),
                b"X-Forwarded-For: 203.0.113.%d\r\n\r\n" % n,
            )
            codes.append(parse(answer)[0])
    assert codes[:3] == [401] * 3
    assert codes[3:] == [429] * 2


async def test_what_is_no_http_is_told_so_without_a_name(port: int) -> None:
    assert_problem(await exchange(port, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), 400, "malformed")


@pytest.mark.parametrize(
    "doubtful",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length : 4\r\n",
    ],
)
async def test_no_two_readings_of_where_a_request_ends(port: int, doubtful: bytes) -> None:
    sent = (
        b"POST /v1/pings HTTP/1.1\r\nHost: leasetrace.test\r\n"
        + doubtful
        + b"\r\n0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n"
    )
    answer = await exchange(port, sent)
    assert parse(answer)[0] == 400
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_body_over_its_limit_is_answered_and_its_rest_is_not_kept(port: int, principals: Principals) -> None:
    lessor = await principals.lessor()
    head = await open_request(lessor.key, 5_000_000)
    took, answer = await seconds_until_closed(port, head, *([b" " * 100_000] * 40), pause_s=0.001)
    assert parse(answer)[0] == 413
    assert json.loads(parse(answer)[2])["code"] == "too_large"
    assert took < 10


@pytest.mark.parametrize("depth", [1_500, 100_000])
async def test_json_may_be_nested_but_not_without_end(
    application: FastAPI, principals: Principals, depth: int, capfd: pytest.CaptureFixture[str]
) -> None:
    officer = await principals.court()
    lessor = await principals.lessor()
    deep = b"[" * depth + b"]" * depth
    for client, path, wrapped in (
        (officer.client, "/v1/cases", b'{"case_no":' + deep + b"}"),
        (lessor.client, "/v1/assets", b'{"vin":' + deep + b"}"),
        (lessor.client, "/v1/pings", deep),
        (lessor.client, "/v1/feeds/traccar", b'{"position":' + deep + b"}"),
    ):
        answer = await client.post(path, content=wrapped, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}, (path, answer.status_code, answer.text[:200])
    assert "unexpected_error" not in capfd.readouterr().err


# --- clients that hold something back ---


async def seconds_until_closed(port: int, *parts: bytes, pause_s: float = 0.0) -> tuple[float, bytes]:
    """Send parts with pauses on one connection until the other side closes; return the seconds, and what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()

    async def drip() -> None:
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass

    dripping = asyncio.create_task(drip())
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        answer = b""
    took = time.monotonic() - began
    dripping.cancel()
    writer.close()
    return took, answer


async def test_a_connection_without_a_request_is_closed(port: int) -> None:
    took, answer = await seconds_until_closed(port)
    assert (answer, took < 2) == (b"", True)


async def test_a_head_that_drips_is_answered_408(port: int) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\n" + b"X-A: b\r\n" * 25
    took, answer = await seconds_until_closed(port, *(head[i : i + 1] for i in range(len(head))), pause_s=0.05)
    assert_problem(answer, 408, "too_slow")
    assert took < 2


async def test_empty_lines_do_not_keep_a_connection(port: int) -> None:
    took, _ = await seconds_until_closed(port, *([b"\r\n"] * 100), pause_s=0.05)
    assert took < 2


async def open_request(lessor_key: str, length: int = 50_000) -> bytes:
    return (
        f"POST /v1/pings HTTP/1.1\r\nHost: leasetrace.test\r\nAuthorization: Bearer {lessor_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def test_a_body_that_stops_is_answered_408(port: int, principals: Principals) -> None:
    lessor = await principals.lessor()
    took, answer = await seconds_until_closed(port, await open_request(lessor.key) + b"[")
    assert_problem(answer, 408, "too_slow")
    assert took < 2


async def test_a_body_that_drips_is_answered_408_in_the_end(port: int, principals: Principals) -> None:
    lessor = await principals.lessor()
    took, answer = await seconds_until_closed(port, await open_request(lessor.key), *([b" "] * 100), pause_s=0.1)
    assert_problem(answer, 408, "too_slow")
    assert 1 < took < 4


async def test_a_body_of_a_route_of_fastapi_has_the_same_time(port: int, principals: Principals) -> None:
    officer = await principals.court()
    head = (await open_request(officer.key)).replace(b"/v1/pings", b"/v1/cases")
    took, answer = await seconds_until_closed(port, head + b"{")
    assert_problem(answer, 408, "too_slow")
    assert took < 2


async def test_the_rest_of_a_body_that_nobody_wants_does_not_keep_a_connection(port: int) -> None:
    head = (await open_request("lt_wrong")).replace(b"50000", b"99000")
    took, answer = await seconds_until_closed(port, head, *([b" "] * 100), pause_s=0.05)
    assert parse(answer)[0] in {401, 429}
    assert took < 3


async def test_a_client_that_does_not_read_is_cut_off(port: int, strict: FastAPI) -> None:
    """It asks for large answers one after the other and takes none of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport of a socket has it
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: leasetrace.test\r\n\r\n"
    broken = False
    began = time.monotonic()
    while time.monotonic() - began < 8 and not broken:
        try:
            writer.write(asked * 5)
            await asyncio.wait_for(writer.drain(), 0.2)
        except (ConnectionError, TimeoutError):
            broken = isinstance(writer.transport.get_extra_info("socket"), object) and writer.transport.is_closing()
        await asyncio.sleep(0.05)
    writer.transport.abort()
    assert broken
    del reader


async def test_too_many_connections_are_told_so_and_the_first_ones_go_on(port: int) -> None:
    alive = b"GET /livez HTTP/1.1\r\nHost: leasetrace.test\r\n\r\n"
    kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for reader, writer in kept:
        writer.write(alive)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    answer = await exchange(port, alive)
    assert_problem(answer, 503, "unavailable")
    assert "retry-after" in parse(answer)[1]
    for reader, writer in kept:
        await reader.readuntil(b"}")
        writer.write(alive)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_what_is_refused_before_there_is_a_request_is_counted(port: int, strict: FastAPI) -> None:
    def refused() -> float:
        return (
            context_of(strict).metrics.registry.get_sample_value(
                "leasetrace_requests_total", {"method": "any", "route": "unmatched", "status": "431"}
            )
            or 0.0
        )

    before = refused()
    await exchange(port, http_request("GET", "/livez", X="y" * 5000))
    assert refused() == before + 1


def test_the_permission_to_watch_is_the_platforms_alone() -> None:
    from app.access.roles import PERMISSIONS

    assert [r for r in Role if Permission.SERVICE_READ in PERMISSIONS[r]] == [Role.PLATFORM_ADMINISTRATOR]
