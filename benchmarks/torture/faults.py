"""What is broken, and how: each fault ends with everything up again and every client acknowledged once more."""

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg

from benchmarks.torture.clients import Client, Crowd, Posted
from benchmarks.torture.load import Plan
from benchmarks.torture.processes import DatabaseServer, Service

_PROGRESS_S: Final = 120
_GATHER_S: Final = 4.0  # less than the clients' patience, so that what waits is answered to them
_IN_FLIGHT_S: Final = 0.3
_DEAF_REQUESTS: Final = 500  # far more answers than buffers take
_SMALL: Final = 4096  # bytes of a receive buffer
_TWINS: Final = 20
_MEANWHILE_S: Final = 0.01  # about when a batch is being stored
OTHER_LANES: Final = 3
_MANY_ROWS: Final = 100
_WAL_SWITCHES: Final = 8
_BALLAST_STEPS: Final = (1 << 26, 1 << 20, 1 << 12)


class Fault(StrEnum):
    """The kinds."""

    SERVICE_KILL = "service_kill"
    SERVICE_STOP = "service_stop"
    STUBBORN_STOP = "stubborn_stop"
    DATABASE_KILL = "database_kill"
    DATABASE_STALL = "database_stall"
    DATABASE_RESTART = "database_restart"
    BOTH_KILL = "both_kill"
    DISK_FULL = "disk_full"
    HALF_BODY = "half_body"
    DEAF_CLIENT = "deaf_client"
    TWIN_SERVICES = "twin_services"


@dataclass(slots=True)
class Scene:
    """What the faults act on.

    Attributes:
        service: The service.
        twin: Another process of it on the same database, not running; it is started to be killed.
        database: Its database server.
        crowd: The clients; the plan has ``OTHER_LANES`` lanes more than clients post, for those who do not behave.
        key: A lessor's, for clients that do not speak HTTP properly.
        disk: A file system of the database's own that may be filled; None where none could be mounted.
        no_disk: Why not.
        stall_s: Seconds for which the database stands still, the disk stays full, a client does not read.
        findings: Broken promises that no comparison of tables would show.
        cut: How many bodies were cut in the middle.
        drained: How many batches waited when a clean stop began, and were answered.
    """

    service: Service
    twin: Service
    database: DatabaseServer
    crowd: Crowd
    key: str = field(repr=False)
    disk: Path | None
    no_disk: str
    stall_s: float
    findings: list[str] = field(default_factory=list)
    cut: int = 0
    drained: int = 0

    @property
    def half_lane(self) -> int:
        """The lane whose bodies never arrive whole."""
        return self.crowd.plan.lanes - 1

    @property
    def deaf_lane(self) -> int:
        """The lane of the client that does not read."""
        return self.crowd.plan.lanes - 2

    @property
    def twin_lane(self) -> int:
        """The lane of the client that posts everything twice, at the same time."""
        return self.crowd.plan.lanes - 3


def inject(scene: Scene, fault: Fault) -> None:
    """Break one thing under load, put it right, and wait until every client has a new acknowledgement.

    Args:
        scene: Everything up, clients posting.
        fault: What to break.

    Raises:
        TimeoutError: Some client was not acknowledged within two minutes after.
    """
    _FAULTS[fault](scene)
    try:
        scene.crowd.wait_for_progress(_PROGRESS_S)
    except TimeoutError as error:
        raise TimeoutError(f"after {fault}: {error}; the service says: {scene.service.last_words()}") from error


def _service_kill(scene: Scene) -> None:
    scene.service.kill()
    scene.service.start()


def _service_stop(scene: Scene) -> None:
    """SIGTERM while every client's batch waits for a database that stands still: all of them must be answered."""
    with scene.database.stalled():
        deadline = time.monotonic() + _GATHER_S
        while len(scene.crowd.in_flight(_IN_FLIGHT_S)) < scene.crowd.posting and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting = scene.crowd.in_flight(_IN_FLIGHT_S)
        scene.service.ask_to_stop()
        time.sleep(_IN_FLIGHT_S)
    _must_stop(scene)
    while any(not attempt.outcome for attempt in waiting):  # the clients' own time-out ends this
        time.sleep(0.02)
    unanswered = [attempt.outcome for attempt in waiting if attempt.outcome != "200"]
    if unanswered or not waiting:
        scene.findings.append(
            f"of {len(waiting)} batches that waited at a clean stop some had no receipt: {unanswered}"
        )
    scene.drained += len(waiting) - len(unanswered)
    scene.service.start()


def _stubborn_stop(scene: Scene) -> None:
    """SIGTERM while one client holds half a body back and another does not read: the service must end still."""
    with _connect(scene) as halting, _connect(scene, receive_buffer=_SMALL) as deaf:
        halting.sendall(_head(scene, {"Content-Type": "application/json", "Content-Length": "1000"}) + b"[")
        posted = _post_unread(scene, deaf)
        scene.service.ask_to_stop()
        _must_stop(scene)
    scene.service.start()
    scene.crowd.retry(posted)


def _must_stop(scene: Scene) -> None:
    if scene.service.wait_for_stop() is None:
        scene.findings.append("the service did not stop within a minute after SIGTERM")


def _database_kill(scene: Scene) -> None:
    scene.database.kill()
    scene.database.ensure_running()


def _both_kill(scene: Scene) -> None:
    scene.database.kill()
    scene.service.kill()
    scene.database.ensure_running()
    scene.service.start()


