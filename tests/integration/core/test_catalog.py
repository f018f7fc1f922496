"""Rules of the schema, read from the catalog of a migrated database: a table that breaks one fails here.

Each rule is also broken once, so that it is known to find what it is for.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import psycopg
import pytest

from app.localdb.cluster import ClusterUrls

Owner = psycopg.Connection[tuple[str, ...]]

DEVICE_OWNED: Final = ("ping", "later_doubt", "ping_extra", "late_window")
"""They can move to a store that is distributed by device. Nothing may depend on another device or another table."""

WITHOUT_POLICY: Final = {
    r"ping_\d{8}": "a day of ping: rows are visible through ping only",
    r"trail_\d{6}|trail_default": "a month of trail: rows are visible through trail only",
}
"""Names of tables that need no policy, and why. They have row security, and no role has a right on them."""

ALL_ROWS: Final = {
    **dict.fromkeys(
        ("boundary_layer", "division", "court", "territory"), "public registers that hold no tenant's data"
    ),
    "alembic_version": "the revision of the schema: /readyz compares it",
    "lessor": "names of leasing companies are not secret from courts",
    "batch_chain": "one row for the whole service, a number and a digest: the writer extends it",
    "raw_body": "the writer adds bodies, and sees none",
}
"""Tables of which a role other than the service and the administrator sees or adds any row, and why."""


@pytest.fixture
def owner_connection(module_urls: ClusterUrls) -> Iterator[Owner]:
    """In a transaction that is rolled back."""
    with psycopg.connect(module_urls.owner_url) as connection:
        connection.execute("SELECT ping_partition_ensure((now() AT TIME ZONE 'UTC')::date)")
        yield connection
        connection.rollback()


def tables_without_row_security_or_policy(owner_connection: Owner) -> list[str]:
    rows = owner_connection.execute("""
        SELECT relname, relrowsecurity, EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid),
               EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee <> relowner)
        FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
        ORDER BY 1""").fetchall()
    needs_none = re.compile("|".join(WITHOUT_POLICY))
    return [
        name
        for name, secured, policies, granted in rows
        if not secured or (policies or granted if needs_none.fullmatch(name) else not policies)
    ]


def policies_that_show_all_rows(owner_connection: Owner) -> list[str]:
    rows = owner_connection.execute("""
        SELECT DISTINCT tablename FROM pg_policies
        WHERE schemaname = 'public' AND 'true' IN (qual, with_check) AND tablename <> ALL(%s)
          AND roles && ARRAY['public', 'leasetrace_lessor', 'leasetrace_grantee', 'leasetrace_auditor',
                             'leasetrace_writer']::name[]
        ORDER BY 1""", (list(ALL_ROWS),)).fetchall()  # fmt: skip
    return [row[0] for row in rows]


def relations_that_escape_row_security(owner_connection: Owner) -> list[str]:
    """Views with their owner's rights, materialized views and foreign tables."""
    rows = owner_connection.execute("""
        SELECT relname FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
          AND (relkind IN ('m', 'f') OR relkind = 'v' AND NOT coalesce((
              SELECT option_value::boolean FROM pg_options_to_table(reloptions)
              WHERE option_name = 'security_invoker'), false))
        ORDER BY 1""").fetchall()
    return [row[0] for row in rows]


def functions_of_the_owner_with_an_open_search_path(owner_connection: Owner) -> list[str]:
    rows = owner_connection.execute("""
        SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
          AND NOT coalesce('search_path=pg_catalog, public, pg_temp' = ANY (proconfig), false)
        ORDER BY 1""").fetchall()
    return [row[0] for row in rows]


def device_owned_tables_that_are_bound(owner_connection: Owner) -> list[str]:
    """Keys without the device, triggers, foreign keys and identity columns, of the tables and their partitions."""
    rows = owner_connection.execute("""
        WITH RECURSIVE owned AS (
            SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND relname = ANY(%s)
            UNION SELECT inhrelid FROM pg_inherits JOIN owned ON owned.oid = inhparent
        )
        SELECT indexrelid::regclass || ' is a key without device_id' FROM pg_index JOIN owned ON oid = indrelid
        WHERE (indisunique OR indisexclusion) AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = 'device_id' AND attnotnull
              AND attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]))
        UNION ALL
        SELECT oid::regclass || ' has no primary key' FROM owned
        WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = oid AND indisprimary)
        UNION ALL
        SELECT tgrelid::regclass || ' has the trigger ' || tgname FROM pg_trigger JOIN owned ON owned.oid = tgrelid
        WHERE NOT tgisinternal
        UNION ALL
        SELECT conrelid::regclass || ' has the foreign key ' || conname FROM pg_constraint
        WHERE contype = 'f' AND (conrelid IN (SELECT oid FROM owned) OR confrelid IN (SELECT oid FROM owned))
        UNION ALL
        SELECT attrelid::regclass || ' has the identity column ' || attname
        FROM pg_attribute JOIN owned ON owned.oid = attrelid WHERE attidentity <> ''
        ORDER BY 1""", (list(DEVICE_OWNED),)).fetchall()  # fmt: skip
    return [row[0] for row in rows]


