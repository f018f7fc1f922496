"""The decoder of OwnTracks in HTTP mode: one JSON message a request, of which ``_type`` ``location`` is a fix.

Units: ``tst`` and ``created_at`` epoch seconds, UTC; ``acc``, ``alt`` metres; ``cog`` degrees from north; ``batt``
percent; ``vel`` km/h: the booklet says so and the Android app multiplies m/s by 3.6, what other programs send under
that name is unconfirmed. ``acc``, ``alt``, ``cog``, ``vac`` and ``vel`` are left out when they are 0.

The device is the MQTT topic that the app would publish to, without ``owntracks/``: ``jane/phone``. Only when a
message names no topic, the tracker id ``tid`` is used; it has two characters by default, so two devices may share it.

References:
    https://owntracks.org/booklet/tech/json, https://owntracks.org/booklet/tech/http; MessageLocation of
    owntracks/android.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from app.telemetry.formats.field_parsers import (
    SECOND,
    InvalidRow,
    accuracy_m,
    count,
    degrees,
    epoch,
    flag,
    identifier,
    malformed,
    missing,
    number,
    optional_time,
    power_from_voltage,
)
from app.telemetry.formats.message_parsing import json_rows, members, read_rows, unmapped_members
from app.telemetry.formats.ping_row import Arrival, Decoded, PingRow, within_size

_PREFIX: Final = "owntracks/"
_USED: Final = frozenset(
    {
        "_type",
        "acc",
        "alt",
        "batt",
        "bs",
        "cog",
        "created_at",
        "ign",
        "lat",
        "lon",
        "odometer",
        "topic",
        "tst",
        "vel",
    }
)
_POWERED: Final = {1: False, 2: True, 3: True}
_SOURCES: Final[dict[str, Literal["gnss", "cell"]]] = {"gps": "gnss", "network": "cell"}


def decode(arrival: Arrival, max_rows: int) -> Decoded:
    """Decode one message of an OwnTracks app; errors as in ``json_rows``.

    Other message types (transition, waypoint, lwt, cmd, status, card, …) and the empty payload that clears a retained
    message are acknowledged with ``received`` 0. ``encrypted`` is a rejected row, because its position is lost. A
    ping (``t`` is ``p``) repeats the last position under the present time; ``t`` is in ``extra``.
    """
    messages = json_rows(arrival.body, batch=False) if arrival.body.strip() else []
    return read_rows([raw for raw in messages if not _is_of_another_kind(raw)], max_rows, _row)


def _is_of_another_kind(raw: msgspec.Raw) -> bool:
    try:
        kind = members(raw).get("_type")
    except InvalidRow:  # reading it as a row will say why
        return False
    return isinstance(kind, str) and kind not in {"location", "encrypted"}


def _row(raw: msgspec.Raw) -> PingRow:
    message = members(raw)
    if message.get("_type") is None:
        raise missing("_type")
    if message["_type"] != "location":
        raise malformed("_type", "location; encrypted messages cannot be read here, switch the app's encryption off")
    return PingRow(
        device_id=_device_id(message),
        fixed_at=epoch(message.get("tst"), "tst", SECOND),
        lat=degrees(message.get("lat"), "lat"),
        lon=degrees(message.get("lon"), "lon"),
        source=_source(message.get("source")),
        accuracy_m=accuracy_m(message.get("acc")),
        altitude_m=number(message.get("alt")),
        speed_kmh=number(message.get("vel"), least=0),
        course_deg=number(message.get("cog"), least=0),
        sent_at=optional_time(lambda: epoch(message.get("created_at"), "created_at", SECOND)),
        ignition=flag(message.get("ign")),
        external_power=_external_power(message),
        battery_pct=number(message.get("batt"), least=0, most=100),
        odometer_km=number(message.get("odometer"), least=0),
        extra=within_size(unmapped_members(message, _USED)),
    )


def _device_id(message: Mapping[str, Any]) -> str:
    topic = message.get("topic")
    if topic is None or topic == "":
        if message.get("tid") is None:
            raise missing("topic", "or tid")
        return identifier(message["tid"], "tid")
    return identifier(topic.removeprefix(_PREFIX) if isinstance(topic, str) else topic, "topic")


def _external_power(message: Mapping[str, Any]) -> bool | None:
    """Read ``bs`` (1 unplugged, 2 charging, 3 full) of a phone, or the volts ``uext`` of a Queclink tracker."""
    status = count(message.get("bs"))
    return power_from_voltage(message.get("uext")) if status is None else _POWERED.get(status)


def _source(provider: object) -> Literal["gnss", "cell"] | None:
    """Map Android's location provider: ``network`` is cells or Wi-Fi; cells, the coarser one, are assumed."""
    return _SOURCES.get(provider) if isinstance(provider, str) else None
