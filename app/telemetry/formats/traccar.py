"""The decoder of what Traccar forwards over HTTP: positions (``forward.type`` ``json``) and events.

A body is one object, ``{"position": …, "device": …}``, for an event with ``"event"`` beside them; Traccar sends one a
request, an array of them is taken too. The device is ``device.uniqueId``, an IMEI or a JT/T 808 phone number.

Units of a position: degrees, metres, degrees from north, and **knots**. ``fixTime`` is when the satellites were
heard, ``deviceTime`` when the device wrote its report, ``serverTime`` when Traccar got it; each is ISO 8601 or epoch
milliseconds, by the version. ``accuracy`` 0 and ``id`` 0 mean "not known".

What Traccar does when a device sends no satellite position of its own:

* It sets ``outdated`` and repeats the last coordinates and ``fixTime`` (without any: 0, 0 in 1980). Such a row is
  told as not located.
* With ``geolocation.enable`` it then asks a service where the cell towers and access points of ``network`` are, puts
  the answer in, with the time of the device, and marks it with the attribute ``approximate``. ``outdated`` stays set
  but speaks of the replaced coordinates. Such a row is a new position, from Wi-Fi if ``network`` names access points,
  otherwise from cells; its altitude, speed and course are zeros that nobody measured, and are left out.
* ``network`` alone says nothing: many devices name their cell beside a good satellite fix.

References:
    https://www.traccar.org/forward; org.traccar.handler.OutdatedHandler and GeolocationHandler.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from app.telemetry.formats import traccar_attributes
from app.telemetry.formats.field_parsers import (
    KMH_PER_KNOT,
    MILLISECOND,
    accuracy_m,
    alarm_names,
    degrees,
    flag,
    identifier,
    malformed,
    missing,
    moment,
    nested,
    number,
    optional_time,
)
from app.telemetry.formats.message_parsing import json_rows, members, read_rows, unmapped_members
from app.telemetry.formats.ping_row import Arrival, Decoded, PingRow, within_size

_USED: Final = frozenset(
    {
        "accuracy",
        "altitude",
        "attributes",
        "course",
        "deviceTime",
        "fixTime",
        "latitude",
        "longitude",
        "speed",
        "valid",
    }
)


def decode(arrival: Arrival, max_rows: int) -> Decoded:
    """Read positions and events that a Traccar server forwards.

    A row without ``position`` (an event such as ``deviceOffline``) cannot be placed and is rejected, not dropped: the
    receipt shows that it came. Of ``device`` only the identifier is kept, since its phone numbers and contacts are
    persons' and no part of a fix.

    Args:
        arrival: The body as it came in; its content type does not matter.
        max_rows: More rows are refused.

    Raises:
        MalformedRequest: It is not JSON at all, or not UTF-8.
        InvalidInput: It is JSON, but neither an object nor a non-empty array.
        TooLarge: It has more rows than ``max_rows``.
    """
    return read_rows(json_rows(arrival.body, batch=True), max_rows, _row)


def _row(raw: msgspec.Raw) -> PingRow:
    message = members(raw)
    event = message.get("event")
    device_id = _device_id(message.get("device"))
    position = nested(message.get("position"), "position")
    attributes = position.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    approximate = flag(attributes.get("approximate")) is True
    measured = {} if approximate else position
    state = traccar_attributes.state(attributes)
    state["alarms"] = _with_event(state["alarms"], event)
    return PingRow(
        device_id=device_id,
        fixed_at=moment(position.get("fixTime"), "position.fixTime", MILLISECOND),
        lat=degrees(position.get("latitude"), "position.latitude"),
        lon=degrees(position.get("longitude"), "position.longitude"),
        source=_network(position) if approximate else traccar_attributes.source_of(attributes),
        located=traccar_attributes.located(attributes, valid=_valid(position, approximate=approximate)),
        accuracy_m=accuracy_m(position.get("accuracy")),
        altitude_m=number(measured.get("altitude")),
        speed_kmh=number(measured.get("speed"), least=0, factor=KMH_PER_KNOT),
        course_deg=number(measured.get("course"), least=0),
        sent_at=optional_time(lambda: moment(position.get("deviceTime"), "position.deviceTime", MILLISECOND)),
        extra=_extra(position, attributes, event),
        **state,
    )


def _device_id(device: object) -> str:
    if device is None:
        raise missing("device.uniqueId")
    if not isinstance(device, dict):
        raise malformed("device", "an object with uniqueId")
    return identifier(device.get("uniqueId"), "device.uniqueId")


def _valid(position: Mapping[str, Any], *, approximate: bool) -> bool | None:
    repeated = flag(position.get("outdated")) is True and not approximate
    return False if repeated else flag(position.get("valid"))


def _network(position: Mapping[str, Any]) -> Literal["cell", "wifi"]:
    network = position.get("network")
    return "wifi" if isinstance(network, dict) and network.get("wifiAccessPoints") else "cell"


def _with_event(alarms: list[str] | None, event: object) -> list[str] | None:
    """Add the alarm that an event of the type ``alarm`` is about; other types are no alarms and go to ``extra``."""
    if not isinstance(event, dict) or event.get("type") != "alarm":
        return alarms
    attributes = event.get("attributes")
    more = alarm_names(attributes.get("alarm")) if isinstance(attributes, dict) else []
    return list(dict.fromkeys([*(alarms or []), *more])) or None


def _extra(position: Mapping[str, Any], attributes: Mapping[str, Any], event: object) -> dict[str, Any] | None:
    more: dict[str, Any] = {
        "attributes": unmapped_members(attributes, traccar_attributes.USED),
        "event": unmapped_members(event) if isinstance(event, dict) else None,
    }
    return within_size(
        {**unmapped_members(position, _USED), **{name: value for name, value in more.items() if value}}
    )