RULES: Final[tuple[Callable[[Owner], list[str]], ...]] = (
    tables_without_row_security_or_policy,
    policies_that_show_all_rows,
    relations_that_escape_row_security,
    functions_of_the_owner_with_an_open_search_path,
    device_owned_tables_that_are_bound,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_schema_keeps_the_rule(owner_connection: Owner, rule: Callable[[Owner], list[str]]) -> None:
    assert rule(owner_connection) == []


def test_the_device_owned_tables_exist_with_partitions_of_ping(owner_connection: Owner) -> None:
    found = owner_connection.execute(
        "SELECT relname FROM pg_class WHERE relname = ANY(%s)", (list(DEVICE_OWNED),)
    ).fetchall()
    assert {row[0] for row in found} == set(DEVICE_OWNED)
    partitions = owner_connection.execute("SELECT FROM pg_inherits WHERE inhparent = 'ping'::regclass").fetchall()
    assert len(partitions) > 1


@pytest.mark.parametrize(
    ("rule", "statement", "found"),
    [
        (tables_without_row_security_or_policy, "CREATE TABLE oops (n integer)", "oops"),
        (
            tables_without_row_security_or_policy,
            "CREATE TABLE oops (n integer); ALTER TABLE oops ENABLE ROW LEVEL SECURITY",
            "oops",
        ),
        (tables_without_row_security_or_policy, "ALTER TABLE asset DISABLE ROW LEVEL SECURITY", "asset"),
        (
            tables_without_row_security_or_policy,
            "ALTER TABLE trail_default DISABLE ROW LEVEL SECURITY",
            "trail_default",
        ),
        (
            tables_without_row_security_or_policy,
            "GRANT SELECT ON trail_default TO leasetrace_lessor",
            "trail_default",
        ),
        (policies_that_show_all_rows, "ALTER POLICY grantee ON ping USING (true)", "ping"),
        (policies_that_show_all_rows, "CREATE POLICY oops ON feed USING (true)", "feed"),
        (policies_that_show_all_rows, "ALTER POLICY lessor ON asset WITH CHECK (true)", "asset"),
        (relations_that_escape_row_security, "CREATE VIEW oops AS SELECT * FROM ping", "oops"),
        (relations_that_escape_row_security, "ALTER VIEW held_asset RESET (security_invoker)", "held_asset"),
        (relations_that_escape_row_security, "CREATE MATERIALIZED VIEW oops AS SELECT * FROM asset", "oops"),
        (
            functions_of_the_owner_with_an_open_search_path,
            "ALTER FUNCTION rls_assets() RESET search_path",
            "rls_assets",
        ),
        (
            device_owned_tables_that_are_bound,
            "CREATE UNIQUE INDEX oops ON ping_extra (batch_id, row_index) INCLUDE (device_id)",
            "oops is a key without device_id",
        ),
        (
            device_owned_tables_that_are_bound,
            "ALTER TABLE later_doubt DROP CONSTRAINT later_doubt_pkey",
            "later_doubt has no primary key",
        ),
        (
            device_owned_tables_that_are_bound,
            "CREATE TRIGGER oops AFTER INSERT ON ping_default FOR EACH ROW EXECUTE FUNCTION trail_is_append_only()",
            "ping_default has the trigger oops",
        ),
        (
            device_owned_tables_that_are_bound,
            "ALTER TABLE late_window ADD CONSTRAINT oops FOREIGN KEY (device_id) REFERENCES device",
            "late_window has the foreign key oops",
        ),
        (
            device_owned_tables_that_are_bound,
            "ALTER TABLE ping_extra ADD COLUMN oops bigint GENERATED BY DEFAULT AS IDENTITY",
            "ping_extra has the identity column oops",
        ),
    ],
)
def test_a_schema_that_breaks_the_rule_is_found(
    owner_connection: Owner, rule: Callable[[Owner], list[str]], statement: str, found: str
) -> None:
    owner_connection.execute(statement)
    assert rule(owner_connection) == [found]
