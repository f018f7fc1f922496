"""The load client in a process of its own; each line of its input is one job as JSON.

``python -m benchmarks.load_process`` reads jobs from standard input and writes outcomes to standard output until the
input ends. The input also ends when the benchmark is killed.
"""

import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
import uvloop

from app.core.errors import AppError
from app.localdb.cluster import CHECKOUT
from benchmarks.load import Exchanges, LoadFailed, closed_loop, open_loop, stored_whole
from benchmarks.pings import Fleet, PingPlan
from benchmarks.rendering import batches, osmand, singles

_PATIENCE_S: Final = 5.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        kind: Content of a request: a batch, one ping, or one ping in OsmAnd's protocol.
        plan: The pings.
        connections: Kept connections.
        rows: Pings of a batch.
        per_s: Requests per second by schedule; None for as fast as they are answered.
        as_it_goes: Render while sending, for runs whose requests do not fit into memory.
    """

    kind: Literal["batches", "singles", "osmand"]
    plan: PingPlan
    host: str
    port: int
    key: str
    connections: int
    rows: int = 1
    per_s: float | None = None
    as_it_goes: bool = False

    def requests(self, fleet: Fleet) -> Iterator[bytes]:
        """Render the requests."""
        where = f"{self.host}:{self.port}"
        match self.kind:
            case "batches":
                rendered = batches(fleet, self.plan, where, self.key, self.rows)
            case "singles":
                rendered = singles(fleet, self.plan, where, self.key)
            case "osmand":
                rendered = osmand(fleet, self.plan, where, self.key)
        return rendered if self.as_it_goes else iter(list(rendered))

    def complaint(self, bodies: list[bytes]) -> str | None:
        """Return the first answer with a ping that was not stored."""
        return None if self.kind == "osmand" else stored_whole(bodies, self.rows)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a job.

    Attributes:
        elapsed_s: Seconds from the first request to the last answer.
        cpu_s: CPU seconds of the client meanwhile.
        seconds: Of each request.
        failed: Answer of the service where it did not store everything.
    """

    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    seconds: list[float] = []
    failed: str | None = None


async def run_job(job: Job, fleet: Fleet) -> Outcome:
    """Render, send, and check the answers.

    Args:
        fleet: With as many devices as the job's plan.
    """
    requests = job.requests(fleet)
    try:
        done = await _exchange(job, requests)
    except (LoadFailed, OSError) as error:
        return Outcome(failed=str(error))
    return Outcome(
        elapsed_s=done.elapsed_s, cpu_s=done.cpu_s, seconds=done.seconds, failed=job.complaint(done.bodies)
    )


async def _exchange(job: Job, requests: Iterator[bytes]) -> Exchanges:
    if job.per_s is None:
        return await closed_loop(job.host, job.port, requests, job.connections)
    return await open_loop(job.host, job.port, requests, job.connections, job.per_s)


class LoadProcess:
    """Starts the load client as a child process; a context manager that ends it."""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load_process"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C ends the benchmark, and the child with it
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._child.kill()
        self._child.communicate()

    def run(self, job: Job, watch: Callable[[], None] | None = None, every_s: float = _PATIENCE_S) -> Outcome:
        """Run a job.

        Args:
            watch: Called while it runs.
            every_s: Seconds between two calls of ``watch``.

        Raises:
            AppError: The service did not store everything; the message is its answer.
        """
        assert self._child.stdin is not None  # noqa: S101 it was opened as a pipe
        assert self._child.stdout is not None  # noqa: S101 as above
        self._child.stdin.write(msgspec.json.encode(job) + b"\n")
        self._child.stdin.flush()
        while not select.select([self._child.stdout], [], [], every_s)[0]:
            if watch is not None:
                watch()
        line = self._child.stdout.readline()
        if not line:
            raise AppError("The load client of the benchmark ended by itself.")
        outcome = msgspec.json.decode(line, type=Outcome)
        if outcome.failed is not None:
            raise AppError(f"The service did not store all {job.kind}: {outcome.failed}")
        return outcome


def main() -> None:
    """Run jobs until the input ends."""
    fleets: dict[int, Fleet] = {}
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        fleet = fleets.setdefault(job.plan.devices, Fleet(job.plan.devices))
        outcome = uvloop.run(run_job(job, fleet))
        sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
