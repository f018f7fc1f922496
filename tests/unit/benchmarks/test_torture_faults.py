"""A connection that the service closes is one of the outcomes of the torture, not its end."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.torture.clients import Crowd
from benchmarks.torture.faults import OTHER_LANES, Scene, _connect, _post_unread
from benchmarks.torture.load import Plan
from benchmarks.torture.processes import DatabaseServer, Service

PLAN = Plan(devices=40, lanes=1 + OTHER_LANES, origin_ms=1_795_000_000_000)


@contextmanager
def scene_with(answering: Callable[[socket.socket], None]) -> Iterator[Scene]:
    """A scene whose service is a listening socket; ``answering`` gets the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answering(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        service = Service([], {}, Path(), listening.getsockname()[1], Path("log"), lambda _pid, _port: True)
        database = DatabaseServer(Path(), "", lambda: None, lambda: None)
        crowd = Crowd(service.address, "a-key", PLAN, 1, 0)
        yield Scene(service, service, database, crowd, "a-key", None, "", stall_s=0.2)
        thread.join()
        for client in crowd.clients:
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
    with scene_with(answering) as scene:
        with _connect(scene, receive_buffer=4096) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else all may be sent before the close
            posted = _post_unread(scene, connection)
        assert posted.sends > 0
        assert posted.receipt is None, "nothing was acknowledged: a retry has to tell"
        assert posted in scene.crowd.posted()
        assert posted not in scene.crowd.acknowledged()
        outcomes = scene.crowd.outcomes()
    assert set(outcomes) <= {"ConnectionResetError", "BrokenPipeError"}
    assert outcomes.total() == 1


def test_a_service_that_stops_reading_is_an_outcome() -> None:
    done = threading.Event()

    def read_nothing(_: socket.socket) -> None:
        done.wait(30)

    with scene_with(read_nothing) as scene:
        with _connect(scene, receive_buffer=4096) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            _post_unread(scene, connection)
        done.set()
        assert scene.crowd.outcomes() == {"TimeoutError": 1}
