"""The same again changes nothing: neither pings nor what follows from them; and what only a review found."""

import asyncio
from datetime import date, timedelta
from typing import Any

import psycopg
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.core.clock import FixedClock
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, first_position
from tests.factories.constants import CHANGNING, NOW, URUMQI
from tests.factories.devices import register_truck
from tests.factories.pings import ping

DAY = 24 * 60


async def post(lessor: ApiUser, *rows: dict[str, Any]) -> dict[str, Any]:
    answer = await lessor.client.post("/v1/pings", json=list(rows))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def days(urls: ClusterUrls) -> list[tuple[date, int]]:
    with psycopg.connect(urls.owner_url) as connection:
        return connection.execute("SELECT day, lon_e7 FROM daily_position ORDER BY asset_id, day").fetchall()


async def test_a_blocked_fix_that_is_sent_again_does_not_become_the_last_of_its_day(
    lessor: ApiUser, urls: ClusterUrls
) -> None:
    yesterday = ping(DAY, CHANGNING), ping(DAY - 10, URUMQI)
    await post(lessor, *yesterday)
    await post(lessor, ping(5))
    before = days(urls)
    assert before == [(date(2026, 11, 22), round(CHANGNING[0] * 1e7))]
    again = await post(lessor, *yesterday)
    assert again["duplicates"] == 2
    assert days(urls) == before


async def test_a_fix_that_was_stored_as_future_does_not_become_the_position_when_it_is_sent_again(
    lessor: ApiUser, clock: FixedClock
) -> None:
    await post(lessor, ping(5))
    ahead = ping(-15)
    assert (await post(lessor, ahead))["results"][0]["code"] == "future_fix"
    clock.set(NOW + timedelta(minutes=6))
    assert (await post(lessor, ahead))["duplicates"] == 1
    assert (await first_position(lessor))["fixed_at"].startswith("2026-11-23T03:55")
    assert (await post(lessor, ping(4)))["stored"] == 1
    assert (await first_position(lessor))["fixed_at"].startswith("2026-11-23T03:56")


async def test_contradicting_positions_sent_again_in_another_order_are_duplicates_too(
    lessor: ApiUser, urls: ClusterUrls
) -> None:
    one, other = ping(5), ping(5, (121.5, 31.3))
    await post(lessor, one)
    assert (await post(lessor, other))["results"][0]["code"] == "conflict"
    for order in ((one, other), (other, one)):
        receipt = await post(lessor, *order)
        assert (receipt["stored"], receipt["duplicates"]) == (0, 2)
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM ping").fetchone() == (2,)


async def test_a_device_that_comes_back_to_an_asset_within_a_day_is_stored_whole(
    lessor: ApiUser, urls: ClusterUrls
) -> None:
    spare = await lessor.client.post(
        "/v1/assets",
        json={"asset_type": "vehicle", "kind": "heavy_truck", "plate_no": "沪A54321", "lease_contract_no": "L-2"},
    )
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("DELETE FROM device_binding RETURNING device_id, asset_id").fetchone()
        assert row is not None
        device_id, first = row
        for asset_id, since, until in (
            (first, DAY + 235, DAY + 225),
            (spare.json()["asset_id"], DAY + 225, DAY + 215),
            (first, DAY + 215, None),
        ):
            ends = None if until is None else NOW - timedelta(minutes=until)
            connection.execute(
                "INSERT INTO device_binding (lessor_id, device_id, asset_id, bound_from, bound_until)"
                " VALUES (%s, %s, %s, %s, %s)",
                (lessor.subject_id, device_id, asset_id, NOW - timedelta(minutes=since), ends),
            )
    receipt = await post(lessor, *[ping(DAY + m) for m in (230, 220, 210)], ping(5))
    assert receipt["stored"] == 4
    assert [day for day, _ in days(urls)] == [date(2026, 11, 22)] * 2


async def test_groups_of_the_same_device_at_once_are_all_stored_and_the_newest_is_the_position(
    application: FastAPI, lessor: ApiUser
) -> None:
    receipts = await asyncio.gather(*(post(lessor, ping(120 - minute / 10)) for minute in range(300)))
    assert sum(receipt["stored"] for receipt in receipts) == 300
    assert (await first_position(lessor))["age_s"] == round((120 - 29.9) * 60)


async def test_a_position_that_somebody_put_back_costs_neither_its_group_nor_the_doubted_fixes_in_it(
    lessor: ApiUser, urls: ClusterUrls
) -> None:
    await register_truck(lessor, "second", "沪A54321")
    await post(lessor, ping(30), ping(30, device_id="second"))
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute(
            "UPDATE current_position SET fixed_at = fixed_at - interval '1 hour'"
            " WHERE device_id = (SELECT min(device_id) FROM current_position)"
        )
    with capture_logs() as logged:
        receipt = await post(lessor, ping(5), ping(5, URUMQI, device_id="second"))
    assert "group_split" not in {line["event"] for line in logged}  # not taken for poisoned
    assert (receipt["stored"], receipt["rejected"]) == (2, 0)
    assert [row["code"] for row in receipt["results"]] == ["jump"]
    assert (await first_position(lessor))["age_s"] == 300
