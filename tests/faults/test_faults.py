"""Acknowledged means stored: each fault once, under load; afterwards all that was ever acknowledged is there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from benchmarks import commands
from benchmarks.torture.faults import Fault, inject
from benchmarks.torture.setup import TortureSetup
from tests.factories.faults import settled_verdict
from tests.scale import SCALE


@pytest.mark.parametrize("fault", [fault for fault in Fault if SCALE.faults is None or fault in SCALE.faults])
def test_an_acknowledged_ping_outlives(up: TortureSetup, fault: Fault) -> None:
    if fault is Fault.DISK_FULL and up.targets.disk is None:
        pytest.skip(up.targets.no_disk)
    inject(up.targets, fault)
    assert up.targets.findings == []
    verdict = settled_verdict(up)
    assert verdict.broken() == {}
    assert verdict.acknowledged > 0


def test_the_command_draws_faults_and_finds_nothing_lost(up: TortureSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def torture_setup(clients: int, **_: float) -> Iterator[TortureSetup]:
        assert clients == 4
        yield up

    monkeypatch.setattr(commands, "torture_setup", torture_setup)
    words = ["torture", "--json", "--minutes", "0.1", "--clients", "4", "--seed", "43"]
    result = CliRunner().invoke(commands.bench_app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout.splitlines()[-1])
    assert sum(numbers["faults"].values()) > 0
    assert numbers["lost"] == 0
    assert numbers["acknowledged"] > 0
