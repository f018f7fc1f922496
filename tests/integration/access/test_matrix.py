"""Every operation of the API × everybody × every relation: the expected status stands in one table.

To add an operation: a row in ``TABLE``; a request in ``requests.py`` where it needs a body or a query; an id in
``scenario.py`` where its path names something new. Nobody and roles that a row does not name are refused: nobody 401,
the others 403. ``200 own superior, 404 other`` gives the status by relation, ``200`` alone holds for every relation;
a relation of the role that a row forgets fails the test. Each request is taken back, so cells know nothing of each
other (``scenario.rolled_back``).
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI

from app.access.domain import Role
from tests.factories.requests import path_values, request_of
from tests.factories.scenario import Scenario, Viewer, rolled_back

NOBODY, EVERYBODY = "nobody", "everybody"
LESSOR = "lessor_reader lessor_manager"
MANAGER, OFFICER, DISPATCHER, CREW = "lessor_manager", "enforcement_officer", "dispatcher", "crew"
PLATFORM = "platform_administrator"
NEED_PURPOSE: Final = frozenset({Role.ENFORCEMENT_OFFICER, Role.DISPATCHER, Role.CREW})

# Relations, beside `own` and `other`: `superior` (an intermediate and a high court above the case's), `entrusted`,
# `expired` (a court or a dispatcher that was let in, until yesterday), `closed` (of the same people, the case
# closed), `unstated` (a read of positions without its case), `stated` (with one, by a lessor, which needs none).
OWN = "200 own closed, 404 other"
OWN_201 = "201 own closed, 404 other"
OWN_204 = "204 own closed, 404 other"
OWN_CASE = "200 own closed, 403 superior entrusted, 404 other expired"  # who may read it is told why not
OPEN_CASE = "200 own, 409 closed, 403 superior entrusted, 404 other expired"
OPEN_CASE_201 = "201 own, 409 closed, 403 superior entrusted, 404 other expired"
SEEN_CASE = "200 own superior entrusted closed, 404 other expired"
IN_SIGHT = "200 own superior entrusted, 404 other expired closed"
ASSIGNED_201 = "201 own, 404 other expired closed"
ASSIGNED = "200 own, 404 other expired closed"

Row = Mapping[str, str]
FLEET: Row = {LESSOR: OWN, PLATFORM: "200"}
FLEET_LIST: Row = {LESSOR: "200", PLATFORM: "200"}
FLEET_CHANGE: Row = {MANAGER: OWN, PLATFORM: "200"}
FLEET_NEW: Row = {MANAGER: OWN_201, PLATFORM: "201"}
FLEET_GONE: Row = {MANAGER: OWN_204, PLATFORM: "204"}
PLACES: Row = {f"{LESSOR} {OFFICER} court_administrator {DISPATCHER} {CREW} auditor {PLATFORM}": "200"}
COOKIE: Row = {EVERYBODY: "401"}  # a key is no session
OPEN: Row = {EVERYBODY: "200"}
# Another's device is no such device: a row of the receipt says so, not the status.
PINGS: Row = {"lessor_feed lessor_manager narrowed": "200"}
PINGS_OR_404: Row = {"lessor_feed lessor_manager": OWN, "narrowed": "200"}
BY_PATH: Row = {"narrowed": "200", EVERYBODY: "401"}  # a key that opens more must not stand in a path
IN_CASE: Row = {LESSOR: OWN, OFFICER: SEEN_CASE, DISPATCHER: ASSIGNED, PLATFORM: "200"}
POSITION: Row = {
    LESSOR: f"{OWN}, 422 stated",
    OFFICER: "200 own superior entrusted, 404 other expired closed, 403 unstated",
    DISPATCHER: "200 own, 404 other expired closed, 403 unstated",
    CREW: "200 own, 404 other closed, 403 unstated",
}
CASE_POSITIONS: Row = {LESSOR: OWN, OFFICER: SEEN_CASE, DISPATCHER: ASSIGNED, CREW: "404"}

TABLE: Final[Mapping[str, Row]] = {
    # ingest
    "post_pings": PINGS,
    "post_traccar": PINGS,
    "post_traccar_by_path": BY_PATH,
    "get_osmand": PINGS_OR_404,
    "post_osmand": PINGS_OR_404,
    "get_osmand_by_path": BY_PATH,
    "post_osmand_by_path": BY_PATH,
    "post_owntracks": PINGS,
    "post_owntracks_by_path": BY_PATH,
    "post_flespi": PINGS,
    "post_flespi_by_path": BY_PATH,
    "get_batch": {f"lessor_feed {LESSOR}": OWN, PLATFORM: "200"},
    # positions
    "get_case_distribution": CASE_POSITIONS,
    "list_clusters": CASE_POSITIONS,
    "get_position": POSITION,
    "get_track": POSITION,
    # enforcement
    "create_case": {OFFICER: "201 own closed, 422 other superior entrusted expired", PLATFORM: "201"},
    "list_cases": {f"{LESSOR} {OFFICER} {DISPATCHER} {PLATFORM}": "200"},
    "read_case": IN_CASE,
    "change_case": {OFFICER: OWN_CASE},
    "offer_assets": {MANAGER: "200 own, 404 other, 409 closed"},
    "confirm_assets": {OFFICER: OPEN_CASE},
    "list_case_assets": IN_CASE,
    "create_measures": {OFFICER: OPEN_CASE_201},
    "list_measures": IN_CASE,
    "change_measure": {OFFICER: OWN_CASE},
    "create_assignment": {OFFICER: OPEN_CASE_201},
    "list_assignments": {
        OFFICER: "200 own superior closed, 403 entrusted, 404 other expired",
        DISPATCHER: ASSIGNED,
        PLATFORM: "200",
    },
    "place_hold": {OFFICER: OPEN_CASE_201, PLATFORM: "201 own other, 409 closed"},
    "list_holds": {f"{OFFICER} {PLATFORM}": "200"},
    "release_hold": {OFFICER: "200 own closed, 404 other superior entrusted expired", PLATFORM: "200"},
    "create_entrustment": {OFFICER: OPEN_CASE_201},
    "list_entrustments": {OFFICER: SEEN_CASE, PLATFORM: "200"},
    "withdraw_entrustment": {OFFICER: OWN_CASE},
    "list_seizures": {LESSOR: OWN, OFFICER: IN_SIGHT, DISPATCHER: ASSIGNED, PLATFORM: "200"},
    "place_case_hold": {OFFICER: OPEN_CASE_201, PLATFORM: "201 own other, 409 closed"},
    "release_case_hold": {OFFICER: "200 own closed, 403 superior, 404 other entrusted expired", PLATFORM: "200"},
    "create_share": {OFFICER: "201 own, 409 closed, 404 other superior entrusted expired", DISPATCHER: ASSIGNED_201},
    "list_shares": {OFFICER: "200 own closed, 404 other superior entrusted expired", DISPATCHER: ASSIGNED},
    "revoke_share": {OFFICER: "204 own closed, 404 other superior entrusted expired", DISPATCHER: "404"},
    "get_asset_subject_report": FLEET_CHANGE,
    "get_lessee_subject_report": FLEET_CHANGE,
    # people, keys and the trail
    "sign_in": {EVERYBODY: "401"},
    "sign_in_ways": OPEN,
    "begin_oidc_sign_in": {EVERYBODY: "404"},
    "finish_oidc_sign_in": {EVERYBODY: "404"},
    "read_session": {NOBODY: "401", EVERYBODY: "200"},
    "sign_out": COOKIE,
    "change_password": COOKIE,
    "begin_totp": COOKIE,
    "confirm_totp": COOKIE,
    "list_people": {"court_administrator": "200", PLATFORM: "200"},
    "create_person": {"court_administrator": OWN_201, PLATFORM: "201"},
    "change_person": {"court_administrator": OWN, PLATFORM: "200"},
    "reset_password": {"court_administrator": OWN, PLATFORM: "200"},
    "reset_totp": {"court_administrator": OWN_204, PLATFORM: "204"},
    "list_keys": {MANAGER: "200", PLATFORM: "200"},
    "create_key": FLEET_NEW,
    "rotate_key": FLEET_NEW,
    "revoke_key": FLEET_GONE,
    "list_trail": {"auditor court_administrator": "200"},
    # registers
    "transfer_asset": FLEET_NEW,
    "undo_transfer": {MANAGER: "403 own closed, 404 other", PLATFORM: "204"},
    "create_depot": FLEET_NEW,
    "list_depots": FLEET_LIST,
    "delete_depot": FLEET_GONE,
    "create_lessor": {PLATFORM: "201"},
    "list_lessors": FLEET_LIST,
    "read_lessor": FLEET,
    "change_lessor": {PLATFORM: "200"},
    "create_asset": FLEET_NEW,
    "list_assets": {f"{LESSOR} {OFFICER} {DISPATCHER} {CREW} {PLATFORM}": "200"},
    "import_assets": FLEET_CHANGE,
    "read_asset": {
        LESSOR: OWN,
        OFFICER: IN_SIGHT,
        DISPATCHER: ASSIGNED,
        CREW: "200 own, 404 other closed",
        PLATFORM: "200",
    },
    "change_asset": FLEET_CHANGE,
    "list_asset_bindings": {
        LESSOR: OWN,
        OFFICER: IN_SIGHT,
        DISPATCHER: ASSIGNED,
        CREW: "200 own, 404 other closed",
        PLATFORM: "200",
    },
    "create_device": FLEET_NEW,
    "list_devices": FLEET_LIST,
    "read_device": FLEET,
    "change_device": FLEET_CHANGE,
    "list_device_bindings": FLEET,
    "create_binding": FLEET_NEW,
    "change_binding": FLEET_CHANGE,
    "delete_binding": FLEET_GONE,
    # feeds
    "create_feed": {MANAGER: "201 own closed, 422 other", PLATFORM: "201"},
    "list_feeds": FLEET_LIST,
    "read_feed": FLEET,
    "change_feed": FLEET_CHANGE,
    "make_hmac_secret": {MANAGER: OWN_201, PLATFORM: "201"},
    "read_feed_quality": FLEET,
    "list_alerts": FLEET_LIST,
    "create_aemp_source": {MANAGER: "201 own closed, 422 other", PLATFORM: "201"},
    "list_aemp_sources": FLEET_LIST,
    "change_aemp_source": FLEET_CHANGE,
    "delete_aemp_source": FLEET_GONE,
    # places
    "locate_point_in_courts": PLACES,
    "list_courts": PLACES,
    "read_court": PLACES,
    "list_divisions": PLACES,
    "read_division": PLACES,
    # principals
    "livez": OPEN,
    "readyz": OPEN,
    "metrics": OPEN,
}


class Operation:
    """An operation of the OpenAPI document."""

    def __init__(self, method: str, path: str, *, purpose_in_query: bool) -> None:
        self.method = method
        self.path = path
        self.purpose_in_query = purpose_in_query


def operations_of(application: FastAPI) -> dict[str, Operation]:
    """Return the operations of an application's OpenAPI document by their ids."""
    found: dict[str, Operation] = {}
    for path, methods in application.openapi()["paths"].items():
        for method, told in methods.items():
            optional = {p["name"] for p in told.get("parameters", ()) if p["in"] == "query" and not p.get("required")}
            found[told["operationId"]] = Operation(method.upper(), path, purpose_in_query="case" in optional)
    return found


