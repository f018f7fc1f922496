"""The decoder of Traccar's HTTP forwarding (``forward.type`` ``json``): positions and events.

A body is one object ``{"position": …, "device": …}``, with ``"event"`` for an event, or an array of them. The device
is ``device.uniqueId``, an IMEI or a JT/T 808 phone number.

Units: degrees, metres, degrees from north, and **knots**. ``fixTime`` is the satellite time, ``deviceTime`` the time
of the device's report, ``serverTime`` Traccar's; ISO 8601 or epoch milliseconds, by version. ``accuracy`` 0 and
``id`` 0 mean "not known". When a device sends no satellite position:

* Traccar sets ``outdated`` and repeats the last coordinates and ``fixTime`` (without any: 0, 0 in 1980). Such a row
  is not located.
* With ``geolocation.enable`` it asks a service for the place of the cell towers and access points in ``network``,
  inserts the answer with the device's time, and sets the attribute ``approximate``. ``outdated`` stays set but is
  about the replaced coordinates. Such a row is a new position, from Wi-Fi if ``network`` has access points, else from
  cells. Its altitude, speed and course are unmeasured zeros, and are left out.
* ``network`` alone means nothing: many devices name their cell beside a good satellite fix.

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
    """Decode positions and events; errors as in ``json_rows`` and ``read_rows``.

    A row without ``position`` (an event such as ``deviceOffline``) is rejected, so that the receipt shows it. Of
    ``device`` only the identifier is kept: phone numbers and contacts are personal data.
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
    """Add the alarm of an event of the type ``alarm``; other events go to ``extra``."""
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
