"""Runs the worker's jobs."""

from app.worker.jobs import JOBS
from app.worker.loop import JobContext, Worker


class JobRunner:
    """Runs a job by its name until no work is left for it."""

    def __init__(self, surroundings: JobContext) -> None:
        self._worker = Worker(surroundings, JOBS)

    async def __call__(self, name: str) -> None:
        (job,) = (job for job in JOBS if job.name == name)
        while await self._worker.run_once(job):
            pass
