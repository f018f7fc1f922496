"""A connection that the service closes is one of the outcomes of the torture, not its end."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.torture.clients import ClientPool
from benchmarks.torture.faults import OTHER_LANES, FaultTargets, _connect, _post_unread
from benchmarks.torture.load import Plan
from benchmarks.torture.processes import DatabaseServer, Service

PLAN = Plan(devices=40, lanes=1 + OTHER_LANES, origin_ms=1_795_000_000_000)


@contextmanager
def targets_with(answering: Callable[[socket.socket], None]) -> Iterator[FaultTargets]:
    """A targets whose service is a listening socket; ``answering`` gets the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answering(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        service = Service([], {}, Path(), listening.getsockname()[1], Path("log"), lambda _pid, _port: True)
        database = DatabaseServer(Path(), "", lambda: None, lambda: None)
        client_pool = ClientPool(service.address, "a-key", PLAN, 1, 0)
        yield FaultTargets(service, service, database, client_pool, "a-key", None, "", stall_s=0.2)
        thread.join()
        for client in client_pool.clients:
            client.close()


def reset(connection: socket.socket) -> None:
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection: socket.socket) -> None:
    connection.recv(10)


@pytest.mark.parametrize("answering", [reset, close])
def test_a_service_that_closes_on_a_client_that_does_not_read_is_an_outcome(
    answering: Callable[[socket.socket], None],
) -> None:
    with targets_with(answering) as targets:
        with _connect(targets, receive_buffer=4096) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else all may be sent before the close
            posted = _post_unread(targets, connection)
        assert posted.sends > 0
        assert posted.receipt is None, "nothing was acknowledged: a retry has to tell"
        assert posted in targets.client_pool.posted()
        assert posted not in targets.client_pool.acknowledged()
        outcomes = targets.client_pool.outcomes()
    assert set(outcomes) <= {"ConnectionResetError", "BrokenPipeError"}
    assert outcomes.total() == 1


def test_a_service_that_stops_reading_is_an_outcome() -> None:
    done = threading.Event()

    def read_nothing(_: socket.socket) -> None:
        done.wait(30)

    with targets_with(read_nothing) as targets:
        with _connect(targets, receive_buffer=4096) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            _post_unread(targets, connection)
        done.set()
        assert targets.client_pool.outcomes() == {"TimeoutError": 1}
