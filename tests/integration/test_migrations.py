"""The schema can be made, taken back and made again, and is what the models say."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.util.exc import CommandError

from app.cli.cluster import ClusterUrls
from app.core.readiness import alembic_config, newest_revision
from app.core.schema import migrate
from tests.conftest import clone_of


@pytest.fixture
def own(template_urls: ClusterUrls, worker_id: str) -> Iterator[ClusterUrls]:
    with clone_of(template_urls, f"leasetrace_migrations_{worker_id}") as urls:
        yield urls


def tables(urls: ClusterUrls) -> set[str]:
    with psycopg.connect(urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v') AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchall()
    return {row[0] for row in rows}


def test_up_check_down_up(own: ClusterUrls) -> None:
    before = tables(own)
    config = alembic_config()
    config.attributes["owner_url"] = own.owner_url
    try:
        command.check(config)
    except CommandError as difference:
        pytest.fail(f"models and migrations differ: {difference}")
    migrate(own.owner_url, own.app_url, revision="base")
    assert tables(own) == {"alembic_version"}
    migrate(own.owner_url, own.app_url)
    assert tables(own) == before
    with psycopg.connect(own.owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_revision(),)


def test_the_applications_role_reads_and_writes_but_owns_nothing(own: ClusterUrls) -> None:
    with psycopg.connect(own.app_url, autocommit=True) as connection:
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


def test_a_second_run_changes_nothing(own: ClusterUrls) -> None:
    before = tables(own)
    migrate(own.owner_url, own.app_url)
    assert tables(own) == before
