from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.errors import MalformedRequest
from app.telemetry.domain import RejectCode
from app.telemetry.formats.ping_row import PingRow
from app.telemetry.formats.traccar import decode
from tests.factories.messages import MAX_ROWS, TRACCAR, Json, arrival, read_by, reason_by, with_change

read = read_by(decode)
reason = reason_by(decode)

EVENT: Json = {"id": 7, "attributes": {"alarm": "sos"}, "deviceId": 12, "type": "alarm", "positionId": 0}
CELLS: Json = {"radioType": "gsm", "cellTowers": [{"cellId": 1}]}
WIFI: Json = CELLS | {"wifiAccessPoints": [{"macAddress": "00:00:5e:00:53:01"}]}


def changed(path: str, value: object) -> Json:
    return with_change(TRACCAR, path, value)


def test_a_forwarded_position_becomes_a_row_in_our_own_units() -> None:
    row = read(TRACCAR)
    assert row == PingRow(
        device_id="013912345678",
        fixed_at=datetime(2026, 8, 21, 9, 18, 51, tzinfo=UTC),
        lat=31.2205,
        lon=121.4241,
        located=True,
        accuracy_m=5,
        altitude_m=4,
        speed_kmh=18.52,
        course_deg=271,
        satellites=11,
        hdop=0.9,
        sent_at=datetime(2026, 8, 21, 9, 18, 52, tzinfo=UTC),
        ignition=True,
        external_power=True,
        battery_pct=88,
        odometer_km=1_193.482,
        extra=row.extra,
    )


def test_the_rest_is_kept_for_evidence_and_the_device_with_its_contacts_and_passwords_is_not() -> None:
    extra = read(TRACCAR).extra
    assert extra is not None
    assert extra["protocol"] == "jt808"
    assert extra["serverTime"] == "2026-08-21T09:18:53.000+00:00"
    assert extra["network"]["cellTowers"] == [{"cellId": 1}]
    assert extra["attributes"] == {"power": 27.4, "totalDistance": 7_000.0, "rssi": 25}
    assert not {"device", "latitude", "speed", "address"} & extra.keys()


