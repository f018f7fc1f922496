"""An application that can encrypt secrets, accounts, the audit trail, and the scenario of the proofs of access."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from app.core.clock import FixedClock
from app.core.encryption import new_key
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import Principals, UserView, context_of
from tests.factories.aemp import KEY, AempPolling, Maker, running_maker
from tests.factories.case_access import CaseAccess
from tests.factories.cases import Case, CaseAssets
from tests.factories.commands import Command, run_command_line
from tests.factories.constants import CHANGNING
from tests.factories.devices import make_feed
from tests.factories.people import People, with_cheap_hashes
from tests.factories.scenario import Scenario, scenario_on
from tests.factories.settings import changed, settings_for
from tests.factories.trail import Trail


@pytest.fixture(scope="session")
def secret_settings(urls: ClusterUrls) -> Settings:
    """Settings of an application that can encrypt secrets, on this worker's database."""
    return settings_for(urls.app_url, log={"level": "WARNING"}, encryption={"secret_keys": new_key()})


@pytest.fixture(scope="session")
async def secret_application(secret_settings: Settings, session_clock: FixedClock) -> AsyncIterator[FastAPI]:
    """Such an application, started once for the worker, with cheap password hashes."""
    started = with_cheap_hashes(create_app(secret_settings, session_clock))
    async with started.router.lifespan_context(started):
        yield started


@pytest.fixture
async def people(application: FastAPI, secret_application: FastAPI) -> AsyncIterator[People]:
    """Makes accounts, on a database without tenants; their application is not ``application``."""
    async with People(secret_application) as opened:
        yield opened


@pytest.fixture
def trail(application: FastAPI, urls: ClusterUrls) -> Trail:
    """The audit trail since the test began."""
    return Trail(urls.owner_url)


@pytest.fixture
def run_command(settings: Settings, urls: ClusterUrls, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command line on this worker's database."""
    monkeypatch.setenv("DATABASE_URL", settings.database.url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", urls.owner_url)
    return run_command_line


@pytest.fixture(scope="session")
async def scenario(template_urls: ClusterUrls, worker_id: str) -> AsyncIterator[Scenario]:
    """The scenario, made once for the worker: a test leaves it as it was."""
    async with scenario_on(template_urls, f"leasetrace_{worker_id}_scenario") as made:
        yield made


@pytest.fixture
def maker() -> Iterator[Maker]:
    """A maker's interface on this machine."""
    with running_maker() as running:
        yield running


@pytest.fixture
def other_maker() -> Iterator[Maker]:
    """Another one, at another origin."""
    with running_maker() as running:
        yield running


@pytest.fixture
async def polling_principals(
    application: FastAPI, settings: Settings, clock: FixedClock
) -> AsyncIterator[Principals]:
    """Principals of an application that can encrypt secrets and may call this machine."""
    polling = create_app(changed(settings, encryption={"secret_keys": KEY}, aemp={"allow_private": True}), clock)
    async with Principals(polling) as opened:
        yield opened
    await context_of(polling).database.close()


@pytest.fixture
async def polling(polling_principals: Principals) -> AempPolling:
    """That application, with a lessor and a feed."""
    application, owner = polling_principals.application, await polling_principals.lessor()
    return AempPolling(application, context_of(application), owner, await make_feed(owner, "makers"))


@pytest.fixture
async def case_access(case: Case, principals: Principals, clock: FixedClock, application: FastAPI) -> CaseAccess:
    """A case with one asset in Changning, those who may see it, and the ways in which that ends."""
    case_assets = CaseAssets(case)
    (asset_id,) = await case_assets.add(1)
    await case_assets.heard([asset_id], CHANGNING)
    return CaseAccess(case_assets, asset_id, principals, clock, UserView(application))
