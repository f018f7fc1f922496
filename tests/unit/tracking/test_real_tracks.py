"""Real people, who walk, drive, take trains and planes, are believed."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, Doubt
from app.tracking.live.last_known import DeviceFixes, LastKnownPositions

TRACKS = Path(__file__).resolve().parents[4] / "shared" / "data" / "trajectories" / "geolife_beijing.csv.gz"


@pytest.mark.skipif(
    not TRACKS.exists(), reason="the reference data lie beside the checkout, on a developer's machine"
)
def test_fewer_than_one_in_a_thousand_real_fixes_are_doubted() -> None:
    with gzip.open(TRACKS, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {name: number for number, name in enumerate(dict.fromkeys(row["device_id"] for row in rows), start=1)}
    device = np.array([names[row["device_id"]] for row in rows], dtype=np.int32)
    fixed_us = np.array([datetime.fromisoformat(row["timestamp"]).timestamp() * 1e6 for row in rows]).astype(np.int64)
    lon_e7, lat_e7 = (
        np.rint(np.array([float(row[axis]) for row in rows]) * E7).astype(np.int32) for axis in ("lon", "lat")
    )
    settings = TrackingSettings()
    order = np.lexsort((fixed_us, device))
    moves = DeviceFixes(
        device_id=device[order],
        asset_id=np.ones(len(rows), dtype=np.int32),
        fixed_us=fixed_us[order],
        lon_e7=lon_e7[order],
        lat_e7=lat_e7[order],
        uncertainty_m=np.full(len(rows), settings.noise_m),
    )
    last_known = LastKnownPositions(settings)
    last_known.unknown(moves)
    doubts = last_known.judge(moves).doubts
    found = {doubt: int(np.count_nonzero(doubts & int(doubt))) for doubt in (Doubt.TOO_FAST, Doubt.JUMP)}
    assert found == {Doubt.TOO_FAST: 35, Doubt.JUMP: 12}
    assert len(rows) == 350_706
