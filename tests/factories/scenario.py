"""One scenario for the proofs of who sees what: two lessors, courts of two provinces, open and closed cases, users.

It is made through the API, on a database of its own. ``Scenario.viewers`` lists each user with its relation to each
side; the permission matrix and the test of the database's own policies go through them.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import httpx
import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader
from sqlalchemy import text

from app.access.domain import Role
from app.core.clock import FixedClock
from app.core.db.database import SERVICE, RowSecurity
from app.core.encryption import new_key
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import ApiUser, Principals, context_of, services
from tests.database import clone_of
from tests.factories.constants import NOW
from tests.factories.people import with_cheap_hashes
from tests.factories.settings import settings_for

BEGAN: Final = NOW - timedelta(days=3)
"""When the scenario's cases were opened; expired access ended between then and now."""
FIRST_DAY: Final = "2026-01-01T00:00:00Z"
COURTS: Final = {
    "ours": "浙0106",
    "theirs": "沪0105",
    "entrusted": "苏0583",
    "expired": "鲁0202",
    "elsewhere": "云0102",
    "fresh": "苏0505",
}
"""Basic courts of five provinces; ours has an intermediate and a high court above it."""

SideName = Literal["ours", "theirs", "closed"]
Values = dict[str, Any]
Connection = psycopg.Connection[dict[str, Any]]


@dataclass(slots=True)
class Side:
    """One lessor, one court and a case between them, with an id of every object that can be requested.

    Attributes:
        values: Ids by their name in paths and bodies, and further values that a request needs.
        marks: Texts that appear only in data of this side.
        private: Those of them that only the lessor may see: data that it has not offered to the case.
        people: Texts that appear only in accounts of the court's people.
    """

    name: SideName
    values: Values
    marks: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user and its relation to a side: one column of the matrix.

    Attributes:
        who: The role, or ``nobody``, or ``narrowed``: a manager's key narrowed to posting pings.
        relation: Its relation to the side, for example ``own`` or ``expired``.
        side: The side of the requested objects.
        holder: The caller; None without a key.
    """

    who: str
    relation: str
    side: Side
    holder: ApiUser | None


@dataclass(slots=True)
class Scenario:
    """All users and objects, at noon of 2026-11-23 in Shanghai."""

    application: FastAPI
    urls: ClusterUrls
    clock: FixedClock
    nobody: httpx.AsyncClient
    people: dict[str, ApiUser]
    sides: dict[str, Side]

    def viewers(self) -> list[Viewer]:
        """Return every user in every relation that makes sense for the role."""
        ours, theirs, closed = (self.sides[name] for name in ("ours", "theirs", "closed"))
        parts = [Viewer("nobody", "own", ours, None), Viewer("narrowed", "own", ours, self.people["narrowed"])]
        for role in (Role.LESSOR_FEED, Role.LESSOR_READER, Role.LESSOR_MANAGER):
            for relation, side in (("own", ours), ("other", theirs), ("closed", closed)):
                parts.append(Viewer(role, relation, side, self.people[role]))
        courts = (
            ("own", ours, "officer"),
            ("other", theirs, "officer"),
            ("superior", ours, "intermediate"),
            ("superior", ours, "high"),
            ("entrusted", ours, "entrusted"),
            ("expired", ours, "expired"),
            ("closed", closed, "officer"),
        )
        parts += [Viewer(Role.ENFORCEMENT_OFFICER, relation, side, self.people[n]) for relation, side, n in courts]
        dispatchers = (
            ("own", ours, "dispatcher"),
            ("other", theirs, "dispatcher"),
            ("expired", ours, "expired_dispatcher"),
            ("closed", closed, "dispatcher"),
        )
        parts += [Viewer(Role.DISPATCHER, relation, side, self.people[n]) for relation, side, n in dispatchers]
        parts += [
            Viewer(role, relation, side, self.people[role])
            for role in (Role.COURT_ADMINISTRATOR, Role.CREW, Role.AUDITOR, Role.PLATFORM_ADMINISTRATOR)
            for relation, side in (("own", ours), ("other", theirs), ("closed", closed))
        ]
        return parts


def forget_keys(application: FastAPI) -> None:
    """Clear an application's cache of checked keys; its own expiry is tested elsewhere."""
    services(application).credential_cache.forget()


