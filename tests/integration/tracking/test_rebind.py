"""Pings follow the bindings of their device, whenever those are made, ended or deleted."""

from datetime import datetime, timedelta

import pytest

from app.telemetry.domain import Doubt
from app.tracking.history import rebind, rejudge
from tests.api import Principals
from tests.database import OwnerDatabase
from tests.factories.constants import BEIJING, CHANGNING, DAY, NOW, PUDONG
from tests.factories.fleets import LessorFleet, assert_positions_match_pings
from tests.factories.jobs import JobRunner

LONG_AGO = NOW - timedelta(days=300)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


async def end(fleet: LessorFleet, binding_id: int, at: datetime | None) -> None:
    body = {"bound_until": at.isoformat() if at else None}
    answer = await fleet.lessor.client.patch(f"/v1/device-bindings/{binding_id}", json=body)
    assert answer.status_code == 200, answer.text


async def unbind(fleet: LessorFleet, binding_id: int) -> None:
    assert (await fleet.lessor.client.delete(f"/v1/device-bindings/{binding_id}")).status_code == 204


def attributed(owner_db: OwnerDatabase) -> list[tuple[int, int | None, bool]]:
    """Minutes before now, asset, and whether the ping says that its device was on none."""
    rows = owner_db.rows("SELECT fixed_at, asset_id, doubts FROM ping ORDER BY fixed_at")
    return [
        (round((NOW - r["fixed_at"]) / timedelta(minutes=1)), r["asset_id"], bool(r["doubts"] & Doubt.UNBOUND))
        for r in rows
    ]


def nothing_waits(owner_db: OwnerDatabase) -> bool:
    return not owner_db.rows("SELECT FROM binding_change")