def test_dates_may_be_epoch_milliseconds() -> None:
    row = read(changed("position/fixTime", 1_787_303_931_250))
    assert row.fixed_at == datetime(2026, 8, 21, 9, 18, 51, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("odd", [None, "soon", True, 10**30, ...])
def test_an_odd_device_time_does_not_cost_the_fix(odd: object) -> None:
    assert read(changed("position/deviceTime", odd)).sent_at is None


@pytest.mark.parametrize(
    ("valid", "outdated", "located"),
    [(True, False, True), (False, False, False), (True, True, False), (None, False, None), (True, None, True)],
)
def test_an_invalid_or_repeated_position_is_not_located(
    valid: bool | None, outdated: bool | None, located: bool | None
) -> None:
    message = with_change(changed("position/valid", valid), "position/outdated", outdated)
    assert read(message).located is located


@pytest.mark.parametrize(("network", "source"), [(CELLS, "cell"), (WIFI, "wifi"), (None, "cell")])
def test_an_approximate_position_is_a_new_one_from_the_network(network: Json | None, source: str) -> None:
    message = with_change(changed("position/outdated", True), "position/network", network)
    row = read(with_change(message, "position/attributes/approximate", True))
    assert (row.source, row.located) == (source, True)
    assert (row.altitude_m, row.speed_kmh, row.course_deg) == (None, None, None)


def test_cells_beside_a_satellite_fix_say_nothing_of_its_source() -> None:
    assert read(changed("position/network", WIFI)).source is None


@pytest.mark.parametrize(
    ("told", "source"), [("LBS", "cell"), ("wifi", "wifi"), ("gps", "gnss"), ("x", None), (3, None)]
)
def test_the_attribute_source_is_believed_when_its_word_is_known(told: object, source: str | None) -> None:
    assert read(changed("position/attributes/source", told)).source == source


def test_a_position_that_a_program_made_up_is_not_located() -> None:
    assert read(changed("position/attributes/mock", True)).located is False


def test_accuracy_0_means_not_known() -> None:
    assert read(changed("position/accuracy", 0.0)).accuracy_m is None


@pytest.mark.parametrize(
    ("attributes", "powered"),
    [
        ({"charge": True}, True),
        ({"charge": False, "power": 12}, False),
        ({"power": 12.1}, True),
        ({"power": 0.02}, False),
        ({"power": 3.3}, None),
        ({"power": "12"}, None),
        ({}, None),
    ],
)
def test_outside_power_is_told_by_charge_or_else_by_volts(attributes: Json, powered: bool | None) -> None:
    assert read(changed("position/attributes", attributes)).external_power is powered


def test_total_distance_stands_in_for_a_missing_odometer() -> None:
    assert read(changed("position/attributes/odometer", ...)).odometer_km == 7


def test_alarms_are_split_and_archived_positions_are_backfill() -> None:
    row = read(changed("position/attributes", {"alarm": "powerCut, tampering,", "archive": True}))
    assert row.alarms == ["powerCut", "tampering"]
    assert row.backfill is True


def test_an_alarm_event_adds_its_alarm_once_and_stays_in_extra() -> None:
    row = read(changed("position/attributes/alarm", "sos,powerCut") | {"event": EVENT})
    assert row.alarms == ["sos", "powerCut"]
    assert row.extra is not None
    assert row.extra["event"] == EVENT


def test_another_event_is_no_alarm() -> None:
    row = read(TRACCAR | {"event": {"type": "ignitionOn", "attributes": {}}})
    assert row.alarms is None
    assert row.extra is not None
    assert row.extra["event"]["type"] == "ignitionOn"


@pytest.mark.parametrize("position", [None, ...])
def test_an_event_without_a_position_is_rejected_since_nothing_can_be_placed(position: object) -> None:
    assert reason(changed("position", position) | {"event": EVENT}) == (RejectCode.MISSING_FIELD, "position")


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        ("position", [], RejectCode.MALFORMED, "position"),
        ("device", None, RejectCode.MISSING_FIELD, "device.uniqueId"),
        ("device", ..., RejectCode.MISSING_FIELD, "device.uniqueId"),
        ("device", "x", RejectCode.MALFORMED, "device"),
        ("device/uniqueId", None, RejectCode.MISSING_FIELD, "device.uniqueId"),
        ("device/uniqueId", "", RejectCode.MISSING_FIELD, "device.uniqueId"),
        ("device/uniqueId", 860123456789012, RejectCode.MALFORMED, "device.uniqueId"),
        ("device/uniqueId", "x" * 65, RejectCode.MALFORMED, "device.uniqueId"),
        ("device/uniqueId", "x\0", RejectCode.MALFORMED, "device.uniqueId"),
        ("position/latitude", ..., RejectCode.MISSING_FIELD, "position.latitude"),
        ("position/latitude", None, RejectCode.MISSING_FIELD, "position.latitude"),
        ("position/latitude", "31.2", RejectCode.MALFORMED, "position.latitude"),
        ("position/latitude", "NaN", RejectCode.MALFORMED, "position.latitude"),
        ("position/longitude", True, RejectCode.MALFORMED, "position.longitude"),
        ("position/longitude", 10**400, RejectCode.MALFORMED, "position.longitude"),
        ("position/fixTime", None, RejectCode.MISSING_FIELD, "position.fixTime"),
        ("position/fixTime", "2026-08-21T09:18:51", RejectCode.MALFORMED, "position.fixTime"),
        ("position/fixTime", "2026-06-30T23:59:60Z", RejectCode.MALFORMED, "position.fixTime"),
        ("position/fixTime", "2026-02-30T00:00:00Z", RejectCode.MALFORMED, "position.fixTime"),
        ("position/fixTime", "0001-01-01T00:00:00+08:00", RejectCode.OUT_OF_RANGE, "position.fixTime"),
        ("position/fixTime", 253_402_300_800_000, RejectCode.OUT_OF_RANGE, "position.fixTime"),
        ("position/fixTime", 10**400, RejectCode.OUT_OF_RANGE, "position.fixTime"),
        ("position/fixTime", False, RejectCode.MALFORMED, "position.fixTime"),
        ("position/fixTime", {}, RejectCode.MALFORMED, "position.fixTime"),
    ],
)
def test_what_cannot_be_a_fix_is_rejected_by_the_senders_own_name(
    path: str, value: object, code: RejectCode, field: str
) -> None:
    assert reason(changed(path, value)) == (code, field)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999+00:00", "2026-08-21T09:18:51.1+0000"]
)
def test_times_at_the_ends_of_the_calendar_and_offsets_without_colon_can_be_read(text: str) -> None:
    assert read(changed("position/fixTime", text)).fixed_at.tzinfo is UTC


@pytest.mark.parametrize("odd", ["12", None, True, [], {}, -1, 1e308, 10**400, ...])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("position/speed", "speed_kmh"),
        ("position/accuracy", "accuracy_m"),
        ("position/attributes/sat", "satellites"),
        ("position/attributes/batteryLevel", "battery_pct"),
    ],
)
def test_an_odd_optional_value_does_not_cost_the_fix(path: str, name: str, odd: object) -> None:
    value: Any = getattr(read(changed(path, odd)), name)
    assert value is None or (odd == 1e308 and name == "accuracy_m")


def test_extra_over_its_size_is_left_out_whole() -> None:
    assert read(changed("position/attributes/raw", "7e" * 1_100)).extra is None


def test_a_bad_row_costs_its_neighbours_nothing() -> None:
    decoded = decode(arrival([TRACCAR, {}, 3, TRACCAR]), MAX_ROWS)
    assert decoded.index == [0, 3]
    assert [(r.index, r.code) for r in decoded.rejections] == [
        (1, RejectCode.MISSING_FIELD),
        (2, RejectCode.MALFORMED),
    ]


def test_a_number_that_nothing_can_hold_costs_its_own_row_only() -> None:
    body = arrival([TRACCAR, {"x": 1}]).body.replace(b'"x": 1', b'"x": 1e999')
    decoded = decode(arrival(body), MAX_ROWS)
    assert decoded.index == [0]
    assert [(r.index, r.code) for r in decoded.rejections] == [(1, RejectCode.MALFORMED)]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[{}", b'{"a": NaN}', b"\xff{}", b'{"a":"\xff"}', b"[" * 100_000, b"{} {}"]
)
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(arrival(body), MAX_ROWS)
