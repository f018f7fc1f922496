"""A service as a process with a small fleet, for all tests of benchmarks that a worker runs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import pytest

from app.localdb.cluster import ClusterUrls
from benchmarks import environment as environments
from benchmarks.commands import _target
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.ingest import Target
from tests.database import clone_of

DEVICES: Final = 300


@pytest.fixture(scope="package")
def environment(template_urls: ClusterUrls, worker_id: str) -> Iterator[BenchmarkEnvironment]:
    """As ``benchmark_environment`` makes it, but on a clone of the suite's template."""
    with clone_of(template_urls, f"leasetrace_bench_{worker_id}") as urls, pytest.MonkeyPatch.context() as patch:

        def throwaway(*, durable: bool) -> AbstractContextManager[ClusterUrls]:
            assert durable, "what is measured waits for the disk"
            return nullcontext(urls)

        patch.setattr(environments, "throwaway", throwaway)
        with environments.benchmark_environment(DEVICES) as made:
            yield made


@pytest.fixture(scope="package")
def target(environment: BenchmarkEnvironment) -> Target:
    """What the benchmark of ingest measures."""
    return _target(environment)
