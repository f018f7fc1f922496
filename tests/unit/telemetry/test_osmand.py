from datetime import UTC, datetime
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import MalformedRequest
from app.telemetry.domain import RejectCode
from app.telemetry.formats.osmand import decode
from app.telemetry.formats.ping_row import Decoded, PingRow
from tests.factories.messages import (
    MAX_ROWS,
    ODD,
    OSMAND,
    RECEIVED_AT,
    Json,
    arrival,
    must_account_for_everything,
    only_reason,
    only_row,
    with_change,
)

PLACE = "id=123456&lat=60.0&lon=30.0"
OWN = "id=7&lat=31.25&lon=121.5"


def asked(query: str) -> Decoded:
    return decode(arrival(content_type="", query=query), MAX_ROWS)


def row_of(query: str) -> PingRow:
    return only_row(asked(query))


def changed(path: str, value: object) -> Json:
    return with_change(OSMAND, path, value)


@pytest.mark.parametrize(
    ("query", "device_id", "fixed_at", "lat", "lon"),
    [
        ("id=123456&timestamp=1377177267&lat=60.0&lon=30.0", "123456", "2013-08-22T13:14:27+00:00", 60, 30),
        (
            f"{OWN}&timestamp=1442068686579&hdop=6.0&altitude=4.0",
            "7",
            "2015-09-12T14:38:06.579000+00:00",
            31.25,
            121.5,
        ),
        (f"{OWN}&timestamp=2016-01-27T18%3A55%3A47Z", "7", "2016-01-27T18:55:47+00:00", 31.25, 121.5),
        (
            "lat=31.25&timestamp=2014-06-04+09%3A10%3A11&lon=121.5&id=7",
            "7",
            "2014-06-04T09:10:11+00:00",
            31.25,
            121.5,
        ),
        (
            f"{OWN}&timestamp=1377177267&speed=0.0&bearing=0.0&hdop=0.0",
            "7",
            "2013-08-22T13:14:27+00:00",
            31.25,
            121.5,
        ),
        ("lat=31.25&lon=121.5&heading=0.0&vacc=0&hacc=0&deviceid=7", "7", RECEIVED_AT.isoformat(), 31.25, 121.5),
        ("id=7&lat=31.25&lon=-0.5&speed=0.000000&batt=87", "7", RECEIVED_AT.isoformat(), 31.25, -0.5),
        ("id=123456&timestamp=1377177267&location=60.0,30.0", "123456", "2013-08-22T13:14:27+00:00", 60, 30),
        (f"{OWN}&timestamp=1377177267&ignition=true&rpm=933", "7", "2013-08-22T13:14:27+00:00", 31.25, 121.5),
    ],
)
def test_requests_of_each_kind_that_traccar_tests_with_give_a_position(
    query: str, device_id: str, fixed_at: str, lat: float, lon: float
) -> None:
    row = row_of(query)
    assert (row.device_id, row.fixed_at.isoformat(), row.lat, row.lon) == (device_id, fixed_at, lat, lon)


def test_a_request_without_a_device_is_refused_with_400() -> None:
    with pytest.raises(MalformedRequest) as refused:
        asked("timestamp=1377177267&lat=60.0&lon=30.0")
    assert refused.value.field == "id"


def test_a_request_with_cells_and_wifi_only_cannot_be_located_here() -> None:
    decoded = asked("id=7&timestamp=1377177267&cell=460,00,16,1&cell=460,00,16,2,-90&wifi=00-00-5E-00-53-01,-80")
    assert only_reason(decoded) == (RejectCode.MISSING_FIELD, "lat")


def test_a_query_becomes_a_row_with_knots_as_kmh_and_every_other_key_in_extra() -> None:
    row = row_of(
        f"{PLACE}&timestamp=1795406400&speed=40&bearing=7.2&altitude=3.5&accuracy=12&hdop=0.9&sat=9&batt=87"
        "&charge=false&ignition=true&odometer=1193482&alarm=sos&valid=true&rpm=933&driverUniqueId=007"
        "&cell=460,0,1,2&cell=460,0,1,3&notificationToken=x&key=x"
    )
    assert row == PingRow(
        device_id="123456",
        fixed_at=datetime(2026, 11, 23, 4, tzinfo=UTC),
        lat=60,
        lon=30,
        located=True,
        accuracy_m=12,
        altitude_m=3.5,
        speed_kmh=40 * 1.852,
        course_deg=7.2,
        satellites=9,
        hdop=0.9,
        ignition=True,
        external_power=False,
        battery_pct=87,
        odometer_km=1_193.482,
        alarms=["sos"],
        extra={"rpm": "933", "driverUniqueId": "007", "cell": ["460,0,1,2", "460,0,1,3"]},
    )


