"""``python -m benchmarks``: each benchmark on a new database, with the service started as a user would.

The cluster is deleted afterwards. It flushes to disk at every commit, as the real one does.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from app.access.domain import Role
from app.core.clock import SystemClock
from app.core.db.database import Database
from app.core.db.migration import migrate
from app.core.settings import Settings
from app.jurisdictions.loading.service import load_bundled_layer
from app.jurisdictions.service import ActiveLayer, LocatorProvider
from app.localdb.cluster import ClusterUrls, throwaway
from benchmarks import answers, keys, locate, trail
from benchmarks.environment import BenchmarkEnvironment, benchmark_environment, print_progress
from benchmarks.growth import STEPS, steps_to
from benchmarks.ingest import BATCH_ROWS, Extent, Target, measure
from benchmarks.row_security import side_by_side
from benchmarks.torture import run as torture
from benchmarks.torture.setup import torture_setup

bench_app = typer.Typer(
    name="benchmarks",
    help="Measure what the service does on this machine; every number is printed as JSON.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
CASE_ASSETS = 671
COURT_ASSETS = 10_000
_SOAK_MINUTES = 10.0
_ROUNDS = 3


def _print(name: str, numbers: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"benchmark": name, **numbers}), flush=True)
    else:
        Console().print(name, numbers)


@bench_app.command("ingest")
def bench_ingest(
    as_json: AsJson = False,
    pings: Annotated[
        int, typer.Option(help="Pings that are measured, in whole thousands.", min=BATCH_ROWS)
    ] = 500_000,
    devices: Annotated[int, typer.Option(help="Devices of the fleet.", min=1)] = 100_000,
    growth: Annotated[bool, typer.Option("--growth", help="Measure again with more and more pings stored.")] = False,
    growth_to: Annotated[
        int | None, typer.Option(help=f"How many are stored at last; {STEPS[-1]:,} when left out.", min=1_000_000)
    ] = None,
    soak: Annotated[bool, typer.Option("--soak", help="Keep a constant load up and watch the memory.")] = False,
    soak_minutes: Annotated[
        float | None, typer.Option(help=f"For how long; {_SOAK_MINUTES:g} when left out.", min=0.1)
    ] = None,
    keep_up: Annotated[
        bool, typer.Option("--keep-up", help="Leave service and database running at the end, for a profiler.")
    ] = False,
) -> None:
    """Pings per second over HTTP, durable, and of one bare binary COPY; docs/running.md explains the keys."""
    extent = Extent(
        pings=pings,
        growth=steps_to(growth_to or STEPS[-1]) if growth or growth_to else (),
        soak_minutes=(soak_minutes or _SOAK_MINUTES) if soak or soak_minutes else 0.0,
    )
    with benchmark_environment(devices) as environment:
        target = _target(environment)
        if keep_up:
            print_progress(
                f"service: process {environment.service.pid}, {environment.service.address}, key {target.key}"
            )
            print_progress(f"database: {environment.urls.owner_url}")
        _print("ingest", measure(target, extent, SystemClock(), print_progress), as_json=as_json)
        if keep_up:
            print_progress("everything is left running until Enter or Ctrl-C")
            _wait()


def _target(environment: BenchmarkEnvironment) -> Target:
    key = environment.key(Role.LESSOR_MANAGER, lessor="bench")
    return Target(
        host=environment.service.host,
        port=environment.service.port,
        pid=environment.service.pid,
        owner_url=environment.urls.owner_url,
        key=key,
        feed_key=environment.feed_key(key),
        lessor_id=environment.registered.lessor_id,
        devices=environment.registered.devices,
    )


def _wait() -> None:
    """Wait for Enter, or without a terminal for a signal."""
    with contextlib.suppress(KeyboardInterrupt):
        if sys.stdin.isatty():
            sys.stdin.readline()
        else:
            signal.pause()


async def _layer(urls: ClusterUrls) -> ActiveLayer:
    database = Database(Settings.from_environment(os.environ, database_url=urls.app_url))
    try:
        return await LocatorProvider(database).current()
    finally:
        await database.close()


@bench_app.command("locate")
def bench_locate(
    as_json: AsJson = False,
    points: Annotated[int, typer.Option(help="Points that are located.", min=50_000)] = 1_000_000,
) -> None:
    """Points per second from coordinates to county, and the differences from ST_Covers."""
    with throwaway(durable=True) as urls:
        migrate(urls.owner_url, urls.app_url)
        load_bundled_layer(urls.owner_url, now=SystemClock().now())
        layer = asyncio.run(_layer(urls))
        numbers = locate.measure(urls.owner_url, layer.locator, layer.county_adcode, points)
    _print("locate", numbers, as_json=as_json)


def _bench_answer(name: str, assets: int, path: Callable[[int], str], *, spread: bool, as_json: bool) -> None:
    with benchmark_environment(assets) as environment:
        key = environment.key(Role.ENFORCEMENT_OFFICER, court="沪0105")
        with psycopg.connect(environment.urls.owner_url) as connection:
            row = connection.execute("SELECT court_id FROM court WHERE code = '沪0105'").fetchone()
        everywhere = answers.spots(environment.urls.owner_url)
        step = len(everywhere) // 200
        places = [everywhere[(i * step) % len(everywhere)] for i in range(assets)]
        if not spread:
            places = answers.yards_in(everywhere[len(everywhere) // 2], assets)
        case_id = answers.open_bench_case(
            environment.urls.owner_url, environment.registered, row[0] if row else 0, 1, places
        )
        numbers = {"assets": assets, **answers.time_answers(environment.service.address, key, path(case_id))}

        def p50_ms() -> float:
            return float(answers.time_answers(environment.service.address, key, path(case_id))["p50_ms"])

        beside = side_by_side(environment.urls.owner_url, p50_ms, rounds=_ROUNDS, more_is_better=False)
        numbers |= {"row_security_p50_ms": beside}
    _print(name, numbers, as_json=as_json)


@bench_app.command("distribution")
def bench_distribution(as_json: AsJson = False) -> None:
    """Milliseconds until a court has the distribution of the 671 assets of its case."""
    _bench_answer(
        "distribution", CASE_ASSETS, lambda case: f"/v1/cases/{case}/distribution", spread=True, as_json=as_json
    )


@bench_app.command("clusters")
def bench_clusters(as_json: AsJson = False) -> None:
    """Milliseconds until a court has the clusters of 10,000 assets inside one territory, with hulls."""
    _bench_answer("clusters", COURT_ASSETS, lambda case: f"/v1/clusters?case={case}", spread=False, as_json=as_json)


@bench_app.command("trail")
def bench_trail(
    as_json: AsJson = False,
    seconds: Annotated[float, typer.Option(help="How long each measure takes.", min=0.2, max=600)] = 10,
) -> None:
    """Entries per second of the audit trail, and the milliseconds that a read waits for its own."""
    with throwaway(durable=True) as urls:
        migrate(urls.owner_url, urls.app_url)
        numbers = asyncio.run(trail.measure(urls.app_url, SystemClock(), seconds))
    _print("trail", numbers, as_json=as_json)


@bench_app.command("keys")
def bench_keys(as_json: AsJson = False) -> None:
    """Milliseconds to check a key or a session, cached and from the database, and to sign in."""
    with throwaway(durable=True) as urls:
        migrate(urls.owner_url, urls.app_url)
        numbers = asyncio.run(keys.measure(urls.app_url))
    _print("keys", numbers, as_json=as_json)


@bench_app.command("torture")
def bench_torture(
    as_json: AsJson = False,
    minutes: Annotated[float, typer.Option(help="How long faults go on.", min=0.1, max=300)] = 2,
    clients: Annotated[int, typer.Option(help="Clients that post at the same time.", min=1, max=64)] = 6,
    seed: Annotated[int | None, typer.Option(help="Of order and moments; drawn and printed when left out.")] = None,
) -> None:
    """Kill, stall and fill database and service under load; exit code 1 if an acknowledged ping is lost."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    print_progress(f"torture (seed {seed}): migrating, loading boundaries, registering the fleet …")
    with torture_setup(clients, pause_s=0.05, stall_s=10) as up:
        numbers = {"seed": seed, **torture.torture(up.targets, up.made.urls.owner_url, minutes, seed, print_progress)}
    _print("torture", numbers, as_json=as_json)
    if not torture.is_sound(numbers):
        raise typer.Exit(1)


@bench_app.command("all")
def bench_all(as_json: AsJson = False) -> None:
    """All benchmarks but the torture, one JSON object per line."""
    bench_locate(as_json=as_json)
    bench_keys(as_json=as_json)
    bench_distribution(as_json=as_json)
    bench_clusters(as_json=as_json)
    bench_trail(as_json=as_json)
    bench_ingest(as_json=as_json)
