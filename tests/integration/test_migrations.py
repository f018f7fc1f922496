"""The schema can be made, taken back and made again, and is what the models say."""

from datetime import UTC, datetime
from hashlib import sha256

import psycopg
import pytest
from alembic import command
from alembic.util.exc import CommandError

from app.cli.cluster import ClusterUrls
from app.core.readiness import alembic_config, newest_revision
from app.core.schema import migrate
from app.telemetry.batches import FIRST_LINK, link_of
from app.telemetry.store import variant_of


def tables(urls: ClusterUrls) -> set[str]:
    with psycopg.connect(urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v') AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchall()
    return {row[0] for row in rows}


def test_up_check_down_up(own_urls: ClusterUrls) -> None:
    before = tables(own_urls)
    config = alembic_config()
    config.attributes["owner_url"] = own_urls.owner_url
    try:
        command.check(config)
    except CommandError as difference:
        pytest.fail(f"models and migrations differ: {difference}")
    migrate(own_urls.owner_url, own_urls.app_url, revision="base")
    assert tables(own_urls) == {"alembic_version"}
    migrate(own_urls.owner_url, own_urls.app_url)
    assert tables(own_urls) == before
    with psycopg.connect(own_urls.owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_revision(),)


def test_the_applications_role_reads_nothing_by_itself_and_owns_nothing(own_urls: ClusterUrls) -> None:
    with psycopg.connect(own_urls.app_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM ping")
        connection.execute("SET ROLE leasetrace_service")
        connection.execute("SELECT count(*) FROM ping")
        for statement in (
            "CREATE TABLE mine (n integer)",
            "DROP TABLE ping",
            "ALTER TABLE ping DISABLE TRIGGER ALL",
            "DELETE FROM division",
            "UPDATE boundary_layer SET active = false",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_second_run_changes_nothing(own_urls: ClusterUrls) -> None:
    before = tables(own_urls)
    migrate(own_urls.owner_url, own_urls.app_url)
    assert tables(own_urls) == before


def test_what_was_stored_before_the_narrower_layout_is_carried_over_and_back(own_urls: ClusterUrls) -> None:
    config = alembic_config()
    config.attributes["owner_url"] = own_urls.owner_url
    command.downgrade(config, "0007")
    with psycopg.connect(own_urls.owner_url, autocommit=True) as connection:
        connection.execute("SELECT ping_partition_ensure('2026-11-01')")
        connection.execute("""
            INSERT INTO ping (fixed_at, batch_id, device_id, lessor_id, lon_e7, lat_e7, doubts, speed_kmh, row_index,
                              source, datum, ignition)
            VALUES ('2026-11-01 10:00Z', 1, 7, 1, 1214241000, 312205000, 0, 36.6, 0, 1, 3, true),
                   ('2026-11-01 10:00Z', 2, 7, 1, 1215000000, 313000000, 64, NULL, 0, 1, 3, NULL),
                   ('9999-01-01 00:00Z', 2, 7, 1, 1215000000, 313000000, 4, NULL, 1, 2, 1, NULL)""")
        for batch in (1, 2):
            connection.execute(
                "INSERT INTO ping_batch VALUES (%s, 1, NULL, NULL, 1, 't', '2026-11-01 10:01Z', 2, 2, 0, 0, 0)",
                (batch,),
            )
            connection.execute("INSERT INTO raw_body VALUES (%s, 'application/json', sha256('x'), 'x')", (batch,))
    command.upgrade(config, "head")
    with psycopg.connect(own_urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT tableoid::regclass::text, batch_id, row_index, lon_e7, doubts, ignition, variant, origin,"
            " speed_tenth_kmh FROM ping ORDER BY batch_id, row_index"
        ).fetchall()
        links = connection.execute("SELECT chain_no, batch_id, chain_sha256 FROM ping_batch ORDER BY 1").fetchall()
        head = connection.execute("SELECT chain_no, head FROM batch_chain").fetchone()
    assert rows == [
        ("ping_20261101", 1, 0, 1_214_241_000, 0, True, 0, 31, 366),
        ("ping_20261101", 2, 0, 1_215_000_000, 64, None, variant_of(1_215_000_000, 313_000_000), 31, None),
        ("ping_default", 2, 1, 1_215_000_000, 4, None, 0, 12, None),
    ]
    at, body = datetime(2026, 11, 1, 10, 1, tzinfo=UTC), sha256(b"x").digest()
    first = link_of(FIRST_LINK, 1, 1, at, body)
    assert links == [(1, 1, first), (2, 2, link_of(first, 2, 1, at, body))]
    assert head == (2, links[1][2])
    command.downgrade(config, "0007")
    with psycopg.connect(own_urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT tableoid::regclass::text, batch_id, row_index, lon_e7, doubts, ignition, source, datum,"
            " speed_kmh FROM ping ORDER BY batch_id, row_index"
        ).fetchall()
    assert [row[6:] for row in rows] == [(1, 3, pytest.approx(36.6)), (1, 3, None), (2, 1, None)]
    assert rows[0][:6] == ("ping_20261101", 1, 0, 1_214_241_000, 0, True)
    command.upgrade(config, "head")


def test_no_key_becomes_stronger_by_going_back_and_forth(own_urls: ClusterUrls) -> None:
    keys: tuple[tuple[str, int | None, list[str] | None], ...] = (
        ("lessor_feed", 1, None),
        ("lessor_reader", 1, None),
        ("lessor_reader", 1, ["registers:read", "pings:post"]),
        ("lessor_manager", 1, None),
        ("lessor_manager", 1, ["pings:post"]),
        ("lessor_manager", 1, ["pings:post", "registers:read"]),
        ("lessor_manager", 1, ["registers:read"]),
        ("lessor_manager", 1, []),
        ("enforcement_officer", 1, None),
        ("enforcement_officer", 1, ["cases:read", "pings:post"]),
        ("court_administrator", 1, None),
        ("dispatcher", None, None),
        ("dispatcher", None, ["cases:read"]),
        ("crew", None, None),
        ("auditor", None, None),
        ("platform_administrator", None, None),
        ("platform_administrator", None, ["service:read"]),
        ("lessor_feed", 1, ["receipts:read"]),
        ("lessor_feed", 1, ["receipts:read", "pings:post"]),
    )
    config = alembic_config()
    config.attributes["owner_url"] = own_urls.owner_url
    with psycopg.connect(own_urls.owner_url, autocommit=True) as connection:
        for n, (role, subject, scopes) in enumerate(keys):
            connection.execute(
                "WITH made AS (INSERT INTO principal (role, subject_id, name, created_at) VALUES (%s, %s, 'x', now())"
                " RETURNING principal_id) INSERT INTO api_key (principal_id, prefix, secret_sha256, label, scopes,"
                " created_at) SELECT principal_id, %s, 'x', 'l', %s, now() FROM made",
                (role, subject, f"{n:02}", scopes),
            )
        command.downgrade(config, "0011")
        told = "SELECT post_only, revoked_at IS NOT NULL FROM api_key ORDER BY prefix"
        below = connection.execute(told).fetchall()
        migrate(own_urls.owner_url, own_urls.app_url)
        above = connection.execute(
            "SELECT role, scopes FROM api_key JOIN principal USING (principal_id) WHERE revoked_at IS NULL"
            " ORDER BY prefix"
        ).fetchall()
    full, pings, revoked = (False, False), (True, False), (False, True)
    assert below == [
        *(pings, revoked, revoked),
        *(full, pings, pings, revoked, revoked),
        *(full, revoked, revoked),
        *(full, revoked, revoked, revoked),
        *(full, revoked),
        *(revoked, pings),
    ]
    assert above == [
        ("lessor_manager", ["pings:post"]),
        ("lessor_manager", None),
        ("lessor_manager", ["pings:post"]),
        ("lessor_manager", ["pings:post"]),
        ("enforcement_officer", None),
        ("dispatcher", None),
        ("platform_administrator", None),
        ("lessor_manager", ["pings:post"]),
    ]
