from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.core.errors import InvalidInput, MalformedRequest
from app.core.geo.datum import CoordSystem
from app.telemetry.domain import NO_TIME_US
from app.telemetry.formats.json_pings import decode
from app.telemetry.formats.ping_files import FileOptions, read_batches
from app.telemetry.pings.columns import to_reports

GPX = """<?xml version="1.0"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>truck-7</name><trkseg>
<trkpt lat="31.2205" lon="121.4241"><ele>4</ele><time>2026-11-23T04:00:00Z</time><speed>10</speed></trkpt>
<trkpt lat="31.2206" lon="121.4242"><time>2026-11-23T04:01:00Z</time></trkpt>
</trkseg></trk></gpx>"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_gpx_track_is_read_with_its_name_as_device_and_speed_in_kmh(tmp_path: Path) -> None:
    ((body, devices),) = read_batches(write(tmp_path, "a.gpx", GPX), FileOptions(), 100)
    reports = to_reports([decode(body, ndjson=True, max_rows=100)], [None])
    assert devices == ["truck-7"]
    assert reports.rejections == ((),)
    assert reports.lon.tolist() == [121.4241, 121.4242]
    assert reports.more.speed_kmh[0] == 36
    assert reports.more.altitude_m[0] == 4


def test_csv_heads_are_understood_times_get_the_zone_and_feet_become_metres(tmp_path: Path) -> None:
    text = "imei,timestamp,Latitude,longitude,altitude_ft\nx,2026-11-23 12:00:00,31.2205,121.4241,1000\n"
    how = FileOptions(coord_system=CoordSystem.WGS84, zone=ZoneInfo("Asia/Shanghai"))
    ((body, _),) = read_batches(write(tmp_path, "a.csv", text), how, 100)
    reports = to_reports([decode(body, ndjson=True, max_rows=100)], [None])
    assert reports.rejections == ((),)
    assert reports.fixed_us[0] == 1_795_406_400_000_000
    assert reports.more.altitude_m[0] == 305


def test_a_time_without_offset_is_refused_row_by_row_when_no_zone_is_told(tmp_path: Path) -> None:
    text = "imei,time,lat,lon\nx,2026-11-23T12:00:00,31.2,121.4\nx,2026-11-23T12:00:00Z,31.2,121.4\n"
    ((body, _),) = read_batches(write(tmp_path, "a.csv", text), FileOptions(), 100)
    reports = decode(body, ndjson=True, max_rows=100)
    assert [(r.index, r.field) for r in reports.rejections] == [(0, "fixed_at")]


def test_parquet_is_read_with_aware_and_naive_times_and_absent_cells(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    utc = datetime(2026, 11, 23, 4, tzinfo=UTC)
    columns = {
        "imei": pa.array([860123456789012, 860123456789012]),
        "gps_time": pa.array([utc, utc], type=pa.timestamp("ms", tz="UTC")),
        "sent_at": pa.array([datetime(2026, 11, 23, 12), None]),  # noqa: DTZ001 a time without zone is the case
        "latitude": pa.array([31.2205, 31.2206], type=pa.float32()),
        "longitude": [121.4241, 121.4242],
        "speed_kmh": [36, None],
        "something else": ["x", "y"],
    }
    parquet.write_table(pa.table(columns), file)
    how = FileOptions(coord_system=CoordSystem.WGS84, zone=ZoneInfo("Asia/Shanghai"))
    ((body, devices),) = read_batches(file, how, 100)
    reports = to_reports([decode(body, ndjson=True, max_rows=100)], [None])
    assert devices == ["860123456789012"]
    assert reports.rejections == ((),)
    assert reports.fixed_us.tolist() == [1_795_406_400_000_000] * 2
    assert reports.more.sent_us.tolist() == [1_795_406_400_000_000, NO_TIME_US]
    assert reports.more.speed_kmh[0] == 36
    assert np.isnan(reports.more.speed_kmh[1])


def test_what_is_no_parquet_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(MalformedRequest, match=r"a\.parquet"):
        list(read_batches(write(tmp_path, "a.parquet", "imei,time\n"), FileOptions(), 100))


def test_batches_have_at_most_so_many_rows(tmp_path: Path) -> None:
    lines = "\n".join('{"device_id": "x"}' for _ in range(5))
    assert len(list(read_batches(write(tmp_path, "a.ndjson", lines), FileOptions(), 2))) == 3


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("a.csv", "imei,lat,lon\n", "fixed_at"),
        ("a.csv", "time,lat,lon\n", "device_id"),
        ("a.csv", "", "file"),
        ("a.docx", "x", "file"),
    ],
)
def test_a_file_without_what_a_ping_needs_is_refused_whole(tmp_path: Path, name: str, text: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        list(read_batches(write(tmp_path, name, text), FileOptions(), 100))
    assert refused.value.field == field


@pytest.mark.parametrize(("name", "text"), [("a.gpx", "<gpx><trk>"), ("a.ndjson", "{"), ("a.ndjson", "[1]")])
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(MalformedRequest, match=name):
        list(read_batches(write(tmp_path, name, text), FileOptions(), 100))
