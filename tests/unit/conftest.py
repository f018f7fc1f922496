"""Unit tests need no database: one that asks for it fails here, so that ``make unit`` starts no cluster."""

import pytest


@pytest.fixture(scope="session")
def template_urls() -> None:
    """Refuse the database."""
    pytest.fail("a test below tests/unit uses the database: its place is tests/integration")
