"""Whom the tests of the entrances post for; makers' interfaces and an application that polls them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import FixedClock
from app.core.settings import Settings
from app.main import create_app
from tests.conftest import context_of
from tests.integration.ingest.aemp_maker import Maker, running_maker
from tests.integration.ingest.aemp_support import KEY, Polling
from tests.integration.ingest.fleet import register_truck
from tests.support import Doors, Holder


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
async def polling_doors(application: FastAPI, settings: Settings, clock: FixedClock) -> AsyncIterator[Doors]:
    """Clients of an application that keeps secrets and may call this machine."""
    where = settings.model_copy(update={"secret_keys": SecretStr(KEY), "aemp_allow_private": True})
    keeping = create_app(where, clock)
    async with Doors(keeping) as opened:
        yield opened
    await context_of(keeping).database.close()


@pytest.fixture
async def polling(polling_doors: Doors) -> Polling:
    """That application, with a lessor and a feed."""
    lessor = await polling_doors.lessor()
    feed = await lessor.client.post("/v1/feeds", json={"name": "makers", "coord_system": "wgs84"})
    assert feed.status_code == 201, feed.text
    keeping = polling_doors._application
    return Polling(keeping, context_of(keeping), lessor, feed.json()["feed_id"])


@pytest.fixture
async def lessor(doors: Doors) -> Holder:
    """A lessor with one truck and a device on it since the beginning of the year."""
    holder = await doors.lessor()
    await register_truck(holder)
    return holder
