import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import NO_INT, NO_TIME_US, RejectCode, Reports, Source
from app.telemetry.formats.json_pings import decode
from app.telemetry.formats.ping_row import Decoded
from app.telemetry.pings.columns import to_reports

GOOD: dict[str, Any] = {
    "device_id": "860123456789012",
    "fixed_at": "2026-11-23T08:00:00+08:00",
    "lon": 121.4241,
    "lat": 31.2205,
    "coord_system": "wgs84",
}


def columns(*rows: object) -> Reports:
    return to_reports([read(*rows)], [None])


def read(*rows: object, ndjson: bool = False) -> Decoded:
    text = "\n".join(json.dumps(r) for r in rows) if ndjson else json.dumps(rows)
    return decode(text.encode(), ndjson=ndjson, max_rows=100)


def test_a_good_row_is_read_with_its_time_in_utc_and_absent_numbers_stay_absent() -> None:
    reports = columns(GOOD)
    assert reports.identifiers == ["860123456789012"]
    assert reports.fixed_us[0] == int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()) * 1_000_000
    assert (reports.lon[0], reports.lat[0]) == (121.4241, 31.2205)
    assert reports.source[0] == Source.GNSS
    assert reports.located[0]
    assert not reports.backfill[0]
    assert np.isnan(reports.more.speed_kmh[0])
    assert reports.more.satellites[0] == NO_INT
    assert reports.more.sent_us[0] == NO_TIME_US


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"lat": "31.2"}, RejectCode.MALFORMED, "lat"),
        ({"lat": None}, RejectCode.MALFORMED, "lat"),
        ({"fixed_at": "2026-11-23T08:00:00"}, RejectCode.MALFORMED, "fixed_at"),
        ({"fixed_at": "2026-11-23 08:00"}, RejectCode.MALFORMED, "fixed_at"),
        ({"fixed_at": 1_700_000_000}, RejectCode.MALFORMED, "fixed_at"),
        ({"fixed_at": "2026-06-30T23:59:60Z"}, RejectCode.MALFORMED, "fixed_at"),
        ({"coord_system": "mars"}, RejectCode.MALFORMED, "coord_system"),
        ({"device_id": ""}, RejectCode.MALFORMED, "device_id"),
        ({"device_id": "x" * 65}, RejectCode.MALFORMED, "device_id"),
        ({"speed_kmh": "12"}, RejectCode.MALFORMED, "speed_kmh"),
    ],
)
@pytest.mark.parametrize("ndjson", [False, True])
def test_one_bad_row_is_named_and_its_neighbours_are_kept(
    change: dict[str, Any], code: RejectCode, field: str, ndjson: bool
) -> None:
    reports = read(GOOD, GOOD | change, GOOD, ndjson=ndjson)
    assert reports.index == [0, 2]
    assert [(r.index, r.code, r.field) for r in reports.rejections] == [(1, code, field)]
    assert reports.received == 3


@pytest.mark.parametrize("field", ["device_id", "fixed_at", "lat", "lon"])
def test_a_missing_field_is_named(field: str) -> None:
    row = {k: v for k, v in GOOD.items() if k != field}
    (rejection,) = read(GOOD, row).rejections
    assert (rejection.code, rejection.field) == (RejectCode.MISSING_FIELD, field)


def test_an_impossible_optional_number_is_left_out_and_does_not_cost_the_fix() -> None:
    reports = columns(GOOD | {"course_deg": 720, "battery_pct": -3, "accuracy_m": -1, "satellites": 10**400})
    assert reports.rejections == ((),)
    assert reports.more.course_deg[0] == NO_INT
    assert reports.more.battery_pct[0] == NO_INT
    assert reports.more.satellites[0] == NO_INT
    assert np.isnan(reports.more.accuracy_m[0])


def test_years_1_and_9999_can_be_read() -> None:
    reports = columns(
        GOOD | {"fixed_at": "0001-01-01T00:00:00+08:00"}, GOOD | {"fixed_at": "9999-12-31T23:59:59.999999-08:00"}
    )
    assert reports.rejections == ((),)
    assert reports.fixed_us[0] < -62_000_000_000_000_000
    assert reports.fixed_us[1] > 253_000_000_000_000_000


@pytest.mark.parametrize("body", [b"", b"[", b'[{"lat": NaN}]', b"\xff\xfe[", b"[" * 100_000])
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(body, ndjson=False, max_rows=100)


@pytest.mark.parametrize("body", [b"{}", b"{]", b"3", b"null", b"[]"])
def test_what_is_no_batch_is_refused_whole(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(body, ndjson=False, max_rows=100)


def test_a_broken_line_of_ndjson_costs_only_itself() -> None:
    body = json.dumps(GOOD).encode() + b'\n{"lat": NaN}\n\n\xff\n' + json.dumps(GOOD).encode()
    reports = decode(body, ndjson=True, max_rows=100)
    assert reports.index == [0, 3]
    assert [r.index for r in reports.rejections] == [1, 2]


def test_too_many_rows_are_refused_even_when_bad() -> None:
    with pytest.raises(TooLarge):
        decode(json.dumps([{}] * 101).encode(), ndjson=False, max_rows=100)


@given(st.lists(st.one_of(st.just(GOOD), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))))
def test_every_row_is_either_read_or_rejected_never_lost(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    reports = read(*rows)
    seen = reports.index + [r.index for r in reports.rejections]
    assert sorted(seen) == list(range(len(rows)))