def _database_stall(scene: Scene) -> None:
    with scene.database.stalled():
        time.sleep(scene.stall_s)


def _database_restart(scene: Scene) -> None:
    scene.database.restart()


def _disk_full(scene: Scene) -> None:
    """Fill the disk: first tables cannot grow (an error), then the log cannot (PostgreSQL crashes and stays down)."""
    if scene.disk is None:
        raise RuntimeError(scene.no_disk)
    ballast = scene.disk / "ballast"
    try:
        _fill(ballast)
        scene.crowd.wait_for_outcome("503", _PROGRESS_S)
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(scene.database.superuser_url, autocommit=True, connect_timeout=5) as connection,
        ):
            for _ in range(_WAL_SWITCHES):
                connection.execute(
                    "SELECT pg_logical_emit_message(false, 'torture', 'a segment is not switched empty')"
                )
                connection.execute("SELECT pg_switch_wal()")
        time.sleep(scene.stall_s)
    finally:
        ballast.unlink(missing_ok=True)
    scene.database.ensure_running()


def _fill(ballast: Path) -> None:
    """Take every block that is left."""
    with ballast.open("wb") as file:
        size = 0
        for step in _BALLAST_STEPS:
            with contextlib.suppress(OSError):  # no space left on device
                while True:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step


def _half_body(scene: Scene) -> None:
    """Close the connection in the middle of a body, at the end of a line, where NDJSON could pass for complete."""
    for chunked in (False, True):
        for abruptly in (False, True):
            client = scene.crowd.clients[scene.half_lane]
            posted = _next_of_many(client, scene.crowd.plan)
            lines = scene.crowd.plan.line_bodies(posted.name)
            half, rest = b"".join(lines[: len(lines) // 2]), b"".join(lines[len(lines) // 2 :])
            length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(half + rest))}
            head = _head(scene, {"Content-Type": "application/x-ndjson", **length})
            with _connect(scene) as connection:
                connection.sendall(head + (b"%x\r\n%b\r\n" % (len(half), half) if chunked else half))
                time.sleep(0.2)  # it has been read
                if abruptly:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            scene.cut += 1


def _deaf_client(scene: Scene) -> None:
    """Post the same batch many times over one connection without ever reading; the others must go on meanwhile."""
    with _connect(scene, receive_buffer=_SMALL) as connection:
        posted = _post_unread(scene, connection)
        scene.crowd.wait_for_progress(_PROGRESS_S)
    scene.crowd.retry(posted)


def _post_unread(scene: Scene, connection: socket.socket) -> Posted:
    """Post a batch again and again without reading: until the service stops reading, or closes the connection.

    Either is its right. Whether the batch was stored is open then; it counts only once a later retry is acknowledged.
    """
    client = scene.crowd.clients[scene.deaf_lane]
    posted = _next_of_many(client, scene.crowd.plan)
    message = scene.crowd.plan.message(posted.name)
    headers = message.headers | {"Content-Length": str(len(message.content))}
    request = _head(scene, headers, "?results=all") + message.content
    connection.settimeout(scene.stall_s)
    try:
        for _ in range(_DEAF_REQUESTS):
            posted.sends += 1
            connection.sendall(request)
    except (TimeoutError, ConnectionError) as error:
        client.outcomes[type(error).__name__] += 1
    return posted


def _twin_services(scene: Scene) -> None:
    """Post each batch to two processes of the service at once, and at last kill one of them while it stores."""
    scene.twin.start()
    client = scene.crowd.clients[scene.twin_lane]
    other = Client(scene.twin.address, scene.key, scene.crowd.plan, scene.twin_lane)
    try:
        for left in reversed(range(_TWINS)):
            posted, give_up = _next_of_many(client, scene.crowd.plan), threading.Event()
            at_once = threading.Thread(target=other.send_until_acknowledged, args=(Posted(posted.name), give_up))
            at_once.start()
            if not left:
                time.sleep(_MEANWHILE_S)
                scene.twin.kill()
                give_up.set()
            scene.crowd.retry(posted)
            at_once.join()
    finally:
        scene.twin.kill()
        other.close()


def _next_of_many(client: Client, plan: Plan) -> Posted:
    """Return the lane's next batch of more than a hundred rows; those between are never sent."""
    while len(plan.rows((posted := client.next_batch()).name).device) <= _MANY_ROWS:
        pass
    return posted


def _connect(scene: Scene, receive_buffer: int | None = None) -> socket.socket:
    where = urlsplit(scene.service.address)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((where.hostname, where.port))
    return connection


def _head(scene: Scene, headers: dict[str, str], query: str = "") -> bytes:
    lines = [f"POST /v1/pings{query} HTTP/1.1", "Host: x", f"Authorization: Bearer {scene.key}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


_FAULTS: Final[dict[Fault, Callable[[Scene], None]]] = {
    Fault.SERVICE_KILL: _service_kill,
    Fault.SERVICE_STOP: _service_stop,
    Fault.STUBBORN_STOP: _stubborn_stop,
    Fault.DATABASE_KILL: _database_kill,
    Fault.DATABASE_STALL: _database_stall,
    Fault.DATABASE_RESTART: _database_restart,
    Fault.BOTH_KILL: _both_kill,
    Fault.DISK_FULL: _disk_full,
    Fault.HALF_BODY: _half_body,
    Fault.DEAF_CLIENT: _deaf_client,
    Fault.TWIN_SERVICES: _twin_services,
}