def expected_of(row: Row) -> dict[tuple[str, str], int]:
    """Return the statuses of a row by role and relation; the relation ``*`` stands for every one."""
    found: dict[tuple[str, str], int] = {}
    for roles, told in row.items():
        for status, *relations in (part.split() for part in told.split(",")):
            for role in roles.split():
                found |= {(role, relation): int(status) for relation in relations or ("*",)}
    return found


def status_for(row: Row, part: Viewer) -> int | None:
    """Return the status that a row expects, or None where it says nothing of a relation of a role that it names."""
    expected = expected_of(row)
    for who in (part.who, EVERYBODY):
        for relation in (part.relation, "*"):
            if (who, relation) in expected:
                return expected[who, relation]
        if any(role == who for role, _ in expected):
            return None
    return 401 if part.who == NOBODY else 403


def parts_for(scenario: Scenario, operation: Operation) -> Iterator[Viewer]:
    """Yield who asks: everybody in every relation, and again without the case that must be stated, or with one."""
    for part in scenario.viewers():
        yield part
        if operation.purpose_in_query and part.relation == "own" and part.who in NEED_PURPOSE:
            yield replace(part, relation="unstated")
        if operation.purpose_in_query and part.relation == "own" and part.who in LESSOR.split():
            yield replace(part, relation="stated")


