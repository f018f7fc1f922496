"""Environment of a benchmark: a throw-away cluster on the disk, and the service, started as a user would."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from rich.console import Console

from app.access.domain import Role
from app.cli.keys import make_key
from app.core.clock import SystemClock
from app.core.db.migration import migrate
from app.core.errors import AppError
from app.core.settings import Settings
from app.jurisdictions.loading.service import load_bundled_layer
from app.localdb.background_service import LOOPBACK, is_ready, reserved_port
from app.localdb.cluster import CHECKOUT, ClusterUrls, throwaway
from benchmarks import fleet

_START_S: Final = 60
_STOP_S: Final = 30
_notes = Console(stderr=True, highlight=False)


def print_progress(line: str) -> None:
    """Print progress to standard error; standard output is for numbers."""
    _notes.print(f"bench: {line}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: host, TCP port and process id."""

    host: str
    port: int
    pid: int

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BenchmarkEnvironment:
    """A service on a new database with a registered fleet, for one benchmark."""

    urls: ClusterUrls
    service: Service
    registered: fleet.Registered

    def key(self, role: Role, **whose: Any) -> str:
        """Make a key with a role."""
        settings = Settings.from_environment(os.environ, database_url=self.urls.app_url)
        return asyncio.run(make_key(settings, SystemClock(), role, **whose)).text

    def feed_key(self, lessor_key: str) -> str:
        """Register a feed of WGS-84 positions for the fleet's lessor, and make a key for it."""
        wanted = {"name": "bench", "coord_system": "wgs84"}
        headers = {"Authorization": f"Bearer {lessor_key}"}
        with httpx.Client(trust_env=False) as client:  # a proxy of the environment must not see the key
            answer = client.post(f"{self.service.address}/v1/feeds", json=wanted, headers=headers)
        if not answer.is_success:
            raise AppError(f"The service made no feed: {answer.text}")
        return self.key(Role.LESSOR_MANAGER, lessor="bench", feed_id=answer.json()["feed_id"])


@contextmanager
def benchmark_environment(devices: int) -> Iterator[BenchmarkEnvironment]:
    """Start a service on a migrated database with boundaries and a fleet."""
    with throwaway(durable=True) as urls:
        print_progress("migrating, loading boundaries, registering the fleet …")
        migrate(urls.owner_url, urls.app_url)
        load_bundled_layer(urls.owner_url, now=SystemClock().now())
        registered = fleet.register_fleet(urls.owner_url, devices)
        with running_service(urls) as service:
            yield BenchmarkEnvironment(urls, service, registered)


@contextmanager
def running_service(urls: ClusterUrls) -> Iterator[Service]:
    """Run the service as a process of its own while the block lasts.

    Args:
        urls: Its database, migrated, with boundaries.

    Raises:
        AppError: It did not become ready.
    """
    environ = {**os.environ, "DATABASE_URL": urls.app_url, "LEASETRACE_LOG_LEVEL": "WARNING"}
    with reserved_port() as port:
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
        # its own session keeps Ctrl-C away from it: it is stopped below, after its users
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environ, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            service = Service(LOOPBACK, port, process.pid)
            _await_ready(service, process)
            yield service
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(service: Service, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready(service.pid, service.port):
            return
        time.sleep(0.1)
    raise AppError("The service of the benchmark did not become ready.")
