"""Prometheus metrics; no label ever holds a coordinate, a key or a name."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The metrics of one application; each instance has its own registry, so that tests can create several."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "leasetrace_requests_total",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "leasetrace_request_seconds",
            "Seconds from a request's first byte to its answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.pings = Counter(
            "leasetrace_pings_total",
            "Ping rows by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self.feeds_silent = Gauge(
            "leasetrace_feeds_silent", "Feeds that have an open alert of silence.", registry=self.registry
        )
        self.writer_commits = Counter(
            "leasetrace_writer_commits_total", "Group commits of the ping writer.", registry=self.registry
        )
        self.job_runs = Counter(
            "leasetrace_job_runs_total", "Runs of a job of the worker.", ["job"], registry=self.registry
        )
        self.job_failures = Counter(
            "leasetrace_job_failures_total", "Runs of a job that failed.", ["job"], registry=self.registry
        )
        self.job_seconds = Histogram(
            "leasetrace_job_seconds",
            "Seconds that a run of a job took.",
            ["job"],
            registry=self.registry,
            buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120),
        )
        self.writer_rows_waiting = Gauge(
            "leasetrace_writer_rows_waiting", "Rows that wait for the ping writer.", registry=self.registry
        )

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; label lookups are cached because they cost more than the counting."""
        children = self._children.get((method, route, status))
        if children is None:
            children = self._children[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.request_seconds.labels(method, route),
            )
        children[0].inc()
        children[1].observe(seconds)
