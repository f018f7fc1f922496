"""A service as a process with a small fleet, for all tests of benchmarks that a worker runs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import pytest

from app.localdb.cluster import ClusterUrls
from benchmarks import stage as stages
from benchmarks.commands import _target
from benchmarks.ingest import Target
from benchmarks.stage import Stage
from tests.database import clone_of

DEVICES: Final = 300


@pytest.fixture(scope="package")
def stage(template_urls: ClusterUrls, worker_id: str) -> Iterator[Stage]:
    """What ``staged`` makes; only the cluster is not a throw-away one, but a clone of the suite's template."""
    with clone_of(template_urls, f"leasetrace_bench_{worker_id}") as urls, pytest.MonkeyPatch.context() as patch:

        def throwaway(*, durable: bool) -> AbstractContextManager[ClusterUrls]:
            assert durable, "what is measured waits for the disk"
            return nullcontext(urls)

        patch.setattr(stages, "throwaway", throwaway)
        with stages.staged(DEVICES) as made:
            yield made


@pytest.fixture(scope="package")
def target(stage: Stage) -> Target:
    """What the benchmark of ingest measures."""
    return _target(stage)
