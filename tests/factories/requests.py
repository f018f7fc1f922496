"""A valid request for every operation that needs more than its path, so that only permission decides its status.

Values in a path are taken from the side by name (``case_id``, ``asset_id``, …); ``key`` is the caller's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from app.access.domain import Role
from tests.factories.constants import NOW
from tests.factories.scenario import FIRST_DAY, Side, Values, Viewer, side_ping, source_of

NO_KEY: Final = f"lt_{'0' * 12}_{'0' * 64}"
"""Well-formed, but no such key exists."""
LATER: Final = (NOW + timedelta(days=1)).isoformat()
EARLIER: Final = NOW - timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RequestParts:
    """What a request carries besides its path."""

    json: Any = None
    content: bytes | None = None
    content_type: str | None = None
    query: Values = field(default_factory=dict)
    path: Values = field(default_factory=dict)
    """Path values instead of the side's values of that name."""


def _json(build: Callable[[Side], Any]) -> Callable[[Side], RequestParts]:
    return lambda side: RequestParts(json=build(side))


def _query(build: Callable[[Side], Values]) -> Callable[[Side], RequestParts]:
    return lambda side: RequestParts(query=build(side))


def _owned(**values: Any) -> Callable[[Side], RequestParts]:
    """Return a body that names the lessor or court of the new object."""
    return lambda side: RequestParts(json={**values, "lessor_id": side["lessor_id"]})


def _purpose(**more: Any) -> Callable[[Side], RequestParts]:
    return lambda side: RequestParts(query={**more, "case": side["case_id"]})


def _osmand(side: Side) -> RequestParts:
    told = {"id": side["identifier"], "lat": 31.2205, "lon": 121.4241, "timestamp": round(EARLIER.timestamp())}
    return RequestParts(query=told)


def _owntracks(side: Side) -> RequestParts:
    told = {"_type": "location", "topic": f"owntracks/x/{side['identifier']}", "tid": "xx"}
    return RequestParts(json={**told, "lat": 31.2205, "lon": 121.4241, "tst": round(EARLIER.timestamp())})


def _traccar(side: Side) -> RequestParts:
    at = EARLIER.isoformat()
    position = {"fixTime": at, "deviceTime": at, "latitude": 31.2205, "longitude": 121.4241, "valid": True}
    return RequestParts(json={"position": position, "device": {"uniqueId": side["identifier"]}})


def _flespi(side: Side) -> RequestParts:
    row = {"ident": side["identifier"], "timestamp": round(EARLIER.timestamp())}
    return RequestParts(json=[{**row, "position.latitude": 31.2205, "position.longitude": 121.4241}])


def _new_case(side: Side) -> Values:
    return {
        "case_number": f"(2026)浙0106执{9000 + side['number']}号",
        "court_id": side["court_id"],
        "applicant_lessor_id": side["lessor_id"],
        "judgment_debtor": "a debtor",
        "claim_mode": "money",
        "opened_on": "2026-03-18",
    }


def _new_measure(side: Side) -> Values:
    order = {"asset_id": side["asset_id"], "kind": "living_seizure"}
    return {"measures": [{**order, "starts_on": "2026-03-20", "ends_on": "2028-03-19"}]}


def _new_person(side: Side) -> Values:
    person = {"login": "somebody.new", "name": "somebody new", "role": "enforcement_officer"}
    return {**person, "court_id": side["court_id"]}


def _new_key(side: Side) -> Values:
    return {"role": "lessor_reader", "holder": "a system", "label": "new", "lessor_id": side["lessor_id"]}


def _transfer(side: Side) -> RequestParts:
    sold = {"to_name": "a buyer", "transferred_at": NOW.isoformat(), "ground": "sale"}
    return RequestParts(json=sold, path={"asset_id": side["spare_id"]})


def _entrust(side: Side) -> Values:
    letter = {"kind": "matter", "matters": "to serve", "letter_number": "another letter"}
    return {**letter, "court_id": side["fresh_court_id"], "ends_at": LATER}


