"""What whoever runs the service asks it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql

from app.core.clock import FixedClock
from app.core.db.database import SERVICE, Database
from app.core.db.migration import migrate
from app.core.db.readiness import check_database
from app.core.db.roles import ROW_SECURITY_ROLES, roles_sql
from app.localdb.cluster import THROWAWAY_SETTINGS, ClusterUrls, Throwaway, _ram_disk_with_space, throwaway_server
from app.main import create_app
from tests.api import Principals, services
from tests.database import in_database
from tests.factories.constants import NOW
from tests.factories.settings import settings_for


async def test_a_ready_service_says_why(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "live"}
    answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert [check["name"] for check in answer.json()["checks"]] == [
        "database",
        "migrations",
        "role",
        "row_security",
        "boundaries",
    ]


async def ask(url: str, path: str) -> httpx.Response:
    application = create_app(settings_for(url, log={"level": "CRITICAL"}), FixedClock(NOW))
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test") as client,
    ):
        return await client.get(path)


async def test_a_role_that_owns_the_tables_is_refused(urls: ClusterUrls) -> None:
    answer = await ask(urls.owner_url, "/readyz")
    assert answer.status_code == 503
    failed = [check["name"] for check in answer.json()["checks"] if not check["ok"]]
    assert failed == ["role"]


@pytest.fixture(scope="module")
def own_server() -> Iterator[Throwaway]:
    """A server of these tests' own, since they spoil its roles."""
    with throwaway_server(_ram_disk_with_space(), THROWAWAY_SETTINGS, durable=False) as server:
        migrate(server.urls.owner_url, server.urls.app_url)
        yield server


async def refused(url: str) -> list[str]:
    database = Database(settings_for(url))
    try:
        async with database.reading(SERVICE) as session:
            return [check.name for check in await check_database(session) if not check.ok]
    finally:
        await database.close()


async def test_the_role_as_it_is_made_is_not_refused(own_server: Throwaway) -> None:
    assert await refused(own_server.urls.app_url) == []


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("CREATE ROLE over BYPASSRLS NOLOGIN; GRANT over TO leasetrace_app", "DROP ROLE over"),
        ("CREATE ROLE over SUPERUSER NOLOGIN; GRANT over TO leasetrace_app", "DROP ROLE over"),
        (
            "CREATE ROLE over BYPASSRLS NOLOGIN; CREATE ROLE x ROLE leasetrace_grantee; GRANT over TO x",
            "DROP ROLE over, x",
        ),
        ("ALTER ROLE leasetrace_app CREATEROLE", "ALTER ROLE leasetrace_app NOCREATEROLE"),
        ("ALTER ROLE leasetrace_app REPLICATION", "ALTER ROLE leasetrace_app NOREPLICATION"),
        ("ALTER ROLE leasetrace_auditor BYPASSRLS", "ALTER ROLE leasetrace_auditor NOBYPASSRLS"),
        ("ALTER ROLE leasetrace_auditor CREATEROLE", "ALTER ROLE leasetrace_auditor NOCREATEROLE"),
        ("ALTER ROLE leasetrace_auditor LOGIN", "ALTER ROLE leasetrace_auditor NOLOGIN"),
        ("GRANT leasetrace_owner TO leasetrace_app", "REVOKE leasetrace_owner FROM leasetrace_app"),
        ("GRANT pg_read_server_files TO leasetrace_app", "REVOKE pg_read_server_files FROM leasetrace_app"),
    ],
)
async def test_a_role_that_could_become_stronger_is_refused(own_server: Throwaway, spoil: str, mend: str) -> None:
    with psycopg.connect(own_server.superuser_url, autocommit=True) as superuser:
        superuser.execute(spoil.encode())
        try:
            assert await refused(own_server.urls.app_url) == ["role"]
        finally:
            superuser.execute(mend.encode())
    assert await refused(own_server.urls.app_url) == []


