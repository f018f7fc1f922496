"""Every column of the migrated database that leads to a person is in the register, and the register holds no other.

A column leads to a person by its name (``BY_NAME``), by its type (``BY_TYPE``), or when it is the ``name`` in a table
that has a ``principal_id``. What only looks so is in ``NOT_PERSONAL``, with the reason.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import app
from app.compliance.register import NOT_PERSONAL, RULES, TABLES, PersonalTable, RetentionClass, Subject
from app.compliance.retention import queries
from app.compliance.retention.service import DELETIONS
from app.compliance.subject_report.schemas import SubjectAssetOut, SubjectDataOut
from app.core.db.database import Base
from app.localdb.cluster import ClusterUrls
from app.main import load_tables
from tests.database import OwnerDatabase

BY_NAME = re.compile(
    r"""
    (^|_)(device|asset|case|principal|person|driver|dispatcher|crew|grantee|through|session|api_key)_ids?$
    | _by$                                                     # the principal who did it
    | (^|_)(login|subject|identifier|user_agent)(_sha256)?$
    | (^|_)(lessee|driver|debtor|owner|custodian|recipient|contact)(_|$)
    | (^|_)(vin|imei|phone|mobile|email)(_|$)
    | ^(person|driver|first|last|full|to)_name$
    | ^(plate|serial|engine|registration|id_card)_no$ | _contract_no$
    | (^|_)(lon|lat|position|geom|track|hull)(_|$)
    | (^|_)(ip|client|address)(_address)?$
    | ^body | _zstd$                                           # what a sender wrote
    """,
    re.VERBOSE,
)
BY_TYPE = {"geometry", "geography", "point", "inet", "cidr", "json", "jsonb"}

Columns = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def database_columns(urls: ClusterUrls) -> Columns:
    """The type of each column, by table and name; partitions have the columns of their table."""
    owner_db = OwnerDatabase(urls.owner_url)
    rows = owner_db.rows(
        """
        SELECT c.relname AS table, a.attname AS column, t.typname AS type
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ORDER BY c.relname, a.attnum"""
    )
    owner_db.connection.close()
    found: Columns = {}
    for row in rows:
        found.setdefault(row["table"], {})[row["column"]] = row["type"]
    return found


def personal(columns: Columns) -> set[tuple[str, str]]:
    """Return the columns that lead to a person, by the rule."""
    return {
        (table, column)
        for table, types in columns.items()
        for column, kind in types.items()
        if BY_NAME.search(column) or kind in BY_TYPE or (column == "name" and "principal_id" in types)
    }


def differences(columns: Columns, register: dict[str, PersonalTable]) -> list[str]:
    """Return what the register lacks, and what it names that the database does not have."""
    registered = {(table, column) for table, entry in register.items() for column in entry.columns}
    there = {(table, column) for table, types in columns.items() for column in types}
    missing = personal(columns) - registered - NOT_PERSONAL.keys()
    return [f"{table}.{column} is missing in app/compliance/register.py" for table, column in sorted(missing)] + [
        f"app/compliance/register.py names {table}.{column}, which does not exist"
        for table, column in sorted((registered | NOT_PERSONAL.keys()) - there)
    ]


def test_the_register_holds_each_table_and_column_with_personal_data(database_columns: Columns) -> None:
    found = differences(database_columns, dict(TABLES))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_left_out_of_the_register_is_missed(database_columns: Columns, table: str) -> None:
    shorter = {name: entry for name, entry in TABLES.items() if name != table}
    assert f"{table}." in " ".join(differences(database_columns, shorter)), "no column of it falls under the rule"


def test_a_new_table_or_column_is_missed_and_a_wrong_name_is_found(database_columns: Columns) -> None:
    newer = database_columns | {"stay": {"stay_id": "int8", "asset_id": "int4", "centre": "geometry"}}
    assert len(differences(newer, dict(TABLES))) == 2
    newer = database_columns | {"session": database_columns["session"] | {"client_address": "text"}}
    assert differences(newer, dict(TABLES)) == ["session.client_address is missing in app/compliance/register.py"]
    wrong = dict(TABLES) | {"ping": replace(TABLES["ping"], columns=(*TABLES["ping"].columns, "driver_id"))}
    assert differences(database_columns, wrong) == [
        "app/compliance/register.py names ping.driver_id, which does not exist"
    ]


def test_what_is_excepted_falls_under_the_rule(database_columns: Columns) -> None:
    assert NOT_PERSONAL.keys() <= personal(database_columns)


def test_the_database_has_the_tables_of_the_code(database_columns: Columns) -> None:
    """So that a table without personal data today is compared once it gets some."""
    load_tables()
    assert {str(table) for table in Base.metadata.tables} <= database_columns.keys()


@pytest.mark.parametrize("table", TABLES)
def test_an_entry_says_how_rows_end_and_whether_the_report_shows_them(table: str) -> None:
    entry = TABLES[table]
    assert entry.whose
    assert (entry.retention is None) == bool(entry.ends)
    assert bool(entry.report) != bool(entry.not_reported)
    if entry.held:
        assert entry.retention in DELETIONS, "a hold keeps rows from retention"
        assert Subject.LESSEE in entry.whose, "a hold is on an asset"


def test_each_part_of_the_report_is_made_from_a_registered_table() -> None:
    parts = set(SubjectAssetOut.model_fields) - {"stored", "lessor", "retention"}
    parts |= {f"stored.{field}" for field in SubjectDataOut.model_fields}
    assert {part for entry in TABLES.values() for part in entry.report} == parts


def test_retention_deletes_the_classes_with_a_term(owner_db: OwnerDatabase) -> None:
    with_a_term = {kind for kind, rule in RULES.items() if rule.days is not None}
    assert with_a_term == DELETIONS.keys() | {RetentionClass.SESSION}
    assert {entry.retention for entry in TABLES.values()} - {None} == RULES.keys()
    check = owner_db.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'retention_log_class_check'"
    )
    assert set(re.findall(r"'(\w+)'::text", check)) == {kind.value for kind in with_a_term}


def test_retention_deletes_from_the_tables_of_its_classes_only() -> None:
    """Shares and sessions are deleted by the rooms that own them."""
    text = Path(queries.__file__).read_text("utf-8").replace("{table}", "ping")
    deleted = set(re.findall(r"(?:DELETE FROM|UPDATE) (\w+)", text))
    classes = {RetentionClass.RAW, RetentionClass.PING, RetentionClass.DERIVED}
    assert deleted == {name for name, entry in TABLES.items() if entry.retention in classes}


def test_the_document_about_retention_names_each_class() -> None:
    document = (Path(app.__file__).parents[1] / "docs" / "exports.md").read_text("utf-8")
    assert [kind for kind in RULES if f"`{kind}`" not in document] == []
