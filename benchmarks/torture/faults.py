"""The faults. Each one ends when everything runs again and every client has a new acknowledgement."""

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

from benchmarks.torture.clients import Client, ClientPool, Posted
from benchmarks.torture.load import Plan
from benchmarks.torture.processes import DatabaseServer, Service

_PROGRESS_S: Final = 120
_GATHER_S: Final = 4.0  # less than the clients' time-out, so that they still get their answers
_IN_FLIGHT_S: Final = 0.3
_DEAF_REQUESTS: Final = 500  # far more answers than buffers hold
_SMALL: Final = 4096  # bytes of a receive buffer
_TWINS: Final = 20
_MEANWHILE_S: Final = 0.01  # about the time when a batch is being stored
OTHER_LANES: Final = 3
_MANY_ROWS: Final = 100
_WAL_SWITCHES: Final = 8
_BALLAST_STEPS: Final = (1 << 26, 1 << 20, 1 << 12)


class Fault(StrEnum):
    """Kinds of faults."""

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
class FaultTargets:
    """What the faults act on.

    Attributes:
        twin: Another process of the service on the same database, not running; it is started to be killed.
        database: Its database server.
        client_pool: The clients; the plan has ``OTHER_LANES`` more lanes for misbehaving clients.
        key: A lessor's key, for clients that do not speak HTTP correctly.
        disk: A separate file system of the database that may be filled; None where none could be mounted.
        no_disk: Why there is none.
        stall_s: Seconds for which the database is stopped, the disk is full, a client does not read.
        findings: Broken promises that no comparison of tables would show.
        cut: Number of bodies cut in the middle.
        drained: Number of batches that waited when a clean stop began, and were answered.
    """

    service: Service
    twin: Service
    database: DatabaseServer
    client_pool: ClientPool
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
        return self.client_pool.plan.lanes - 1

    @property
    def deaf_lane(self) -> int:
        """The lane of the client that does not read."""
        return self.client_pool.plan.lanes - 2

    @property
    def twin_lane(self) -> int:
        """The lane of the client that posts everything twice, at the same time."""
        return self.client_pool.plan.lanes - 3


def inject(targets: FaultTargets, fault: Fault) -> None:
    """Inject one fault under load, repair it, and wait until every client has a new acknowledgement.

    Raises:
        TimeoutError: Some client had no acknowledgement within two minutes after.
    """
    _FAULTS[fault](targets)
    try:
        targets.client_pool.wait_for_progress(_PROGRESS_S)
    except TimeoutError as error:
        raise TimeoutError(f"after {fault}: {error}; the service says: {targets.service.last_words()}") from error


def _service_kill(targets: FaultTargets) -> None:
    targets.service.kill()
    targets.service.start()


def _service_stop(targets: FaultTargets) -> None:
    """SIGTERM while every client's batch waits for a stopped database: all of them must be answered."""
    with targets.database.stalled():
        deadline = time.monotonic() + _GATHER_S
        while (
            len(targets.client_pool.in_flight(_IN_FLIGHT_S)) < targets.client_pool.posting
            and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        waiting = targets.client_pool.in_flight(_IN_FLIGHT_S)
        targets.service.ask_to_stop()
        time.sleep(_IN_FLIGHT_S)
    _must_stop(targets)
    while any(not attempt.outcome for attempt in waiting):  # the clients' own time-out ends this
        time.sleep(0.02)
    unanswered = [attempt.outcome for attempt in waiting if attempt.outcome != "200"]
    if unanswered or not waiting:
        targets.findings.append(
            f"of {len(waiting)} batches that waited at a clean stop some had no receipt: {unanswered}"
        )
    targets.drained += len(waiting) - len(unanswered)
    targets.service.start()


def _stubborn_stop(targets: FaultTargets) -> None:
    """SIGTERM while one client sends half a body and another does not read: the service must still end."""
    with _connect(targets) as halting, _connect(targets, receive_buffer=_SMALL) as deaf:
        halting.sendall(_head(targets, {"Content-Type": "application/json", "Content-Length": "1000"}) + b"[")
        posted = _post_unread(targets, deaf)
        targets.service.ask_to_stop()
        _must_stop(targets)
    targets.service.start()
    targets.client_pool.retry(posted)


def _must_stop(targets: FaultTargets) -> None:
    if targets.service.wait_for_stop() is None:
        targets.findings.append("the service did not stop within a minute after SIGTERM")


def _database_kill(targets: FaultTargets) -> None:
    targets.database.kill()
    targets.database.ensure_running()


def _both_kill(targets: FaultTargets) -> None:
    targets.database.kill()
    targets.service.kill()
    targets.database.ensure_running()
    targets.service.start()


def _database_stall(targets: FaultTargets) -> None:
    with targets.database.stalled():
        time.sleep(targets.stall_s)


def _database_restart(targets: FaultTargets) -> None:
    targets.database.restart()


def _disk_full(targets: FaultTargets) -> None:
    """Fill the disk: first tables cannot grow (an error), then the log cannot (PostgreSQL crashes and stays down)."""
    if targets.disk is None:
        raise RuntimeError(targets.no_disk)
    ballast = targets.disk / "ballast"
    try:
        _fill(ballast)
        targets.client_pool.wait_for_outcome("503", _PROGRESS_S)
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(targets.database.superuser_url, autocommit=True, connect_timeout=5) as connection,
        ):
            for _ in range(_WAL_SWITCHES):
                connection.execute(
                    "SELECT pg_logical_emit_message(false, 'torture', 'a segment is not switched empty')"
                )
                connection.execute("SELECT pg_switch_wal()")
        time.sleep(targets.stall_s)
    finally:
        ballast.unlink(missing_ok=True)
    targets.database.ensure_running()