@contextmanager
def rolled_back(application: FastAPI) -> Iterator[None]:
    """Roll back every transaction of a request when it would commit, after its deferred constraints are checked.

    So a request gets its normal response, and the next one finds the scenario unchanged.
    """
    dialect = context_of(application).database.engine.sync_engine.dialect
    commits = dialect.do_commit

    def check_and_roll_back(connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.close()
        dialect.do_rollback(connection)

    dialect.do_commit = check_and_roll_back  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        dialect.do_commit = commits  # type: ignore[method-assign]


def settings_of(urls: ClusterUrls) -> Settings:
    """Return the settings of an application that can encrypt secrets."""
    return settings_for(
        urls.app_url,
        log={"level": "CRITICAL"},
        encryption={"secret_keys": new_key()},
        database={"pool_size": 5},
        auth_throttle={"failures_per_minute": 0},  # counted by address, and here all have the same one
    )


@asynccontextmanager
async def scenario_on(template: ClusterUrls, name: str) -> AsyncIterator[Scenario]:
    """Make the scenario on a new database while the block lasts.

    Args:
        template: The migrated template with the boundaries.
    """
    clock = FixedClock(BEGAN)
    with clone_of(template, name) as urls:
        application = with_cheap_hashes(create_app(settings_of(urls), clock))
        async with (
            aclosing_pool(application),
            application.router.lifespan_context(application),
            Principals(application) as principals,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(application, raise_app_exceptions=False),
                base_url="http://leasetrace.test",
            ) as nobody,
        ):
            people = await _people(application, principals)
            sides = await _sides(people, await court_ids(application))
            scenario = Scenario(application, urls, clock, nobody, people, sides)
            await _grants(scenario)
            clock.set(NOW)
            await _end(scenario)
            _what_work_leaves_behind(scenario)
            forget_keys(application)
            yield scenario


class InfinityLoader(TimestamptzLoader):
    """Reads ``infinity`` as ``datetime.max``, UTC."""

    def load(self, data: Any) -> datetime:
        """Return a moment, UTC."""
        return datetime.max.replace(tzinfo=UTC) if bytes(data) == b"infinity" else super().load(data)


