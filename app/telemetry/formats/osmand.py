"""The decoder of the OsmAnd protocol, as Traccar defined it and Traccar Client speaks it: one fix a request.

Two forms:

* The query string, or a form in the body when the query is empty: ``id`` (or ``deviceid``), ``lat`` and ``lon`` or
  ``location=lat,lon``, ``timestamp``, ``valid``, ``speed`` in **knots**, ``bearing`` or ``heading``, ``altitude`` and
  ``accuracy`` in metres, ``hdop``, ``batt`` percent, ``charge``, any number of ``cell`` and ``wifi``; every other key
  is one of Traccar's attributes, kept as the text that was sent. The first of several values counts, and empty ones
  count as absent.
* JSON, when the content type starts with ``application/json``: ``{"device_id": …, "location": {…}}``, the background
  location SDK of Traccar Client 9 and later, with ``coords.speed`` in **m/s**, ``battery.level`` from 0 to 1,
  ``odometer`` in metres, and negative numbers for "not known".

A ``timestamp`` is epoch seconds below 2**31 - 1 and milliseconds from there on, or ISO 8601 with an offset, or
``yyyy-MM-dd HH:mm:ss``. The last names no zone: OsmAnd and Traccar take that of their server; here it is **UTC**. A
sender that gives local time must add the offset. Without a timestamp the fix is of the moment that it came in.

References:
    https://www.traccar.org/osmand; org.traccar.protocol.OsmAndProtocolDecoder and its test.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from app.core.errors import MalformedRequest
from app.telemetry.formats import traccar_attributes
from app.telemetry.formats.field_parsers import (
    KMH_PER_KNOT,
    KMH_PER_MPS,
    MILLISECOND,
    SECOND,
    accuracy_m,
    degrees,
    epoch,
    flag,
    identifier,
    iso,
    malformed,
    missing,
    nested,
    number,
)
from app.telemetry.formats.message_parsing import json_rows, members, read_rows, text_of, unmapped_members
from app.telemetry.formats.ping_row import Arrival, Decoded, PingRow, within_size

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER: Final = 40
_SECONDS_END: Final = 2**31 - 1
_NOT_PLACED: Final = "lat and lon, or location=lat,lon; cells and Wi-Fi are not located here"
_USED: Final = frozenset(
    {
        "id",
        "deviceid",
        "timestamp",
        "lat",
        "lon",
        "location",
        "valid",
        "speed",
        "bearing",
        "heading",
        "altitude",
        "accuracy",
        "batt",
        *traccar_attributes.USED,
    }
)
_USED_IN_LOCATION: Final = frozenset({"timestamp", "coords", "battery", "extras", *traccar_attributes.USED})
_USED_IN_COORDS: Final = frozenset({"latitude", "longitude", "accuracy", "speed", "heading", "altitude"})

Parameters = dict[str, list[str]]


def decode(arrival: Arrival, max_rows: int) -> Decoded:
    """Decode the one fix of a request.

    A request with cells or access points but no coordinates is rejected: they cannot be located here. ``mock`` true
    (a position made up by a program) makes the row not located.

    Raises:
        MalformedRequest: No device (``field`` is ``id``, in JSON ``device_id``), not UTF-8, or not JSON as claimed.
            OsmAnd's senders expect 400.
        InvalidInput: JSON, but not one object.
        TooLarge: ``max_rows`` is 0.
    """
    if _is_json(arrival.content_type):
        rows = json_rows(arrival.body, batch=False)
        return read_rows(rows, max_rows, partial(_json_row, received_at=arrival.received_at))
    in_query = data_in_query(arrival.query, arrival.content_type)
    parameters = _parameters(arrival.query if in_query else text_of(arrival.body))
    if not {"id", "deviceid"} & parameters.keys():
        raise MalformedRequest("id: required, but missing; name the device", field="id")
    return read_rows([parameters], max_rows, partial(_query_row, received_at=arrival.received_at))


def data_in_query(query: str, content_type: str) -> bool:
    """Return whether the data of a request are in its query; then its body is not read."""
    return not _is_json(content_type) and bool(_parameters(query))


def _is_json(content_type: str) -> bool:
    return content_type.startswith("application/json")


def _parameters(text: str) -> Parameters:
    found: Parameters = {}
    for name, value in parse_qsl(text):
        found.setdefault(name, []).append(value)
    return found


def _typed(text: str) -> float | bool | str:
    """Return a parameter as Traccar understands it: a number, which may be infinite, a boolean or text."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _time(typed: object, received_at: datetime, field: str) -> datetime:
    if typed is None:
        return received_at.astimezone(UTC)
    if not isinstance(typed, str):
        is_seconds = isinstance(typed, int | float) and typed < _SECONDS_END
        return epoch(typed, field, SECOND if is_seconds else MILLISECOND)
    if "T" in typed:
        return iso(typed.replace(" ", "+"), field)  # an offset's plus that was not percent-encoded
    return iso(typed, field, zone=UTC)


