"""The schema can be made, taken back and made again, and is what the models say."""

import re
from collections import Counter

import psycopg
import pytest
from alembic import command
from alembic.util.exc import CommandError

from app.core.db.migration import migrate
from app.core.db.readiness import alembic_config, newest_revision
from app.core.db.roles import ROW_SECURITY_ROLES
from app.localdb.cluster import ClusterUrls


def tables(urls: ClusterUrls) -> set[str]:
    with psycopg.connect(urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v') AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchall()
    return {row[0] for row in rows}


def without_months(names: set[str]) -> Counter[str]:
    """Count tables by name; partitions of months are counted together, since they are made for today's months."""
    return Counter(re.sub(r"^trail_\d{6}$", "trail_YYYYMM", name) for name in names)


def leftovers(urls: ClusterUrls) -> list[tuple[str]]:
    """Functions, sequences and roles' rights, where no table is left."""
    with psycopg.connect(urls.owner_url) as connection:
        return connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')"
            " UNION ALL SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT a.grantee::regrole::text || ' on ' || relname FROM pg_class, aclexplode(relacl) a"
            " WHERE a.grantee::regrole::text = ANY(%(roles)s)"
            " UNION ALL SELECT a.grantee::regrole::text FROM pg_namespace, aclexplode(nspacl) a"
            " WHERE nspname = 'public' AND a.grantee::regrole::text = ANY(%(roles)s)",
            {"roles": list(ROW_SECURITY_ROLES)},
        ).fetchall()


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
    assert leftovers(own_urls) == []
    migrate(own_urls.owner_url, own_urls.app_url)
    assert without_months(tables(own_urls)) == without_months(before)
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
