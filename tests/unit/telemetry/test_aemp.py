"""Pages of AEMP 2.0 as makers really send them: two formats, many habits, and machines that never told a place.

The shapes are those of public samples (Takeuchi, Kramer by Trackunit, Samsara, Rexroth, CanTrack); every value is
made up.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError, MalformedRequest, TooLarge, UnsupportedMedia
from app.telemetry.domain import RejectCode
from app.telemetry.formats.aemp import AempPage, decode_page
from app.telemetry.formats.ping_row import PingRow

EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 hypothesis adds the zone
JSON, XML = "application/json", "application/xml"
ISO = "http://www.jcmanet.or.jp/english2017/ISO/15143/-3/20190501"
OTHER_ISO = "http://standards.iso.org/iso/15143/-3"

TAKEUCHI_LIKE = f"""<?xml version="1.0" encoding="utf-8"?>
<Fleet xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="20190501" xmlns="{ISO}">
  <Links><rel>self</rel><href>https://maker.test/Telematics/Fleet/0</href></Links>
  <Links><rel>next</rel><href>https://maker.test/Telematics/Fleet/0</href></Links>
  <Links><rel>last</rel><href>https://maker.test/Telematics/Fleet/0</href></Links>
  <Equipment>
    <EquipmentHeader>
      <UnitInstallDateTime>0001-01-01T00:00:00Z</UnitInstallDateTime>
      <OEMName>Maker</OEMName><Model>TB2</Model><EquipmentID>70200</EquipmentID>
      <SerialNumber>190502863</SerialNumber><PIN>190502863</PIN>
    </EquipmentHeader>
  </Equipment>
  <Equipment>
    <EquipmentHeader>
      <UnitInstallDateTime>0001-01-01T00:00:00Z</UnitInstallDateTime>
      <OEMName>Maker</OEMName><Model>TB2</Model><EquipmentID>49620</EquipmentID>
      <SerialNumber>190502580</SerialNumber><PIN>TKU190502580XYZ01</PIN>
    </EquipmentHeader>
    <Location datetime="2026-11-23T03:08:34Z">
      <Latitude>31.220500</Latitude><Longitude>121.424100</Longitude>
      <Altitude>12.5</Altitude><AltitudeUnits>metre</AltitudeUnits>
    </Location>
    <CumulativeOperatingHours><Hour>233.70</Hour><datetime>2026-11-23T03:08:34Z</datetime></CumulativeOperatingHours>
    <EngineStatus datetime="2026-11-23T02:37:57Z"><EngineNumber /><Running>true</Running></EngineStatus>
    <Distance
        datetime="2026-11-23T03:08:34Z"><OdometerUnits>kilometre</OdometerUnits><Odometer>5220.5</Odometer></Distance>
  </Equipment>
  <Equipment>
    <EquipmentHeader><SerialNumber>missing</SerialNumber><PIN>missing</PIN></EquipmentHeader>
    <Location datetime="2026-11-23T03:08:34Z"><Latitude>31.2</Latitude><Longitude>121.4</Longitude></Location>
  </Equipment>