REQUESTS: Final[Mapping[str, Callable[[Side], RequestParts]]] = {
    "post_pings": _json(lambda s: [side_ping(s["identifier"], EARLIER)]),
    "post_traccar": _traccar,
    "post_traccar_by_path": _traccar,
    "get_osmand": _osmand,
    "post_osmand": _osmand,
    "get_osmand_by_path": _osmand,
    "post_osmand_by_path": _osmand,
    "post_owntracks": _owntracks,
    "post_owntracks_by_path": _owntracks,
    "post_flespi": _flespi,
    "post_flespi_by_path": _flespi,
    "list_clusters": _purpose(),
    "get_position": _purpose(),
    "get_track": _purpose(**{"from": (NOW - timedelta(days=5)).isoformat(), "to": NOW.isoformat()}),
    "create_case": _json(_new_case),
    "change_case": _json(lambda _: {"judgment_debtor": "another debtor"}),
    "offer_assets": _json(lambda s: {"asset_ids": [s["spare_id"]]}),
    "confirm_assets": _json(lambda s: {"rows": [{"matched_by": "vin", "value": s["offered_vin"]}]}),
    "create_measures": _json(_new_measure),
    "change_measure": _json(lambda _: {"custodian": "a yard"}),
    "create_assignment": _json(lambda s: {"dispatcher_id": s["dispatcher_id"], "ends_at": LATER}),
    "place_hold": _json(lambda s: {"asset_id": s["asset_id"], "case_id": s["case_id"], "reason": "evidence"}),
    "create_depot": _owned(name="another yard", lon=121.5, lat=31.3),
    "create_lessor": _json(lambda _: {"code": "newcomer", "name": "a newcomer"}),
    "change_lessor": _json(lambda _: {"name": "another name"}),
    "create_asset": _owned(asset_type="vehicle", kind="heavy_truck", plate_no="沪A99999", lease_contract_no="ZL-new"),
    "import_assets": lambda s: RequestParts(
        content="asset_type,kind,plate_no,lease_contract_no\nvehicle,heavy_truck,沪A99998,ZL-new\n".encode(),
        content_type="text/csv",
        query={"lessor_id": s["lessor_id"]},
    ),
    "change_asset": _json(lambda _: {"make": "another make"}),
    "create_device": _owned(identifier="dev-new", kind="wired"),
    "change_device": _json(lambda _: {"make": "another make"}),
    "create_binding": _json(
        lambda s: {"device_id": s["free_device_id"], "asset_id": s["spare_id"], "bound_from": FIRST_DAY}
    ),
    "change_binding": _json(lambda _: {"bound_until": NOW.isoformat()}),
    "create_feed": _owned(name="another feed", coord_system="wgs84"),
    "change_feed": _json(lambda _: {"name": "another name"}),
    "create_aemp_source": _json(lambda s: source_of(s, "another maker")),
    "change_aemp_source": _json(lambda _: {"enabled": False}),
    "locate_point_in_courts": _query(lambda _: {"lon": 121.4241, "lat": 31.2205}),
    "create_entrustment": _json(_entrust),
    "place_case_hold": _json(lambda _: {"reason": "evidence"}),
    "release_case_hold": lambda s: RequestParts(path={"case_id": s["held_case_id"]}),
    "transfer_asset": _transfer,
    "undo_transfer": lambda s: RequestParts(path={"asset_id": s["transferred_id"]}),
    "create_share": _json(lambda _: {"recipient": "somebody"}),
    "get_lessee_subject_report": _query(lambda s: {"name": s["lessee"]}),
    "sign_in": _json(lambda _: {"login": "nobody.here", "password": "not the password"}),
    "change_password": _json(lambda _: {"old_password": "not the password", "new_password": "another password"}),
    "begin_totp": _json(lambda _: {}),
    "confirm_totp": _json(lambda _: {"code": "123456"}),
    "finish_oidc_sign_in": _query(lambda _: {"code": "x", "state": "y"}),
    "create_person": _json(_new_person),
    "change_person": _json(lambda _: {"name": "another name"}),
    "create_key": _json(_new_key),
    "rotate_key": _json(lambda _: {}),
}
"""By operation; an operation without entry needs nothing."""

PLACES: Final[Values] = {"level": "county", "adcode": 310105}
"""Path values of public registers."""


def request_of(operation: str, part: Viewer) -> RequestParts:
    """Return the request parts of a viewer's request about a side."""
    build = REQUESTS.get(operation)
    asked = build(part.side) if build else RequestParts()
    named = part.relation == "stated" or part.who not in {Role.LESSOR_READER, Role.LESSOR_MANAGER}
    if part.relation == "unstated" or (operation in {"get_position", "get_track"} and not named):
        del asked.query["case"]
    return asked


def path_values(part: Viewer, asked: RequestParts) -> Values:
    """Return the possible path values."""
    return {**PLACES, **part.side.values, "key": part.holder.key if part.holder else NO_KEY, **asked.path}
