"""The application with a key to keep secrets with, and people; the trail since a test began."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.cli.cluster import ClusterUrls
from app.core.clock import FixedClock
from app.core.sealing import new_key
from app.core.settings import Settings
from app.main import create_app
from tests.integration.access.people_support import People, with_cheap_hashes
from tests.integration.access.trail_support import Trail
from tests.integration.clusters.conftest import fleet
from tests.integration.enforcement.conftest import matter

__all__ = ["fleet", "matter"]


@pytest.fixture(scope="session")
def sealing_settings(urls: ClusterUrls) -> Settings:
    """Settings of an application that can keep secrets, on this worker's database."""
    return Settings(database_url=SecretStr(urls.app_url), log_level="WARNING", secret_keys=SecretStr(new_key()))


@pytest.fixture(scope="session")
async def sealing(sealing_settings: Settings, standing_clock: FixedClock) -> AsyncIterator[FastAPI]:
    """Such an application, started once for the worker, with hashes that cost little."""
    started = with_cheap_hashes(create_app(sealing_settings, standing_clock))
    async with started.router.lifespan_context(started):
        yield started


@pytest.fixture
async def people(application: FastAPI, sealing: FastAPI) -> AsyncIterator[People]:
    """Makes accounts, on a database without tenants; their application is another than that of ``application``."""
    async with People(sealing) as opened:
        yield opened


@pytest.fixture
def trail(application: FastAPI, urls: ClusterUrls) -> Trail:
    """The trail since the test began."""
    return Trail(urls.owner_url)
