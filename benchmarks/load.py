"""A load client with very low CPU cost: HTTP/1.1 over kept connections, rendered requests, responses by length.

Service, database and load share two cores, so CPU time spent here would be missing for the service. The client sends
rendered requests. It reads only a status line and a ``Content-Length``. Bodies are checked after the measurement.
"""

import asyncio
import gc
import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_SHOWN: Final = 300
_SOONEST_S: Final = 0.001


class LoadFailed(Exception):
    """The service gave an unexpected answer, which is the message."""


@dataclass(slots=True)
class Exchanges:
    """Measurements of one run.

    Attributes:
        elapsed_s: Seconds from the first request to the last answer.
        cpu_s: CPU seconds of this process meanwhile.
        seconds: Of each answered request, in the order of answers.
        bodies: Of each answer, in the same order.
    """

    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """One connection with at most one open request."""

    __slots__ = ("_begun", "_got", "_run", "_transport", "busy")

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._got = b""
        self._begun = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, begun: float) -> None:
        """Send a request whose time counts from ``begun``, seconds of ``time.perf_counter``."""
        self.busy = True
        self._begun = begun
        self._transport.write(request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        ends = got.find(_HEAD_END)
        if ends < 0:
            self._got = got
            return
        head = got[:ends]
        at = head.lower().find(_LENGTH)
        if at < 0:
            self._run.fail(f"an answer without Content-Length: {_shown(got)}")
            return
        begins = ends + len(_HEAD_END)
        missing = begins + int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) - len(got)
        if missing > 0:
            self._got = got
            return
        self._got = b""
        if missing < 0 or not self.busy or head[9:12] != b"200":
            self._run.fail(_shown(got))
            return
        self.busy = False
        self._run.answered(self, self._begun, got[begins:])

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost(self, self._got, exc)


def _shown(got: bytes) -> str:
    """The status line of an answer and the start of its body."""
    head, _, body = got.partition(_HEAD_END)
    return b"\n".join([head.split(b"\r\n", 1)[0], body[:_SHOWN]]).decode(errors="replace").strip()


class _Run:
    """Requests over several connections; each connection sends its next request after its answer."""

    def __init__(self, host: str, port: int, requests: Iterator[bytes]) -> None:
        self.exchanges = Exchanges()
        self._where = (host, port)
        self._requests = requests
        self._connections: list[_Connection] = []
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def go(self, connections: int) -> Exchanges:
        """Open the connections, then send everything and wait for the last answer."""
        for _ in range(connections):
            self._connections.append(await self._open())
        collecting = gc.isenabled()
        gc.disable()
        cpu, began = time.process_time(), time.perf_counter()
        try:
            self._begin(began)
            await self._ended
        finally:
            self.exchanges.elapsed_s = time.perf_counter() - began
            self.exchanges.cpu_s = time.process_time() - cpu
            self._ended.cancel()
            for connection in self._connections:
                connection.close()
            if collecting:
                gc.enable()
        return self.exchanges

    async def _open(self) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(self), *self._where)
        return connection

    def _begin(self, began: float) -> None:
        for connection in self._connections:
            self._next(connection, began)

    def _next(self, connection: _Connection, now: float) -> None:
        request = next(self._requests, None)
        if request is not None:
            connection.send(request, now)
        elif not any(each.busy for each in self._connections):
            self.end()

    def answered(self, connection: _Connection, begun: float, body: bytes) -> None:
        now = time.perf_counter()
        self.exchanges.seconds.append(now - begun)
        self.exchanges.bodies.append(body)
        self._next(connection, now)

    def lost(self, connection: _Connection, got: bytes, error: Exception | None) -> None:
        if not self._ended.done():
            what = "in the middle of an answer" if got else "with a request unanswered" if connection.busy else ""
            if what:
                self.fail(f"the connection was closed {what}: {error or _shown(got) or 'without a word'}")

    def end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def fail(self, words: str) -> None:
        if not self._ended.done():
            self._ended.set_exception(LoadFailed(words))


class _ScheduledRun(_Run):
    """The same by a schedule: a due request waits for a free connection, and its time counts meanwhile."""

    def __init__(self, host: str, port: int, requests: Iterator[bytes], per_s: float) -> None:
        super().__init__(host, port, requests)
        self._every_s = 1 / per_s
        self._sent = 0
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._idle: deque[_Connection] = deque()
        self._began = 0.0
        self._all_due = False
        self._reopening: set[asyncio.Task[None]] = set()

    def _begin(self, began: float) -> None:
        self._began = began
        self._idle.extend(self._connections)
        self._pump()

    def _pump(self) -> None:
        """Send what is due and schedule the next call."""
        if self._ended.done():
            return
        now = time.perf_counter()
        while (due := self._began + self._sent * self._every_s) <= now:
            request = next(self._requests, None)
            if request is None:
                self._all_due = True
                self._end_if_done()
                return
            self._sent += 1
            if self._idle:
                self._idle.popleft().send(request, due)
            else:
                self._waiting.append((request, due))
        asyncio.get_running_loop().call_later(max(due - now, _SOONEST_S), self._pump)

    def _next(self, connection: _Connection, now: float) -> None:  # noqa: ARG002 time runs from the schedule
        if self._waiting:
            connection.send(*self._waiting.popleft())
            return
        self._idle.append(connection)
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._all_due and not self._waiting and not any(each.busy for each in self._connections):
            self.end()

    def lost(self, connection: _Connection, got: bytes, error: Exception | None) -> None:
        """Open a new connection when the server closed an idle one."""
        super().lost(connection, got, error)
        if not self._ended.done():
            self._connections.remove(connection)
            self._idle.remove(connection)
            task = asyncio.get_running_loop().create_task(self._reopen())
            self._reopening.add(task)
            task.add_done_callback(self._reopening.discard)

    async def _reopen(self) -> None:
        try:
            connection = await self._open()
        except OSError as error:
            self.fail(f"the service does not take connections any more: {error}")
        else:
            self._connections.append(connection)
            self._next(connection, 0.0)


async def closed_loop(host: str, port: int, requests: Iterator[bytes], connections: int) -> Exchanges:
    """Send requests as fast as they are answered.

    Args:
        requests: Complete requests, head and body; rendered before, they cost nothing during the run.
        connections: Kept connections, each with one open request.

    Raises:
        LoadFailed: An answer was not 200 or not complete.
        OSError: No connection could be opened.
    """
    return await _Run(host, port, requests).go(connections)


async def open_loop(host: str, port: int, requests: Iterator[bytes], connections: int, per_s: float) -> Exchanges:
    """Send requests at a constant rate, whether or not earlier ones are answered.

    A request's time counts from its scheduled moment. A stalled service is charged for all requests due meanwhile.

    Args:
        requests: Complete requests, head and body.
        connections: Kept connections; a due request waits while all are in use.
        per_s: Requests per second.

    Raises:
        LoadFailed: An answer was not 200 or not complete.
        OSError: No connection could be opened.
    """
    return await _ScheduledRun(host, port, requests, per_s).go(connections)


def stored_whole(bodies: list[bytes], rows: int) -> str | None:
    """Return the first receipt with a row that was not stored, or None.

    Args:
        bodies: Receipts.
        rows: Usual number of rows of a batch: such receipts are recognised by their bytes.
    """
    whole = f'"received":{rows},"stored":{rows},'.encode()
    for body in bodies:
        if whole not in body:
            try:
                receipt: Any = json.loads(body)
                if receipt["stored"] == receipt["received"]:
                    continue
            except (ValueError, KeyError, TypeError):
                pass
            return body[:_SHOWN].decode(errors="replace")
    return None