@pytest.fixture(scope="module", autouse=True)
def _rolled_back(scenario: Scenario) -> Iterator[None]:
    """Roll back every request of these tests."""
    with rolled_back(scenario.application):
        yield


def test_the_table_has_every_operation_and_no_other(scenario: Scenario) -> None:
    operations = operations_of(scenario.application)
    assert sorted(set(operations) - set(TABLE)) == [], "operations without a row"
    assert sorted(set(TABLE) - set(operations)) == [], "rows without an operation"


def test_a_row_names_nobody_who_does_not_exist(scenario: Scenario) -> None:
    cast = {part.who for part in scenario.viewers()}
    relations = {part.relation for part in scenario.viewers()} | {"*", "unstated", "stated"}
    for operation, row in TABLE.items():
        for who, relation in expected_of(row):
            assert who in cast | {EVERYBODY}, (operation, who)
            assert relation in relations, (operation, relation)
    assert {str(role) for role in Role} <= cast


@pytest.mark.parametrize("operation_id", TABLE)
async def test_matrix(scenario: Scenario, operation_id: str) -> None:
    operation = operations_of(scenario.application)[operation_id]
    wrong, leaked = [], []
    parts = list(parts_for(scenario, operation))
    few = asyncio.Semaphore(4)  # below the size of the pool

    async def asked(part: Viewer) -> httpx.Response:
        async with few:
            return await ask(scenario, operation_id, operation, part)

    answers = await asyncio.gather(*(asked(part) for part in parts))
    for part, answer in zip(parts, answers, strict=True):
        expected = status_for(TABLE[operation_id], part)
        if answer.status_code != expected:
            wrong.append(
                f"{part.who} {part.relation}: {answer.status_code}, expected {expected}: {answer.text[:200]}"
            )
        leaked += [
            f"{part.who} {part.relation}: {m}"
            for m in not_for(scenario, operation_id, part, answer)
            if m in answer.text
        ]
    assert not wrong, "\n".join(wrong)
    assert not leaked, "\n".join(leaked)


