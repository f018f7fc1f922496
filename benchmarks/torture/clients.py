"""Clients that record acknowledgements and repeat a batch unchanged until it is acknowledged."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx

from benchmarks.torture.load import BatchName, Plan

_TIMEOUT_S: Final = 6.0
_AGAIN_AFTER_S: Final = 0.1
_ATTEMPTS_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Receipt:
    """The numbers of an acknowledgement; see ``app.ingest.writer.receipt``."""

    batch_id: int
    received: int
    stored: int
    duplicates: int
    doubted: int
    rejected: int


@dataclass(slots=True)
class Posted:
    """A client's record of a batch.

    Attributes:
        sends: How often it was sent.
        receipt: Its acknowledgement, None before there is one.
    """

    name: BatchName
    sends: int = 0
    receipt: Receipt | None = None


@dataclass(slots=True)
class Attempt:
    """One request.

    Attributes:
        began_s: Start, seconds of the monotonic clock.
        outcome: The status, or the name of the error; empty while there is no answer.
    """

    began_s: float
    outcome: str = ""


class Client:
    """One connection that posts a lane's batches, one after the other.

    Args:
        key: A lessor's key.
    """

    def __init__(self, address: str, key: str, plan: Plan, lane: int) -> None:
        self.lane = lane
        self.ledger: list[Posted] = []
        self.attempts: deque[Attempt] = deque(maxlen=_ATTEMPTS_KEPT)
        self.outcomes: Counter[str] = Counter()
        self._plan = plan
        self._http = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S, trust_env=False
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def next_batch(self) -> Posted:
        """Enter the lane's next batch into the ledger."""
        posted = Posted(BatchName(self.lane, len(self.ledger)))
        self.ledger.append(posted)
        return posted

    def send_until_acknowledged(self, posted: Posted, give_up: threading.Event) -> None:
        """Send a batch; repeat it unchanged after any other answer than a receipt, after an error or a time-out."""
        message = self._plan.message(posted.name)
        while posted.receipt is None and not give_up.is_set():
            attempt = Attempt(time.monotonic())
            self.attempts.append(attempt)
            posted.sends += 1
            try:
                answer = self._http.post("/v1/pings", content=message.content, headers=message.headers)
                if answer.is_success:
                    posted.receipt = _receipt(answer)
                attempt.outcome = str(answer.status_code)
            except httpx.HTTPError as error:
                attempt.outcome = type(error).__name__
            self.outcomes[attempt.outcome] += 1
            if posted.receipt is None:
                give_up.wait(_AGAIN_AFTER_S)


def _receipt(answer: httpx.Response) -> Receipt:
    numbers = answer.json()
    return Receipt(*(int(numbers[name]) for name in Receipt.__slots__))


class ClientPool:
    """Clients that post at the same time, each in a thread; a context manager.

    Args:
        key: A lessor's key.
        clients: Number of clients; they take the first lanes of the plan.
        pause_s: Seconds of pause after an acknowledgement.
    """

    def __init__(self, address: str, key: str, plan: Plan, clients: int, pause_s: float) -> None:
        self.plan = plan
        self.clients = [Client(address, key, plan, lane) for lane in range(plan.lanes)]
        self._posting = self.clients[:clients]
        self._pause_s = pause_s
        self._give_up = threading.Event()
        self._turnstile = _Turnstile()
        self._threads = [
            threading.Thread(target=self._work, args=(client,), name=f"client-{client.lane}")
            for client in self._posting
        ]

    @property
    def posting(self) -> int:
        """Number of posting clients; the other lanes are for misbehaving clients."""
        return len(self._posting)

    def __enter__(self) -> Self:
        """Start posting."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, acknowledged or not."""
        self._give_up.set()
        self._turnstile.remove()
        for thread in self._threads:
            thread.join()
        for client in self.clients:
            client.close()

    def _work(self, client: Client) -> None:
        while self._turnstile.enter():
            try:
                client.send_until_acknowledged(client.next_batch(), self._give_up)
            finally:
                self._turnstile.leave()
            self._give_up.wait(self._pause_s)

    def retry(self, posted: Posted) -> None:
        """Send a batch until it is acknowledged, on its lane's own connection, in the caller's thread."""
        self.clients[posted.name.lane].send_until_acknowledged(posted, self._give_up)

    @contextmanager
    def settled(self, deadline_s: float) -> Iterator[None]:
        """Hold the clients when each has the receipt of its last batch, while the block lasts.

        Raises:
            TimeoutError: Some have none within ``deadline_s`` seconds.
        """
        try:
            if not self._turnstile.close(deadline_s):
                raise TimeoutError(f"not every batch was acknowledged within {deadline_s:.0f} s: {self.outcomes()}")
            yield
        finally:
            self._turnstile.open()

    def posted(self) -> list[Posted]:
        """Return the batches sent so far."""
        return [posted for client in self.clients for posted in list(client.ledger) if posted.sends]

    def acknowledged(self) -> list[Posted]:
        """Return the acknowledged batches so far."""
        return [posted for posted in self.posted() if posted.receipt is not None]

    def wait_for_progress(self, deadline_s: float) -> None:
        """Wait until every posting client has one more acknowledgement of a request sent from now on.

        Raises:
            TimeoutError: It took longer than ``deadline_s`` seconds.
        """
        began = [len(client.ledger) for client in self._posting]
        deadline = time.monotonic() + deadline_s
        while any(len(client.ledger) <= n + 1 for client, n in zip(self._posting, began, strict=True)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"some client had no receipt for {deadline_s:.0f} s: {self.outcomes()}")
            time.sleep(0.02)

    def wait_for_outcome(self, outcome: str, deadline_s: float) -> None:
        """Wait until a client gets this answer once more.

        Raises:
            TimeoutError: None did within ``deadline_s`` seconds.
        """
        before = self.outcomes()[outcome]
        deadline = time.monotonic() + deadline_s
        while self.outcomes()[outcome] == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no client was answered {outcome} for {deadline_s:.0f} s: {self.outcomes()}")
            time.sleep(0.05)

    def in_flight(self, longer_than_s: float) -> list[Attempt]:
        """Return the requests that have waited at least ``longer_than_s`` seconds for their answer."""
        latest = time.monotonic() - longer_than_s
        newest = [client.attempts[-1] for client in self._posting if client.attempts]
        return [attempt for attempt in newest if not attempt.outcome and attempt.began_s < latest]

    def outcomes(self) -> Counter[str]:
        """Return the number of each status or error."""
        total: Counter[str] = Counter()
        for client in self.clients:
            total.update(dict(client.outcomes))
        return total


class _Turnstile:
    """Lets clients pass one batch at a time; knows when no client is inside."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open = True
        self._removed = False
        self._inside = 0

    def enter(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_open or self._removed)
            self._inside += not self._removed
            return not self._removed

    def leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self, deadline_s: float) -> bool:
        with self._changed:
            self._is_open = False
            return self._changed.wait_for(lambda: not self._inside, deadline_s)

    def open(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def remove(self) -> None:
        with self._changed:
            self._removed = True
            self._changed.notify_all()
