"""A real PostgreSQL with PostGIS for the suite: one throw-away cluster, migrated once, cloned for each worker.

``TEST_DATABASE_URL`` names another server instead: a superuser's URL, ``postgresql://user:password@host:port/postgres``.
"""

import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psycopg
import pytest
from _pytest.nodeid import coerce_node_id
from fastapi import FastAPI
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.cli.cluster import ClusterUrls, throwaway
from app.core.clock import FixedClock
from app.core.database import of_service, sqlalchemy_url
from app.core.http import Context
from app.core.schema import migrate
from app.core.settings import Settings
from app.core.sight_roles import SERVICE_ROLE, roles_sql
from app.jurisdictions.service import load_bundled_layer
from app.main import create_app
from tests.support import Doors

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""When every test begins, unless it moves the clock: noon in Shanghai."""

_KEPT = ("alembic_version", "spatial_ref_sys", "boundary_layer", "division", "court", "territory")
_ended = ExitStack()


def _in_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _named_server(url: str) -> ClusterUrls:
    """Make the suite's two roles and its template on a server that the user named."""
    suffix, password = secrets.token_hex(4), secrets.token_hex(16)
    names = {kind: f"leasetrace_test_{kind}_{suffix}" for kind in ("owner", "app", "template")}
    with psycopg.connect(url, autocommit=True) as connection:
        for kind, rights in (("owner", "CREATEDB"), ("app", "NOBYPASSRLS")):
            statement = sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(names[kind]), sql.SQL(rights), sql.Literal(password)))
        connection.execute(roles_sql(names["app"]))
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(names["template"]), sql.Identifier(names["owner"])))
    with psycopg.connect(_in_database(url, names["template"]), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _ended.callback(_drop_named, url, names)
    host = urlsplit(url).netloc.rpartition("@")[2]
    urls = {k: f"postgresql://{quote(names[k])}:{password}@{host}/{names['template']}" for k in ("owner", "app")}
    return ClusterUrls(app_url=urls["app"], owner_url=urls["owner"])


def _drop_named(url: str, names: dict[str, str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(names["template"])))
        for kind in ("app", "owner"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(names[kind])))


def _make_template() -> dict[str, str]:
    """Start the server, migrate the template, load the real boundaries: once for all workers."""
    named = os.environ.get("TEST_DATABASE_URL")
    urls = _named_server(named) if named else _ended.enter_context(throwaway())
    migrate(urls.owner_url, urls.app_url)
    load_bundled_layer(urls.owner_url, now=NOW)
    return {"app_url": urls.app_url, "owner_url": urls.owner_url}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the one template to each worker of pytest-xdist."""
    if not hasattr(node.config, "leasetrace_template"):
        node.config.leasetrace_template = _make_template()
    node.workerinput["leasetrace_template"] = node.config.leasetrace_template


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give the fault tests to one worker, since they share a service that they break; the others go one by one.

    The marker ``xdist_group`` would say it, but xdist 3.8 sets it on a member that pytest 9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class FaultsTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return "faults" if nodeid.startswith("tests/faults/") else nodeid

    return FaultsTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell tests of one name apart: schemathesis names each operation's test alike, and xdist runs a name once."""
    seen: Counter[str] = Counter()
    for item in items:
        name = item.nodeid
        seen[name] += 1
        if seen[name] > 1:
            item._id = coerce_node_id(f"{name}[{seen[name]}]")  # pytest has no other way to name it anew


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that this process started."""
    _ended.close()


@pytest.fixture(scope="session")
def template_urls(request: pytest.FixtureRequest) -> ClusterUrls:
    """The migrated template with the boundaries: clone it, do not connect to it for long."""
    handed_over = getattr(request.config, "workerinput", {}).get("leasetrace_template")
    return ClusterUrls(**(handed_over or _make_template()))


@pytest.fixture(scope="session")
def urls(template_urls: ClusterUrls, worker_id: str) -> Iterator[ClusterUrls]:
    """This worker's own clone of the template."""
    with clone_of(template_urls, f"leasetrace_{worker_id}") as cloned:
        yield cloned


class clone_of:  # noqa: N801 reads as what it does
    """A database cloned from the template for as long as the block lasts."""

    def __init__(self, template: ClusterUrls, name: str) -> None:
        self._template = template
        self._name = sql.Identifier(name)
        self._urls = ClusterUrls(
            app_url=_in_database(template.app_url, name), owner_url=_in_database(template.owner_url, name)
        )
        self._template_name = sql.Identifier(urlsplit(template.owner_url).path[1:])

    def _execute(self, statement: sql.Composed) -> None:
        url = _in_database(self._template.owner_url, "template1")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)

    def __enter__(self) -> ClusterUrls:
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(self._name, self._template_name))
        return self._urls

    def __exit__(self, *_: object) -> None:
        for _attempt in range(50):
            try:
                self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._name))
            except psycopg.errors.InsufficientPrivilege:  # a session is still on its way out
                time.sleep(0.1)
            else:
                return


@pytest.fixture(scope="session")
def settings(urls: ClusterUrls) -> Settings:
    """Settings of an application on this worker's database."""
    return Settings(database_url=SecretStr(urls.app_url), log_level="WARNING")


@pytest.fixture(scope="session")
def standing_clock() -> FixedClock:
    """The clock of the application under test."""
    return FixedClock(NOW)


@pytest.fixture
def clock(standing_clock: FixedClock) -> FixedClock:
    """The application's clock, put back to noon of 2026-11-23 in Shanghai before each test."""
    standing_clock.set(NOW)
    return standing_clock


@pytest.fixture(scope="session")
async def running(settings: Settings, standing_clock: FixedClock) -> AsyncIterator[FastAPI]:
    """The application, started once for the worker: its boundaries stay loaded between tests."""
    application = create_app(settings, standing_clock)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def application(running: FastAPI, urls: ClusterUrls, clock: FixedClock) -> AsyncIterator[FastAPI]:
    """The application on a database without tenants; what the test writes is removed afterwards."""
    yield running
    async with await psycopg.AsyncConnection.connect(urls.owner_url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename LIKE 'ping\\_2%%'"
            " AND NOT tablename LIKE 'ping\\_1%%' AND NOT tablename LIKE 'trail%%' AND NOT tablename = ANY(%s)",
            (list(_KEPT),),
        )
        tables = sql.SQL(", ").join(sql.Identifier(row[0]) for row in await cursor.fetchall())
        await connection.execute(sql.SQL("TRUNCATE {}").format(tables))


def context_of(application: FastAPI) -> Context:
    """Return what the application consists of."""
    found = application.state.context
    assert isinstance(found, Context)
    return found


@pytest.fixture
async def session(application: FastAPI) -> AsyncIterator[AsyncSession]:
    """A transaction as the service itself; committed only if the test says so."""
    url = context_of(application).database.url
    options = f"-c role={SERVICE_ROLE} -c timezone=UTC"
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool, connect_args={"options": options})
    async with AsyncSession(engine, expire_on_commit=False) as opened:
        yield of_service(opened)


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test") as opened:
        yield opened


@pytest.fixture
async def doors(application: FastAPI) -> AsyncIterator[Doors]:
    """Makes principals with keys, and clients that carry them."""
    async with Doors(application) as opened:
        yield opened


@pytest.fixture
async def admin(doors: Doors) -> httpx.AsyncClient:
    """An administrator's client."""
    return await doors.administrator()
