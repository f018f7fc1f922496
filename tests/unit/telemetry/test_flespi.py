from datetime import UTC, datetime

import pytest

from app.telemetry.domain import RejectCode
from app.telemetry.formats.flespi import decode
from app.telemetry.formats.ping_row import PingRow
from tests.factories.messages import FLESPI, MAX_ROWS, Json, arrival, read_by, reason_by, with_change

read = read_by(decode)
reason = reason_by(decode)


def test_a_message_becomes_a_row_with_speed_and_mileage_as_they_are() -> None:
    assert read([FLESPI]) == PingRow(
        device_id="860123456789012",
        fixed_at=datetime(2026, 11, 23, 4, 0, 0, 965_264, tzinfo=UTC),
        lat=31.2205,
        lon=121.4241,
        located=True,
        altitude_m=4.5,
        speed_kmh=48,
        course_deg=271,
        satellites=11,
        hdop=0.9,
        backfill=False,
        ignition=False,
        external_power=True,
        battery_pct=90,
        odometer_km=93_210.5,
        extra={
            "battery.voltage": 3.9,
            "channel.id": 4711,
            "device.name": "truck 7",
            "external.powersource.voltage": 27.4,
            "server.timestamp": 1_795_406_402.319966,
        },
    )


def test_one_object_without_an_array_is_taken_too() -> None:
    assert read(FLESPI) == read([FLESPI])


@pytest.mark.parametrize(
    ("text", "second"),
    [("2026-11-23T04:00:01", 1), ("2026-11-23T04:00:02Z", 2), ("2026-11-23T12:00:03.000+08:00", 3)],
)
def test_a_time_without_offset_is_utc_as_flespi_defines_it(text: str, second: int) -> None:
    assert read(FLESPI | {"timestamp": text}).fixed_at == datetime(2026, 11, 23, 4, 0, second, tzinfo=UTC)


def test_the_time_of_the_position_is_that_of_the_fix_and_the_other_that_of_sending() -> None:
    row = read(FLESPI | {"position.timestamp": 1_795_406_100, "timestamp": 1_795_406_400})
    assert row.fixed_at == datetime(2026, 11, 23, 3, 55, tzinfo=UTC)
    assert row.sent_at == datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.mark.parametrize("odd", [0, None, "soon", 10**30, {}])
def test_an_odd_time_of_the_position_counts_as_not_told(odd: object) -> None:
    row = read(FLESPI | {"position.timestamp": odd, "timestamp": 1_795_406_400})
    assert (row.fixed_at, row.sent_at) == (datetime(2026, 11, 23, 4, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("valid", "located"), [(True, True), (False, False), (None, None), ("true", None), (..., None)]
)
def test_a_position_that_is_not_valid_is_not_located(valid: object, located: bool | None) -> None:
    assert read(with_change(FLESPI, "position.valid", valid)).located is located


@pytest.mark.parametrize(
    ("change", "powered"),
    [
        ({"external.powersource.status": False}, False),
        ({"external.powersource.voltage": 0.1}, False),
        ({"external.powersource.voltage": None}, None),
        ({}, True),
    ],
)
def test_outside_power_is_told_by_its_status_or_else_by_volts(change: Json, powered: bool | None) -> None:
    assert read(FLESPI | change).external_power is powered


def test_true_events_and_alarms_are_named_and_others_stay_in_extra() -> None:
    row = read(
        FLESPI
        | {
            "alarm.event": True,
            "towing.alarm.status": True,
            "overspeeding.event.trigger": True,
            "crash.event": False,
            "alarm.mode.status": True,
            "event.enum": 1,
        }
    )
    assert row.alarms == ["alarm.event", "towing.alarm.status", "overspeeding.event.trigger"]
    assert row.extra is not None
    assert {"crash.event", "alarm.mode.status", "event.enum"} <= row.extra.keys()
    assert not {"alarm.event", "towing.alarm.status"} & row.extra.keys()


def test_a_message_from_the_black_box_is_backfill() -> None:
    assert read(FLESPI | {"message.buffered.status": True}).backfill is True


def test_passwords_and_tokens_are_never_kept() -> None:
    extra = read(FLESPI | {"apn.password": "x", "auth.token": "x", "plugin": {"apiKey": "x", "n": 1}}).extra
    assert extra is not None
    assert not {"apn.password", "auth.token"} & extra.keys()
    assert extra["plugin"] == {"n": 1}


def test_characters_that_the_database_cannot_hold_are_replaced_in_extra() -> None:
    extra = read(FLESPI | {"a\0b": ["c\0d"]}).extra
    assert extra is not None
    assert extra["a�b"] == ["c�d"]


def test_what_is_nested_too_deep_is_cut_off() -> None:
    deep: object = "bottom"
    for _ in range(300):
        deep = [deep]
    extra = read(FLESPI | {"deep": deep}).extra
    assert extra is not None
    assert "bottom" not in str(extra["deep"])


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("position.latitude", ..., RejectCode.MISSING_FIELD),
        ("position.latitude", None, RejectCode.MISSING_FIELD),
        ("position.latitude", "31.2", RejectCode.MALFORMED),
        ("position.longitude", ..., RejectCode.MISSING_FIELD),
        ("position.longitude", False, RejectCode.MALFORMED),
        ("ident", ..., RejectCode.MISSING_FIELD),
        ("ident", 860123456789012, RejectCode.MALFORMED),
        ("timestamp", ..., RejectCode.MISSING_FIELD),
        ("timestamp", [], RejectCode.MALFORMED),
        ("timestamp", "yesterday", RejectCode.MALFORMED),
        ("timestamp", 1_795_406_400_000, RejectCode.OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_a_fix_is_rejected_by_the_senders_own_name(name: str, value: object, code: RejectCode) -> None:
    assert reason(with_change({"m": FLESPI}, f"m/{name}", value)["m"]) == (code, name)


@pytest.mark.parametrize("odd", ["5", None, [], -1, 10**400, ...])
def test_odd_optional_values_do_not_cost_the_fix(odd: object) -> None:
    message = FLESPI
    for name in ("position.speed", "position.hdop", "position.satellites", "battery.level", "vehicle.mileage"):
        message = with_change(message, name, odd)
    row = read(message)
    assert (row.speed_kmh, row.hdop, row.satellites, row.battery_pct, row.odometer_km) == (None,) * 5


def test_a_bad_message_costs_its_neighbours_nothing() -> None:
    decoded = decode(arrival([FLESPI, {"ident": "1", "timestamp": 1}, [], FLESPI]), MAX_ROWS)
    assert decoded.index == [0, 3]
    assert [(r.index, r.field) for r in decoded.rejections] == [(1, "position.latitude"), (2, None)]
