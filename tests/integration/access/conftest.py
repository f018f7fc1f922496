"""An application that can encrypt secrets, accounts, the audit trail, and the scenario of the proofs of access."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import FixedClock
from app.core.encryption import new_key
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.factories.commands import Command, run_command_line
from tests.factories.people import People, with_cheap_hashes
from tests.factories.scenario import Scenario, scenario_on
from tests.factories.trail import Trail


@pytest.fixture(scope="session")
def secret_settings(urls: ClusterUrls) -> Settings:
    """Settings of an application that can encrypt secrets, on this worker's database."""
    return Settings(database_url=SecretStr(urls.app_url), log_level="WARNING", secret_keys=SecretStr(new_key()))


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
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", urls.owner_url)
    return run_command_line


@pytest.fixture(scope="session")
async def scenario(template_urls: ClusterUrls, worker_id: str) -> AsyncIterator[Scenario]:
    """The scenario, made once for the worker: a test leaves it as it was."""
    async with scenario_on(template_urls, f"leasetrace_{worker_id}_scenario") as made:
        yield made
