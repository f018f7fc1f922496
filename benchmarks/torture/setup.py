"""Starts all that the torture needs: a durable throw-away cluster, if possible on its own file system."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.access.domain import Role
from app.cli.keys import make_key
from app.core.clock import SystemClock
from app.core.db.migration import migrate
from app.core.settings import Settings
from app.jurisdictions.loading.service import load_bundled_layer
from app.localdb.background_service import is_ready, reserved_port
from app.localdb.cluster import CHECKOUT, DURABLE_SETTINGS, Throwaway, throwaway_server
from benchmarks.fleet import register_fleet
from benchmarks.torture.clients import ClientPool
from benchmarks.torture.faults import OTHER_LANES, FaultTargets
from benchmarks.torture.load import Plan
from benchmarks.torture.processes import DatabaseServer, Service

DEVICES: Final = 400
_IMAGE_BYTES: Final = 16 * 1024**3  # sparse; most of it is never written
_SETTINGS: Final = DURABLE_SETTINGS | {"max_wal_size": "512MB"}
"""As the service's own, except that recovery after each of many crashes is short."""
_GUARD: Final = """
cat
n=0
while mountpoint -q "$1" && [ $n -lt 600 ]; do umount "$1" 2>/dev/null || sleep 0.2; n=$((n + 1)); done
mountpoint -q "$1" || rm -rf "$1" "$2"
"""


@dataclass(frozen=True, slots=True)
class TortureSetup:
    """The cluster and the targets of the faults, with posting clients."""

    made: Throwaway
    targets: FaultTargets


@contextmanager
def small_disk() -> Iterator[Path | str]:
    """Mount a separate file system, on a file, that may be filled; unmounted and deleted in any case.

    Yields:
        Its mount point; or, as text, why there is none.
    """
    area = Path(tempfile.mkdtemp(prefix="leasetrace-disk-")).resolve()
    area.chmod(0o755)
    image, where = area.with_suffix(".img"), area
    with image.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    with subprocess.Popen(["sh", "-c", _GUARD, "guard", where, image], stdin=subprocess.PIPE, start_new_session=True):
        refusal = _refusal(["mkfs.ext4", "-q", "-m", "0", image]) or _refusal(["mount", "-o", "loop", image, where])
        where.chmod(0o755)
        yield where if refusal is None else f"no file system could be mounted (it takes root): {refusal}"


def _refusal(command: list[str | Path]) -> str | None:
    """Run a command; return why it failed, or None."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.CalledProcessError as error:
        return " ".join(str(error.stderr).split()) or f"{command[0]}: exit status {error.returncode}"
    return None


@contextmanager
def torture_setup(
    clients: int, *, pause_s: float, stall_s: float, settings: Mapping[str, str] | None = None, seed: int = 7
) -> Iterator[TortureSetup]:
    """Start cluster, boundaries, a small fleet, the service, and posting clients.

    Args:
        clients: Number of clients.
        pause_s: Seconds of pause after an acknowledgement.
        stall_s: See ``FaultTargets``.
        settings: Parameters of PostgreSQL besides those of a durable cluster.
        seed: Of the batches.
    """
    with (
        small_disk() as disk,
        throwaway_server(disk if isinstance(disk, Path) else None, {**_SETTINGS, **(settings or {})}) as made,
        reserved_port() as port,
        reserved_port() as twin_port,
    ):
        migrate(made.urls.owner_url, made.urls.app_url)
        load_bundled_layer(made.urls.owner_url, now=SystemClock().now())
        register_fleet(made.urls.owner_url, DEVICES)
        key = lessors_key(made.urls.app_url)
        service, twin = (
            service_on(made.urls.app_url, made.instance.data.with_name(f"{name}.log"), own_port)
            for name, own_port in (("service", port), ("twin", twin_port))
        )
        database = DatabaseServer(made.instance.data, made.superuser_url, made.start, made.instance.restart)
        origin_ms = round(SystemClock().now().timestamp() * 1000) - 12 * 3_600_000
        plan = Plan(DEVICES, clients + OTHER_LANES, origin_ms, seed)
        try:
            service.start()
            with ClientPool(service.address, key, plan, clients, pause_s) as client_pool:
                no_disk = disk if isinstance(disk, str) else ""
                disk_path = disk if isinstance(disk, Path) else None
                yield TortureSetup(
                    made, FaultTargets(service, twin, database, client_pool, key, disk_path, no_disk, stall_s)
                )
        finally:
            service.kill()


def lessors_key(app_url: str) -> str:
    """Make a key for the lessor of the fleet."""
    settings = Settings.from_environment(os.environ, database_url=app_url)
    return asyncio.run(make_key(settings, SystemClock(), Role.LESSOR_MANAGER, lessor="bench")).text


def service_on(app_url: str, log: Path, port: int) -> Service:
    """Return the service on a database, not started yet. On Linux it ends with this process.

    Args:
        app_url: Connection URL of the application's role.
        log: Receives its output.
        port: Its TCP port.
    """
    dies_with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    command = [*dies_with_us, sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
    environ = {**os.environ, "DATABASE_URL": app_url, "LEASETRACE_LOG_LEVEL": "WARNING"}
    return Service(command, environ, CHECKOUT, port, log, is_ready)
