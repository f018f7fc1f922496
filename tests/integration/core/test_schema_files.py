"""The files in ``migrations/sql`` are the functions, views and policies of a migrated database."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from app.core.db.database import sqlalchemy_url
from app.core.db.migration import SQL, Kind, clear_policies, execute_file, run_sql
from app.core.db.roles import ROW_SECURITY_ROLES
from app.localdb.cluster import ClusterUrls

ROLES = "|".join(role.removeprefix("leasetrace_") for role in ROW_SECURITY_ROLES)
KINDS: tuple[Kind, ...] = get_args(Kind)
IN_DATABASE: dict[Kind, str] = {
    "functions": """
        SELECT proname, jsonb_agg(jsonb_build_array(pg_get_functiondef(oid), proacl::text[]) ORDER BY oid)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = oid AND e.deptype = 'e')
        GROUP BY proname""",
    "views": """
        SELECT relname, jsonb_build_array(pg_get_viewdef(oid), reloptions, relacl::text[])
        FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = oid AND e.deptype = 'e')""",
    # A partition of a day or month is made by a function, without policies.
    "policies": """
        SELECT relname, jsonb_build_object(
            'row_security', jsonb_build_array(relrowsecurity, relforcerowsecurity),
            'grants', relacl::text[],
            'column_grants', (SELECT jsonb_object_agg(attname, attacl::text[])
                              FROM pg_attribute WHERE attrelid = c.oid),
            'policies', (SELECT jsonb_object_agg(policyname, to_jsonb(p)) FROM pg_policies p
                         WHERE p.schemaname = 'public' AND p.tablename = c.relname),
            'sequences', (SELECT jsonb_object_agg(s.relname, s.relacl::text[])
                          FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                          WHERE d.classid = 'pg_class'::regclass AND d.refobjid = c.oid))
        FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
          AND (NOT relispartition OR pg_get_expr(relpartbound, c.oid) = 'DEFAULT')""",
}


@pytest.fixture
def owner_session(module_urls: ClusterUrls) -> Iterator[Connection]:
    """In a transaction that is rolled back."""
    engine = create_engine(sqlalchemy_url(module_urls.owner_url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def in_database(connection: Connection, kind: Kind) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(text(IN_DATABASE[kind]))}


def in_files(kind: Kind) -> list[str]:
    return sorted(path.stem for path in (SQL / kind).iterdir() if path.suffix == ".sql")


@pytest.mark.parametrize("kind", KINDS)
def test_each_function_each_view_and_the_policies_of_each_table_have_a_file(
    owner_session: Connection, kind: Kind
) -> None:
    assert in_files(kind) == sorted(in_database(owner_session, kind))


def test_nothing_else_lies_beside_the_files() -> None:
    found = {path.relative_to(SQL).as_posix() for path in SQL.rglob("*") if path.is_file()}
    assert found == {"README.md"} | {f"{kind}/{name}.sql" for kind in KINDS for name in in_files(kind)}


@pytest.mark.parametrize("kind", KINDS)
def test_running_a_file_again_changes_nothing(owner_session: Connection, kind: Kind) -> None:
    before = in_database(owner_session, kind)
    for name in in_files(kind):
        run_sql(owner_session, kind, name)
        assert in_database(owner_session, kind) == before, (
            f"migrations/sql/{kind}/{name}.sql differs from the database"
        )


def test_a_file_of_policies_is_about_one_table_and_says_all_of_it(owner_session: Connection) -> None:
    migrated = in_database(owner_session, "policies")
    for table in migrated:
        clear_policies(owner_session, table)
        owner_session.execute(text(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'))
    before = in_database(owner_session, "policies")
    assert all(what["policies"] is None for what in before.values())
    for name in in_files("policies"):
        execute_file(owner_session, SQL / "policies" / f"{name}.sql")
        after = in_database(owner_session, "policies")
        assert {table for table in after if after[table] != before[table]} == {name}
        before = after
    assert before == migrated


@pytest.mark.parametrize("kind", ["functions", "views"])
def test_a_file_of_a_function_or_view_makes_that_one_only(kind: Kind) -> None:
    for name in in_files(kind):
        content = (SQL / kind / f"{name}.sql").read_text(encoding="utf-8")
        made = re.findall(r"^CREATE OR REPLACE (?:FUNCTION|VIEW) (\w+)", content, flags=re.MULTILINE)
        granted = re.findall(r"^(?:GRANT|REVOKE)[^;]*? ON (?:FUNCTION )?(\w+)", content, flags=re.MULTILINE)
        assert {*made, *granted} == {name}
        assert len(made) == 1


def test_every_file_begins_with_its_purpose_and_policies_say_who_sees_which_rows() -> None:
    for kind in KINDS:
        for name in in_files(kind):
            content = (SQL / kind / f"{name}.sql").read_text(encoding="utf-8")
            comment = re.match(r"(?:-- ?.*\n)+", content)
            assert comment, f"{kind}/{name}.sql has no comment"
            roles = set(re.findall(r"^CREATE POLICY .* TO leasetrace_(\w+)", content, flags=re.MULTILINE))
            named = set(re.findall(f"^-- ({ROLES})\\b", comment[0], flags=re.MULTILINE))
            assert kind != "policies" or named == roles, name
