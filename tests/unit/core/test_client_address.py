"""Who sent a request: proxies are believed only when they are named, and then only as far as they go."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.web.client_address import LOOPBACK, Clients, limit_key, parse_address, parse_networks

PROXIES = parse_networks("10.0.0.0/8, 2001:db8:ffff::/48")


def scope(peer: str | None, *forwarded_for: str, **more: str) -> dict[str, Any]:
    """A request's scope; each of ``forwarded_for`` is a header of its own."""
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded_for]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return {"type": "http", "scheme": "http", "client": (peer, 1) if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger may say what it wants
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),  # what the client made up stands to the left
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # headers are one list, in order
        ("10.0.0.1", ["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ['"[2001:db8::7]:4711"'], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("2001:db8:ffff::1", ["2001:db8::9"], "2001:db8::9"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_rightmost_address_that_is_no_trusted_proxys_is_the_client(
    peer: str | None, chain: list[str], expected: str | None
) -> None:
    found = Clients(PROXIES).address(scope(peer, *chain))
    assert (None if found is None else str(found)) == expected


@given(st.lists(st.text(max_size=20), max_size=5))
def test_without_trusted_proxies_nothing_that_is_forwarded_counts(chain: list[str]) -> None:
    sent = scope("203.0.113.9")
    sent["headers"] = [(b"x-forwarded-for", one.encode()) for one in chain]
    assert str(Clients(()).address(sent)) == "203.0.113.9"
    sent["client"] = ("10.0.0.1", 1)
    assert Clients(PROXIES).address(sent) is not None  # whatever a proxy passes on, there is an answer


def test_a_chain_of_many_hops_is_read_from_its_end() -> None:
    long = ",".join(["192.0.2.1"] * 5000 + ["198.51.100.1", "10.0.0.2"])
    assert str(Clients(PROXIES).address(scope("10.0.0.1", long))) == "198.51.100.1"


def test_only_a_trusted_proxy_says_that_the_client_came_by_tls() -> None:
    clients = Clients(PROXIES)
    assert clients.scheme(scope("10.0.0.1", x_forwarded_proto="https")) == "https"
    assert clients.scheme(scope("10.0.0.1", x_forwarded_proto="gopher")) == "http"
    assert clients.scheme(scope("203.0.113.9", x_forwarded_proto="https")) == "http"


def test_a_proxy_that_nobody_named_makes_no_stranger_a_neighbour() -> None:
    clients = Clients(())
    assert clients.comes_from(scope("127.0.0.1"), LOOPBACK)
    assert clients.comes_from(scope("::1"), LOOPBACK)
    assert not clients.comes_from(scope("127.0.0.1", "127.0.0.1"), LOOPBACK)
    assert not clients.comes_from(scope("127.0.0.1", via="1.1 nginx"), LOOPBACK)
    assert not clients.comes_from(scope("203.0.113.9"), LOOPBACK)
    assert not clients.comes_from(scope(None), LOOPBACK)
    near = Clients(LOOPBACK)
    assert not near.comes_from(scope("127.0.0.1", "203.0.113.9"), LOOPBACK)
    assert near.comes_from(scope("127.0.0.1", "127.0.0.1"), LOOPBACK)


def test_ipv6_is_counted_by_64_bits_and_ipv4_by_address() -> None:
    one, same, other = (parse_address(a) for a in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"))
    assert limit_key(one) == limit_key(same) == "2001:db8:1:2::/64"
    assert limit_key(one) != limit_key(other)
    assert limit_key(parse_address("198.51.100.1")) == "198.51.100.1"
    assert limit_key(ipaddress.ip_address("198.51.100.1")) != limit_key(ipaddress.ip_address("198.51.100.2"))
    assert limit_key(None) == "unknown"


def test_networks_are_checked_when_they_are_read() -> None:
    with pytest.raises(ValueError, match="host bits"):
        parse_networks("10.0.0.1/8")
    assert parse_networks(" ") == ()
