"""The database holds the line by itself: every table read without a filter shows nothing of another's.

Row-level security guards against a query that forgets its filter. It does not guard against a stranger's SQL: the
application's role may take each of the six roles, so whoever can inject whole statements can ``SET ROLE`` to the
service, and whoever can inject an expression can call ``set_config`` and widen the sight of the statements after it
(``test_what_an_injected_expression_could_do`` shows both). That is why nothing but bound parameters reaches a
statement: ruff's S608 and bandit refuse composed ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import text

from app.access.domain import Principal, Role
from app.access.row_security import row_security_of
from app.core.db.database import SERVICE, Database, RowSecurity, as_service
from app.core.db.roles import AUDITOR_ROLE, ROW_SECURITY_ROLES, SERVICE_ROLE, WRITER_ROLE
from app.identity.keys.credentials import authenticate
from tests.api import context_of
from tests.factories.constants import NOW
from tests.factories.scenario import Connection, Scenario, application_connection, owner_connection, settings_of
from tests.factories.settings import changed

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]

PUBLIC: Final = frozenset({"boundary_layer", "division", "court", "territory", "alembic_version"})
"""Registers that everybody reads and nobody's request writes."""

_RELATIONS: Final = """
    SELECT c.oid, c.relname AS name, c.relkind::text AS kind, c.relispartition AS partition,
           c.relrowsecurity AS secured, coalesce('security_invoker=true' = ANY (c.reloptions), false) AS invoker,
           (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname"""


@pytest.fixture(scope="module")
def relations(scenario: Scenario) -> Rows:
    """Every table and view of our own, from the catalogue: a new one is covered by itself."""
    with owner_connection(scenario) as connection:
        return connection.execute(_RELATIONS).fetchall()


@pytest.fixture(scope="module")
def stored(scenario: Scenario, relations: Rows) -> dict[str, Rows]:
    """Every row of every table, as the owner sees it."""
    with owner_connection(scenario) as connection:
        return {r["name"]: _all_of(connection, r["name"]) for r in relations if not r["partition"]}


