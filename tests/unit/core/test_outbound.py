"""Calls to other systems go to the host that was checked, whatever a name server says a moment later."""

import asyncio
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.core.web.outbound import AddressRefused, PinnedTransport, check_url, is_public, same_origin
from tests.api import free_port

NAME = "maker.example"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 not bound to
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("64:ff9b:1::a9fe:a9fe", False),
        ("64:ff9b:1:ffff::1", False),
        ("fec0::1", False),
        ("feff:ffff::1", False),
        ("::169.254.169.254", False),
        ("::1.1.1.1", False),
        ("::ffff:0:7f00:1", False),
        ("::ffff:0:1.1.1.1", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:192.88.99.1", False),
        ("3fff::1", False),
        ("3fff:fff:ffff::1", False),
        ("3fff:1000::1", True),
        ("5f00::1", False),
        ("100::1", False),
        ("1fff:ffff::1", False),
        ("4000::1", False),
        ("2001:1::1", False),
        ("2001:20::1", False),
        ("2001:1ff:ffff::1", False),
        ("2001:200::1", True),
        ("2001:4860:4860::8888", True),
        ("2001:db8::1", False),
        ("2003::1", True),
        ("2620:4f:8000::1", False),
        ("2620:fe::fe", True),
        ("192.88.99.1", False),
        ("192.88.98.1", True),
        ("192.0.0.9", False),
        ("192.0.0.10", False),
        ("192.0.0.170", False),
        ("192.0.1.1", True),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("192.31.196.1", False),
        ("192.52.193.1", False),
        ("192.175.48.1", False),
        ("240.0.0.1", False),
    ],
)
def test_an_address_is_public_or_it_is_not(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_an_address_is_told_in_its_normal_form() -> None:
    assert check_url("HTTPS://Maker.Example:443/iso15143/", allow_private=False) == "https://maker.example/iso15143"


@pytest.mark.parametrize(
    "text",
    [
        "https://maker.example\\@inside.example/",
        "https://a@maker.example/",
        "https://maker.example/?",
        "https://maker.example/\n",
        "https://intranet/",
        "https://localhost./",
        "https://x.local/",
        "javascript:alert(1)",
        "//maker.example/",
        "https://maker.example/" + "x" * 500,
        "https://[::1/",
        "",
    ],
)
def test_an_odd_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|public") as told:
        check_url(text, allow_private=False)
    assert not text or text not in str(told.value)


def test_plain_http_is_for_this_machine_only_and_only_if_allowed() -> None:
    assert check_url("http://127.0.0.1:8080", allow_private=True) == "http://127.0.0.1:8080"
    for text, allowed in (("http://127.0.0.1", False), ("http://10.0.0.1", True), ("http://maker.example", True)):
        with pytest.raises(ValueError, match="https"):
            check_url(text, allow_private=allowed)


def test_an_origin_is_scheme_host_and_port() -> None:
    url = httpx.URL("https://maker.example/a")
    assert same_origin(url, httpx.URL("https://MAKER.example:443/b"))
    for other in ("http://maker.example", "https://maker.example:8443", "https://x.maker.example"):
        assert not same_origin(url, httpx.URL(other))


def _answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("1.1.1.1", "10.0.0.1"), ("fe80::1%eth0",), ("::ffff:10.0.0.1",)]
)
async def test_a_host_with_one_address_inside_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    _answers(monkeypatch, *addresses)
    async with httpx.AsyncClient(transport=PinnedTransport(allow_private=False)) as client:
        with pytest.raises(AddressRefused, match="not public"):
            await client.get(f"https://{NAME}/")


async def test_a_host_without_an_address_is_told() -> None:
    async with httpx.AsyncClient(transport=PinnedTransport(allow_private=False)) as client:
        with pytest.raises(httpx.ConnectError, match="no address"):
            await client.get("https://nobody.invalid/")


def _certificate(where: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = where / "certificate.pem", where / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return pem, key_pem


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A service with a certificate for its name only, and who trusts it."""
    pem, key = _certificate(tmp_path)

    async def host(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.headers["host"])

    port = free_port()
    config = uvicorn.Config(
        Starlette(routes=[Route("/", host)]),
        port=port,
        log_config=None,
        lifespan="off",
        ws="none",
        ssl_certfile=pem,
        ssl_keyfile=str(key),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port, ssl.create_default_context(cafile=str(pem))
    server.should_exit = True
    thread.join()


async def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    monkeypatch: pytest.MonkeyPatch, tls: tuple[int, ssl.SSLContext]
) -> None:
    port, trusting = tls
    asked = _answers(monkeypatch, "127.0.0.1")
    transport = PinnedTransport(allow_private=True, verify=trusting)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        answer = await client.get(f"https://{NAME}:{port}/")
        assert answer.text == f"{NAME}:{port}"
        assert asked[0] == NAME
    async with httpx.AsyncClient(transport=PinnedTransport(allow_private=True, verify=trusting)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://other.example:{port}/")
    async with httpx.AsyncClient(transport=PinnedTransport(allow_private=True)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{NAME}:{port}/")


async def test_two_hosts_at_one_address_share_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection was made for one host's certificate: another host's secret must not go over it."""
    _answers(monkeypatch, "1.1.1.1")
    asked: list[tuple[int, str]] = []

    class Counts(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert request.url.host == "1.1.1.1"
            asked.append((id(self), request.headers["host"]))
            return httpx.Response(200)

    monkeypatch.setattr("app.core.web.outbound.httpx.AsyncHTTPTransport", lambda **_: Counts())
    async with httpx.AsyncClient(transport=PinnedTransport(allow_private=False)) as client:
        for host in ("one.example", "two.example", "one.example"):
            await client.get(f"https://{host}/")
    assert [host for _, host in asked] == ["one.example", "two.example", "one.example"]
    assert asked[0] == asked[2]
    assert asked[0][0] != asked[1][0]