</Fleet>"""


def machine(**changes: Any) -> dict[str, Any]:
    whole = {
        "EquipmentHeader": {
            "UnitInstallDateTime": "2019-06-13T19:08:25.000Z",
            "OEMName": "Bobcat",
            "Model": "S630",
            "EquipmentID": "494123",
            "SerialNumber": "A1",
            "PIN": "8V8WD530FLN016251",
        },
        "Location": {"datetime": "2026-11-23T03:08:34.123Z", "Latitude": 31.2205, "Longitude": 121.4241},
    }
    return {key: value for key, value in (whole | changes).items() if value is not ...}


def place(**changes: Any) -> dict[str, Any]:
    return machine(Location=machine()["Location"] | changes)


def read(*machines: object, **around: Any) -> AempPage:
    fleet = {"version": "1", "snapshotTime": "2026-11-23T04:00:00Z", "Links": [], "Equipment": list(machines)}
    return decode_page(json.dumps({"Fleet": fleet | around}).encode(), JSON)


def the_row(page: AempPage) -> PingRow:
    assert len(page.rows) == 1, page
    return page.rows[0]


def test_xml_of_the_standard_is_read_with_times_units_and_identities() -> None:
    page = decode_page(TAKEUCHI_LIKE.encode(), XML)
    row = the_row(page)
    assert (row.device_id, row.lat, row.lon, row.altitude_m) == ("TKU190502580XYZ01", 31.2205, 121.4241, 12.5)
    assert row.fixed_at == datetime(2026, 11, 23, 3, 8, 34, tzinfo=UTC)
    assert (row.source, row.coord_system, row.ignition, row.odometer_km) == ("gnss", None, True, 5220.5)
    assert row.extra == {
        "oem_name": "Maker",
        "model": "TB2",
        "equipment_id": "49620",
        "serial_number": "190502580",
        "pin": "TKU190502580XYZ01",
        "operating_hours": 233.7,
        "operating_hours_at": "2026-11-23T03:08:34+00:00",
        "engine_running": True,
        "engine_running_at": "2026-11-23T02:37:57+00:00",
        "odometer_km": 5220.5,
        "odometer_km_at": "2026-11-23T03:08:34+00:00",
    }
    assert page.index == [1]


def test_a_machine_that_never_told_a_place_is_counted_and_is_no_error() -> None:
    page = decode_page(TAKEUCHI_LIKE.encode(), XML)
    assert (page.machines, page.without_location) == (3, 1)
    assert page.identifiers == ("190502863", "TKU190502580XYZ01")


def test_a_machine_without_a_real_identity_is_rejected_with_the_field() -> None:
    rejection = decode_page(TAKEUCHI_LIKE.encode(), XML).rejections[0]
    assert (rejection.index, rejection.code, rejection.field) == (2, RejectCode.MISSING_FIELD, "device_id")


def test_links_are_told_as_they_are_written() -> None:
    page = decode_page(TAKEUCHI_LIKE.encode(), XML)
    assert page.next_href == page.last_href == "https://maker.test/Telematics/Fleet/0"


@pytest.mark.parametrize("content_type", [XML, "text/xml", "application/vnd.maker+xml", "text/plain", ""])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n  "])
def test_xml_is_known_by_its_type_or_by_its_first_character(content_type: str, start: str) -> None:
    assert decode_page((start + f"<Fleet xmlns='{OTHER_ISO}'/>").encode(), content_type).machines == 0


def test_a_prefixed_namespace_and_another_case_change_nothing() -> None:
    body = f"""<i:fleet xmlns:i="{OTHER_ISO}"><i:equipment>
      <i:equipmentHeader i:pin="P17" /><i:location><i:dateTime>2026-11-23T03:08:34</i:dateTime>
      <i:latitude>31.2</i:latitude><i:longitude>121.4</i:longitude></i:location></i:equipment></i:fleet>"""
    row = the_row(decode_page(body.encode(), XML))
    assert (row.device_id, row.fixed_at) == ("P17", datetime(2026, 11, 23, 3, 8, 34, tzinfo=UTC))


def test_an_element_that_is_nil_is_not_there() -> None:
    body = f"""<Fleet xmlns="{ISO}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Equipment>
      <EquipmentHeader><PIN>P17</PIN></EquipmentHeader><Location xsi:nil="true"/></Equipment></Fleet>"""
    assert decode_page(body.encode(), XML).without_location == 1


def test_json_within_fleet_is_read() -> None:
    row = the_row(read(machine(), Links=[{"rel": "next", "href": "/Fleet/2"}, {"rel": "last", "href": "/Fleet/9"}]))
    assert row.device_id == "8V8WD530FLN016251"
    assert row.fixed_at == datetime(2026, 11, 23, 3, 8, 34, 123000, tzinfo=UTC)


def test_json_as_a_list_of_one_fleet_with_small_links_is_read() -> None:
    links = [{"rel": "Self", "href": "/f/Fleet/1"}, {"rel": "next", "href": "/f/Fleet/1"}]
    page = decode_page(json.dumps([{"Equipment": [machine()], "links": links}]).encode(), JSON)
    assert (len(page.rows), page.next_href) == (1, "/f/Fleet/1")
    assert decode_page(b"[]", JSON).machines == 0


def test_camel_case_json_is_read() -> None:
    body = {
        "snapshotTime": "2026-11-23T04:00:00Z",
        "links": {"rel": "next", "href": "2"},
        "equipment": [
            {
                "equipmentHeader": {"oemName": "M", "equipmentId": "E", "serialNumber": "S1", "pin": None},
                "location": {"latitude": 31.2, "longitude": 121.4, "dateTime": "2026-11-23T03:08:34.1234567Z"},
                "engineStatus": {"running": False, "dateTime": "2026-11-23T03:08:34Z"},
                "distance": {"odometer": 100, "odometerUnits": "mile", "dateTime": "2026-11-23T03:08:34Z"},
            },
            {"equipmentHeader": {"serialNumber": "S2"}, "location": None},
        ],
    }
    page = decode_page(json.dumps(body).encode(), JSON)
    row = the_row(page)
    assert (row.device_id, row.ignition, page.without_location, page.next_href) == ("S1", False, 1, "2")
    assert row.odometer_km == pytest.approx(160.9344)


def test_one_machine_need_not_stand_in_a_list() -> None:
    assert len(read(Equipment=machine()).rows) == 1


@pytest.mark.parametrize(
    ("header", "identity"),
    [
        ({"PIN": "P1", "SerialNumber": "S1"}, "P1"),
        ({"PIN": " P1 "}, "P1"),
        ({"PIN": "", "SerialNumber": "S1"}, "S1"),
        ({"PIN": "N/A", "SerialNumber": 4711}, "4711"),
        ({"PIN": "00000000000000000", "SerialNumber": "S1"}, "S1"),
        ({"PIN": None, "SerialNumber": "Unknown", "EquipmentID": "digger 3"}, None),
        ({}, None),
        ("P1", None),
        (None, None),
    ],
)
def test_a_machine_is_its_pin_or_else_its_serial_and_never_the_name_its_owner_gave_it(
    header: Any, identity: str | None
) -> None:
    page = read(machine(EquipmentHeader=header))
    assert [row.device_id for row in page.rows] == ([identity] if identity else [])
    assert [r.field for r in page.rejections] == ([] if identity else ["device_id"])


@pytest.mark.parametrize(
    "location",
    [
        ...,
        None,
        {},
        {"datetime": None, "Latitude": None, "Longitude": None},
        {"datetime": "", "Latitude": "", "Longitude": ""},
        {"datetime": "0001-01-01T00:00:00", "Latitude": 0.0, "Longitude": 0.0},
        {"datetime": "0001-01-01T00:00:00Z", "Latitude": 0, "Longitude": 0, "Altitude": 0},
    ],
)
def test_a_location_in_which_nothing_is_told_is_none(location: Any) -> None:
    page = read(machine(Location=location))
    assert (page.without_location, page.rows, page.rejections) == (1, [], ()) or (location == {} and not page.rows)
    assert page.without_location == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"datetime": None}, RejectCode.MISSING_FIELD, "fixed_at"),
        ({"datetime": "yesterday"}, RejectCode.MALFORMED, "fixed_at"),
        ({"datetime": "2026-11-23"}, RejectCode.MALFORMED, "fixed_at"),
        ({"datetime": "2026-02-30T00:00:00Z"}, RejectCode.MALFORMED, "fixed_at"),
        ({"datetime": "0001-01-01T00:00:00+08:00"}, RejectCode.MALFORMED, "fixed_at"),
        ({"datetime": 1763866114}, RejectCode.MALFORMED, "fixed_at"),
        ({"Latitude": None}, RejectCode.MISSING_FIELD, "lat"),
        ({"Latitude": "31,22"}, RejectCode.MALFORMED, "lat"),
        ({"Latitude": "1_0"}, RejectCode.MALFORMED, "lat"),
        ({"Latitude": "NaN"}, RejectCode.MALFORMED, "lat"),
        ({"Latitude": True}, RejectCode.MALFORMED, "lat"),
        ({"Longitude": [121.4]}, RejectCode.MALFORMED, "lon"),
        ({"Longitude": "1e999"}, RejectCode.MALFORMED, "lon"),
    ],
)
def test_a_location_that_cannot_be_read_is_rejected_and_its_neighbours_are_kept(
    change: dict[str, Any], code: RejectCode, field: str
) -> None:
    page = read(machine(), place(**change), machine(Location=...), machine())
    assert page.index == [0, 3]
    assert [(r.index, r.code, r.field) for r in page.rejections] == [(1, code, field)]
    assert page.without_location == 1


@pytest.mark.parametrize("location", ["31.2,121.4", 5, [1, 2], [{}, {}]])
def test_a_location_of_another_shape_is_rejected(location: Any) -> None:
    assert [r.field for r in read(machine(Location=location)).rejections] == ["Location"]


@pytest.mark.parametrize("stranger", [None, 5, "x", [], True])
def test_what_is_no_machine_is_rejected(stranger: Any) -> None:
    page = read(machine(), stranger)
    assert (len(page.rows), [(r.index, r.field) for r in page.rejections]) == (1, [(1, "Equipment")])


def test_an_identifier_that_is_too_long_is_rejected_not_cut() -> None:
    page = read(machine(EquipmentHeader={"PIN": "P" * 65}))
    assert [(r.code, r.field) for r in page.rejections] == [(RejectCode.MALFORMED, "device_id")]


def test_control_characters_never_get_through() -> None:
    row = the_row(read(machine(EquipmentHeader={"PIN": "P\u00001\u202e", "Model": "a\u0000b" + "x" * 500})))
    assert row.device_id == "P1"
    assert row.extra
    assert row.extra["model"] == "ab" + "x" * 98


@pytest.mark.parametrize(
    ("china_id", "datum"),
    [
        (None, None),
        ("", None),
        (0, None),
        ("0", None),
        (False, None),
        (1, "gcj02"),
        ("GCJ-02", "gcj02"),
        ("CN01", "gcj02"),
        (True, "gcj02"),
        ("WGS84", "wgs84"),
        ("CGCS2000", "cgcs2000"),
        ("BD-09", "bd09"),
    ],
)
def test_a_china_coordinate_id_says_that_the_place_is_shifted(china_id: Any, datum: str | None) -> None:
    for changed in (
        place(ChinaCoordinateId=china_id),
        place(Address={"ChinaCoordinateID": china_id, "Address": "x"}),
    ):
        assert the_row(read(changed)).coord_system == datum


def test_what_was_measured_at_another_time_says_nothing_about_the_fix() -> None:
    old = {"datetime": "2026-11-13T03:08:34Z"}
    row = the_row(
        read(
            machine(
                EngineStatus={"Running": True, **old},
                Distance={"Odometer": 5, "OdometerUnits": "kilometre", **old},
            )
        )
    )
    assert (row.ignition, row.odometer_km) == (None, None)
    assert row.extra
    assert (row.extra["engine_running"], row.extra["odometer_km"]) == (True, 5)


@pytest.mark.parametrize("unit", [None, 0, "furlong"])
def test_a_unit_that_is_not_told_is_not_guessed(unit: Any) -> None:
    changed = place(Altitude=100, AltitudeUnits=unit) | {"Distance": {"Odometer": 5, "OdometerUnits": unit}}
    row = the_row(read(changed))
    assert (row.altitude_m, row.odometer_km) == (None, None)


def test_feet_become_metres() -> None:
    assert the_row(read(place(Altitude="100", AltitudeUnits="Feet"))).altitude_m == pytest.approx(30.48)


def test_odd_optional_values_never_cost_the_fix() -> None:
    odd = {"EngineStatus": [1], "Distance": "far", "CumulativeOperatingHours": {"Hour": "PT5H", "datetime": 5}}
    row = the_row(read(place(Altitude={}, AltitudeUnits=[]) | odd))
    assert (row.altitude_m, row.odometer_km, row.ignition) == (None, None, None)


def test_links_can_stand_in_attributes_of_one_element() -> None:
    links = '<Link rel="next" href="/Fleet/2"/><Link rel="last" href="/Fleet/3"/>'
    body = f'<Fleet xmlns="{ISO}"><Links>{links}</Links></Fleet>'
    page = decode_page(body.encode(), XML)
    assert (page.next_href, page.last_href) == ("/Fleet/2", "/Fleet/3")


ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'
BOMB = f"<!DOCTYPE f [{ENTITIES}]><Fleet><Equipment>&b;</Equipment></Fleet>"
FILE = '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><Fleet><Equipment>&x;</Equipment></Fleet>'
DTD = '<!DOCTYPE Fleet SYSTEM "https://elsewhere.test/fleet.dtd"><Fleet/>'


@pytest.mark.parametrize("body", [BOMB, FILE, DTD])
def test_document_types_and_entities_are_refused(body: str) -> None:
    with pytest.raises(MalformedRequest, match="entities"):
        decode_page(body.encode(), XML)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<Fleet>", XML),
        (b"", XML),
        (b"", JSON),
        (b"<Fleet/>", JSON),
        (b"{}", XML),
        (b'{"error": "quota"}', JSON),
        (b"[1]", JSON),
        (b"5", JSON),
        (b"null", JSON),
        (b'{"Fleet": 5}', JSON),
        (b"\xff\xfe", JSON),
        (b"<html><body>Sign in</body></html>", XML),
        (b'<?xml version="1.0" encoding="gb18030"?><Fleet/>', XML),
        (b"[" * 100_000, JSON),
    ],
)
def test_what_is_no_page_is_told_as_that(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedRequest):
        decode_page(body, content_type)


def test_a_login_page_is_no_page() -> None:
    with pytest.raises(UnsupportedMedia, match="text/html"):
        decode_page(b"<html></html>", "text/html")


def test_deep_xml_neither_hangs_nor_breaks() -> None:
    body = b"<Fleet>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</Fleet>"
    assert decode_page(body, XML).machines == 0


def test_too_many_machines_are_refused() -> None:
    with pytest.raises(TooLarge):
        read(*[{}] * 10_001)


NAMES = st.sampled_from(
    [
        "Fleet",
        "Equipment",
        "Links",
        "rel",
        "href",
        "EquipmentHeader",
        "PIN",
        "SerialNumber",
        "Location",
        "datetime",
        "Latitude",
        "Longitude",
        "Altitude",
        "AltitudeUnits",
        "ChinaCoordinateId",
        "Address",
        "EngineStatus",
        "Running",
        "Distance",
        "Odometer",
        "OdometerUnits",
        "CumulativeOperatingHours",
        "Hour",
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_json_comes_every_machine_is_accounted_for(tree: Any) -> None:
    try:
        page = decode_page(json.dumps(tree).encode(), JSON)
    except AppError:
        return
    assert page.machines == len(page.rows) + len(page.rejections) + page.without_location
    assert len(page.index) == len(page.rows)
    assert all(row.fixed_at.utcoffset() is not None and row.device_id.isprintable() for row in page.rows)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4))
def test_whatever_stands_in_a_machine_every_machine_is_accounted_for(machines: list[Any]) -> None:
    page = read(*[machine(**one) for one in machines])
    assert page.machines == len(machines)
    assert page.machines == len(page.rows) + len(page.rejections) + page.without_location


@given(st.binary(max_size=200), st.sampled_from([JSON, XML, "", "text/plain"]))
def test_whatever_bytes_come_they_are_read_or_refused(body: bytes, content_type: str) -> None:
    with suppress(AppError):
        decode_page(body, content_type)


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    moment=st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)),
    pin=st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=64),
)
def test_json_and_xml_say_the_same(lat: float, lon: float, moment: datetime, pin: str) -> None:
    written = moment.isoformat()
    in_json = read(
        machine(EquipmentHeader={"PIN": pin}, Location={"datetime": written, "Latitude": lat, "Longitude": lon})
    )
    in_xml = decode_page(
        f"""<Fleet xmlns="{ISO}"><Equipment><EquipmentHeader><PIN>{escape(pin)}</PIN></EquipmentHeader>
        <Location datetime="{written}"><Latitude>{lat!r}</Latitude><Longitude>{lon!r}</Longitude></Location>
        </Equipment></Fleet>""".encode(),
        XML,
    )
    assert in_json.rows == in_xml.rows
    assert [(r.code, r.field) for r in in_json.rejections] == [(r.code, r.field) for r in in_xml.rejections]
    assert all((row.lat, row.lon, row.fixed_at) == (lat, lon, moment) for row in in_json.rows)
