"""Where a request comes from: the address of the client, also behind proxies that are named in the settings.

A forwarded header says what its sender wants. Only what a trusted proxy wrote is believed: the chain is read from its
right end, and the first address that is not a trusted proxy's is the client's. Without trusted proxies (the default)
forwarded headers mean nothing, and the peer of the connection is the client.

References:
    RFC 7239, section 8.1 (who may be believed). ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are read, ``Forwarded``
    is not: the proxies in use write the former.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final[tuple[IpNetwork, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
UNKNOWN: Final = "unknown"
"""The limit key of whoever has no address, such as the peer of a Unix socket."""
_MOST_HOPS: Final = 50
_V6_LIMIT_PREFIX: Final = 64
_FORWARDING: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Return the networks of a comma-separated list such as ``10.0.0.0/8, ::1``.

    Raises:
        ValueError: One of them is none, or has bits set behind its prefix.
    """
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def parse_address(text: str) -> IpAddress | None:
    """Return an address as peers and proxies write it: bare, with a port, in brackets; None for anything else.

    An IPv4 address in the clothes of IPv6 (``::ffff:…``) is returned as what it is; a zone (``%eth0``) is left out.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def limit_key(address: IpAddress | None) -> str:
    """Return by what a client is counted: IPv4 by address, IPv6 by /64, since one household is given a whole one."""
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), _V6_LIMIT_PREFIX), strict=False))


class Clients:
    """Tells who sent a request.

    Args:
        trusted: The networks of the proxies whose forwarded headers are believed.
    """

    def __init__(self, trusted: Iterable[IpNetwork]) -> None:
        self._trusted = tuple(trusted)
        self.has_proxies = bool(self._trusted)
        """Whether any proxy is trusted; without one a scope says all there is to say."""

    def _trusts(self, address: IpAddress) -> bool:
        return within(address, self._trusted)

    def address(self, scope: Mapping[str, Any]) -> IpAddress | None:
        """Return the client's address; None where the connection has none.

        Where a trusted proxy forwarded something that is no address, the nearest hop that is known is returned.
        """
        peer = scope.get("client")
        nearest = parse_address(peer[0]) if peer else None
        if nearest is None or not self._trusts(nearest):
            return nearest
        for told in reversed(_forwarded_for(scope)):
            hop = parse_address(told)
            if hop is None:
                return nearest
            nearest = hop
            if not self._trusts(hop):
                return hop
        return nearest

    def scheme(self, scope: Mapping[str, Any]) -> str:
        """Return ``https`` or ``http``: as a trusted proxy says, otherwise that of the connection."""
        peer = scope.get("client")
        nearest = parse_address(peer[0]) if peer else None
        if nearest is not None and self._trusts(nearest):
            for name, value in scope["headers"]:
                told = value.decode("latin-1").strip().lower() if name == b"x-forwarded-proto" else ""
                if told in {"http", "https"}:
                    return told
        return str(scope.get("scheme", "http"))

    def comes_from(self, scope: Mapping[str, Any], networks: Iterable[IpNetwork]) -> bool:
        """Tell whether a client is in one of some networks, such as those that may watch the service.

        What an unknown proxy passed on is not from where that proxy stands: a proxy on this machine that nobody named
        as trusted would otherwise make every stranger a neighbour.
        """
        peer = scope.get("client")
        nearest = parse_address(peer[0]) if peer else None
        if nearest is None:
            return False
        if not self._trusts(nearest) and any(name in _FORWARDING for name, _ in scope["headers"]):
            return False
        address = self.address(scope)
        return address is not None and within(address, networks)


def within(address: IpAddress, networks: Iterable[IpNetwork]) -> bool:
    """Tell whether an address lies in one of some networks."""
    return any(address in network for network in networks)


def _forwarded_for(scope: Mapping[str, Any]) -> list[str]:
    """Return the chain of ``X-Forwarded-For``, all its headers as one list; only its right end is looked at."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(values).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:] if values else []
