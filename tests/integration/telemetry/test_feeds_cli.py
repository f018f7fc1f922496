"""Feeds on the command line."""

import asyncio
import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.cli.feeds import length, percent, print_quality
from app.cli.main import cli
from app.cli.service_session import moment
from app.localdb.cluster import ClusterUrls
from app.telemetry.feeds.schemas import FeedQualityOut
from tests.api import Principals
from tests.factories.constants import NOW
from tests.factories.devices import make_feed, register_truck
from tests.factories.pings import ping


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0.4 s"),
        (59, "59 s"),
        (240, "4 min"),
        (5400, "1.5 h"),
        (86_400, "1 d"),
        (1e8, "1,157.4 d"),
        (-240, "-4 min"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert length(seconds) == words


def test_shares_are_percent_and_times_are_those_of_shanghai() -> None:
    assert (percent(0.0321), percent(0), percent(None)) == ("3.2 %", "0.0 %", "–")
    assert (moment(NOW), moment(None)) == ("2026-11-23 12:00", "–")


async def run(*words: str) -> str:
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["feeds", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


async def test_a_feed_is_made_listed_and_shown(
    urls: ClusterUrls, principals: Principals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", urls.app_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", urls.owner_url)
    written = io.StringIO()
    monkeypatch.setattr("app.cli.feeds.console", Console(file=written, width=118))
    lessor = await principals.lessor()
    await register_truck(lessor)
    feed_id = await make_feed(lessor, "[/gate]")
    await (await principals.lessor(feed_id=feed_id)).client.post("/v1/pings", json=[ping(4), ping(4)])
    await run("create", "second", "--lessor", "yuanhai", "--datum", "gcj02")
    await run("list")
    await run("list", "--lessor", "yuanhai")
    await run("quality", str(feed_id), "--days", "31")
    told = written.getvalue()
    assert "feed " in told.splitlines()[0]
    assert told.count("[/gate]") == 3
    assert told.count("gcj02") == 2
    assert "2026-11-23 12:00" in told
    assert "devices silent for longer than 1 d" in told


async def test_a_page_of_quality_tells_everything(principals: Principals) -> None:
    lessor = await principals.lessor()
    await register_truck(lessor)
    feed_id = await make_feed(lessor)
    gateway = await principals.lessor(feed_id=feed_id)
    await gateway.client.post("/v1/pings", json=[ping(4), ping(4), ping(4, device_id="nobody"), ping(2, at=(0, 0))])
    found = (await lessor.client.get(f"/v1/feeds/{feed_id}/quality")).json()
    found["silent_devices"] = {
        "count": 1,
        "silent_after": "PT1H",
        "devices": [
            {
                "device_id": 1,
                "identifier": "860123456789012",
                "asset_id": 1,
                "fixed_at": NOW,
                "received_at": NOW,
                "silent_s": 7200,
            }
        ],
    }
    page = io.StringIO()
    print_quality(Console(file=page, width=118), FeedQualityOut.model_validate(found))
    told = page.getvalue()
    for words in (
        "is live",
        "25.0 %",
        "null_island",
        "50.0 %",
        "3 min on average, 4 min at most",
        "2 h",
        "1 devices",
    ):
        assert words in told, told