def _query_row(parameters: Parameters, received_at: datetime) -> PingRow:
    first = {name: values[0] for name, values in parameters.items()}
    typed: dict[str, Any] = {name: _typed(value) for name, value in first.items()}
    name = "id" if "id" in first else "deviceid"
    lat, lon = _place(typed, first.get("location"))
    valid = first["valid"].lower() in {"true", "1"} if "valid" in first else None
    networks = {name: parameters[name] for name in ("cell", "wifi") if name in parameters}
    return PingRow(
        device_id=identifier(first[name], name),
        fixed_at=_time(typed.get("timestamp"), received_at, "timestamp"),
        lat=lat,
        lon=lon,
        source=traccar_attributes.source_of(typed),
        located=traccar_attributes.located(typed, valid=valid),
        accuracy_m=accuracy_m(typed.get("accuracy")),
        altitude_m=number(typed.get("altitude")),
        speed_kmh=number(typed.get("speed"), least=0, factor=KMH_PER_KNOT),
        course_deg=number(typed.get("bearing", typed.get("heading")), least=0),
        extra=within_size(unmapped_members(first | networks, _USED)),
        **traccar_attributes.state(typed | {"batteryLevel": typed.get("batt", typed.get("batteryLevel"))}),
    )


def _place(typed: Mapping[str, Any], location: str | None) -> tuple[float, float]:
    """Return latitude and longitude, degrees."""
    if "lat" in typed or "lon" in typed:
        return degrees(typed.get("lat"), "lat"), degrees(typed.get("lon"), "lon")
    if location is None:
        raise missing("lat", _NOT_PLACED)
    parts = [_typed(part.strip()) for part in location.split(",")]
    if len(parts) != 2 or not all(isinstance(part, float) for part in parts):  # noqa: PLR2004 a pair
        raise malformed("location", "lat,lon in degrees")
    return degrees(parts[0], "location"), degrees(parts[1], "location")


def _json_row(raw: msgspec.Raw, received_at: datetime) -> PingRow:
    message = members(raw)
    if message.get("device_id") is None or message["device_id"] == "":
        raise MalformedRequest("device_id: required, but missing; name the device", field="device_id")
    location = nested(message.get("location"), "location")
    coords = nested(location.get("coords"), "location.coords")
    attributes = _attributes(location)
    more = {**unmapped_members(attributes, _USED_IN_LOCATION), **unmapped_members(coords, _USED_IN_COORDS)}
    return PingRow(
        device_id=identifier(message["device_id"], "device_id"),
        fixed_at=_time(location.get("timestamp"), received_at, "location.timestamp"),
        lat=degrees(coords.get("latitude"), "location.coords.latitude"),
        lon=degrees(coords.get("longitude"), "location.coords.longitude"),
        source=traccar_attributes.source_of(attributes),
        located=traccar_attributes.located(attributes, valid=None),
        accuracy_m=accuracy_m(coords.get("accuracy")),
        altitude_m=number(coords.get("altitude")),
        speed_kmh=number(coords.get("speed"), least=0, factor=KMH_PER_MPS),
        course_deg=number(coords.get("heading"), least=0),
        extra=within_size(more),
        **traccar_attributes.state(attributes),
    )


def _attributes(location: Mapping[str, Any]) -> dict[str, Any]:
    """Return a location's members, extras and battery as Traccar attributes.

    Not charging does not mean power cut: a full battery does not charge either.
    """
    extras, battery = location.get("extras"), location.get("battery")
    attributes = {**(extras if isinstance(extras, dict) else {}), **location}
    if isinstance(battery, dict):
        attributes["batteryLevel"] = number(battery.get("level"), least=0, most=1, factor=100)
        if flag(battery.get("is_charging")):
            attributes["charge"] = True
    return attributes