def _all_of(connection: Connection, name: str) -> Rows:
    return connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody, for a case or without one, and what the rules show of it; worked out without any policy.

    Attributes:
        name: For messages.
        sight: As whom the database is asked.
        lessors: Whose own rows are in sight.
        courts: The courts whose cases are in sight; the first is its own.
        cases: The cases in sight.
        positions: Assets whose positions are in sight.
        known: Assets of whose registers something is in sight.
        everything: Registers of all, for a platform administrator.
    """

    name: str
    sight: RowSecurity
    lessors: frozenset[int] = frozenset()
    courts: tuple[int, ...] = ()
    cases: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()
    everything: bool = False


async def lookers(scenario: Scenario, stored: Mapping[str, Rows]) -> list[Looker]:
    """Return everybody without a case and with each case of the scenario."""
    found: list[Looker] = []
    async with context_of(scenario.application).database.reading(SERVICE) as session:
        for name, holder in scenario.people.items():
            principal = (await authenticate(session, holder.key, scenario.clock)).principal
            cases = (None, *(side["case_id"] for side in scenario.sides.values()))
            found += [_looker(f"{name}, case {case_id}", principal, case_id, stored) for case_id in cases]
    writer = RowSecurity(WRITER_ROLE, lessor_ids=(scenario.sides["ours"]["lessor_id"],))
    return [*found, Looker("writer", writer, lessors=frozenset(writer.lessor_ids))]


def _looker(name: str, principal: Principal, case_id: int | None, stored: Mapping[str, Rows]) -> Looker:
    sight = row_security_of(principal, NOW, case_id)
    looker = Looker(name, sight)
    if principal.role in {Role.LESSOR_FEED, Role.LESSOR_READER, Role.LESSOR_MANAGER}:
        assert principal.subject_id is not None
        own = frozenset({principal.subject_id})
        cases = {c["case_id"] for c in stored["enforcement_case"] if c["applicant_lessor_id"] in own}
        assets = frozenset(a["asset_id"] for a in stored["asset"] if a["lessor_id"] in own)
        return replace(looker, lessors=own, cases=frozenset(cases), known=assets)
    if principal.role is Role.PLATFORM_ADMINISTRATOR:
        return replace(looker, everything=True)
    if principal.role in {Role.AUDITOR, Role.COURT_ADMINISTRATOR}:
        return looker
    return _grantee(looker, principal, case_id, stored)


def _grantee(looker: Looker, principal: Principal, case_id: int | None, stored: Mapping[str, Rows]) -> Looker:
    of_court = principal.role is Role.ENFORCEMENT_OFFICER
    own = principal.subject_id if of_court else principal.principal_id
    assert own is not None
    courts = (own, *principal.lower_courts) if of_court else ()

    def given(grant: Row) -> bool:
        if grant["grantee_kind"] != ("court" if of_court else "principal"):
            return False
        return grant["grantee_id"] == own or (grant["grantee_id"] in courts and grant["ground"] == "case")

    def in_force(grant: Row) -> bool:
        return grant["valid_from"] <= NOW and (grant["valid_until"] is None or grant["valid_until"] > NOW)

    grants = [g for g in stored["access_grant"] if given(g)]
    cases = {c["case_id"] for c in stored["enforcement_case"] if c["court_id"] in courts}
    lent = (
        [e for e in stored["entrustment"] if e["court_id"] == own and e["withdrawn_at"] is None]
        if of_court
        else [a for a in stored["planning_assignment"] if a["dispatcher_id"] == own]
    )
    still_open = {c["case_id"] for c in stored["enforcement_case"] if c["closed_on"] is None}
    cases |= {x["case_id"] for x in lent if x["starts_at"] <= NOW < x["ends_at"]} & still_open
    named = [g for g in grants if case_id is None or g["case_id"] == case_id]
    return replace(
        looker,
        courts=courts,
        cases=frozenset(cases),
        positions=frozenset(g["asset_id"] for g in named if case_id is not None and in_force(g)),
        known=frozenset(g["asset_id"] for g in named if g["ground"] == "case" or in_force(g)),
    )


Rule = Callable[[Looker, Row, Mapping[str, Rows]], bool]


def _lessors(who: Looker, row: Row, _: Mapping[str, Rows]) -> bool:
    return who.everything or row["lessor_id"] in who.lessors


def _located(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """A lessor sees its own, until it sold it."""
    sold = next((t["transferred_at"] for t in stored["asset_transfer"] if t["asset_id"] == row["asset_id"]), None)
    later = sold is not None and who.sight.role != WRITER_ROLE and row["fixed_at"] >= sold
    return (row["lessor_id"] in who.lessors and not later) or row["asset_id"] in who.positions


def _registered(who: Looker, row: Row, _: Mapping[str, Rows]) -> bool:
    return who.everything or row["lessor_id"] in who.lessors or row["asset_id"] in who.known


def _in_case(who: Looker, row: Row, _: Mapping[str, Rows]) -> bool:
    return who.everything or row["case_id"] in who.cases


def _known_in_case(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """Of a case that a court handles, all that it confirmed; of one that was lent, what was lent in it."""
    whole = (
        who.everything
        or bool(who.lessors)
        or (_handled(who, row["case_id"], stored) and who.sight.case_id in {None, row["case_id"]})
    )
    offered = not who.lessors and row.get("confirmed_at", NOW) is None
    return who.everything or (row["case_id"] in who.cases and not offered and (whole or row["asset_id"] in who.known))


def _planned(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """The courts of the case see every assignment, a dispatcher its own."""
    own = who.sight.grantee_kind == "principal" and row["dispatcher_id"] == who.sight.grantee_id
    return who.everything or _handled(who, row["case_id"], stored) or (own and row["case_id"] in who.cases)


def _renewed(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    measure = next(m for m in stored["seizure_measure"] if m["measure_id"] == row["measure_id"])
    return _known_in_case(who, measure, stored)


def _held(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    case = next((c for c in stored["enforcement_case"] if c["case_id"] == row["case_id"]), None)
    return who.everything or (case is not None and case["court_id"] in who.courts[:1])


def _granted(who: Looker, row: Row, _: Mapping[str, Rows]) -> bool:
    if row["grantee_kind"] != who.sight.grantee_kind:
        return False
    return row["grantee_id"] == who.sight.grantee_id or (row["grantee_id"] in who.courts and row["ground"] == "case")


def _doubted(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """A doubt is seen with its ping, and by a lessor also where that is gone."""
    key = ("device_id", "variant", "fixed_at")
    of = next((p for p in stored["ping"] if all(p[k] == row[k] for k in key)), None)
    return row["lessor_id"] in who.lessors if of is None else _located(who, of, stored)


def _polled(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    source = next(s for s in stored["aemp_source"] if s["source_id"] == row["source_id"])
    return _lessors(who, source, stored)


def _leased(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """A grantee reads the names of all lessors: a case names its applicant before it has an asset."""
    return _lessors(who, row, stored) or bool(who.sight.grantee_kind)


def _received(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """A grantee reads when a batch came in, of lessors of whose assets it knows."""
    theirs = {a["lessor_id"] for a in stored["asset"] if a["asset_id"] in who.known}
    return _lessors(who, row, stored) or row["lessor_id"] in theirs


def _heard(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """An administrator sees when a device was heard, and not where: the columns of places are kept from it."""
    return _located(who, row, stored) or (who.everything and not any("lon" in name for name in row))


def _nobody(_who: Looker, _row: Row, _stored: Mapping[str, Rows]) -> bool:
    return False


def _platform(who: Looker, _row: Row, _stored: Mapping[str, Rows]) -> bool:
    return who.everything


def _writer(who: Looker, _row: Row, _stored: Mapping[str, Rows]) -> bool:
    return who.sight.role == WRITER_ROLE


def _sold(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """The lessor that sold it sees all of it; of what a court knows, it sees since when, and not to whom."""
    asset = next(a for a in stored["asset"] if a["asset_id"] == row["asset_id"])
    if who.everything or asset["lessor_id"] in who.lessors:
        return True
    return row["asset_id"] in who.known and "to_name" not in row


def _entrusted(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """The courts of the case see every entrustment, an entrusted court its own while it holds."""
    if who.everything or _handled(who, row["case_id"], stored):
        return True
    return row["court_id"] in who.courts[:1] and row["case_id"] in who.cases


def _shared(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    """The court of the case sees its shares, a dispatcher those that it made."""
    made = who.sight.grantee_kind == "principal" and row["created_by"] == who.sight.grantee_id
    of_case = _held(who, row, stored) and not who.everything
    return of_case or (made and row["case_id"] in who.cases)


def _handled(who: Looker, case_id: int, stored: Mapping[str, Rows]) -> bool:
    return any(c["case_id"] == case_id and c["court_id"] in who.courts for c in stored["enforcement_case"])


def _trail(who: Looker, row: Row, _: Mapping[str, Rows]) -> bool:
    """An auditor reads all, a court's administrator what people of its own court did."""
    if who.sight.role != AUDITOR_ROLE:
        return False
    of_court = row["role"] in {Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR}
    return not who.sight.grantee_id or (of_court and row["subject_id"] == who.sight.grantee_id)


