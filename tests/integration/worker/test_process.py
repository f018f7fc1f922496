"""The worker as a process of its own, and beside the service; never in the tests' application."""

import asyncio
import os
import signal
import subprocess
import sys
import time

from fastapi import FastAPI

from app.core.clock import FixedClock
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from app.worker.process import background_work
from tests.database import OwnerDatabase
from tests.factories.constants import NOW

NOTED = "INSERT INTO late_window (device_id, lessor_id, from_at, until_at) VALUES (1, 1, now(), now())"
WAITING = "SELECT count(*) FROM late_window"


def test_the_command_works_until_it_is_told_to_stop(owner_db: OwnerDatabase, urls: ClusterUrls) -> None:
    owner_db.execute(NOTED)
    environ = os.environ | {"DATABASE_URL": urls.app_url}
    with subprocess.Popen([sys.executable, "-m", "app.cli.main", "worker"], env=environ) as process:
        try:
            while owner_db.value(WAITING):
                assert process.poll() is None
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


async def test_the_service_works_too_where_it_is_told_to(
    application: FastAPI, owner_db: OwnerDatabase, settings: Settings
) -> None:
    owner_db.execute(NOTED)
    plain = create_app(settings, FixedClock(NOW))
    async with plain.router.lifespan_context(plain):
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("job-")]
    with_worker = create_app(settings, FixedClock(NOW), companion=background_work)
    async with with_worker.router.lifespan_context(with_worker):
        while owner_db.value(WAITING):  # noqa: ASYNC110 the event is in the database
            await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("job-")]
