from datetime import UTC, datetime

import pytest

from app.telemetry.domain import RejectCode
from app.telemetry.formats.owntracks import decode
from app.telemetry.formats.ping_row import Decoded, PingRow
from tests.factories.messages import MAX_ROWS, OWNTRACKS, arrival, read_by, reason_by, with_change

read = read_by(decode)
reason = reason_by(decode)

NOTHING = Decoded(rows=[], index=[], rejections=(), received=0)


def test_a_location_becomes_a_row() -> None:
    assert read(OWNTRACKS) == PingRow(
        device_id="jane/phone",
        fixed_at=datetime(2026, 11, 23, 4, tzinfo=UTC),
        lat=31.2205,
        lon=121.4241,
        accuracy_m=12,
        altitude_m=4,
        speed_kmh=54,
        course_deg=271,
        sent_at=datetime(2026, 11, 23, 4, 0, 9, tzinfo=UTC),
        external_power=True,
        battery_pct=41,
        extra={"tid": "ne", "vac": 3, "conn": "m", "t": "u", "m": 1, "source": "fused"},
    )


def test_the_smallest_message_is_read() -> None:
    row = read({"lon": 121.5, "lat": 31.25, "_type": "location", "tst": 1_795_406_400, "tid": "t7"})
    assert row == PingRow(
        device_id="t7",
        fixed_at=datetime(2026, 11, 23, 4, tzinfo=UTC),
        lat=31.25,
        lon=121.5,
        extra={"tid": "t7"},
    )


@pytest.mark.parametrize(
    ("topic", "device_id"),
    [("owntracks/jane/phone", "jane/phone"), ("fleet/7", "fleet/7"), ("", "ne"), (None, "ne"), (..., "ne")],
)
def test_the_device_is_the_topic_or_else_the_tracker_id(topic: object, device_id: str) -> None:
    assert read(with_change(OWNTRACKS, "topic", topic)).device_id == device_id


@pytest.mark.parametrize(("status", "powered"), [(0, None), (1, False), (2, True), (3, True), (9, None), ("2", None)])
def test_the_battery_status_says_whether_a_phone_is_plugged_in(status: object, powered: bool | None) -> None:
    assert read(OWNTRACKS | {"bs": status}).external_power is powered


@pytest.mark.parametrize(("provider", "source"), [("gps", "gnss"), ("network", "cell"), ("fused", None), (1, None)])
def test_androids_provider_says_what_the_position_was_derived_from(provider: object, source: str | None) -> None:
    assert read(OWNTRACKS | {"source": provider}).source == source


def test_a_queclink_tracker_tells_ignition_odometer_and_supply() -> None:
    row = read(with_change(OWNTRACKS, "bs", ...) | {"ign": False, "odometer": 1_193.5, "uext": 27.9})
    assert (row.ignition, row.odometer_km, row.external_power) == (False, 1_193.5, True)
    assert row.extra is not None
    assert row.extra["uext"] == 27.9


@pytest.mark.parametrize(
    "kind", ["transition", "waypoint", "waypoints", "lwt", "cmd", "status", "card", "steps", "new"]
)
def test_messages_of_other_types_are_acknowledged_without_a_row(kind: str) -> None:
    assert decode(arrival(OWNTRACKS | {"_type": kind}), MAX_ROWS) == NOTHING


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_a_zero_length_payload_is_acknowledged_without_a_row(body: bytes) -> None:
    assert decode(arrival(body), MAX_ROWS) == NOTHING


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        ("_type", "encrypted", RejectCode.MALFORMED, "_type"),
        ("_type", 1, RejectCode.MALFORMED, "_type"),
        ("_type", ..., RejectCode.MISSING_FIELD, "_type"),
        ("topic", 7, RejectCode.MALFORMED, "topic"),
        ("topic", "owntracks/", RejectCode.MISSING_FIELD, "topic"),
        ("topic", "owntracks/" + "x" * 65, RejectCode.MALFORMED, "topic"),
        ("tst", ..., RejectCode.MISSING_FIELD, "tst"),
        ("tst", "1795406400", RejectCode.MALFORMED, "tst"),
        ("tst", 1_795_406_400_000, RejectCode.OUT_OF_RANGE, "tst"),
        ("tst", -(10**20), RejectCode.OUT_OF_RANGE, "tst"),
        ("lat", ..., RejectCode.MISSING_FIELD, "lat"),
        ("lat", "31.2", RejectCode.MALFORMED, "lat"),
        ("lon", [], RejectCode.MALFORMED, "lon"),
    ],
)
def test_what_cannot_be_a_fix_is_rejected_by_the_senders_own_name(
    path: str, value: object, code: RejectCode, field: str
) -> None:
    assert reason(with_change(OWNTRACKS, path, value)) == (code, field)


def test_without_topic_and_tracker_id_there_is_no_device() -> None:
    message = with_change(with_change(OWNTRACKS, "topic", ...), "tid", ...)
    assert reason(message) == (RejectCode.MISSING_FIELD, "topic")
    assert reason(message | {"tid": ""}) == (RejectCode.MISSING_FIELD, "tid")


@pytest.mark.parametrize("odd", ["5", None, True, {}, -1, 10**400, ...])
def test_odd_optional_values_do_not_cost_the_fix(odd: object) -> None:
    message = OWNTRACKS
    for name in ("acc", "vel", "cog", "batt", "created_at"):
        message = with_change(message, name, odd)
    row = read(message)
    assert (row.accuracy_m, row.speed_kmh, row.course_deg, row.battery_pct) == (None, None, None, None)
    assert (row.sent_at is None) is (odd != -1)


def test_accuracy_0_means_not_known() -> None:
    assert read(OWNTRACKS | {"acc": 0}).accuracy_m is None