async def test_a_binding_made_after_its_pings_gives_the_asset_its_position(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    await fleet.post(("d", 3 * DAY, CHANGNING), ("d", 60, PUDONG), ("d", 10, CHANGNING))
    assert await fleet.place(truck) is None
    await fleet.bind("d", truck, ago(2 * DAY))
    await run_job("reattribution")
    assert attributed(owner_db) == [(3 * DAY, None, True), (60, truck, False), (10, truck, False)]
    assert await fleet.place(truck) == (CHANGNING, 10)
    assert nothing_waits(owner_db)
    assert_positions_match_pings(owner_db)
    await fleet.post(("d", 5, PUDONG))
    assert await fleet.place(truck) == (PUDONG, 5)


async def test_a_binding_cut_short_gives_the_position_back(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    binding = await fleet.bind("d", truck, LONG_AGO)
    await fleet.post(
        *(("d", n * DAY + 1, CHANGNING) for n in range(40, 1, -1)), ("d", 100, PUDONG), ("d", 10, PUDONG)
    )
    await end(fleet, binding, ago(DAY * 15))
    await run_job("reattribution")
    assert await fleet.place(truck) == (CHANGNING, 15 * DAY + 1)
    assert sum(unbound for _, _, unbound in attributed(owner_db)) == 15
    assert_positions_match_pings(owner_db)
    await end(fleet, binding, None)
    await run_job("reattribution")
    assert await fleet.place(truck) == (PUDONG, 10)
    assert sum(unbound for _, _, unbound in attributed(owner_db)) == 0
    assert_positions_match_pings(owner_db)


async def test_a_binding_taken_back_leaves_nothing(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    binding = await fleet.bind("d", truck, LONG_AGO)
    await fleet.post(*(("d", n * DAY, CHANGNING) for n in range(30, 0, -1)))
    await unbind(fleet, binding)
    await run_job("reattribution")
    assert await fleet.place(truck) is None
    assert owner_db.rows("SELECT FROM daily_position") == []
    assert all(asset is None and unbound for _, asset, unbound in attributed(owner_db))
    assert nothing_waits(owner_db)


async def test_two_devices_change_places(fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase) -> None:
    first, second = await fleet.asset(), await fleet.asset()
    await fleet.device("a")
    await fleet.device("b")
    on_first = await fleet.bind("a", first, LONG_AGO)
    on_second = await fleet.bind("b", second, LONG_AGO)
    for minutes in (2 * DAY, DAY, 60, 10):
        await fleet.post(("a", minutes, CHANGNING), ("b", minutes, BEIJING))
    changed = ago(1.5 * DAY)
    await end(fleet, on_first, changed)
    await end(fleet, on_second, changed)
    await fleet.bind("a", second, changed)
    await fleet.bind("b", first, changed)
    await fleet.post(("a", 5, CHANGNING), ("b", 5, BEIJING))  # already on the other asset, before the worker comes
    await run_job("reattribution")
    assert await fleet.place(first) == (BEIJING, 5)
    assert await fleet.place(second) == (CHANGNING, 5)
    kept = owner_db.rows("SELECT asset_id, device_id, fixed_at FROM current_position ORDER BY fixed_at, asset_id")
    assert [(r["asset_id"], r["device_id"]) for r in kept] == [
        (first, fleet.devices["a"]),
        (second, fleet.devices["b"]),
        (first, fleet.devices["b"]),
        (second, fleet.devices["a"]),
    ]
    assert_positions_match_pings(owner_db)
    await fleet.post(("a", 1, PUDONG), ("b", 1, BEIJING))
    assert await fleet.place(second) == (PUDONG, 1)


async def test_contradicting_pings_follow_too(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    await fleet.post(("d", 10, CHANGNING), ("d", 10, BEIJING))
    await fleet.bind("d", truck, LONG_AGO)
    await run_job("reattribution")
    assert [(r["asset_id"]) for r in owner_db.rows("SELECT asset_id FROM ping")] == [truck, truck]


async def test_history_is_judged_by_the_asset_that_the_device_is_on_now(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    """A device that was taken from one machine to another far away did not leap."""
    first, second = await fleet.asset(), await fleet.asset()
    await fleet.device("d")
    binding = await fleet.bind("d", first, LONG_AGO)
    await fleet.post(("d", 1000, CHANGNING), ("d", 10, CHANGNING))
    await fleet.post(("d", 900, BEIJING))
    await run_job("late_data")
    assert owner_db.value("SELECT count(*) FROM later_doubt") == 1
    await unbind(fleet, binding)
    await fleet.bind("d", first, LONG_AGO, ago(950))
    await fleet.bind("d", second, ago(950), ago(850))
    await fleet.bind("d", first, ago(850))
    await run_job("reattribution")
    assert owner_db.value("SELECT count(*) FROM later_doubt") == 0
    assert await fleet.place(second) == (BEIJING, 900)
    assert await fleet.place(first) == (CHANGNING, 10)
    assert_positions_match_pings(owner_db)


async def test_killed_in_the_middle_it_goes_on_where_it_was(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    await fleet.post(*(("d", n * DAY, CHANGNING) for n in range(45, 0, -1)))
    await fleet.bind("d", truck, LONG_AGO)
    rebuild, times = rejudge.rebuild, [0]

    async def dies(*arguments: object) -> object:
        times[0] += 1
        if times[0] == 3:
            raise KeyboardInterrupt
        return await rebuild(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rebind, "rebuild", dies)
    with pytest.raises(KeyboardInterrupt):
        await run_job("reattribution")
    assert sum(asset is not None for _, asset, _ in attributed(owner_db)) == 22
    assert await fleet.place(truck) == (CHANGNING, DAY)  # the newest days are done first
    monkeypatch.setattr(rebind, "rebuild", rebuild)
    await run_job("reattribution")
    assert {asset for _, asset, _ in attributed(owner_db)} == {truck}
    assert nothing_waits(owner_db)
    assert_positions_match_pings(owner_db)


async def test_a_position_whose_pings_are_gone_follows_its_binding_too(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    binding = await fleet.bind("d", truck, LONG_AGO)
    await fleet.post(("d", 2 * DAY, CHANGNING), ("d", 10, CHANGNING))
    owner_db.execute("DELETE FROM ping")
    await run_job("reattribution")
    assert await fleet.place(truck) == (CHANGNING, 10)
    await end(fleet, binding, ago(DAY))
    await run_job("reattribution")
    assert await fleet.place(truck) == (CHANGNING, 2 * DAY)
    await unbind(fleet, binding)
    await run_job("reattribution")
    assert await fleet.place(truck) is None
    assert owner_db.rows("SELECT FROM daily_position") == []


async def test_no_path_forgets_to_note_a_change(fleet: LessorFleet, owner_db: OwnerDatabase) -> None:
    truck = await fleet.asset()
    device_id = await fleet.device("d")
    binding = await fleet.bind("d", truck, LONG_AGO)

    def noted() -> list[tuple[datetime, str]]:
        rows = owner_db.rows("DELETE FROM binding_change RETURNING from_at, until_at::text AS until")
        return sorted((r["from_at"], r["until"]) for r in rows)

    assert noted() == [(LONG_AGO, "infinity")]
    await end(fleet, binding, ago(60))
    assert [begins for begins, _ in noted()] == [ago(60)]
    await end(fleet, binding, ago(90))
    assert [begins for begins, _ in noted()] == [ago(90)]
    owner_db.execute("UPDATE device_binding SET bound_until = bound_until")
    assert noted() == []
    owner_db.execute("UPDATE device_binding SET bound_from = bound_from + interval '1 day'")
    assert [begins for begins, _ in noted()] == [LONG_AGO, LONG_AGO + timedelta(days=1)]
    owner_db.execute("DELETE FROM device_binding WHERE device_id = %s", device_id)
    assert len(noted()) == 1


async def test_trackers_that_never_sent_anything_are_nothing_to_do(
    fleet: LessorFleet, run_job: JobRunner, owner_db: OwnerDatabase
) -> None:
    for n in range(3):
        await fleet.truck(f"d{n}")
    assert owner_db.value("SELECT count(*) FROM binding_change") == 3
    await run_job("reattribution")
    assert nothing_waits(owner_db)


async def test_only_whose_it_is_takes_a_binding_back(fleet: LessorFleet, principals: Principals) -> None:
    truck = await fleet.asset()
    await fleet.device("d")
    binding = await fleet.bind("d", truck, LONG_AGO)
    path = f"/v1/device-bindings/{binding}"
    assert (await (await principals.lessor("beishan")).client.delete(path)).status_code == 404
    assert (await (await principals.court()).client.delete(path)).status_code == 403
    assert (await (await principals.administrator()).delete(path)).status_code == 204
    assert (await fleet.lessor.client.delete(path)).status_code == 404
