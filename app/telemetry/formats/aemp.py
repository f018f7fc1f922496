"""The decoder of AEMP 2.0 (ISO/TS 15143-3): one page of a maker's fleet snapshot, JSON or XML, as pings.

A snapshot has each machine's header and last known values, each value with its OWN time: the time of a fix is that of
``Location``. A machine that never reported has a header only, which is no error.

Confirmed in public samples and clients (Takeuchi, Kramer/Trackunit, Samsara, Rexroth BODAS, CanTrack, Komatsu,
Develon): two XML namespaces; ``datetime`` as attribute or element, ``dateTime`` in camel-case JSON; JSON with and
without ``Fleet``, and as a list of one; ``Links`` or ``links``; ``next`` that points to the page itself on the last
one; identities that read ``missing``; header without PIN, maker or model.

References:
    ISO/TS 15143-3:2020, clauses 8.4 (links), 9 (times), 11.2 (header), 11.3 (last known location).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from app.core.errors import MalformedRequest, TooLarge
from app.telemetry.domain import RejectCode, Rejection
from app.telemetry.formats.aemp_nodes import (
    as_bool,
    as_number,
    as_text,
    as_time,
    links,
    member,
    members,
    parse,
    shown,
)
from app.telemetry.formats.ping_row import PingRow

MAX_MACHINES: Final = 10_000  # on a page; the standard's pages have 100

# Engine status and odometer count for a fix only when measured this close to it: one sample has a location of today
# beside an engine status of ten days ago.
SAME_TIME: Final = timedelta(hours=1)

MAX_IDENTIFIER: Final = 64

_DatumWord = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)  # what .NET writes for a time that was never set
_NOBODY: Final = frozenset({"missing", "unknown", "undefined", "none", "null", "nil", "n/a", "na", "-", "--", "?"})
_METRES: Final = {"metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "m": 1.0}
_FEET: Final = {"foot": 0.3048, "feet": 0.3048, "ft": 0.3048}
_ALTITUDE: Final = _METRES | _FEET
_KILOMETRES: Final = {
    **dict.fromkeys(("kilometre", "kilometer", "kilometres", "kilometers", "km"), 1.0),
    **dict.fromkeys(("mile", "miles", "mi"), 1.609344),
}
_NO_CHINA: Final = frozenset({"", "0", "-1", "false", "none", "null", "n/a"})
_DATUMS: Final[Mapping[str, _DatumWord]] = {
    **dict.fromkeys(("wgs84", "wgs-84", "epsg:4326"), "wgs84"),
    **dict.fromkeys(("cgcs2000", "cgcs-2000", "epsg:4490"), "cgcs2000"),
    **dict.fromkeys(("bd09", "bd-09", "bd09ll"), "bd09"),
}


@dataclass(frozen=True, slots=True)
class AempPage:
    """The content of a page; degrees in the datum that a row names, else the feed's.

    Attributes:
        index: Place of each row's machine on the page, from 0, as long as ``rows``.
        rejections: Machines with an unreadable location or without an identity.
        without_location: Machines that never reported a location; neither among ``rows`` nor ``rejections``.
        identifiers: Of every machine with an identity, in order; repeated pages are detected by them.
        next_href: The link to the next page, as written; it may point to this one.
    """

    rows: list[PingRow]
    index: list[int]  # place of each row's machine on the page, from 0, as long as ``rows``
    rejections: tuple[Rejection, ...]  # machines with an unreadable location or without an identity
    machines: int  # all machines on the page
    without_location: int  # machines that never reported a location; neither among ``rows`` nor ``rejections``
    identifiers: tuple[str, ...]  # of every machine with an identity, in order; repeated pages are detected by them
    next_href: str | None  # the link to the next page, as written; it may point to this one
    last_href: str | None


def decode_page(body: bytes, content_type: str) -> AempPage:
    """Decode one page of a fleet snapshot, unpacked; content type in lower case, without parameters.

    ``device_id`` is the PIN (product identification number, ISO 10261; the VIN of a road machine), else the
    SerialNumber. The PIN is unique among makers and is on the plate and in the lease. The serial number is unique
    only within a make. Where a tracker's maker serves the interface it is the tracker's number, which moves to
    another machine (Kramer by Trackunit: serial 243925 on machine 346041375). EquipmentID is the owner's own name and
    can change any day, so it is never an identity. All of them are kept in ``extra``.

    ``coord_system`` is set only where the location has a China coordinate id: a known datum name, else ``gcj02`` if
    it is not empty or zero. No public list of its values was found; the id is kept in ``extra``.

    Raises:
        UnsupportedMedia: Neither JSON nor XML.
        MalformedRequest: Broken, or without a fleet.
        TooLarge: More than ``MAX_MACHINES`` machines.
    """
    fleet = _fleet_of(parse(body, content_type))
    machines = members(fleet, "equipment")
    if len(machines) > MAX_MACHINES:
        raise TooLarge(f"the page has {len(machines):,} machines; at most {MAX_MACHINES:,} are read")
    rows: list[PingRow] = []
    index: list[int] = []
    rejections: list[Rejection] = []
    identifiers: list[str] = []
    without_location = 0
    for place, machine in enumerate(machines):
        header = member(machine, "equipmentheader")
        identifier = _identifier(header)
        if identifier is not None:
            identifiers.append(identifier)
        try:
            location = _location_of(machine)
            if location is None:
                without_location += 1
                continue
            rows.append(_row(identifier, header, location, machine))
            index.append(place)
        except _Unreadable as error:
            rejections.append(Rejection(place, error.code, error.field, str(error)))
    relations = dict(reversed(list(links(fleet))))  # the first of each relation counts
    return AempPage(
        rows=rows,
        index=index,
        rejections=tuple(rejections),
        machines=len(machines),
        without_location=without_location,
        identifiers=tuple(identifiers),
        next_href=relations.get("next"),
        last_href=relations.get("last"),
    )


class _Unreadable(Exception):
    """One machine's location cannot be a ping."""

    def __init__(self, code: RejectCode, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.code = code
        self.field = field


def _fleet_of(tree: Any) -> Any:
    """Return the object that has ``Equipment`` and ``Links``."""
    if isinstance(tree, list):
        if not tree:
            return {}
        if member(tree[0], "equipmentheader") is not None:
            return {"equipment": tree}
        tree = tree[0]
    if isinstance(tree, Mapping):
        inner = next((tree[key] for key in tree if str(key).lower() == "fleet"), tree)
        if inner is None:
            return {}  # <Fleet/>: nothing in it
        if isinstance(inner, Mapping):
            known = {"equipment", "links", "snapshottime"} & {str(key).lower() for key in inner}
            if known or inner is not tree:
                return inner
    raise MalformedRequest("the page has no Fleet with Equipment in it")


def _identifier(header: object) -> str | None:
    for name in ("pin", "serialnumber"):
        text = as_text(member(header, name), MAX_IDENTIFIER + 1)
        if text and text.lower() not in _NOBODY and text.strip("0"):
            return text
    return None


def _location_of(machine: object) -> Mapping[str, Any] | None:
    """Return the location of a machine, None where it never reported one."""
    if not isinstance(machine, Mapping):
        raise _Unreadable(RejectCode.MALFORMED, "Equipment", f"expected a machine, not {shown(machine)}")
    found = members(machine, "location")
    if not found:
        return None
    location = found[0]
    if len(found) > 1 or not isinstance(location, Mapping):
        raise _Unreadable(RejectCode.MALFORMED, "Location", "expected one location with its members")
    values = [member(location, name) for name in ("datetime", "latitude", "longitude")]
    if all(value is None or value == "" for value in values):
        return None
    return None if _was_never_set(*values) else location


def _was_never_set(moment: object, lat: object, lon: object) -> bool:
    try:
        return as_time(moment) == _NEVER and not as_number(lat) and not as_number(lon)
    except ValueError:
        return False


def _row(identifier: str | None, header: object, location: Mapping[str, Any], machine: object) -> PingRow:
    if identifier is None:
        raise _Unreadable(RejectCode.MISSING_FIELD, "device_id", "the machine has neither PIN nor SerialNumber")
    if len(identifier) > MAX_IDENTIFIER:
        raise _Unreadable(
            RejectCode.MALFORMED, "device_id", f"PIN or SerialNumber has over {MAX_IDENTIFIER} characters"
        )
    fixed_at = _needed(as_time, location, "datetime", "fixed_at")
    engine, distance = member(machine, "enginestatus"), member(machine, "distance")
    china_id = _china_id(location)
    odometer_km = _scaled(distance, "odometer", "odometerunits", _KILOMETRES)
    running = as_bool(member(engine, "running"))
    return PingRow(
        device_id=identifier,
        fixed_at=fixed_at,
        lat=_needed(as_number, location, "latitude", "lat"),
        lon=_needed(as_number, location, "longitude", "lon"),
        coord_system=_datum(china_id),
        source="gnss",
        altitude_m=_scaled(location, "altitude", "altitudeunits", _ALTITUDE),
        ignition=running if _is_about(engine, fixed_at) else None,
        odometer_km=odometer_km if _is_about(distance, fixed_at) else None,
        extra=_extra(header, machine, odometer_km, china_id) or None,
    )


def _needed(read: Any, location: Mapping[str, Any], name: str, field: str) -> Any:
    try:
        value = read(member(location, name))
    except ValueError as error:
        raise _Unreadable(RejectCode.MALFORMED, field, f"Location.{name}: {error}") from None
    if value is None:
        raise _Unreadable(RejectCode.MISSING_FIELD, field, f"Location.{name}: required, but missing")
    return value


def _scaled(node: object, name: str, units: str, factors: Mapping[str, float]) -> float | None:
    """Return a number in our unit; None where it is absent or its unit is: a unit is not guessed."""
    factor = factors.get((as_text(member(node, units)) or "").lower())
    number = _number_or_none(member(node, name))
    return None if factor is None or number is None else number * factor


def _number_or_none(value: object) -> float | None:
    """Return a number; an invalid optional value never costs the fix."""
    try:
        return as_number(value)
    except ValueError:
        return None


def _time_or_none(node: object) -> datetime | None:
    try:
        return as_time(member(node, "datetime"))
    except ValueError:
        return None


def _is_about(node: object, fixed_at: datetime) -> bool:
    measured_at = _time_or_none(node)
    return measured_at is None or abs(measured_at - fixed_at) <= SAME_TIME


def _china_id(location: Mapping[str, Any]) -> str | None:
    for node in (location, member(location, "address")):
        values = member(node, "chinacoordinateid")
        text = str(values).lower() if isinstance(values, bool) else as_text(values)
        if text is not None:
            return text
    return None


def _datum(china_id: str | None) -> _DatumWord | None:
    if china_id is None or china_id.lower() in _NO_CHINA:
        return None
    return _DATUMS.get(china_id.lower(), "gcj02")


def _extra(header: object, machine: object, odometer_km: float | None, china_id: str | None) -> dict[str, Any]:
    """Return the other values, for evidence: the machine's names, and values with their times (ISO 8601, UTC)."""
    engine, hours = member(machine, "enginestatus"), member(machine, "cumulativeoperatinghours")
    values: dict[str, Any] = {
        "oem_name": as_text(member(header, "oemname")),
        "model": as_text(member(header, "model")),
        "equipment_id": as_text(member(header, "equipmentid")),
        "pin": as_text(member(header, "pin")),
        "serial_number": as_text(member(header, "serialnumber")),
        "china_coordinate_id": china_id,
        "operating_hours": _number_or_none(member(hours, "hour")),
        "operating_hours_at": _time_or_none(hours),
        "engine_running": as_bool(member(engine, "running")),
        "engine_running_at": _time_or_none(engine),
        "odometer_km": odometer_km,
        "odometer_km_at": _time_or_none(member(machine, "distance")),
    }
    written = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}
    return {name: value for name, value in written.items() if value is not None}