@pytest.mark.parametrize("name", ["odd \"name's", "plain"])
def test_the_roles_are_given_without_inheritance_and_may_be_given_again(own_server: Throwaway, name: str) -> None:
    quoted = sql.Identifier(name)
    with psycopg.connect(own_server.superuser_url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE ROLE {} INHERIT").format(quoted))
        for _ in range(2):
            superuser.execute(roles_sql(name))
        given = superuser.execute(
            "SELECT to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option', r.rolinherit"
            " FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = %s",
            (name,),
        ).fetchall()
        version = superuser.info.server_version
        superuser.execute(sql.SQL("DROP ROLE {}").format(quoted))
    options = ("false", "true") if version >= 16_00_00 else (None, None)
    assert given == [(*options, False)] * len(ROW_SECURITY_ROLES)


async def test_the_owner_of_the_tables_in_anothers_database_is_refused(own_server: Throwaway) -> None:
    with psycopg.connect(own_server.superuser_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE tables_owner LOGIN PASSWORD 'x'")
        superuser.execute(roles_sql("tables_owner"))
        superuser.execute("CREATE DATABASE anothers")
        superuser.execute("GRANT CREATE ON DATABASE anothers TO tables_owner")
    with psycopg.connect(in_database(own_server.superuser_url, "anothers"), autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        superuser.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        superuser.execute("GRANT CREATE ON SCHEMA public TO tables_owner")
    host = urlsplit(own_server.urls.app_url).netloc.rpartition("@")[2]
    url = f"postgresql://tables_owner:x@{host}/anothers"
    migrate(url, url)
    assert await refused(url) == ["role"]


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("CREATE POLICY oops ON ping USING (true)", "DROP POLICY oops ON ping"),
        ("ALTER TABLE ping DISABLE ROW LEVEL SECURITY", "ALTER TABLE ping ENABLE ROW LEVEL SECURITY"),
        (
            "ALTER VIEW case_asset_position RESET (security_invoker)",
            "ALTER VIEW case_asset_position SET (security_invoker = true)",
        ),
        (
            "ALTER VIEW case_asset_position SET (security_invoker = off)",
            "ALTER VIEW case_asset_position SET (security_invoker = on)",
        ),
        ("CREATE VIEW peep AS SELECT * FROM ping", "DROP VIEW peep"),
        ("CREATE MATERIALIZED VIEW peep AS SELECT * FROM ping", "DROP MATERIALIZED VIEW peep"),
    ],
)
async def test_tables_that_stand_open_are_refused(own_server: Throwaway, spoil: str, mend: str) -> None:
    with psycopg.connect(own_server.urls.owner_url, autocommit=True) as owner:
        owner.execute(spoil.encode())
        try:
            assert await refused(own_server.urls.app_url) == ["row_security"]
        finally:
            owner.execute(mend.encode())
    assert await refused(own_server.urls.app_url) == []


@pytest.mark.parametrize("path", ["/readyz", "/v1/courts"])
async def test_a_database_that_is_away_is_503_with_retry_after(path: str) -> None:
    answer = await ask("postgresql://nobody:nothing@127.0.0.1:1/nowhere", path)
    assert answer.status_code in ({503} if path == "/readyz" else {401, 503})
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0


async def test_requests_are_counted_by_template_and_never_by_what_they_ask(
    client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await admin.get("/v1/jurisdictions/locate", params={"lon": 121.4241, "lat": 31.2205})
    text = (await client.get("/metrics")).text
    assert 'route="/v1/jurisdictions/locate"' in text
    assert "121.4" not in text


async def test_every_answer_has_a_request_id_and_closed_doors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "from-the-proxy-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    forged = await client.get("/livez", headers={"X-Request-Id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


async def test_nothing_that_a_request_sent_is_logged(
    application: FastAPI, principals: Principals, capfd: pytest.CaptureFixture[str]
) -> None:
    from app.core.logging import configure_logging

    lessor = await principals.lessor()
    key = lessor.client.headers["Authorization"].removeprefix("Bearer ")
    configure_logging("DEBUG")
    try:
        await lessor.client.get("/v1/jurisdictions/locate", params={"lon": 121.4241, "lat": 31.2205})
        kept = services(application)
        application.state.services = replace(kept, ingest=None)  # type: ignore[arg-type] # anything that breaks inside
        answer = await lessor.client.post("/v1/pings", json=[{"lon": 121.4241}])
        application.state.services = kept
    finally:
        configure_logging("WARNING")
    assert answer.status_code == 500
    assert "detail" in answer.json()
    logged = capfd.readouterr().err
    assert '"route": "/v1/jurisdictions/locate"' in logged
    assert "AttributeError" in logged
    assert "121.42" not in logged
    assert key not in logged
    assert key.rpartition("_")[2] not in logged


async def test_the_page_of_the_api_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 3
    for link in links:
        assert link.startswith("/"), link
        assert (await client.get(link)).status_code == 200
