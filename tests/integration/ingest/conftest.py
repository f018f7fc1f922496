"""Makers' interfaces, and an application that polls them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import FixedClock
from app.core.settings import Settings
from app.main import create_app
from tests.api import Principals, context_of
from tests.factories.aemp import KEY, AempPolling, Maker, running_maker
from tests.factories.devices import make_feed


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
    polling = create_app(
        settings.model_copy(update={"secret_keys": SecretStr(KEY), "aemp_allow_private": True}), clock
    )
    async with Principals(polling) as opened:
        yield opened
    await context_of(polling).database.close()


@pytest.fixture
async def polling(polling_principals: Principals) -> AempPolling:
    """That application, with a lessor and a feed."""
    application, owner = polling_principals.application, await polling_principals.lessor()
    return AempPolling(application, context_of(application), owner, await make_feed(owner, "makers"))
