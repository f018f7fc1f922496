"""What ``leasetrace demo`` starts and ``leasetrace stop`` ends: a real service, its clock at a given time."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.access.domain import Role
from app.cli.keys import make_key
from app.core.clock import FixedClock
from app.core.settings import Settings
from app.localdb import background_service
from tests.api import free_port

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # it is left to itself
def test_the_service_takes_the_given_time_for_the_present_until_it_is_stopped(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, path in (("LOCAL", tmp_path), ("_STATE", tmp_path / "service.json"), ("LOG", tmp_path / "service.log")):
        monkeypatch.setattr(background_service, name, path)
    environ = {**os.environ, "DATABASE_URL": own_settings.database.url.get_secret_value()}
    address = background_service.start(environ, free_port(), ("--now", MOMENT.isoformat()))
    try:
        key = asyncio.run(make_key(own_settings, FixedClock(MOMENT), Role.PLATFORM_ADMINISTRATOR, name="demo"))
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key.text}"}) as client:
            made = client.post("/v1/lessors", json={"code": "l", "name": "l"})
        assert made.status_code == 201, made.text
        assert datetime.fromisoformat(made.json()["created_at"]) == MOMENT
    finally:
        assert background_service.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/livez")
    assert not background_service.stop()
