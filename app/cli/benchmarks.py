"""``leasetrace bench``: each benchmark on a database of its own, with the service running as a user would run it.

The cluster is thrown away afterwards; it waits for the disk at every commit, as the real one does.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import psycopg
import typer
from pydantic import SecretStr
from rich.console import Console

from app.access.domain import PrincipalKind
from app.bench import answers, fleet, ingest, locate
from app.bench.torture import run as torture
from app.cli.background import free_port
from app.cli.cluster import CHECKOUT, ClusterUrls, throwaway
from app.cli.keys import make_key
from app.cli.torture import stand
from app.core.clock import SystemClock
from app.core.database import Database
from app.core.errors import AppError
from app.core.schema import migrate
from app.core.settings import Settings
from app.jurisdictions.loading import load_bundled_layer
from app.jurisdictions.service import LocatedLayer, LocatorProvider

bench_app = typer.Typer(help="Measure what the service does on this machine; every number is printed as JSON.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
CASE_ASSETS = 671
COURT_ASSETS = 10_000
_notes = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """A service on a fresh database, for one benchmark.

    Attributes:
        urls: The database.
        address: The service.
        registered: The fleet.
    """

    urls: ClusterUrls
    address: str
    registered: fleet.Registered

    def key(self, kind: PrincipalKind, **whose: str) -> str:
        """Make a key for somebody."""
        settings = Settings(database_url=SecretStr(self.urls.app_url))
        return asyncio.run(make_key(settings, SystemClock(), kind, **whose)).text  # type: ignore[arg-type]


@contextmanager
def _stage(devices: int) -> Iterator[Stage]:
    with throwaway(durable=True) as urls:
        _notes.print("bench: migrating, loading boundaries, registering the fleet …")
        migrate(urls.owner_url, urls.app_url)
        load_bundled_layer(urls.owner_url, now=SystemClock().now())
        registered = fleet.register_fleet(urls.owner_url, devices)
        with _service(urls) as address:
            yield Stage(urls, address, registered)


@contextmanager
def _service(urls: ClusterUrls) -> Iterator[str]:
    port = free_port(0)
    address = f"http://127.0.0.1:{port}"
    environ = {**os.environ, "DATABASE_URL": urls.app_url, "LEASETRACE_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=environ)
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{address}/readyz").is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            raise AppError("The service of the benchmark did not become ready.")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _print(name: str, numbers: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"benchmark": name, **numbers}))
    else:
        Console().print(name, numbers)


@bench_app.command("ingest")
def bench_ingest(
    as_json: AsJson = False,
    pings: Annotated[int, typer.Option(help="Pings that are measured.", min=1_000)] = 500_000,
    devices: Annotated[int, typer.Option(help="Devices of the fleet.", min=1)] = 100_000,
) -> None:
    """Pings a second over HTTP, durable, beside one connection's bare binary COPY."""
    with _stage(devices) as stage:
        key = stage.key(PrincipalKind.LESSOR, lessor="bench")
        numbers = ingest.measure(stage.address, stage.urls.owner_url, key, stage.registered.lessor_id, devices, pings)
    _print("ingest", numbers, as_json=as_json)


async def _layer(urls: ClusterUrls) -> LocatedLayer:
    database = Database(Settings(database_url=SecretStr(urls.app_url)))
    try:
        return await LocatorProvider(database).current()
    finally:
        await database.close()


@bench_app.command("locate")
def bench_locate(
    as_json: AsJson = False,
    points: Annotated[int, typer.Option(help="Points that are located.", min=50_000)] = 1_000_000,
) -> None:
    """Points a second from coordinates to county, and the differences from ST_Covers."""
    with throwaway(durable=True) as urls:
        migrate(urls.owner_url, urls.app_url)
        load_bundled_layer(urls.owner_url, now=SystemClock().now())
        layer = asyncio.run(_layer(urls))
        numbers = locate.measure(urls.owner_url, layer.locator, layer.county_adcode, points)
    _print("locate", numbers, as_json=as_json)


def _bench_answer(name: str, assets: int, path: Callable[[int], str], *, spread: bool, as_json: bool) -> None:
    with _stage(assets) as stage:
        key = stage.key(PrincipalKind.COURT, court="沪0105")
        with psycopg.connect(stage.urls.owner_url) as connection:
            row = connection.execute("SELECT court_id FROM court WHERE code = '沪0105'").fetchone()
        everywhere = answers.spots(stage.urls.owner_url)
        step = len(everywhere) // 200
        places = [everywhere[(i * step) % len(everywhere)] for i in range(assets)]
        if not spread:
            places = answers.yards_in(everywhere[len(everywhere) // 2], assets)
        case_id = answers.open_bench_case(stage.urls.owner_url, stage.registered, row[0] if row else 0, 1, places)
        numbers = {"assets": assets, **answers.time_answers(stage.address, key, path(case_id))}
    _print(name, numbers, as_json=as_json)


@bench_app.command("distribution")
def bench_distribution(as_json: AsJson = False) -> None:
    """Milliseconds until a court sees over which territories the 671 assets of its case are spread."""
    _bench_answer(
        "distribution", CASE_ASSETS, lambda case: f"/v1/cases/{case}/distribution", spread=True, as_json=as_json
    )


@bench_app.command("clusters")
def bench_clusters(as_json: AsJson = False) -> None:
    """Milliseconds until a court sees the clusters of 10,000 assets inside one territory, with hulls."""
    _bench_answer("clusters", COURT_ASSETS, lambda case: f"/v1/clusters?case={case}", spread=False, as_json=as_json)


@bench_app.command("torture")
def bench_torture(
    as_json: AsJson = False,
    minutes: Annotated[float, typer.Option(help="How long faults go on.", min=0.1, max=300)] = 2,
    clients: Annotated[int, typer.Option(help="Clients that post at the same time.", min=1, max=64)] = 6,
    seed: Annotated[int | None, typer.Option(help="Of order and moments; drawn and printed when left out.")] = None,
) -> None:
    """Kill, stall and fill what the service stands on, under load; exit code 1 if an acknowledged ping is lost."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    _notes.print(f"torture (seed {seed}): migrating, loading boundaries, registering the fleet …")
    with stand(clients, pause_s=0.05, stall_s=10) as up:
        numbers = {"seed": seed, **torture.torture(up.scene, up.made.urls.owner_url, minutes, seed, _notes.print)}
    _print("torture", numbers, as_json=as_json)
    if not torture.is_sound(numbers):
        raise typer.Exit(1)


@bench_app.command("all")
def bench_all(as_json: AsJson = False) -> None:
    """All of them but the torture, one JSON object a line."""
    bench_locate(as_json=as_json)
    bench_distribution(as_json=as_json)
    bench_clusters(as_json=as_json)
    bench_ingest(as_json=as_json)