def _fill(ballast: Path) -> None:
    """Use every block that is left."""
    with ballast.open("wb") as file:
        size = 0
        for step in _BALLAST_STEPS:
            with contextlib.suppress(OSError):  # no space left on device
                while True:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step


def _half_body(targets: FaultTargets) -> None:
    """Close the connection in the middle of a body, at the end of a line, where NDJSON could pass for complete."""
    for chunked in (False, True):
        for abruptly in (False, True):
            client = targets.client_pool.clients[targets.half_lane]
            posted = _next_of_many(client, targets.client_pool.plan)
            lines = targets.client_pool.plan.line_bodies(posted.name)
            half, rest = b"".join(lines[: len(lines) // 2]), b"".join(lines[len(lines) // 2 :])
            length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(half + rest))}
            head = _head(targets, {"Content-Type": "application/x-ndjson", **length})
            with _connect(targets) as connection:
                connection.sendall(head + (b"%x\r\n%b\r\n" % (len(half), half) if chunked else half))
                time.sleep(0.2)  # it has been read
                if abruptly:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            targets.cut += 1


def _deaf_client(targets: FaultTargets) -> None:
    """Post the same batch many times over one connection without reading; other clients must not be blocked."""
    with _connect(targets, receive_buffer=_SMALL) as connection:
        posted = _post_unread(targets, connection)
        targets.client_pool.wait_for_progress(_PROGRESS_S)
    targets.client_pool.retry(posted)


def _post_unread(targets: FaultTargets, connection: socket.socket) -> Posted:
    """Post a batch repeatedly without reading, until the service stops reading or closes the connection.

    Both are allowed. The batch may be stored or not; it counts only after a later retry is acknowledged.
    """
    client = targets.client_pool.clients[targets.deaf_lane]
    posted = _next_of_many(client, targets.client_pool.plan)
    message = targets.client_pool.plan.message(posted.name)
    headers = message.headers | {"Content-Length": str(len(message.content))}
    request = _head(targets, headers, "?results=all") + message.content
    connection.settimeout(targets.stall_s)
    try:
        for _ in range(_DEAF_REQUESTS):
            posted.sends += 1
            connection.sendall(request)
    except (TimeoutError, ConnectionError) as error:
        client.outcomes[type(error).__name__] += 1
    return posted


def _twin_services(targets: FaultTargets) -> None:
    """Post each batch to two processes of the service at once, and at last kill one of them while it stores."""
    targets.twin.start()
    client = targets.client_pool.clients[targets.twin_lane]
    other = Client(targets.twin.address, targets.key, targets.client_pool.plan, targets.twin_lane)
    try:
        for left in reversed(range(_TWINS)):
            posted, give_up = _next_of_many(client, targets.client_pool.plan), threading.Event()
            at_once = threading.Thread(target=other.send_until_acknowledged, args=(Posted(posted.name), give_up))
            at_once.start()
            if not left:
                time.sleep(_MEANWHILE_S)
                targets.twin.kill()
                give_up.set()
            targets.client_pool.retry(posted)
            at_once.join()
    finally:
        targets.twin.kill()
        other.close()


def _next_of_many(client: Client, plan: Plan) -> Posted:
    """Return the lane's next batch of more than a hundred rows; smaller ones are skipped."""
    while len(plan.rows((posted := client.next_batch()).name).device) <= _MANY_ROWS:
        pass
    return posted


def _connect(targets: FaultTargets, receive_buffer: int | None = None) -> socket.socket:
    where = urlsplit(targets.service.address)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((where.hostname, where.port))
    return connection


def _head(targets: FaultTargets, headers: dict[str, str], query: str = "") -> bytes:
    lines = [f"POST /v1/pings{query} HTTP/1.1", "Host: x", f"Authorization: Bearer {targets.key}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


_FAULTS: Final[dict[Fault, Callable[[FaultTargets], None]]] = {
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
