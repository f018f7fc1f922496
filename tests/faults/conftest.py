"""One durable cluster with a service and posting clients for all fault tests; one worker runs them all."""

from collections.abc import Iterator

import pytest

from benchmarks.torture.setup import TortureSetup, torture_setup
from tests.factories.faults import archive_settings


@pytest.fixture(scope="session")
def up() -> Iterator[TortureSetup]:
    """Everything up, four clients posting until the end of the session, continuous archiving as documented."""
    with torture_setup(4, pause_s=0.15, stall_s=3, settings=archive_settings()) as made:
        yield made
