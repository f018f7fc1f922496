"""Traccar's position attributes, common to its JSON and to the OsmAnd protocol, which it defined.

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
"""Attributes that ``state`` maps completely; ``power`` has more than ``state`` maps, so it stays in ``extra``."""

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
    """The members of a ``PingRow`` that come from attributes."""

    satellites: int | None
    hdop: float | None
    backfill: bool | None
    ignition: bool | None
    external_power: bool | None
    battery_pct: float | None
    odometer_km: float | None
    alarms: list[str] | None


def state(attributes: Mapping[str, Any]) -> State:
    """Map attributes to our own members; an invalid value counts as absent.

    ``archive`` true: the device kept the position while it was offline. ``charge``: external power is present;
    without it the voltage of ``power`` decides. ``odometer`` is metres, of the vehicle or the device. Without it
    ``totalDistance`` is used, the metres that Traccar itself has added up: good for differences only.
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
    """Return the source of the position, where the attribute ``source`` has a known value."""
    source = attributes.get("source")
    return _SOURCES.get(source.lower()) if isinstance(source, str) else None


def located(attributes: Mapping[str, Any], *, valid: bool | None) -> bool | None:
    """Return whether the device reports a valid fix; ``mock`` true (made up by a program) makes it False."""
    return False if flag(attributes.get("mock")) else valid