def _trail_assets(who: Looker, row: Row, stored: Mapping[str, Rows]) -> bool:
    return any(t["assets_sha256"] == row["assets_sha256"] and _trail(who, t, stored) for t in stored["trail"])


RULES: Final[Mapping[str, Rule]] = {
    "access_grant": _granted,
    "access_subject": _nobody,
    "account": _nobody,
    "asset_transfer": _sold,
    "awaited_identity": _nobody,
    "entrustment": _entrusted,
    "feed_holder": _nobody,
    "person_identity": _nobody,
    "session": _nobody,
    "share": _shared,
    "sign_in_failure": _nobody,
    "trail": _trail,
    "trail_anchor": _nobody,
    "trail_assets": _trail_assets,
    "trail_head": _nobody,
    "transferred_device": _sold,
    "aemp_cursor": _polled,
    "aemp_source": _lessors,
    "api_key": _nobody,
    "asset": _registered,
    "batch_chain": _writer,
    "binding_change": _nobody,
    "case_asset": _known_in_case,
    "case_asset_position": _known_in_case,
    "current_position": _heard,
    "daily_position": _located,
    "depot": _lessors,
    "device": _lessors,
    "device_binding": _registered,
    "device_heard": _heard,
    "enforcement_case": _in_case,
    "feed": _lessors,
    "feed_alert": _lessors,
    "feed_hour": _lessors,
    "held_asset": _nobody,
    "late_window": _nobody,
    "later_doubt": _doubted,
    "legal_hold": _held,
    "lessor": _leased,
    "lower_court": _nobody,
    "ping": _located,
    "ping_batch": _received,
    "ping_extra": _lessors,
    "planning_assignment": _planned,
    "principal": _nobody,
    "raw_body": _nobody,
    "retention_log": _platform,
    "seizure_measure": _known_in_case,
    "seizure_renewal": _renewed,
    "worker_cursor": _nobody,
}
"""Who may see a row: the model that the policies are held against. A new table needs a line here."""


