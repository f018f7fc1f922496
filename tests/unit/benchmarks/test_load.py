"""The load client believes nothing that it was not told, and tells what it was told instead."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Self

import pytest

from benchmarks.load import LoadFailed, closed_loop, open_loop, stored_whole

REQUEST = b"POST /v1/pings HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]"
Answering = Callable[[asyncio.StreamWriter, int], bool]
"""Answers the n-th request of a connection and tells whether the connection stays open."""


def answer(body: bytes = b"{}", status: bytes = b"200 OK", length: str = "content-length") -> bytes:
    return b"HTTP/1.1 %s\r\ndate: now\r\n%s: %d\r\nx: y\r\n\r\n%s" % (status, length.encode(), len(body), body)


class Server:
    """A tiny server: it reads requests of ``REQUEST``'s length and answers as the test says."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.connections = 0
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            stays, asked = True, 0
            while stays:
                assert await reader.readexactly(len(REQUEST)) == REQUEST
                self.requests += 1
                stays = self._answering(writer, asked)
                asked += 1
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def closed(self, requests: int, connections: int = 1) -> list[bytes]:
        return (await closed_loop("127.0.0.1", self.port, _some(requests), connections)).bodies

    async def scheduled(self, requests: int, connections: int, per_s: float) -> list[bytes]:
        return (await open_loop("127.0.0.1", self.port, _some(requests), connections, per_s)).bodies


def _some(requests: int) -> Iterator[bytes]:
    return iter([REQUEST] * requests)


def whole(data: bytes) -> Answering:
    def answering(writer: asyncio.StreamWriter, _: int) -> bool:
        writer.write(data)
        return True

    return answering


def in_turn(first: bytes, then: bytes) -> Answering:
    def answering(writer: asyncio.StreamWriter, asked: int) -> bool:
        writer.write(then if asked else first)
        return True

    return answering


def and_close(data: bytes) -> Answering:
    def answering(writer: asyncio.StreamWriter, _: int) -> bool:
        writer.write(data)
        return False

    return answering


async def test_connections_are_kept_and_every_request_is_answered_once() -> None:
    async with Server(whole(answer(b"hello"))) as server:
        done = await closed_loop("127.0.0.1", server.port, _some(50), 3)
    assert done.bodies == [b"hello"] * 50
    assert len(done.seconds) == 50
    assert (server.connections, server.requests) == (3, 50)
    assert min(done.seconds) > 0
    assert done.elapsed_s >= max(done.seconds)


async def test_more_connections_than_requests_come_to_an_end_too() -> None:
    async with Server(whole(answer())) as server:
        assert len(await server.closed(2, connections=5)) == 2
        assert await server.closed(0, connections=2) == []
        assert await server.scheduled(0, 2, per_s=100) == []


@pytest.mark.parametrize("cuts", [(1,), (12, 13), (40,), (-1,), (-4, -2), tuple(range(1, 60))])
async def test_an_answer_may_come_in_any_pieces(cuts: Sequence[int]) -> None:
    data = answer(b'{"received":1,"stored":1}')
    places = [0, *(cut % len(data) for cut in cuts), len(data)]

    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readexactly(len(REQUEST)):
                for begins, ends in pairwise(places):
                    writer.write(data[begins:ends])
                    await writer.drain()
                    await asyncio.sleep(0.001)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(in_pieces, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        done = await closed_loop("127.0.0.1", port, _some(3), 1)
    finally:
        server.close()
    assert done.bodies == [b'{"received":1,"stored":1}'] * 3


async def test_header_names_are_in_any_case_and_a_body_may_be_empty_or_large() -> None:
    for body in (b"", b"x" * 3_000_000, b"a\r\n\r\nContent-Length: 3\r\n\r\n"):
        async with Server(whole(answer(body, length="CONTENT-Length"))) as server:
            assert await server.closed(2) == [body, body]


@pytest.mark.parametrize("status", [b"503 Service Unavailable", b"401 Unauthorized", b"404 Not Found", b"207 Some"])
async def test_any_other_status_ends_the_run_with_the_answer(status: bytes) -> None:
    async with Server(in_turn(answer(), answer(b"the queue is full", status))) as server:
        with pytest.raises(LoadFailed, match=r"(?s)HTTP/1\.1 " + status.decode() + ".*the queue is full"):
            await server.closed(10, connections=2)
        with pytest.raises(LoadFailed, match="the queue is full"):
            await server.scheduled(10, 2, per_s=1_000)


async def test_a_connection_that_is_closed_in_the_middle_of_an_answer_is_told() -> None:
    async with Server(and_close(answer(b"0123456789")[:-3])) as server:
        with pytest.raises(LoadFailed, match=r"closed in the middle of an answer: (?s:.*)0123456"):
            await server.closed(1)


async def test_a_connection_that_is_closed_without_an_answer_is_told() -> None:
    async with Server(and_close(b"")) as server:
        with pytest.raises(LoadFailed, match="closed with a request unanswered"):
            await server.closed(1)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", answer(b"{}") + b"more"]
)
async def test_what_is_not_one_answer_of_a_told_length_is_refused(data: bytes) -> None:
    async with Server(whole(data)) as server:
        with pytest.raises(LoadFailed, match=r"HTTP/1\.1 200 OK"):
            await server.closed(2)


async def test_a_schedule_opens_an_idle_connection_again_and_counts_from_when_a_request_was_due() -> None:
    async with Server(and_close(answer())) as server:
        assert len(await server.scheduled(6, 2, per_s=20)) == 6
    assert server.connections >= 6

    def slow(writer: asyncio.StreamWriter, _: int) -> bool:
        asyncio.get_running_loop().call_later(0.05, writer.write, answer())
        return True

    async with Server(slow) as server:
        done = await open_loop("127.0.0.1", server.port, _some(5), 1, 1_000_000)
    # all five were due at once, one connection answers them one after the other: the last one waited for four
    assert done.seconds == sorted(done.seconds)
    assert sum(done.seconds) > 2 * max(done.seconds)


async def test_nobody_listening_is_an_error_of_the_system() -> None:
    async with Server(whole(answer())) as server:
        port = server.port
    with pytest.raises(OSError, match=str(port)):
        await closed_loop("127.0.0.1", port, _some(1), 1)


@pytest.mark.parametrize(
    ("body", "is_whole"),
    [
        (b'{"batch_id":1,"received":5,"stored":5,"duplicates":0}', True),
        (b'{"received": 5, "stored": 5}', True),
        (b'{"stored":3,"received":3}', True),
        (b'{"batch_id":1,"received":5,"stored":4,"duplicates":1}', False),
        (b'{"received":5,"stored":50,"x":0}', False),
        (b'{"received":5}', False),
        (b"[]", False),
        (b"", False),
    ],
)
def test_a_receipt_that_is_short_of_a_row_is_found(body: bytes, is_whole: bool) -> None:
    fine = b'{"batch_id":1,"received":5,"stored":5,"duplicates":0}'
    assert stored_whole([fine, body, fine], 5) == (None if is_whole else body.decode())
