"""Every benchmark that is promised runs to its end and prints its numbers; no time is asserted."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
from psycopg import connect
from typer.testing import CliRunner

from app.localdb.cluster import ClusterUrls
from benchmarks import answers, commands, keys, locate, trail
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.ingest import Extent, Target

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def bench(environment: BenchmarkEnvironment, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on the common service; before and after, its database is without positions and cases."""

    def benchmark_environment(_devices: int) -> AbstractContextManager[BenchmarkEnvironment]:
        return nullcontext(environment)

    def throwaway(*, durable: bool) -> AbstractContextManager[ClusterUrls]:
        assert durable, "what is measured waits for the disk"
        return nullcontext(environment.urls)

    monkeypatch.setattr(commands, "benchmark_environment", benchmark_environment)

    def targeted(_stage: BenchmarkEnvironment) -> Target:
        return target  # its feed is registered once

    monkeypatch.setattr(commands, "throwaway", throwaway)
    monkeypatch.setattr(commands, "_target", targeted)
    _empty(environment)
    yield _run
    _empty(environment)


def _empty(environment: BenchmarkEnvironment) -> None:
    with connect(environment.urls.owner_url) as connection:
        connection.execute("TRUNCATE ping, current_position, enforcement_case CASCADE")


def _run(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(commands.bench_app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    numbers: dict[str, Any] = json.loads(line)
    assert numbers["benchmark"] == words[0]
    return numbers


def _smaller(monkeypatch: pytest.MonkeyPatch, module: object, **numbers: int) -> None:
    for name, number in numbers.items():
        monkeypatch.setattr(module, name, number)


def test_ingest(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    small = partial(Extent, singles=20, scheduled_s=0.1, row_security_rounds=1)
    monkeypatch.setattr(commands, "Extent", small)
    numbers = bench("ingest", "--pings", "1000")
    assert numbers["pings"] == 1_000
    assert set(numbers["row_security_pings_per_s"]) == {"on", "off", "cost_pct"}


@pytest.mark.parametrize("name", ["distribution", "clusters"])
def test_answers(bench: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _smaller(monkeypatch, commands, CASE_ASSETS=40, COURT_ASSETS=60, _ROUNDS=1)
    _smaller(monkeypatch, answers, REQUESTS=2)
    numbers = bench(name)
    assert set(numbers) == {"benchmark", "assets", "requests", "p50_ms", "p95_ms", "row_security_p50_ms"}
    assert numbers["assets"] == {"distribution": 40, "clusters": 60}[name]


def test_locate(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _smaller(monkeypatch, locate, CHECKED=500)
    numbers = bench("locate", "--points", "50000")
    assert (numbers["points"], numbers["checked"]) == (50_000, 500)
    assert numbers["differences_from_st_covers"] == 0


def test_trail(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _smaller(monkeypatch, trail, READERS=3, CASE_ASSETS=20)
    numbers = bench("trail", "--seconds", "0.2")
    for name in ("alone", "together", "together_gathering_2ms", "case_together", "separate"):
        assert set(numbers[name]) == {"entries_per_s", "p50_ms", "p99_ms"}
    assert numbers["entries"] > 5


def test_keys(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _smaller(monkeypatch, keys, REMEMBERED_CHECKS=50, COLD_CHECKS=3, SIGN_INS=2)
    numbers = bench("keys")
    for name in ("key_check_ms", "session_check_ms", "key_check_cold_ms", "sign_in_ms"):
        assert 0 < numbers[name]["p50"] <= numbers[name]["p99"]
    assert numbers["key_check_ms"]["p50"] < numbers["key_check_cold_ms"]["p50"], "it is remembered"


def test_all_runs_each_of_them_but_the_torture(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {command.name for command in commands.bench_app.registered_commands} - {"all", "torture"}
    ran: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda **_: ran.append(name)

    for name in names:
        monkeypatch.setattr(commands, f"bench_{name}", note(str(name)))
    commands.bench_all(as_json=True)
    assert len(ran) == len(names)
    assert set(ran) == names