def shown(connection: Connection, relation: Row) -> Rows | None:
    """Return every row of a relation, with the columns that may be read; None where it is refused altogether."""
    columns = [
        row["attname"]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped"
            " AND has_column_privilege(current_user, attrelid, attnum, 'SELECT') ORDER BY attnum",
            (relation["oid"],),
        )
    ]
    wanted = sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("*")
    try:
        with connection.transaction():
            query = sql.SQL("SELECT {} FROM {}").format(wanted, sql.Identifier(relation["name"]))
            return connection.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None


def test_every_table_has_policies_and_every_view_asks_as_who_reads_it(relations: Rows) -> None:
    assert {r["kind"] for r in relations} <= {"r", "p", "v"}, "a materialized view or a foreign table has no policies"
    tables = [r for r in relations if r["kind"] in {"r", "p"}]
    assert [r["name"] for r in tables if not r["secured"]] == [], "without row-level security"
    assert [r["name"] for r in tables if not r["policies"] and not r["partition"]] == [], "without a policy"
    assert [r["name"] for r in relations if r["kind"] == "v" and not r["invoker"]] == [], "not security_invoker"


def test_the_model_knows_every_table(relations: Rows) -> None:
    named = {r["name"] for r in relations if not r["partition"]}
    assert sorted(named - set(RULES) - PUBLIC) == [], "say in RULES who may see a row of it"
    assert sorted((set(RULES) | PUBLIC) - named) == []


def test_no_table_is_read_in_vain(stored: dict[str, Rows]) -> None:
    """A table without rows would prove nothing."""
    assert [name for name, rows in stored.items() if not rows and name not in EMPTY] == []


EMPTY: Final = frozenset({"binding_change", "person_identity", "awaited_identity", "sign_in_failure", "trail_anchor"})
"""Tables of the service alone, which nobody may read at all."""


