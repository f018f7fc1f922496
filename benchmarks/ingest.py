"""Throughput of the ingest, compared with one connection's bare binary COPY in the same run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final, Literal

import httpx

from app.core.clock import Clock
from app.core.errors import AppError
from benchmarks.copying import bare_copy_rows_per_s
from benchmarks.growth import fill
from benchmarks.load_process import Job, LoadProcess, Outcome
from benchmarks.numbers import percentile_ms
from benchmarks.pings import MINUTE_US, Fleet, Timeline
from benchmarks.processes import cpu_s, postmaster_pid, rss_mib
from benchmarks.row_security import side_by_side
from benchmarks.sizes import sizes

BATCH_ROWS: Final = 1_000
CONNECTIONS: Final = 8
SINGLE_CONNECTIONS: Final = 200
SCHEDULED_CONNECTIONS: Final = 32
_SAMPLE_S: Final = 5.0
_OSMAND_S: Final = 20.0
_NO_ROUTE: Final = (404, 405)


@dataclass(frozen=True, slots=True)
class Target:
    """The measured service.

    Attributes:
        port: Its TCP port.
        pid: The service's process.
        owner_url: Its database, which holds the fleet of ``register_fleet``.
        key: A key of the fleet's lessor.
        feed_key: A key for the feed of the lessor that declares WGS-84.
        devices: Number of devices of the fleet.
    """

    host: str
    port: int
    pid: int
    owner_url: str = field(repr=False)
    key: str = field(repr=False)
    feed_key: str = field(repr=False)
    lessor_id: int
    devices: int


@dataclass(frozen=True, slots=True)
class Extent:
    """Size of the measurements.

    Attributes:
        pings: Pings in batches; a fifth as many are sent before, to warm up.
        singles: Requests of one ping each, and at most as many in OsmAnd's protocol.
        scheduled_s: Seconds of load by schedule at half the measured rate.
        row_security_rounds: Number of measurements with and without row-level security, in turns.
        growth: Numbers of stored pings at which the batches are measured again.
        soak_minutes: Minutes of constant load at half the measured rate; 0 for none.
    """

    pings: int = 500_000
    singles: int = 20_000
    scheduled_s: float = 12.0
    row_security_rounds: int = 2
    growth: Sequence[int] = ()
    soak_minutes: float = 0.0


class Bench:
    """All measurements, one after the other on the same service; each method returns numbers by name.

    Args:
        load: The load client.
        clock: Real time.
        report: Called with a line about progress.
    """

    def __init__(
        self, target: Target, extent: Extent, load: LoadProcess, clock: Clock, report: Callable[[str], None]
    ) -> None:
        self._target = target
        self._extent = extent
        self._load = load
        self._clock = clock
        self._report = report
        self._fleet = Fleet(target.devices)
        self._timeline = Timeline(target.devices)
        self._postmaster = postmaster_pid(target.owner_url)

    def _job(self, kind: Literal["batches", "singles", "osmand"], pings: int, **more: Any) -> Job:
        target = self._target
        span_us = more.pop("span_us", None)
        span = {} if span_us is None else {"span_us": span_us}
        more = {"key": target.key, "rows": BATCH_ROWS if kind == "batches" else 1, **more}
        plan = self._timeline.plan(pings, self._clock.now(), **span)
        return Job(kind=kind, plan=plan, host=target.host, port=target.port, **more)

    def _batches(self, pings: int) -> Job:
        return self._job("batches", pings, connections=CONNECTIONS)

    def _run(self, job: Job) -> tuple[Outcome, dict[str, float | None]]:
        """Run a job; return its outcome and the CPU seconds of each process."""
        pids = {"service_s": self._target.pid, "postgres_s": self._postmaster}
        before = {name: None if pid is None else cpu_s(pid) for name, pid in pids.items()}
        outcome = self._load.run(job)
        spent = {
            name: None if pid is None else round(cpu_s(pid) - (before[name] or 0), 2) for name, pid in pids.items()
        }
        return outcome, {**spent, "load_s": round(outcome.cpu_s, 3)}

    def batches(self) -> dict[str, Any]:
        """Measure batches at full speed, between two bare COPYs of the same rows."""
        pings = self._extent.pings
        self._report("warming up …")
        self._load.run(self._batches(max(pings // 5, BATCH_ROWS)))
        job = self._batches(pings)
        self._report("bare COPY …")
        copies = [self._bare_copy(job)]
        self._report(f"{pings:,} pings in batches of {BATCH_ROWS:,} …")
        outcome, cpu = self._run(job)
        self._report("bare COPY again …")
        copies.append(self._bare_copy(job))
        pings_per_s, copy_rows_per_s = pings / outcome.elapsed_s, fmean(copies)
        return {
            "pings_per_s": round(pings_per_s),
            "copy_rows_per_s": round(copy_rows_per_s),
            "ratio": round(pings_per_s / copy_rows_per_s, 3),
            "p50_ms": percentile_ms(outcome.seconds, 50),
            "p99_ms": percentile_ms(outcome.seconds, 99),
            "load_cpu_s": cpu["load_s"],
            "cpu": cpu,
            **sizes(self._target.owner_url).numbers(),
        }

    def _bare_copy(self, job: Job) -> float:
        load = self._fleet.load(job.plan)
        return bare_copy_rows_per_s(self._target.owner_url, load, self._target.lessor_id, BATCH_ROWS)

    def scheduled(self, pings_per_s: float) -> dict[str, Any]:
        """Measure the latency of batches at half of a rate, counted from when each was due."""
        per_s = pings_per_s / 2 / BATCH_ROWS
        batches = max(round(per_s * self._extent.scheduled_s), 1)
        self._report(f"{batches:,} batches by schedule, {per_s:.1f} a second …")
        job = self._job("batches", batches * BATCH_ROWS, connections=SCHEDULED_CONNECTIONS, per_s=per_s)
        return {"p99_ms_half_load": percentile_ms(self._load.run(job).seconds, 99)}

    def singles(self) -> dict[str, Any]:
        """Measure requests of one ping each."""
        requests = self._extent.singles
        self._report(f"{requests:,} requests of one ping …")
        outcome, cpu = self._run(self._job("singles", requests, connections=SINGLE_CONNECTIONS))
        return {
            "single_requests_per_s": round(requests / outcome.elapsed_s),
            "single_p99_ms": percentile_ms(outcome.seconds, 99),
            "single_cpu": cpu,
        }

    def osmand(self, single_requests_per_s: float) -> dict[str, Any]:
        """Measure requests in OsmAnd's protocol, where the service accepts it.

        Args:
            single_requests_per_s: Limits the number of requests, so that a slow service does not take minutes.
        """
        requests = max(min(self._extent.singles, round(_OSMAND_S * single_requests_per_s)), 1)
        job = self._job("osmand", requests, connections=SINGLE_CONNECTIONS, key=self._target.feed_key)
        if not self._has_route("/v1/feeds/osmand"):
            return {"osmand_requests_per_s": None}
        self._report(f"{requests:,} requests in OsmAnd's protocol …")
        return {"osmand_requests_per_s": round(requests / self._load.run(job).elapsed_s)}

    def _has_route(self, path: str) -> bool:
        """Distinguish a missing route from an unknown device, which also is 404 in this protocol."""
        target = self._target
        headers = {"Authorization": f"Bearer {target.feed_key}"}
        address = f"http://{target.host}:{target.port}"
        with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
            wanted, nowhere = (client.post(each) for each in (path, f"{path}-that-does-not-exist"))
        return wanted.status_code not in _NO_ROUTE or _unnumbered(wanted) != _unnumbered(nowhere)

    def row_security(self) -> dict[str, Any]:
        """Measure the batches with and without row-level security, in turns."""
        pings, rounds = self._extent.pings, self._extent.row_security_rounds
        if not rounds:
            return {}
        self._report(f"{2 * rounds} times {pings:,} pings, with and without row-level security …")

        def pings_per_s() -> float:
            return pings / self._load.run(self._batches(pings)).elapsed_s

        found = side_by_side(self._target.owner_url, pings_per_s, rounds=rounds, more_is_better=True)
        return {"row_security_pings_per_s": found}

    def growth(self) -> dict[str, Any]:
        """Measure the batches again with more and more pings stored."""
        found = []
        target, now = self._target, self._clock.now
        for turn, wanted in enumerate(self._extent.growth):
            stored = fill(target.owner_url, self._fleet, target.lessor_id, wanted, now(), self._report, turn=turn)
            warm_up = self._batches(max(self._extent.pings // 5, BATCH_ROWS))
            self._load.run(warm_up)
            outcome = self._load.run(self._batches(self._extent.pings))
            pings_per_s = round(self._extent.pings / outcome.elapsed_s)
            found.append({"stored": stored + warm_up.plan.pings, "pings_per_s": pings_per_s})
            self._report(f"growth: {pings_per_s:,} pings/s with {stored:,} stored")
        return {"growth": found}

    def soak(self, pings_per_s: float) -> dict[str, Any]:
        """Keep half of a rate for ``soak_minutes`` and measure the service's memory."""
        minutes = self._extent.soak_minutes
        if not minutes:
            return {}
        per_s = pings_per_s / 2 / BATCH_ROWS
        pings = max(round(per_s * minutes * 60), 1) * BATCH_ROWS
        self._report(f"{minutes:g} minutes of {per_s:.1f} batches a second …")
        job = self._job(
            "batches",
            pings,
            connections=SCHEDULED_CONNECTIONS,
            per_s=per_s,
            as_it_goes=True,
            span_us=round(minutes * MINUTE_US),
        )
        rss = [rss_mib(self._target.pid)]
        self._load.run(job, watch=lambda: rss.append(rss_mib(self._target.pid)), every_s=_SAMPLE_S)
        rss.append(rss_mib(self._target.pid))
        names = {"minutes": minutes, "rss_mib_start": rss[0], "rss_mib_end": rss[-1], "rss_mib_max": max(rss)}
        return {"soak": {**names, "pings": pings}}

    def memory(self) -> dict[str, Any]:
        """Return the service's memory now."""
        return {"rss_mib": rss_mib(self._target.pid)}


