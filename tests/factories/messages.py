"""Helpers for the tests of foreign decoders: valid messages and malformed ones."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import RejectCode
from app.telemetry.formats.ping_row import MAX_EXTRA_BYTES, Arrival, Decoded, PingRow

RECEIVED_AT = datetime(2026, 11, 23, 4, 0, 7, tzinfo=UTC)
MAX_ROWS = 50

Decoder = Callable[[Arrival, int], Decoded]
Json = dict[str, Any]

TRACCAR: Json = {
    "position": {
        "id": 0,
        "attributes": {
            "sat": 11,
            "hdop": 0.9,
            "ignition": True,
            "power": 27.4,
            "batteryLevel": 88,
            "odometer": 1_193_482,
            "totalDistance": 7_000.0,
            "rssi": 25,
        },
        "deviceId": 12,
        "protocol": "jt808",
        "serverTime": "2026-08-21T09:18:53.000+00:00",
        "deviceTime": "2026-08-21T09:18:52.000+00:00",
        "fixTime": "2026-08-21T09:18:51.000+00:00",
        "outdated": False,
        "valid": True,
        "latitude": 31.2205,
        "longitude": 121.4241,
        "altitude": 4.0,
        "speed": 10.0,
        "course": 271.0,
        "address": None,
        "accuracy": 5.0,
        "network": {"radioType": "gsm", "considerIp": False, "cellTowers": [{"cellId": 1}]},
        "geofenceIds": None,
    },
    "device": {
        "id": 12,
        "attributes": {"devicePassword": "123456"},
        "name": "沪A12345",
        "uniqueId": "013912345678",
        "status": "online",
        "phone": "13912345678",
        "contact": "a driver",
    },
}
"""A valid traccar message."""

OSMAND: Json = {
    "device_id": "phone-48",
    "location": {
        "timestamp": "2026-11-23T04:00:00.250Z",
        "coords": {
            "latitude": 31.2205,
            "longitude": 121.4241,
            "accuracy": 5,
            "speed": 12.5,
            "speed_accuracy": 0.3,
            "heading": 63,
            "altitude": 4.5,
        },
        "is_moving": True,
        "odometer": 12_345.5,
        "event": "motionchange",
        "battery": {"level": 0.75, "is_charging": True},
        "activity": {"type": "in_vehicle", "confidence": 100},
        "alarm": "sos",
        "extras": {"ignition": True, "rpm": 933, "token": "x"},
    },
}
"""A valid osmand message."""

OWNTRACKS: Json = {
    "_type": "location",
    "topic": "owntracks/jane/phone",
    "tid": "ne",
    "tst": 1_795_406_400,
    "created_at": 1_795_406_409,
    "lat": 31.2205,
    "lon": 121.4241,
    "acc": 12,
    "alt": 4,
    "vac": 3,
    "vel": 54,
    "cog": 271,
    "batt": 41,
    "bs": 2,
    "conn": "m",
    "t": "u",
    "m": 1,
    "source": "fused",
}
"""A valid owntracks message."""

FLESPI: Json = {
    "battery.level": 90,
    "battery.voltage": 3.9,
    "channel.id": 4711,
    "device.name": "truck 7",
    "engine.ignition.status": False,
    "external.powersource.voltage": 27.4,
    "ident": "860123456789012",
    "message.buffered.status": False,
    "position.altitude": 4.5,
    "position.direction": 271,
    "position.hdop": 0.9,
    "position.latitude": 31.2205,
    "position.longitude": 121.4241,
    "position.satellites": 11,
    "position.speed": 48,
    "position.valid": True,
    "server.timestamp": 1_795_406_402.319966,
    "timestamp": 1_795_406_400.965264,
    "vehicle.mileage": 93_210.5,
}
"""A valid flespi message."""


def arrival(body: object = b"", *, content_type: str = "application/json", query: str = "") -> Arrival:
    """Return an arrival; a body that is not bytes is sent as JSON, Python's NaN included."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Arrival(body=sent, content_type=content_type, query=query, received_at=RECEIVED_AT)


def only_row(decoded: Decoded) -> PingRow:
    """Return the only row, and check that there is nothing else."""
    assert (decoded.index, decoded.rejections, decoded.received) == ([0], (), 1)
    return decoded.rows[0]


def only_reason(decoded: Decoded) -> tuple[RejectCode, str | None]:
    """Return code and field of the only rejection, and check that its message begins with the field."""
    assert (decoded.rows, decoded.index, decoded.received) == ([], [], 1)
    (rejection,) = decoded.rejections
    assert rejection.index == 0
    assert rejection.message.startswith(f"{rejection.field or 'row'}: ")
    return rejection.code, rejection.field


def read_by(decode: Decoder) -> Callable[[object], PingRow]:
    """Return a function that decodes a JSON message and returns its only row."""
    return lambda message: only_row(decode(arrival(message), MAX_ROWS))


def reason_by(decode: Decoder) -> Callable[[object], tuple[RejectCode, str | None]]:
    """Return a function that decodes a JSON message and returns code and field of its rejection."""
    return lambda message: only_reason(decode(arrival(message), MAX_ROWS))


def with_change(good: Json, path: str, value: object) -> Json:
    """Return a deep copy with one member (a path with slashes) replaced, or deleted for ``...``."""
    changed = copy.deepcopy(good)
    *parents, last = path.split("/")
    node = changed
    for name in parents:
        node = node[name]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return changed


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 2**31 - 1, 2**31, 1_442_068_686_579, 253_402_300_800])
    | st.floats()
    | st.sampled_from(["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "2016-12-31T23:59:60Z", "\0", "1"])
    | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value, and some that are not JSON (NaN)."""


@st.composite
def spoiled(draw: st.DrawFn, good: Json) -> Json:
    """Draw a valid message with up to three members, at any depth, replaced or deleted."""
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        node = body
        while node:
            name = draw(st.sampled_from(sorted(node)))
            if isinstance(node[name], dict) and node[name] and draw(st.booleans()):
                node = node[name]
                continue
            if draw(st.booleans()):
                node[name] = draw(ODD)
            else:
                del node[name]
            break
    return body


def bodies(good: Json) -> st.SearchStrategy[object]:
    """Draw bodies of every kind: bytes, any JSON, malformed messages alone and in batches with valid ones."""
    message = spoiled(good) | st.just(good)
    return st.binary(max_size=200) | ODD | message | st.lists(message | ODD, max_size=6)


def must_account_for_everything(decode: Decoder, sent: Arrival) -> None:
    """Check that a decoder returns rows and rejections for all input, or raises one of three errors.

    Every row must be valid for the typed decoder of our own format, with times in UTC.
    """
    try:
        decoded = decode(sent, MAX_ROWS)
    except (MalformedRequest, InvalidInput, TooLarge):
        return
    assert len(decoded.rows) == len(decoded.index)
    assert sorted(decoded.index + [r.index for r in decoded.rejections]) == list(range(decoded.received))
    for row in decoded.rows:
        assert msgspec.json.decode(msgspec.json.encode(row), type=PingRow) == row
        assert row.coord_system is None
        assert row.fixed_at.tzinfo is UTC
        assert row.sent_at is None or row.sent_at.tzinfo is UTC
        assert row.extra is None or 2 < len(msgspec.json.encode(row.extra)) <= MAX_EXTRA_BYTES
