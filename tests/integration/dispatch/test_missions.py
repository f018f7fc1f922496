"""Missions: a crew sees its stops and nothing else, not longer than its sender, and its access ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from app.access.domain import Role, Visibility
from app.core.errors import Conflict, InvalidInput, NotFound
from app.dispatch import missions
from app.localdb.cluster import ClusterUrls
from tests.api import NOTHING_VISIBLE, context_of
from tests.factories.case_access import END, MISSION, CaseAccess
from tests.factories.cases import entrust
from tests.factories.constants import CHANGNING, NOW


@pytest.mark.parametrize("how", ["close", "release", "period", "come_home"])
async def test_a_crew_sees_its_stop_just_before_the_end_and_not_just_after(case_access: CaseAccess, how: str) -> None:
    end: Callable[[], Awaitable[None]] = getattr(case_access, how)
    crew = await case_access.crew()
    if how == "period":
        case_access.clock.set(END - timedelta(microseconds=1))
    ids = (case_access.asset_id,)
    assert await case_access.sees(crew) == (200, 200, ids, ids)
    await end()
    assert await case_access.sees(crew) == (404, 404, (), ())


async def test_a_crew_sees_where_its_stops_are_and_no_case(case_access: CaseAccess) -> None:
    (other,) = await case_access.case_assets.add(1)
    await case_access.case_assets.heard([other], CHANGNING)
    crew, case_id = await case_access.crew(), case_access.case.case_id
    assert [await case_access.user_view.place(crew, case_id, a) for a in (case_access.asset_id, other)] == [200, 404]
    assert (await crew.client.get(f"/v1/assets/{case_access.asset_id}/position")).status_code == 403
    assert await case_access.user_view.place(crew, case_id + 1, case_access.asset_id) == 404
    window = {"case": str(case_id), "from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    track = await crew.client.get(f"/v1/assets/{case_access.asset_id}/track", params=window)
    assert len(track.json()["points"]) == 1
    for path, status in (
        (case_access.case.path, 403),
        (f"{case_access.case.path}/assets", 403),
        (f"{case_access.case.path}/measures", 403),
        (f"{case_access.case.path}/distribution", 404),
        (f"/v1/assets/{case_access.asset_id}/seizures", 403),
    ):
        assert (await crew.client.get(path)).status_code == status, path
    only = (case_access.asset_id,)
    assert await case_access.user_view.tables(crew, case_id) == NOTHING_VISIBLE | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position"), only
    )
    assert (await case_access.user_view.tables(crew))["ping"] == ()


async def test_who_sends_a_crew_gives_no_more_than_it_has(case_access: CaseAccess) -> None:
    dispatcher, crew = await case_access.dispatcher(), await case_access.principals.create(Role.CREW)
    with pytest.raises(NotFound):
        await case_access.send(dispatcher, crew, ends_at=END + timedelta(microseconds=1))
    with pytest.raises(NotFound):
        await case_access.send(await case_access.principals.dispatcher(), crew)
    with pytest.raises(NotFound):
        await case_access.send(await case_access.principals.court("沪0107"), crew)
    with pytest.raises(InvalidInput):
        await case_access.send(dispatcher, dispatcher)
    with pytest.raises(InvalidInput):
        await case_access.send(dispatcher, crew, ends_at=case_access.clock.now())
    assert (await case_access.sees(crew))[0] == 404
    await case_access.send(dispatcher, crew)
    assert (await case_access.sees(crew))[0] == 200
    await case_access.close()
    with pytest.raises(Conflict):
        await case_access.send(case_access.case.court, crew)


async def test_a_crew_sees_no_longer_than_who_sent_it(case_access: CaseAccess, urls: ClusterUrls) -> None:
    court, crew = await case_access.entrusted(), await case_access.principals.create(Role.CREW)
    await case_access.send(court, crew)
    ids = (case_access.asset_id,)
    assert await case_access.sees(crew) == (200, 200, ids, ids)
    await case_access.withdraw()
    assert await case_access.sees(crew) == (404, 404, (), ())
    with psycopg.connect(urls.owner_url) as connection:  # what was handed on was ended, and ...
        reopened = connection.execute(
            "UPDATE access_grant SET valid_until = %s WHERE ground = 'mission' AND valid_until < %s", (END, END)
        )
    assert reopened.rowcount == 1
    assert await case_access.sees(crew) == (404, 404, (), ()), "... counts no more by itself"
    await case_access.send(case_access.case.court, crew)
    assert (await case_access.sees(crew))[0] == 200, "sent by a court whose right still holds"


async def test_a_second_letter_keeps_the_crew_on_its_way(case_access: CaseAccess) -> None:
    court, crew = await case_access.entrusted(), await case_access.principals.create(Role.CREW)
    await entrust(case_access.case, court, ends_at=END.isoformat())
    await case_access.send(court, crew)
    await case_access.withdraw()
    assert (await case_access.sees(crew))[0] == 200


@pytest.mark.parametrize("how", ["close", "withdraw"])
async def test_nothing_is_granted_beside_an_ending(case_access: CaseAccess, how: str) -> None:
    """Whoever ends waits for whoever grants, and then ends that too."""
    sender = await case_access.entrusted() if how == "withdraw" else case_access.case.court
    crew = await case_access.principals.create(Role.CREW)
    visibility, sight = (
        Visibility(await case_access.user_view.principal(sender)),
        await case_access.user_view.sight(sender),
    )
    now, case_id, end = case_access.clock.now(), case_access.case.case_id, getattr(case_access, how)
    async with context_of(case_access.user_view.application).database.writing(sight) as session:
        await missions.grant_stops(
            session, visibility, case_id, crew.principal_id, [case_access.asset_id], MISSION, now, END, now
        )
        ending = asyncio.create_task(end())
        done, _ = await asyncio.wait({ending}, timeout=0.5)
        assert not done, "it does not wait"
    await ending
    case_access.clock.set(now + timedelta(seconds=1))
    assert await case_access.sees(crew) == (404, 404, (), ())


async def test_a_closed_case_shows_a_crew_nothing_whatever_grants_say(
    case_access: CaseAccess, urls: ClusterUrls
) -> None:
    crew = await case_access.crew()
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("UPDATE enforcement_case SET phase = 'closed', closed_on = '2026-11-23'")
    assert await case_access.user_view.tables(crew, case_access.case.case_id) == NOTHING_VISIBLE
    assert await case_access.user_view.tables(crew) == NOTHING_VISIBLE