def _unnumbered(answer: httpx.Response) -> tuple[int, Any]:
    """Content of a response without the request id."""
    try:
        said = answer.json()
    except ValueError:
        return answer.status_code, answer.text
    return answer.status_code, {name: value for name, value in said.items() if name != "request_id"}


def measure(target: Target, extent: Extent, clock: Clock, report: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything; ``docs/running.md`` describes each number.

    Args:
        target: A running service with a fleet and no other data in its database.
        clock: Real time: late or future fixes would be marked.
        report: Called with a line about progress.

    Raises:
        AppError: The service did not store everything that was sent.
    """
    if extent.pings % BATCH_ROWS:
        raise AppError(f"The benchmark sends whole batches: --pings in multiples of {BATCH_ROWS}.")
    with LoadProcess() as load:
        bench = Bench(target, extent, load, clock, report)
        numbers: dict[str, Any] = {
            "pings": extent.pings,
            "devices": target.devices,
            "batch_rows": BATCH_ROWS,
            "connections": CONNECTIONS,
            **bench.batches(),
        }
        numbers |= bench.scheduled(numbers["pings_per_s"])
        numbers |= bench.singles()
        numbers |= bench.osmand(numbers["single_requests_per_s"])
        numbers |= bench.row_security()
        numbers |= bench.growth()
        numbers |= bench.soak(numbers["pings_per_s"])
        return numbers | bench.memory()