async def ask(scenario: Scenario, operation_id: str, operation: Operation, part: Viewer) -> httpx.Response:
    """Send a valid request for an operation."""
    asked = request_of(operation_id, part)
    client = part.holder.client if part.holder else scenario.nobody
    if operation_id == "sign_in":  # counted by address and by login: everybody fails for the first time
        number = scenario.viewers().index(part)
        asked.json["login"] = f"nobody.{number}"
        transport = httpx.ASGITransport(scenario.application, client=(f"192.0.2.{number}", 1))
        client = httpx.AsyncClient(transport=transport, base_url=client.base_url, headers=client.headers)
    return await client.request(
        operation.method,
        operation.path.format_map(path_values(part, asked)),
        params=asked.query,
        json=asked.json,
        content=asked.content,
        headers={"Content-Type": asked.content_type} if asked.content_type else None,
    )


def not_for(scenario: Scenario, operation_id: str, part: Viewer, answer: httpx.Response) -> set[str]:
    """Return what must not stand in an answer: marks of what is out of its sight, but for what it sent itself."""
    sent = answer.request.content.decode(errors="replace") + unquote(str(answer.request.url))
    ours, theirs, closed = (scenario.sides[name] for name in ("ours", "theirs", "closed"))
    reads_trail = operation_id == "list_trail"  # which names the cases of everybody, or of one's own court
    if part.who == PLATFORM or (reads_trail and part.who == Role.AUDITOR):
        return set()
    hidden = theirs.marks | theirs.people
    if part.who != Role.COURT_ADMINISTRATOR:
        hidden |= ours.people | closed.people
    if reads_trail:
        return hidden
    if part.who not in {Role.LESSOR_FEED, Role.LESSOR_READER, Role.LESSOR_MANAGER, "narrowed"}:
        hidden |= ours.private | closed.private
        if part.relation in {"expired", "entrusted"} or part.who != OFFICER:
            hidden |= closed.marks
        if part.relation == "expired" or part.who in {NOBODY, Role.AUDITOR, Role.COURT_ADMINISTRATOR}:
            hidden |= ours.marks
    return {mark for mark in hidden if mark not in sent}
