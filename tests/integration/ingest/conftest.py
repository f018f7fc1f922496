"""Whom the tests of the entrances post for."""

import pytest

from tests.integration.ingest.fleet import register_truck
from tests.support import Doors, Holder


@pytest.fixture
async def lessor(doors: Doors) -> Holder:
    """A lessor with one truck and a device on it since the beginning of the year."""
    holder = await doors.lessor()
    await register_truck(holder)
    return holder
