"""Traccar's position attributes: common to the JSON that it forwards and to the OsmAnd protocol, which it defined.

Names and units as in Traccar's ``org.traccar.model.Position`` (the ``KEY_`` constants and their comments).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

from app.telemetry.formats.field_parsers import alarm_names, count, flag, number, power_from_voltage

USED: Final = frozenset(
    {
        "alarm",
        "archive",
        "batteryLevel",
        "charge",
        "hdop",
        "ignition",
        "odometer",
        "sat",
    }
)
"""Attributes that ``state`` takes over whole; of ``power`` it takes less than the volts say, so that stays."""

_METRES_PER_KM: Final = 1_000
_SOURCES: Final[dict[str, Literal["gnss", "cell", "wifi"]]] = {
    "gps": "gnss",
    "gnss": "gnss",
    "lbs": "cell",
    "cell": "cell",
    "gsm": "cell",
    "wifi": "wifi",
}


class State(TypedDict):
    """The part of a ``PingRow`` that stands in attributes."""

    satellites: int | None
    hdop: float | None
    backfill: bool | None
    ignition: bool | None
    external_power: bool | None
    battery_pct: float | None
    odometer_km: float | None
    alarms: list[str] | None


def state(attributes: Mapping[str, Any]) -> State:
    """Read the attributes that our own words have room for.

    ``archive`` true means that the device had kept the position while it was offline. ``charge`` says whether outside
    power is there; without it the volts of ``power`` do (``supply``). ``odometer`` is the vehicle's or the device's,
    metres; without it ``totalDistance`` stands in, the metres that Traccar itself has added up since it knows the
    device: good for differences, not for what the dashboard shows.

    Args:
        attributes: As sent; anything odd counts as not told.
    """
    charge = flag(attributes.get("charge"))
    odometer = _km(attributes.get("odometer"))
    return State(
        satellites=count(attributes.get("sat")),
        hdop=number(attributes.get("hdop"), least=0),
        backfill=flag(attributes.get("archive")),
        ignition=flag(attributes.get("ignition")),
        external_power=power_from_voltage(attributes.get("power")) if charge is None else charge,
        battery_pct=number(attributes.get("batteryLevel"), least=0, most=100),
        odometer_km=_km(attributes.get("totalDistance")) if odometer is None else odometer,
        alarms=alarm_names(attributes.get("alarm")) or None,
    )


def _km(metres: object) -> float | None:
    found = number(metres, least=0)
    return None if found is None else found / _METRES_PER_KM


def source_of(attributes: Mapping[str, Any]) -> Literal["gnss", "cell", "wifi"] | None:
    """Return what the position was derived from, where the attribute ``source`` says it in a word that is known."""
    source = attributes.get("source")
    return _SOURCES.get(source.lower()) if isinstance(source, str) else None


def located(attributes: Mapping[str, Any], *, valid: bool | None) -> bool | None:
    """Return whether the device believes its fix.

    Args:
        attributes: ``mock`` true means that a program made the position up, as test tools and cheats do on phones.
        valid: What the device says otherwise, None when it says nothing.
    """
    return False if flag(attributes.get("mock")) else valid
