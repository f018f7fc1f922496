"""The decoder of flespi's HTTP stream: a JSON array of messages with dotted names (one object is taken too).

Units: ``timestamp``, ``position.timestamp`` and ``server.timestamp`` epoch seconds with a fraction, UTC, or ISO 8601,
which is UTC where it names no offset; ``position.speed`` km/h; ``position.altitude`` metres; ``position.direction``
degrees from north; ``battery.level`` percent; ``external.powersource.voltage`` volts; ``vehicle.mileage`` km.

``timestamp`` is when the device wrote the message. ``position.timestamp``, which few protocols have, is when its
position was found. Where it is present it is the time of the fix, and ``timestamp`` is the sending time.

References:
    https://flespi.com/kb/messages-basic-information-units, https://flespi.com/protocols/http and the parameter lists
    of the protocols.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from app.telemetry.formats.field_parsers import (
    SECOND,
    alarm_names,
    count,
    degrees,
    flag,
    identifier,
    moment,
    number,
    optional_time,
    power_from_voltage,
)
from app.telemetry.formats.message_parsing import json_rows, members, read_rows, unmapped_members
from app.telemetry.formats.ping_row import Arrival, Decoded, PingRow, within_size

_USED: Final = frozenset(
    {
        "battery.level",
        "engine.ignition.status",
        "external.powersource.status",
        "ident",
        "message.buffered.status",
        "position.altitude",
        "position.direction",
        "position.hdop",
        "position.latitude",
        "position.longitude",
        "position.satellites",
        "position.speed",
        "position.timestamp",
        "position.valid",
        "timestamp",
        "vehicle.mileage",
    }
)
_ALARM: Final = re.compile(r"(^|\.)(event|event\.trigger|alarm|alarm\.status)$")


def decode(arrival: Arrival, max_rows: int) -> Decoded:
    """Decode a batch of messages of a flespi stream; errors as in ``json_rows`` and ``read_rows``.

    A message without coordinates (a heartbeat, a battery report) is rejected. The stream must still be answered 200,
    or it sends the whole batch again.
    """
    return read_rows(json_rows(arrival.body, batch=True), max_rows, _row)


def _row(raw: msgspec.Raw) -> PingRow:
    message = members(raw)
    device_id = identifier(message.get("ident"), "ident")
    lat = degrees(message.get("position.latitude"), "position.latitude")
    lon = degrees(message.get("position.longitude"), "position.longitude")
    reported_at = moment(message.get("timestamp"), "timestamp", SECOND, zone=UTC)
    found_at = _found_at(message.get("position.timestamp"))
    powered = flag(message.get("external.powersource.status"))
    alarms = _alarms(message)
    return PingRow(
        device_id=device_id,
        fixed_at=found_at or reported_at,
        lat=lat,
        lon=lon,
        located=flag(message.get("position.valid")),
        altitude_m=number(message.get("position.altitude")),
        speed_kmh=number(message.get("position.speed"), least=0),
        course_deg=number(message.get("position.direction"), least=0),
        satellites=count(message.get("position.satellites")),
        hdop=number(message.get("position.hdop"), least=0),
        sent_at=reported_at if found_at else None,
        backfill=flag(message.get("message.buffered.status")),
        ignition=flag(message.get("engine.ignition.status")),
        external_power=power_from_voltage(message.get("external.powersource.voltage"))
        if powered is None
        else powered,
        battery_pct=number(message.get("battery.level"), least=0, most=100),
        odometer_km=number(message.get("vehicle.mileage"), least=0),
        alarms=alarms or None,
        extra=within_size(unmapped_members(message, _USED.union(alarms))),
    )


def _found_at(value: object) -> datetime | None:
    """Read the time of the position; devices without a position yet send 0."""
    return optional_time(lambda: moment(value, "position.timestamp", SECOND, zone=UTC)) if value != 0 else None


def _alarms(message: Mapping[str, Any]) -> list[str]:
    """Return the names of events and alarms that are true, ``overspeeding.event`` or ``towing.alarm.status``."""
    return alarm_names(",".join(name for name, value in message.items() if value is True and _ALARM.search(name)))