def test_a_form_is_read_when_the_query_is_empty_and_only_then() -> None:
    form = arrival(PLACE.encode(), content_type="application/x-www-form-urlencoded")
    assert only_row(decode(form, MAX_ROWS)).device_id == "123456"
    both = arrival(b"id=other&lat=1&lon=1", content_type="", query=PLACE)
    assert only_row(decode(both, MAX_ROWS)).device_id == "123456"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2147483646", "2038-01-19T03:14:06+00:00"),
        ("2147483647", "1970-01-25T20:31:23.647000+00:00"),
        ("0", "1970-01-01T00:00:00+00:00"),
        ("2026-11-23T12:00:00+08:00", "2026-11-23T04:00:00+00:00"),
        ("2026-11-23 04:00:00", "2026-11-23T04:00:00+00:00"),
        ("2026-11-23 12:00:00+08:00", "2026-11-23T04:00:00+00:00"),
    ],
)
def test_timestamps_are_seconds_milliseconds_iso_or_a_date_and_time_in_utc(told: str, expected: str) -> None:
    assert row_of(f"{PLACE}&timestamp={quote_plus(told)}").fixed_at.isoformat() == expected


def test_an_offset_whose_plus_was_not_encoded_is_understood() -> None:
    row = row_of(f"{PLACE}&timestamp=2026-11-23T12:00:00+08:00")
    assert row.fixed_at == datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("now", RejectCode.MALFORMED),
        ("2026-11-23T12:00:00", RejectCode.MALFORMED),
        ("2016-12-31T23:59:60Z", RejectCode.MALFORMED),
        ("2026-11-23", RejectCode.MALFORMED),
        ("9" * 17, RejectCode.OUT_OF_RANGE),
        ("9" * 5_000, RejectCode.MALFORMED),
        ("1e300", RejectCode.OUT_OF_RANGE),
        ("nan", RejectCode.MALFORMED),
        ("0001-01-01T00:00:00%2B08:00", RejectCode.OUT_OF_RANGE),
    ],
)
def test_an_odd_timestamp_is_rejected_since_a_wrong_time_is_a_wrong_place(told: str, code: RejectCode) -> None:
    assert only_reason(asked(f"{PLACE}&timestamp={told}")) == (code, "timestamp")


@pytest.mark.parametrize(
    ("told", "located"), [("true", True), ("TRUE", True), ("1", True), ("0", False), ("no", False)]
)
def test_valid_is_true_or_1_and_anything_else_is_not_located(told: str, located: bool) -> None:
    assert row_of(f"{PLACE}&valid={told}").located is located


def test_values_are_decoded_empty_ones_are_absent_and_the_first_of_several_counts() -> None:
    row = row_of("lat=60&id=&id=%E6%B2%AA+A%2B1&lon=30&lat=61&speed=&timestamp=&valid=")
    assert (row.device_id, row.lat, row.speed_kmh, row.located) == ("沪 A+1", 60, None, None)
    assert row.fixed_at == RECEIVED_AT


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("id=1", RejectCode.MISSING_FIELD, "lat"),
        ("id=1&lat=60", RejectCode.MISSING_FIELD, "lon"),
        ("id=1&lon=30", RejectCode.MISSING_FIELD, "lat"),
        ("id=1&lat=60&lon=30,5", RejectCode.MALFORMED, "lon"),
        ("id=1&lat=nan&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&lat=inf&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&lat=1e999&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&lat=1_0&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&lat=%D9%A1&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&lat=true&lon=30", RejectCode.MALFORMED, "lat"),
        ("id=1&location=60", RejectCode.MALFORMED, "location"),
        ("id=1&location=60,30,5", RejectCode.MALFORMED, "location"),
        ("id=1&location=60,x", RejectCode.MALFORMED, "location"),
        ("id=1&location=60,1e999", RejectCode.MALFORMED, "location"),
        (f"id={'x' * 65}&lat=60&lon=30", RejectCode.MALFORMED, "id"),
        ("deviceid=x%00&lat=60&lon=30", RejectCode.MALFORMED, "deviceid"),
    ],
)
def test_a_query_that_cannot_be_a_fix_is_rejected_by_its_own_key(query: str, code: RejectCode, field: str) -> None:
    assert only_reason(asked(query)) == (code, field)


@pytest.mark.parametrize("odd", ["x", "-1", "1e999", "nan", "%00"])
def test_odd_optional_parameters_do_not_cost_the_fix(odd: str) -> None:
    row = row_of(f"{PLACE}&speed={odd}&bearing={odd}&accuracy={odd}&hdop={odd}&sat={odd}&batt={odd}&charge={odd}")
    assert (row.speed_kmh, row.course_deg, row.accuracy_m, row.hdop, row.satellites) == (None,) * 5
    assert (row.battery_pct, row.external_power) == (None, None)


def test_a_form_that_is_not_utf_8_is_refused_whole() -> None:
    with pytest.raises(MalformedRequest):
        decode(arrival(b"id=\xff", content_type="application/x-www-form-urlencoded"), MAX_ROWS)


KEYS = st.sampled_from(
    ["id", "deviceid", "lat", "lon", "location", "timestamp", "valid", "speed", "batt", "alarm", "cell", "x\0"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, ODD.map(str) | st.sampled_from(["60", "60,30", "1442068686579"])), max_size=12))
def test_every_query_is_either_read_or_rejected_whatever_is_sent(pairs: list[tuple[str, str]]) -> None:
    must_account_for_everything(decode, arrival(content_type="", query=urlencode(pairs)))


@settings(deadline=None)
@given(st.text(max_size=80), st.binary(max_size=80))
def test_no_query_and_no_form_breaks_the_decoder(query: str, body: bytes) -> None:
    must_account_for_everything(decode, arrival(body, content_type="", query=query))
    must_account_for_everything(decode, arrival(body, content_type=""))
