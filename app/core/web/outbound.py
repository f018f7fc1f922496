"""SSRF protection for calls to addresses that users enter, such as a lessor's AEMP interface.

Without it a user could reach what only this machine can reach (cloud metadata, the database, an administration page).
Only HTTPS is allowed, without credentials in the address. Every request resolves the host, refuses it when ANY of its
addresses is not public, and connects to the checked address itself. DNS rebinding therefore has no effect.

References:
    RFC 6890 and its registries (special-purpose addresses), through ``ipaddress``.
"""

import asyncio
import ipaddress
import socket
import ssl
from typing import Final

import httpx

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL: Final = 500
_MAX_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
"""All global unicast addresses; NAT64, mapped, compatible and site-local addresses are outside."""
_SPECIAL_V6: Final = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        "2001::/23",  # assignments of the IETF: Teredo (an IPv4 address in disguise), ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise, perhaps a private one
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_SPECIAL_V4: Final = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "192.0.0.0/24",  # assignments of the IETF
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT: multicast through a tunnel
        "192.88.99.0/24",  # relays of 6to4
        "192.175.48.0/24",  # AS112
    )
)
"""Networks that this or another Python version's ``ipaddress`` counts as public."""
_PRIVATE_NAMES: Final = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")


class AddressRefused(httpx.ConnectError):
    """The host resolves to an address that is not public; nothing was sent."""


def is_public(address: IpAddress) -> bool:
    """Return whether an address is public: not private, loopback, link-local or otherwise special."""
    if isinstance(address, ipaddress.IPv4Address):
        special = any(address in network for network in _SPECIAL_V4)
    elif address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    else:
        special = address not in _UNICAST_V6 or any(address in network for network in _SPECIAL_V6)
    return not special and address.is_global and not address.is_multicast


def check_url(text: str, *, allow_private: bool) -> str:
    """Return a permitted URL in normal form, without a slash at its end; raises ``ValueError`` for any other.

    ``allow_private`` permits private addresses, and plain HTTP to the loopback address. The error says why and does
    not repeat the URL.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        msg = "expected an address such as https://api.maker.example/iso15143"
        raise ValueError(msg) from error
    why = _refusal(text, url, allow_private=allow_private)
    if why is not None:
        raise ValueError(why)
    if url.port == _DEFAULT_PORTS[url.scheme]:
        url = url.copy_with(port=None)
    return str(url).rstrip("/")


def _refusal(text: str, url: httpx.URL, *, allow_private: bool) -> str | None:
    """Return the first reason to refuse an address; None where it is permitted."""
    plain_http = url.scheme == "http" and allow_private and _is_loopback(url.host)
    reasons = {
        f"expected an address of at most {MAX_URL} characters without spaces": (
            len(text) > MAX_URL or not text.isprintable() or " " in text or "\\" in text
        ),
        "an address may not hold credentials; they have fields of their own": bool(url.userinfo) or "@" in text,
        "expected an address with a host and a port that exists": not (url.host and 0 < (url.port or 1) <= _MAX_PORT),
        "an address may have no query and no fragment": "?" in text or "#" in text,
        "expected an https:// address": url.scheme != "https" and not plain_http,
        "the host is not a public one": not allow_private and _names_private(url.host),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" if address is None else address.is_loopback


def _names_private(host: str) -> bool:
    address = _literal(host)
    if address is not None:
        return not is_public(address)
    name = host.rstrip(".").lower()
    return "." not in name or any(name == end or name.endswith(end) for end in _PRIVATE_NAMES)


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two URLs have the same scheme, host and port: only then may the same secret go to both."""
    return _origin(one) == _origin(other)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)


class PinnedTransport(httpx.AsyncBaseTransport):
    """Connects to the address that it resolved and checked itself; the certificate is checked against the host name.

    Each host has its own connections: two hosts at one address never share one. Proxy variables are ignored. Without
    ``verify`` httpx's default authorities are trusted.
    """

    def __init__(self, *, allow_private: bool, verify: ssl.SSLContext | None = None) -> None:
        self._allow_private = allow_private
        self._verify = verify or httpx.create_ssl_context(trust_env=False)
        self._hosts: dict[str, httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises ``AddressRefused`` if any address of the host is not public."""
        name = request.url.raw_host.decode("ascii").strip("[]")
        address = await self._address_of(name, request.url.port or _DEFAULT_PORTS[request.url.scheme])
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # with Host: the name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": name},
        )
        return await self._connections_of(name).handle_async_request(pinned)

    def _connections_of(self, name: str) -> httpx.AsyncBaseTransport:
        if name not in self._hosts:
            self._hosts[name] = httpx.AsyncHTTPTransport(verify=self._verify, trust_env=False, http2=False)
        return self._hosts[name]

    async def _address_of(self, name: str, port: int) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            msg = "the host has no address"
            raise httpx.ConnectError(msg) from error
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        if not self._allow_private and not all(is_public(ipaddress.ip_address(one)) for one in addresses):
            msg = "the host is at an address that is not public"
            raise AddressRefused(msg)
        return addresses[0]

    async def aclose(self) -> None:
        """Close every connection."""
        for connections in self._hosts.values():
            await connections.aclose()