def test_roles_cannot_bypass_and_own_nothing(scenario: Scenario) -> None:
    with application_connection(scenario) as connection:
        me = connection.execute("SELECT current_user AS name").fetchone()
    assert me is not None
    names = [*ROW_SECURITY_ROLES, me["name"]]
    with owner_connection(scenario) as connection:
        strong = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls OR rolcreaterole"
            " OR rolinherit OR rolreplication)",
            (names,),
        ).fetchall()
        owned = connection.execute(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY (%s)"
            " AND relnamespace = 'public'::regnamespace",
            (names,),
        ).fetchall()
        lent = connection.execute(
            "SELECT relname FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 0"
            " AND c.relnamespace = 'public'::regnamespace"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchall()
        loose = connection.execute(
            "SELECT proname FROM pg_proc p WHERE prosecdef AND pronamespace = 'public'::regnamespace"
            " AND NOT coalesce(proconfig::text LIKE '%%search_path=%%', false)"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        ).fetchall()
    assert (strong, owned, lent) == ([], [], []), "strong roles, owned relations, relations granted to everybody"
    assert loose == [], "functions that run as the owner on whatever search_path the caller has"


def test_the_role_that_connects_reads_nothing_without_a_sight(scenario: Scenario, relations: Rows) -> None:
    with application_connection(scenario) as connection:
        assert [r["name"] for r in relations if shown(connection, r) is not None] == []


def test_nobody_reads_what_opens_a_door(scenario: Scenario) -> None:
    """Digests of keys, tokens, PINs and passwords are for the service alone."""
    with owner_connection(scenario) as connection:
        columns = connection.execute(
            "SELECT c.relname || '.' || a.attname AS name, array_agg(r.rolname) FILTER"
            " (WHERE has_column_privilege(r.rolname, c.oid, a.attnum, 'SELECT')) AS readers"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, pg_roles r"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')"
            " AND a.attname ~ '^(secret|token)_sha256$|_argon2$|password_hash|totp_secret' AND r.rolname = ANY (%s)"
            " GROUP BY 1",
            (list(ROW_SECURITY_ROLES),),
        ).fetchall()
    assert {c["name"] for c in columns} >= {"api_key.secret_sha256", "session.token_sha256", "share.pin_argon2"}
    assert [c for c in columns if set(c["readers"] or ()) - {SERVICE_ROLE}] == []


def test_partitions_are_read_through_their_table_only(scenario: Scenario, relations: Rows) -> None:
    partitions = [r for r in relations if r["partition"]]
    assert partitions
    for role in ROW_SECURITY_ROLES:
        sight = RowSecurity(role, lessor_ids=(scenario.sides["ours"]["lessor_id"],))
        with application_connection(scenario, sight) as connection:
            readable = {r["name"] for r in partitions if shown(connection, r) is not None}
            assert readable <= ({"ping_default"} if role == SERVICE_ROLE else set()), role  # what waits for its day


async def test_nothing_of_anothers_on_any_table(scenario: Scenario, relations: Rows, stored: dict[str, Rows]) -> None:
    wrong = []
    for who in await lookers(scenario, stored):
        with application_connection(scenario, who.sight) as connection:
            for relation in relations:
                name = relation["name"]
                if relation["partition"] or name in PUBLIC:
                    continue
                rows = shown(connection, relation) or []
                wrong += [f"{who.name} reads of {name}: {row}" for row in rows if not RULES[name](who, row, stored)]
    assert wrong == []


async def test_everybody_sees_the_own(scenario: Scenario, relations: Rows, stored: dict[str, Rows]) -> None:
    """The other half: what the rules show, the policies show too; a policy that shows nothing would pass above."""
    missing = []
    for who in await lookers(scenario, stored):
        with application_connection(scenario, who.sight) as connection:
            for relation in relations:
                name = relation["name"]
                if relation["partition"] or name in PUBLIC | HEARD_ONLY:
                    continue
                rows = shown(connection, relation)
                if rows is None:
                    continue  # refused altogether: the matrix says what is answered then
                expected = [r for r in stored[name] if RULES[name](who, r, stored)]
                if len(rows) < len(expected):
                    missing.append(f"{who.name} sees {len(rows)} of {len(expected)} rows of {name}")
    assert missing == []


HEARD_ONLY: Final = frozenset({"raw_body", "current_position", "device_heard"})
"""What a row's rule says depends on the columns that are shown."""


MAY_WRITE: Final[Mapping[str, Rule]] = {"lessor": _lessors, "late_window": _lessors, "raw_body": _writer}
"""Where more is read than may be written, or less."""


async def test_nobody_changes_anothers(scenario: Scenario, relations: Rows, stored: dict[str, Rows]) -> None:
    """Unfiltered deletes, updates that would take a row over, and copies of another's rows."""
    wrong = []
    tables = [r["name"] for r in relations if r["kind"] in {"r", "p"} and not r["partition"]]
    cases = {None, scenario.sides["ours"]["case_id"]}
    for who in [who for who in await lookers(scenario, stored) if who.sight.case_id in cases]:
        with application_connection(scenario, who.sight) as connection:
            for name in tables:
                wrong += [f"{who.name}, {name}: {what}" for what in _trespasses(connection, who, name, stored)]
    assert wrong == []


def _trespasses(connection: Connection, who: Looker, name: str, stored: Mapping[str, Rows]) -> Iterator[str]:
    may_write = _nobody if name in PUBLIC else MAY_WRITE.get(name, RULES.get(name, _nobody))
    rows = stored[name][:10] if name in PUBLIC else stored[name]
    others = [row for row in rows if not may_write(who, row, stored)]
    identifier = sql.Identifier(name)
    for statement in (
        sql.SQL("DELETE FROM {}").format(identifier),
        *(
            sql.SQL("UPDATE {} SET {} = {}").format(identifier, sql.Identifier(c), sql.Literal(v))
            for c, v in _own_values(who, rows).items()
        ),
    ):
        gone = _gone(connection, statement, name, rows)
        if gone is None:  # allowed, but refused by what refers to the rows: one by one, then
            gone = [r for r in others if _gone(connection, _delete_one(name, r), name, rows) != []]
        trespassed = [row for row in gone if row in others]
        if trespassed:
            yield f"{statement.as_string(connection)} reached {trespassed[:2]}"
    for row in others[:3]:
        refused = _insert(connection, name, row)
        if not isinstance(refused, psycopg.errors.InsufficientPrivilege):
            yield f"may insert a row like {row}: {refused}"


def _own_values(who: Looker, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what somebody would write into another's row to take it over."""
    own = {
        "lessor_id": next(iter(who.lessors), None),
        "court_id": next(iter(who.courts), None),
        "case_id": next(iter(who.cases), None),
        "grantee_id": who.sight.grantee_id or None,
    }
    return {column: value for column, value in own.items() if rows and column in rows[0] and value is not None}


def _gone(connection: Connection, statement: sql.Composed, name: str, before: Rows) -> Rows | None:
    """Return the rows that a statement changed or deleted; None where only a constraint stopped it."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
            connection.execute("SET LOCAL ROLE leasetrace_service")
            after = _all_of(connection, name)
            return [row for row in before if row not in after]
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.GeneratedAlways):
        return []
    except psycopg.errors.IntegrityError:
        return None


def _delete_one(name: str, row: Row) -> sql.Composed:
    where = [
        sql.SQL("{} IS NOT DISTINCT FROM {}").format(sql.Identifier(c), sql.Literal(v))
        for c, v in row.items()
        if isinstance(v, int | str) and not isinstance(v, bool)
    ]
    return sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(name), sql.SQL(" AND ").join(where))


def _insert(connection: Connection, name: str, row: Row) -> psycopg.Error | None:
    """Insert a copy of a row; policies are asked before constraints, so the error says which of them refused it."""
    columns = list(row)
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} ").format(
        sql.Identifier(name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() for _ in columns),
    )
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, [_adapted(row[c]) for c in columns])
    except psycopg.Error as error:
        return error
    return None


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value


_STATE: Final = text("""
    SELECT current_user = session_user AS itself, pg_backend_pid() AS backend,
           array(SELECT name || '=' || current_setting(name, true)
                 FROM unnest(CAST(:names AS text[])) AS name WHERE current_setting(name, true) <> '') AS told""")


async def test_what_a_transaction_was_told_ends_with_it(scenario: Scenario) -> None:
    """On one pooled connection: after a commit, a rollback, a failed statement, and a role lifted and lowered."""
    database = Database(changed(settings_of(scenario.urls), database={"pool_size": 1}))
    principal = scenario.sides["ours"]
    told = RowSecurity("leasetrace_lessor", (principal["lessor_id"],), "court", 7, (8, 9), principal["case_id"], NOW)
    names = [name for name in told.settings() if name != "role"]
    backends = set()

    async def nothing_left() -> None:
        async with database.engine.connect() as connection:
            state = (await connection.execute(_STATE, {"names": names})).one()
            backends.add(state.backend)
            assert (state.itself, state.told) == (True, [])

    class Stopped(Exception): ...

    try:
        async with database.writing(told) as session:
            assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 1
            async with as_service(session):
                assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 2
            assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 1
        await nothing_left()
        with pytest.raises(Stopped):
            async with database.writing(told) as session, as_service(session):
                raise Stopped
        await nothing_left()
        with pytest.raises(Exception, match="division by zero"):
            async with database.writing(told) as session, as_service(session):
                await session.execute(text("SELECT 1 / 0"))
        await nothing_left()
        async with database.reading(told) as session:
            await session.execute(text("SELECT 1"))
        await nothing_left()
        assert len(backends) == 1, "all of it on one connection"
    finally:
        await database.close()


async def test_a_role_that_was_lifted_in_a_savepoint_is_lowered_after_the_next_lift_too(scenario: Scenario) -> None:
    database = Database(settings_of(scenario.urls))
    told = RowSecurity("leasetrace_lessor", (scenario.sides["ours"]["lessor_id"],), at=NOW)
    try:
        async with database.writing(told) as session:
            with pytest.raises(Exception, match="division by zero"):
                async with session.begin_nested(), as_service(session):
                    await session.execute(text("SELECT 1 / 0"))
            assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 1
            async with as_service(session):
                assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 2
            assert len((await session.execute(text("SELECT * FROM lessor"))).all()) == 1
    finally:
        await database.close()


def test_what_an_injected_expression_could_do(scenario: Scenario) -> None:
    """Known and not prevented by policies: see the head of this file."""
    sight = RowSecurity("leasetrace_lessor", (scenario.sides["ours"]["lessor_id"],), at=NOW)
    with application_connection(scenario, sight) as connection:
        connection.execute("SELECT set_config('role', 'leasetrace_service', true)")
        assert len(_all_of(connection, "lessor")) == 2
    with application_connection(scenario, sight) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET LOCAL row_security = off; SELECT * FROM api_key")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER TABLE asset DISABLE ROW LEVEL SECURITY")
