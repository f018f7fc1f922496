"""The client's IP address, also behind trusted proxies.

A forwarded header is under its sender's control. Only entries of trusted proxies count: the chain is read from its
right end, and the first address that is not a trusted proxy's is the client's. Without trusted proxies (the default)
forwarded headers are ignored, and the peer of the connection is the client.

References:
    RFC 7239, section 8.1 (trust). ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are read, ``Forwarded`` is not: the
    proxies in use write the former.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final[tuple[IpNetwork, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
UNKNOWN: Final = "unknown"
"""The rate limit key of a client without an address, such as the peer of a Unix socket."""
_MOST_HOPS: Final = 50
_V6_LIMIT_PREFIX: Final = 64
_FORWARDING: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Return the networks of a list such as ``10.0.0.0/8, ::1``; raises ``ValueError`` also for host bits."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def parse_address(text: str) -> IpAddress | None:
    """Parse an address as peers and proxies write it: bare, with a port, in brackets; None for anything else.

    An IPv4-mapped IPv6 address (``::ffff:…``) is returned as IPv4; a zone (``%eth0``) is dropped.
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
    """Return the rate limit key of a client: the IPv4 address or the IPv6 /64, which one household gets whole."""
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), _V6_LIMIT_PREFIX), strict=False))


class Clients:
    """Determines the client of a request; ``trusted`` are the networks of proxies whose headers are trusted."""

    def __init__(self, trusted: Iterable[IpNetwork]) -> None:
        self._trusted = tuple(trusted)
        self.has_proxies = bool(self._trusted)
        """Whether any proxy is trusted; without one the ASGI scope's peer is the client."""

    def _trusts(self, address: IpAddress) -> bool:
        return within(address, self._trusted)

    def address(self, scope: Mapping[str, Any]) -> IpAddress | None:
        """Return the client's address; None where the connection has none.

        Where a trusted proxy forwarded an invalid address, the nearest known hop is returned.
        """
        peer = scope.get("client")
        nearest = parse_address(peer[0]) if peer else None
        if nearest is None or not self._trusts(nearest):
            return nearest
        for entry in reversed(_forwarded_for(scope)):
            hop = parse_address(entry)
            if hop is None:
                return nearest
            nearest = hop
            if not self._trusts(hop):
                return hop
        return nearest

    def scheme(self, scope: Mapping[str, Any]) -> str:
        """Return ``https`` or ``http``, as a trusted proxy says, otherwise that of the connection."""
        peer = scope.get("client")
        nearest = parse_address(peer[0]) if peer else None
        if nearest is not None and self._trusts(nearest):
            for name, value in scope["headers"]:
                forwarded = value.decode("latin-1").strip().lower() if name == b"x-forwarded-proto" else ""
                if forwarded in {"http", "https"}:
                    return forwarded
        return str(scope.get("scheme", "http"))

    def comes_from(self, scope: Mapping[str, Any], networks: Iterable[IpNetwork]) -> bool:
        """Return whether a client is in one of some networks, for example those that may read the metrics.

        A request with forwarded headers from an untrusted proxy is never inside. Otherwise a proxy on this machine
        that is not configured as trusted would make every client local.
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
    """Return whether an address lies in one of some networks."""
    return any(address in network for network in networks)


def _forwarded_for(scope: Mapping[str, Any]) -> list[str]:
    """Return the addresses of all ``X-Forwarded-For`` headers as one list; only its right end is used."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(values).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:] if values else []
