"""Fixtures of every test, and how pytest-xdist shares the work and the one database template."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from _pytest.nodeid import coerce_node_id
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.clock import FixedClock
from app.core.db.database import _ROLE, sqlalchemy_url
from app.core.db.roles import SERVICE_ROLE
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from app.worker.loop import JobContext
from tests.api import ApiUser, Principals, UserView, context_of, services
from tests.database import (
    AS_SERVICE,
    OwnerDatabase,
    TemplateServer,
    clone_of,
    delete_tenants,
    drop_template,
    make_template,
    template_from,
)
from tests.factories.cases import Case, CaseAssets, open_case
from tests.factories.constants import NOW
from tests.factories.devices import register_truck
from tests.factories.fleets import LessorFleet
from tests.factories.jobs import JobRunner
from tests.factories.settings import settings_for


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of pytest-xdist where it gets the one template."""
    if not hasattr(node.config, "leasetrace_template"):
        node.config.leasetrace_template = TemplateServer()
    node.workerinput["leasetrace_template"] = node.config.leasetrace_template.address


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give tests that share expensive fixtures to one worker; the others go one by one.

    Together go the fault tests (they break the service that they share), the tests of benchmarks (one service), each
    folder of unit tests (its layers and fleets are made once), and each module with a fixture of module scope.
    The marker ``xdist_group`` would say it, but xdist 3.8 sets it on a member that pytest 9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class SharedFixturesTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file.startswith(("tests/faults/", "tests/unit/", "tests/integration/benchmarks/")):
                return file.rpartition("/")[0]
            return file if _has_module_fixture(config.rootpath / file) else nodeid

    return SharedFixturesTogether(config, log)


@cache
def _has_module_fixture(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return 'scope="module"' in text or "module_urls" in text


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
    drop_template()


@pytest.fixture(scope="session")
def template_urls(request: pytest.FixtureRequest) -> ClusterUrls:
    """The migrated template with the boundaries: clone it, do not connect to it for long."""
    address = getattr(request.config, "workerinput", {}).get("leasetrace_template")
    return template_from(address) if address else make_template()


@pytest.fixture(scope="session")
def urls(template_urls: ClusterUrls, worker_id: str) -> Iterator[ClusterUrls]:
    """This worker's clone of the template, which ``application`` uses."""
    with clone_of(template_urls, f"leasetrace_{worker_id}") as cloned:
        yield cloned


@pytest.fixture
def own_urls(template_urls: ClusterUrls, worker_id: str) -> Iterator[ClusterUrls]:
    """A clone of the template for this test alone."""
    with clone_of(template_urls, f"leasetrace_{worker_id}_test") as cloned:
        yield cloned


@pytest.fixture(scope="module")
def module_urls(template_urls: ClusterUrls, worker_id: str, request: pytest.FixtureRequest) -> Iterator[ClusterUrls]:
    """A clone of the template for the tests of one module."""
    module = request.module.__name__.rpartition(".")[2]
    with clone_of(template_urls, f"leasetrace_{worker_id}_{module}") as cloned:
        yield cloned


@pytest.fixture(scope="session")
def settings(urls: ClusterUrls) -> Settings:
    """Settings of an application on this worker's database."""
    return settings_for(urls.app_url, log={"level": "WARNING"})


@pytest.fixture
def own_settings(own_urls: ClusterUrls) -> Settings:
    """Settings of an application on the database of this test alone."""
    return settings_for(own_urls.app_url, log={"level": "WARNING"})


@pytest.fixture(scope="session")
def session_clock() -> FixedClock:
    """The clock of the applications that run until the end of the session."""
    return FixedClock(NOW)


@pytest.fixture
def clock(session_clock: FixedClock) -> FixedClock:
    """The application's clock, set to noon of 2026-11-23 in Shanghai before each test."""
    session_clock.set(NOW)
    return session_clock


@pytest.fixture(scope="session")
async def session_application(settings: Settings, session_clock: FixedClock) -> AsyncIterator[FastAPI]:
    """The application, started once for the worker: its boundaries stay loaded between tests."""
    application = create_app(settings, session_clock)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def application(session_application: FastAPI, urls: ClusterUrls, clock: FixedClock) -> AsyncIterator[FastAPI]:
    """The application on a database without tenants; what the test writes is removed afterwards."""
    yield session_application
    await delete_tenants(urls.owner_url)


@pytest.fixture
async def session(application: FastAPI) -> AsyncIterator[AsyncSession]:
    """A transaction with the role of the service itself; committed only if the test does so."""
    url = context_of(application).database.url
    options = f"{AS_SERVICE} -c timezone=UTC"
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool, connect_args={"options": options})
    async with AsyncSession(engine, expire_on_commit=False) as opened:
        opened.info[_ROLE] = SERVICE_ROLE  # for ``as_service``: the connection has this role for good
        yield opened


@pytest.fixture
def owner_db(application: FastAPI, urls: ClusterUrls) -> Iterator[OwnerDatabase]:
    """The application's database as its owner."""
    opened = OwnerDatabase(urls.owner_url)
    yield opened
    opened.connection.close()


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test") as opened:
        yield opened


@pytest.fixture
async def principals(application: FastAPI) -> AsyncIterator[Principals]:
    """Makes principals with keys, and clients that send them."""
    async with Principals(application) as opened:
        yield opened


@pytest.fixture
async def admin(principals: Principals) -> httpx.AsyncClient:
    """An administrator's client."""
    return await principals.administrator()


@pytest.fixture
async def lessor(principals: Principals) -> ApiUser:
    """A lessor with one truck and a device on it since the beginning of the year."""
    made = await principals.lessor()
    await register_truck(made)
    return made


@pytest.fixture
async def fleet(principals: Principals) -> LessorFleet:
    """A lessor without assets, who registers them and posts pings."""
    return LessorFleet(await principals.lessor())


@pytest.fixture
async def case(principals: Principals, session: AsyncSession) -> Case:
    """A case of the court of Changning on the application of a lessor, without assets."""
    court, applicant = await principals.court(), await principals.lessor()
    return Case(session, court, applicant, await open_case(court, applicant))


@pytest.fixture
async def case_assets(case: Case) -> CaseAssets:
    """Brings assets into that case."""
    return CaseAssets(case)


@pytest.fixture
def user_view(application: FastAPI) -> UserView:
    """What a user sees of the application's database."""
    return UserView(application)


@pytest.fixture
def surroundings(application: FastAPI) -> JobContext:
    """What the worker's jobs work with."""
    kept = services(application)
    return JobContext(kept.context, kept.locators, kept.ingest)


@pytest.fixture
def run_job(surroundings: JobContext) -> JobRunner:
    """Runs a job by its name until no work is left for it."""
    return JobRunner(surroundings)