@contextmanager
def owner_connection(scenario: Scenario) -> Iterator[Connection]:
    """Connect as the owner of the scenario's database."""
    with psycopg.connect(scenario.urls.owner_url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        connection.adapters.register_loader("timestamptz", InfinityLoader)
        yield connection


@contextmanager
def application_connection(scenario: Scenario, sight: RowSecurity | None = None) -> Iterator[Connection]:
    """Connect with the application's role and a user's row security, in a transaction that is rolled back."""
    with psycopg.connect(scenario.urls.app_url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        connection.adapters.register_loader("timestamptz", InfinityLoader)
        try:
            if sight is not None:
                for name, value in sight.settings().items():
                    connection.execute("SELECT set_config(%s, %s, true)", (name, value))
            yield connection
        finally:
            connection.rollback()


@asynccontextmanager
async def aclosing_pool(application: FastAPI) -> AsyncIterator[None]:
    """Close an application's connections at the end of the block, also after an error."""
    try:
        yield
    finally:
        await context_of(application).database.close()


async def court_ids(application: FastAPI) -> dict[str, int]:
    """Return the scenario's courts by name: the basic ones, and those above our own."""
    async with context_of(application).database.reading(SERVICE) as session:
        rows = (await session.execute(text("SELECT code, court_id, parent_court_id FROM court"))).all()
    by_code, parent = {row[0]: row[1] for row in rows}, {row[1]: row[2] for row in rows}
    found = {name: by_code[code] for name, code in COURTS.items()}
    found["intermediate"] = parent[found["ours"]]
    found["high"] = parent[found["intermediate"]]
    return found


async def _people(application: FastAPI, principals: Principals) -> dict[str, ApiUser]:
    """Make a user of every role."""
    courts = await court_ids(application)
    manager, their_manager = await principals.lessor("yuanhai"), await principals.lessor("beishan")
    people = {
        Role.LESSOR_MANAGER: manager,
        "their_manager": their_manager,
        "narrowed": await principals.lessor("yuanhai", post_only=True),
        "dispatcher": await principals.create(Role.DISPATCHER),
        "expired_dispatcher": await principals.create(Role.DISPATCHER),
        "their_dispatcher": await principals.create(Role.DISPATCHER),
        "officer": await principals.create(Role.ENFORCEMENT_OFFICER, courts["ours"]),
        "their_officer": await principals.create(Role.ENFORCEMENT_OFFICER, courts["theirs"]),
        Role.COURT_ADMINISTRATOR: await principals.create(Role.COURT_ADMINISTRATOR, courts["ours"]),
    }
    people |= {
        name: await principals.create(Role.ENFORCEMENT_OFFICER, courts[name])
        for name in ("intermediate", "high", "entrusted", "expired")
    }
    people |= {
        role: await principals.create(role, manager.subject_id) for role in (Role.LESSOR_FEED, Role.LESSOR_READER)
    }
    people |= {role: await principals.create(role) for role in (Role.CREW, Role.AUDITOR, Role.PLATFORM_ADMINISTRATOR)}
    return people


async def made(client: httpx.AsyncClient, path: str, body: Any) -> Values:
    """Post a body that must be accepted, and return the response."""
    answer = await client.post(path, json=body)
    assert answer.status_code in {200, 201}, (path, answer.text)
    return dict(answer.json())


async def _sides(people: dict[str, ApiUser], courts: dict[str, int]) -> dict[str, Side]:
    ours, theirs = courts["ours"], courts["theirs"]
    return {
        "ours": await _side("ours", 1, people[Role.LESSOR_MANAGER], people["officer"], ours, people["dispatcher"]),
        "theirs": await _side(
            "theirs", 2, people["their_manager"], people["their_officer"], theirs, people["their_dispatcher"]
        ),
        "closed": await _side(
            "closed", 3, people[Role.LESSOR_MANAGER], people["officer"], ours, people["dispatcher"]
        ),
    }


async def _side(
    name: SideName, number: int, lessor: ApiUser, officer: ApiUser, court_id: int, dispatcher: ApiUser
) -> Side:
    """Make a side: everything that a lessor registers, and a case with a confirmed, a lifted and an offered asset."""
    side = Side(name, {"lessor_id": lessor.subject_id, "court_id": court_id, "number": number})
    values = side.values
    await _register(side, lessor)
    code = COURTS["theirs" if name == "theirs" else "ours"]
    case = {
        "case_number": f"(2026){code}执{1000 + number}号",
        "applicant_lessor_id": lessor.subject_id,
        "judgment_debtor": f"debtor-{name}",
        "claim_mode": "money",
        "opened_on": "2026-03-18",
    }
    values["case_id"] = (await made(officer.client, "/v1/cases", case))["case_id"]
    side.marks |= {f"执{1000 + number}号", f"debtor-{name}"}
    path = f"/v1/cases/{values['case_id']}"
    offered = [values[n] for n in ("asset_id", "released_id", "offered_id")]
    await made(lessor.client, f"{path}/offers", {"asset_ids": offered})
    rows = [{"matched_by": "vin", "value": values[f"{n}_vin"]} for n in ("asset", "released")]
    await made(officer.client, f"{path}/confirmations", {"rows": rows})
    term = {"kind": "register_seizure", "starts_on": "2026-03-20", "ends_on": "2028-03-19"}
    orders = [{"asset_id": values[n], **term} for n in ("asset_id", "released_id")]
    measures = (await made(officer.client, f"{path}/measures", {"measures": orders}))["measure_ids"]
    values["measure_id"], values["released_measure_id"] = measures
    lifted = await officer.client.patch(f"/v1/measures/{measures[1]}", json={"released_on": "2026-11-19"})
    assert lifted.status_code == 200, lifted.text
    hold = {"asset_id": values["asset_id"], "case_id": values["case_id"], "reason": f"hold-{name}"}
    values["hold_id"] = (await made(officer.client, "/v1/legal-holds", hold))["hold_id"]
    side.marks.add(f"hold-{name}")
    held = {**case, "case_number": f"(2026){code}执{2000 + number}号"}
    values["held_case_id"] = (await made(officer.client, "/v1/cases", held))["case_id"]
    await made(officer.client, f"/v1/cases/{values['held_case_id']}/legal-hold", {"reason": f"hold-{name}"})
    values["dispatcher_id"] = dispatcher.principal_id
    until = {"dispatcher_id": dispatcher.principal_id, "ends_at": (NOW + timedelta(days=7)).isoformat()}
    values["assignment_id"] = (await made(officer.client, f"{path}/assignments", until))["assignment_id"]
    return side


async def _register(side: Side, lessor: ApiUser) -> None:
    """Register four assets of a lessor, devices on them, a feed, a depot and a polled source; post pings."""
    values, name, number = side.values, side.name, side["number"]
    for index, asset in enumerate(("asset", "released", "offered", "spare", "transferred")):
        vin = f"LZZ5CLVB{number}{index:08}"
        body: Values = {
            "asset_type": "vehicle",
            "kind": "heavy_truck",
            "vin": vin,
            "plate_no": f"沪A{number}{index:04}",
            "lease_contract_no": f"ZL-{name.upper()}-{index}",
            "lessee_name": f"lessee-{name}",
        }
        asset_id = (await made(lessor.client, "/v1/assets", body))["asset_id"]
        values |= {f"{asset}_id": asset_id, f"{asset}_vin": vin}
        device = {"identifier": f"dev-{name}-{index}", "kind": "wired"}
        device_id = (await made(lessor.client, "/v1/devices", device))["device_id"]
        bound = {"device_id": device_id, "asset_id": asset_id, "bound_from": FIRST_DAY}
        binding_id = (await made(lessor.client, "/v1/device-bindings", bound))["binding_id"]
        values |= {f"{asset}_device_id": device_id, f"{asset}_binding_id": binding_id}
        side.marks |= {vin, body["plate_no"], body["lease_contract_no"], device["identifier"]}
        if asset in {"offered", "spare", "transferred"}:
            side.private |= {vin, body["plate_no"], body["lease_contract_no"], device["identifier"]}
    side.marks.add(f"lessee-{name}")
    values |= {
        "lessee": f"lessee-{name}",
        "device_id": values["asset_device_id"],
        "binding_id": values["spare_binding_id"],
    }
    values["identifier"] = f"dev-{name}-0"
    free = {"identifier": f"dev-{name}-free", "kind": "wired"}
    values["free_device_id"] = (await made(lessor.client, "/v1/devices", free))["device_id"]
    feed = {"name": f"feed-{name}", "coord_system": "wgs84"}
    values["feed_id"] = (await made(lessor.client, "/v1/feeds", feed))["feed_id"]
    depot: Values = {"name": f"depot-{name}", "lon": 121.4, "lat": 31.2}
    values["depot_id"] = (await made(lessor.client, "/v1/depots", depot))["depot_id"]
    values["source_id"] = (await made(lessor.client, "/v1/aemp-sources", source_of(side, f"maker-{name}")))[
        "source_id"
    ]
    side.private |= {f"feed-{name}", f"depot-{name}", f"maker-{name}", f"dev-{name}-free"}
    side.marks |= side.private
    pings = [side_ping(f"dev-{name}-{i}", NOW - timedelta(days=4, hours=h), number) for i in range(5) for h in (1, 2)]
    receipt = await made(lessor.client, "/v1/pings", pings)
    assert receipt["stored"] == len(pings), receipt
    values["batch_id"] = receipt["batch_id"]
    sold: Values = {
        "to_name": f"buyer-{name}",
        "transferred_at": (BEGAN - timedelta(days=2)).isoformat(),
        "ground": "sale",
    }
    await made(lessor.client, f"/v1/assets/{values['transferred_id']}/transfer", sold)
    key: Values = {
        "role": "lessor_reader",
        "holder": f"system-{name}",
        "label": "test",
        "lessor_id": lessor.subject_id,
    }
    values["prefix"] = (await made(lessor.client, "/v1/keys", key))["prefix"]
    side.private |= {sold["to_name"], key["holder"]}
    side.marks |= side.private


def source_of(side: Side, name: str) -> Values:
    """Return a polled source to be registered for a side."""
    return {
        "name": name,
        "feed_id": side["feed_id"],
        "base_url": "https://services.maker.example/iso15143",
        "auth": "bearer",
        "secret": "not-a-secret",
    }


def side_ping(device: str, fixed_at: datetime, number: int = 1, **more: Any) -> Values:
    """Return a ping in Changning, a little apart for each side."""
    place = {"lon": 121.4241 + number * 0.001, "lat": 31.2205, "coord_system": "wgs84"}
    return {"device_id": device, "fixed_at": fixed_at.isoformat(), **place, **more}


async def _grants(scenario: Scenario) -> None:
    """Make accounts, entrust courts, assign until yesterday; a crew's stop has no endpoint of its own yet."""
    ours, theirs, closed = (scenario.sides[name] for name in ("ours", "theirs", "closed"))
    officers = {"ours": "officer", "theirs": "their_officer", "closed": "officer"}
    platform = scenario.people[Role.PLATFORM_ADMINISTRATOR].client
    courts = await court_ids(scenario.application)
    for name, side in scenario.sides.items():
        person = {"login": f"person.{name}", "name": f"person-{name}", "role": "enforcement_officer"}
        account = await made(platform, "/v1/people", {**person, "court_id": side["court_id"]})
        side.values |= {"principal_id": account["principal_id"], "fresh_court_id": courts["fresh"]}
        side.people |= {person["login"], person["name"]}
    expired = scenario.people["expired_dispatcher"].principal_id
    until = {"dispatcher_id": expired, "ends_at": (NOW - timedelta(days=1)).isoformat()}
    await made(scenario.people["officer"].client, f"/v1/cases/{ours['case_id']}/assignments", until)
    lent = ((ours, "entrusted", 7), (ours, "expired", -1), (theirs, "elsewhere", 7), (closed, "elsewhere", 7))
    for side, court, days in lent:
        body: Values = {
            "court_id": courts[court],
            "kind": "matter",
            "matters": "to seize",
            "letter_number": f"letter-{side.name}-{court}",
            "asset_ids": [side["asset_id"]],
            "ends_at": (NOW + timedelta(days=days)).isoformat(),
        }
        client = scenario.people[officers[side.name]].client
        entrusted = await made(client, f"/v1/cases/{side['case_id']}/entrustments", body)
        side.values.setdefault("entrustment_id", entrusted["entrustment_id"])
        side.marks.add(body["letter_number"])
    with psycopg.connect(scenario.urls.owner_url, autocommit=True) as connection:
        crew, officer = scenario.people[Role.CREW], scenario.people["officer"]
        connection.execute(
            "INSERT INTO access_grant (grantee_kind, grantee_id, case_id, asset_id, ground, valid_from, valid_until,"
            " granted_by, through_kind, through_id)"
            " VALUES ('principal', %s, %s, %s, 'mission', %s, %s, %s, 'court', %s)",
            (crew.principal_id, ours["case_id"], ours["asset_id"], BEGAN, NOW + timedelta(hours=8),
             officer.principal_id, officer.subject_id),
        )  # fmt: skip


async def _end(scenario: Scenario) -> None:
    """Share a run sheet of every case, and close the case that is closed."""
    for name, side in scenario.sides.items():
        client = scenario.people["their_officer" if name == "theirs" else "officer"].client
        shared = await made(
            client, f"/v1/assignments/{side['assignment_id']}/shares", {"recipient": f"driver-{name}"}
        )
        side.values["share_id"] = shared["share_id"]
        side.marks.add(f"driver-{name}")
    closed = scenario.sides["closed"]
    for case in ("case_id", "held_case_id"):
        path = f"/v1/cases/{closed[case]}"
        answer = await scenario.people["officer"].client.patch(path, json={"phase": "closed"})
        assert answer.status_code == 200, answer.text


def _what_work_leaves_behind(scenario: Scenario) -> None:
    """Insert a row of each side into tables that only background work fills, so that no table is empty."""
    with psycopg.connect(scenario.urls.owner_url, autocommit=True) as connection:
        for side in scenario.sides.values():
            for statement in BACKGROUND:
                connection.execute(statement, side.values)


BACKGROUND: Final[Sequence[str]] = (
    """INSERT INTO session (session_id, principal_id, token_sha256, method, created_at, last_seen_at, expires_at)
       OVERRIDING SYSTEM VALUE
       SELECT 900 + %(number)s, %(principal_id)s, sha256(%(asset_vin)s::bytea), 'password', now(), now(), now()""",
    "INSERT INTO aemp_cursor (source_id, identifier, last_fixed_at) VALUES (%(source_id)s, %(asset_vin)s, now())",
    """INSERT INTO daily_position (asset_id, device_id, day, fixed_at, received_at, batch_id, lessor_id, lon_e7,
                                   lat_e7, doubts, source)
       SELECT asset_id, device_id, fixed_at::date, fixed_at, received_at, batch_id, lessor_id, lon_e7, lat_e7, 0,
              source
       FROM current_position WHERE asset_id IN (%(asset_id)s, %(spare_id)s) ON CONFLICT DO NOTHING""",
    """INSERT INTO feed_alert (feed_id, lessor_id, kind, raised_at, last_batch_at)
       VALUES (%(feed_id)s, %(lessor_id)s, 'silent', now(), now())""",
    """INSERT INTO feed_hour (lessor_id, feed_id, hour, batches, received, stored, duplicates, doubted, rejected,
                              doubts, lag_s, lag_max_s, last_at)
       VALUES (%(lessor_id)s, %(feed_id)s, date_trunc('hour', now()), 1, 1, 1, 0, 0, 0, '{}', 0, 0, now())""",
    """INSERT INTO late_window (device_id, lessor_id, from_at, until_at)
       VALUES (%(device_id)s, %(lessor_id)s, now(), now() + interval '1 day')""",
    """INSERT INTO later_doubt (device_id, variant, fixed_at, lessor_id, doubts, found_at)
       SELECT device_id, variant, fixed_at, lessor_id, 4, now()
       FROM ping WHERE device_id IN (%(device_id)s, %(spare_device_id)s)""",
    """INSERT INTO later_doubt (device_id, variant, fixed_at, lessor_id, doubts, found_at)  -- its ping is gone
       SELECT id, 0, now(), %(lessor_id)s, 4, now()
       FROM unnest(ARRAY[%(device_id)s::int, %(spare_device_id)s::int]) AS id""",
    "INSERT INTO ping_extra VALUES (%(batch_id)s, 0, %(device_id)s, %(lessor_id)s, '{}') ON CONFLICT DO NOTHING",
    """INSERT INTO seizure_renewal (measure_id, previous_ends_on, ends_on, renewed_at, renewed_by)
       SELECT measure_id, ends_on, ends_on + 365, now(), created_by
       FROM seizure_measure WHERE measure_id = %(measure_id)s""",
    "INSERT INTO retention_log (class, at, rows, held_rows) VALUES ('ping', now(), 1, 0)",
    "INSERT INTO worker_cursor (job, chain_no) VALUES ('a job', 1) ON CONFLICT DO NOTHING",
)
"""Rows as background work leaves them, for one side each."""
