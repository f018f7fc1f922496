from datetime import UTC, datetime

import pytest

from app.core.errors import MalformedRequest
from app.telemetry.domain import RejectCode
from app.telemetry.formats.osmand import decode
from app.telemetry.formats.ping_row import PingRow
from tests.factories.messages import MAX_ROWS, OSMAND, RECEIVED_AT, Json, arrival, read_by, reason_by, with_change

read = read_by(decode)
reason = reason_by(decode)


def changed(path: str, value: object) -> Json:
    return with_change(OSMAND, path, value)


def test_the_json_of_traccar_client_becomes_a_row_with_metres_a_second_as_kmh() -> None:
    assert read(OSMAND) == PingRow(
        device_id="phone-48",
        fixed_at=datetime(2026, 11, 23, 4, 0, 0, 250_000, tzinfo=UTC),
        lat=31.2205,
        lon=121.4241,
        accuracy_m=5,
        altitude_m=4.5,
        speed_kmh=45,
        course_deg=63,
        ignition=True,
        external_power=True,
        battery_pct=75,
        odometer_km=12.3455,
        alarms=["sos"],
        extra={
            "is_moving": True,
            "event": "motionchange",
            "activity": {"type": "in_vehicle", "confidence": 100},
            "rpm": 933,
            "speed_accuracy": 0.3,
        },
    )


def test_negative_numbers_in_json_mean_not_known_and_a_mocked_position_is_not_located() -> None:
    coords = {"speed": -1, "longitude": 121.4, "heading": -1, "latitude": 31.2, "accuracy": -1}
    location = {"coords": coords, "battery": {"level": -1, "is_charging": False}, "mock": True, "extras": {}}
    row = read({"device_id": "phone-49", "location": location})
    assert (row.speed_kmh, row.course_deg, row.accuracy_m, row.battery_pct) == (None,) * 4
    assert row.external_power is None
    assert row.located is False


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (1_795_406_400, datetime(2026, 11, 23, 4, tzinfo=UTC)),
        (1_795_406_400_250, datetime(2026, 11, 23, 4, 0, 0, 250_000, tzinfo=UTC)),
        (None, RECEIVED_AT),
        (..., RECEIVED_AT),
    ],
)
def test_a_timestamp_in_json_may_be_a_number_or_missing(told: object, expected: datetime) -> None:
    assert read(changed("location/timestamp", told)).fixed_at == expected


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        ("device_id", 48, RejectCode.MALFORMED, "device_id"),
        ("device_id", [], RejectCode.MALFORMED, "device_id"),
        ("location", ..., RejectCode.MISSING_FIELD, "location"),
        ("location", [OSMAND["location"]], RejectCode.MALFORMED, "location"),
        ("location/coords", ..., RejectCode.MISSING_FIELD, "location.coords"),
        ("location/coords", [], RejectCode.MALFORMED, "location.coords"),
        ("location/coords/latitude", ..., RejectCode.MISSING_FIELD, "location.coords.latitude"),
        ("location/coords/latitude", "37.4", RejectCode.MALFORMED, "location.coords.latitude"),
        ("location/coords/longitude", None, RejectCode.MISSING_FIELD, "location.coords.longitude"),
        ("location/timestamp", "1795406400", RejectCode.MALFORMED, "location.timestamp"),
        ("location/timestamp", "now", RejectCode.MALFORMED, "location.timestamp"),
        ("location/timestamp", True, RejectCode.MALFORMED, "location.timestamp"),
        ("location/timestamp", {}, RejectCode.MALFORMED, "location.timestamp"),
        ("location/timestamp", 10**400, RejectCode.OUT_OF_RANGE, "location.timestamp"),
    ],
)
def test_json_that_cannot_be_a_fix_is_rejected_by_its_own_name(
    path: str, value: object, code: RejectCode, field: str
) -> None:
    assert reason(changed(path, value)) == (code, field)


@pytest.mark.parametrize("nobody", [None, "", ...])
def test_json_without_a_device_is_refused_with_400(nobody: object) -> None:
    with pytest.raises(MalformedRequest) as refused:
        decode(arrival(changed("device_id", nobody)), MAX_ROWS)
    assert refused.value.field == "device_id"


@pytest.mark.parametrize("odd", ["x", 3, None, [], {"level": "1", "is_charging": "yes"}, {"level": 79}, ...])
def test_odd_optional_members_of_json_do_not_cost_the_fix(odd: object) -> None:
    message = changed("location/battery", odd)
    for name in ("odometer", "activity", "extras", "alarm", "is_moving"):
        message = with_change(message, f"location/{name}", odd)
    row = read(message)
    assert (row.battery_pct, row.external_power) == (None, None)


@pytest.mark.parametrize("body", [b"", b"{", b"id=1", b"\xff"])
def test_what_claims_to_be_json_and_is_not_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(arrival(body, query="id=1&lat=60&lon=30"), MAX_ROWS)
