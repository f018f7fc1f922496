"""The jobs of the worker, one list: to add one, write what it does in the room that owns the data, and name it here."""

from datetime import datetime, timedelta
from typing import Final

from app.telemetry import partitions
from app.worker.alone import alone
from app.worker.loop import Job, Surroundings

_NAME: Final = "leasetrace worker"
_SECONDS: Final = 120


async def _partitions(around: Surroundings, now: datetime) -> bool:
    async with around.core.database.direct(_NAME, statement_timeout_s=_SECONDS) as connection:
        async with alone(connection, "partitions") as mine:
            if mine:
                await partitions.ensure(connection, now)
    return False


JOBS: Final = (Job("partitions", timedelta(minutes=10), _partitions),)
"""Every job that a worker runs."""
