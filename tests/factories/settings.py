"""Settings of the tests: made for a database, changed for a test. The environment has no influence on them."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.core.settings import Settings

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
"""For tests that never connect."""


def settings_for(database_url: str = NO_DATABASE, **groups: Mapping[str, Any]) -> Settings:
    """Make settings: ``settings_for(url, writer={"rows": 5})``."""
    database = {"url": database_url, **groups.pop("database", {})}
    return Settings.model_validate({"database": database, **groups})


def changed(settings: Settings, **groups: Mapping[str, Any]) -> Settings:
    """Return settings with other values: ``changed(settings, writer={"rows": 5})``."""
    whole = {name: dict(getattr(settings, name)) for name in Settings.model_fields}
    return Settings.model_validate(whole | {name: whole[name] | dict(values) for name, values in groups.items()})


def change_during_test(monkeypatch: pytest.MonkeyPatch, settings: Settings, **groups: Mapping[str, Any]) -> None:
    """Change the settings of a running application until the test ends; what it copied at its start stays."""
    other = changed(settings, **groups)
    for name in groups:
        monkeypatch.setitem(vars(settings), name, getattr(other, name))
