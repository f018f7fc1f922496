"""Acknowledged means stored: each fault once, under load; afterwards all that was ever acknowledged is there."""

import pytest

from app.bench.torture.faults import Fault, inject
from app.cli.torture import Stand
from tests.factories.faults import settled_verdict
from tests.scale import SCALE


@pytest.mark.parametrize("fault", [fault for fault in Fault if SCALE.faults is None or fault in SCALE.faults])
def test_an_acknowledged_ping_outlives(up: Stand, fault: Fault) -> None:
    if fault is Fault.DISK_FULL and up.scene.disk is None:
        pytest.skip(up.scene.no_disk)
    inject(up.scene, fault)
    assert up.scene.findings == []
    verdict = settled_verdict(up)
    assert verdict.broken() == {}
    assert verdict.acknowledged > 0
