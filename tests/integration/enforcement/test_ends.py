"""Access ends by itself: for each who was let in and each way that it ends, a look just before and one just after.

Both over HTTP and in the tables with row-level security alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from fastapi import FastAPI

from app.access.domain import Role, Visibility
from app.cli.cluster import ClusterUrls
from app.core.clock import FixedClock
from app.core.errors import Conflict, InvalidInput, NotFound
from app.enforcement import lending
from tests.conftest import NOW, context_of
from tests.integration.clusters.conftest import CHANGNING, Fleet
from tests.integration.enforcement.conftest import Matter
from tests.integration.enforcement.test_entrustments import entrust
from tests.integration.eyes import NOTHING, Eyes
from tests.support import Doors, Holder

END = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MISSION = 41


@dataclass(frozen=True, slots=True)
class Play:
    """A case with one asset that stands somewhere, and those who look at it."""

    fleet: Fleet
    asset_id: int
    doors: Doors
    clock: FixedClock
    eyes: Eyes

    @property
    def matter(self) -> Matter:
        return self.fleet.matter

    async def officer(self) -> Holder:
        return self.matter.court

    async def entrusted(self) -> Holder:
        court = await self.doors.court("苏0583")
        await entrust(self.matter, court, ends_at=END.isoformat())
        return court

    async def dispatcher(self) -> Holder:
        dispatcher = await self.doors.dispatcher()
        window = {"dispatcher_id": dispatcher.principal_id, "ends_at": END.isoformat()}
        answer = await self.matter.court.client.post(f"{self.matter.path}/assignments", json=window)
        assert answer.status_code == 201
        return dispatcher

    async def crew(self) -> Holder:
        crew = await self.doors.holder(Role.CREW)
        await self.send(self.matter.court, crew)
        return crew

    async def send(self, sender: Holder, crew: Holder, *, ends_at: datetime = END) -> None:
        visibility = Visibility(await self.eyes.principal(sender))
        sight, stops, now = await self.eyes.sight(sender), [self.asset_id], self.clock.now()
        async with context_of(self.eyes.application).database.writing(sight) as session:
            await lending.grant_stops(
                session,
                visibility,
                self.matter.case_id,
                crew.principal_id,
                stops,
                MISSION,
                self.clock.now(),
                ends_at,
                now,
            )

    async def close(self) -> None:
        answer = await self.matter.court.client.patch(self.matter.path, json={"phase": "closed"})
        assert answer.status_code == 200

    async def release(self) -> None:
        for measure in (await self.matter.court.client.get(f"{self.matter.path}/measures")).json()["items"]:
            lifted = {"released_on": "2026-11-23"}
            answer = await self.matter.court.client.patch(f"/v1/measures/{measure['measure_id']}", json=lifted)
            assert answer.status_code == 200

    async def withdraw(self) -> None:
        given = (await self.matter.court.client.get(f"{self.matter.path}/entrustments")).json()["items"][0]
        answer = await self.matter.court.client.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")
        assert answer.status_code == 200

    async def come_home(self) -> None:
        sight = await self.eyes.sight(self.matter.court)
        async with context_of(self.eyes.application).database.writing(sight) as session:
            await lending.end_stops(session, self.matter.case_id, MISSION, self.clock.now())

    async def period(self) -> None:
        self.clock.set(END)

    async def sees(self, holder: Holder) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
        """Return what asking for the place and the asset answers, and the assets of two tables as they are."""
        tables = await self.eyes.tables(holder, self.matter.case_id)
        asset = await holder.client.get(f"/v1/assets/{self.asset_id}")
        place = await self.eyes.place(holder, self.matter.case_id, self.asset_id)
        return place, asset.status_code, tables["ping"], tables["current_position"]


@pytest.fixture
async def play(matter: Matter, doors: Doors, clock: FixedClock, application: FastAPI) -> Play:
    fleet = Fleet(matter)
    (asset_id,) = await fleet.add(1)
    await fleet.heard([asset_id], CHANGNING)
    return Play(fleet, asset_id, doors, clock, Eyes(application))


WAYS: dict[str, tuple[str, ...]] = {
    "officer": ("close", "release"),
    "entrusted": ("close", "release", "period", "withdraw"),
    "dispatcher": ("close", "release", "period"),
    "crew": ("close", "release", "period", "come_home"),
}


@pytest.mark.parametrize(("who", "how"), [(who, how) for who, ways in WAYS.items() for how in ways])
async def test_a_look_just_before_is_answered_and_just_after_is_not(play: Play, who: str, how: str) -> None:
    enter: Callable[[], Awaitable[Holder]] = getattr(play, who)
    end: Callable[[], Awaitable[None]] = getattr(play, how)
    holder = await enter()
    if how == "period":
        play.clock.set(END - timedelta(microseconds=1))
    ids = (play.asset_id,)
    assert await play.sees(holder) == (200, 200, ids, ids)
    await end()
    assert await play.sees(holder) == (404, 404, (), ())
    if who in {"entrusted", "dispatcher"} and how != "release":
        assert (await holder.client.get(play.matter.path)).status_code == 404
        assert await play.eyes.tables(holder) == NOTHING


async def test_a_crew_sees_where_its_stops_are_and_no_case(play: Play) -> None:
    (other,) = await play.fleet.add(1)
    await play.fleet.heard([other], CHANGNING)
    crew, case_id = await play.crew(), play.matter.case_id
    assert [await play.eyes.place(crew, case_id, a) for a in (play.asset_id, other)] == [200, 404]
    assert (await crew.client.get(f"/v1/assets/{play.asset_id}/position")).status_code == 403
    assert await play.eyes.place(crew, case_id + 1, play.asset_id) == 404
    window = {"case": str(case_id), "from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    track = await crew.client.get(f"/v1/assets/{play.asset_id}/track", params=window)
    assert len(track.json()["points"]) == 1
    for path, status in (
        (play.matter.path, 403),
        (f"{play.matter.path}/assets", 403),
        (f"{play.matter.path}/measures", 403),
        (f"{play.matter.path}/distribution", 404),
        (f"/v1/assets/{play.asset_id}/seizures", 403),
    ):
        assert (await crew.client.get(path)).status_code == status, path
    only = (play.asset_id,)
    assert await play.eyes.tables(crew, case_id) == NOTHING | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position"), only
    )
    assert (await play.eyes.tables(crew))["ping"] == ()


async def test_who_sends_a_crew_gives_no_more_than_it_has(play: Play) -> None:
    dispatcher, crew = await play.dispatcher(), await play.doors.holder(Role.CREW)
    with pytest.raises(NotFound):
        await play.send(dispatcher, crew, ends_at=END + timedelta(microseconds=1))
    with pytest.raises(NotFound):
        await play.send(await play.doors.dispatcher(), crew)
    with pytest.raises(NotFound):
        await play.send(await play.doors.court("沪0107"), crew)
    with pytest.raises(InvalidInput):
        await play.send(dispatcher, dispatcher)
    with pytest.raises(InvalidInput):
        await play.send(dispatcher, crew, ends_at=play.clock.now())
    assert (await play.sees(crew))[0] == 404
    await play.send(dispatcher, crew)
    assert (await play.sees(crew))[0] == 200
    await play.close()
    with pytest.raises(Conflict):
        await play.send(play.matter.court, crew)


async def test_a_crew_sees_no_longer_than_who_sent_it(play: Play, urls: ClusterUrls) -> None:
    court, crew = await play.entrusted(), await play.doors.holder(Role.CREW)
    await play.send(court, crew)
    ids = (play.asset_id,)
    assert await play.sees(crew) == (200, 200, ids, ids)
    await play.withdraw()
    assert await play.sees(crew) == (404, 404, (), ())
    with psycopg.connect(urls.owner_url) as connection:  # what was handed on was ended, and ...
        reopened = connection.execute(
            "UPDATE access_grant SET valid_until = %s WHERE ground = 'mission' AND valid_until < %s", (END, END)
        )
    assert reopened.rowcount == 1
    assert await play.sees(crew) == (404, 404, (), ()), "... counts no more by itself"
    await play.send(play.matter.court, crew)
    assert (await play.sees(crew))[0] == 200, "sent by a court whose right still holds"


async def test_a_second_letter_keeps_the_crew_on_its_way(play: Play) -> None:
    court, crew = await play.entrusted(), await play.doors.holder(Role.CREW)
    await entrust(play.matter, court, ends_at=END.isoformat())
    await play.send(court, crew)
    await play.withdraw()
    assert (await play.sees(crew))[0] == 200


@pytest.mark.parametrize("how", ["close", "withdraw"])
async def test_nothing_is_granted_beside_an_ending(play: Play, how: str) -> None:
    """Whoever ends waits for whoever grants, and then ends that too."""
    sender = await play.entrusted() if how == "withdraw" else play.matter.court
    crew = await play.doors.holder(Role.CREW)
    visibility, sight = Visibility(await play.eyes.principal(sender)), await play.eyes.sight(sender)
    now, case_id, end = play.clock.now(), play.matter.case_id, getattr(play, how)
    async with context_of(play.eyes.application).database.writing(sight) as session:
        await lending.grant_stops(
            session, visibility, case_id, crew.principal_id, [play.asset_id], MISSION, now, END, now
        )
        ending = asyncio.create_task(end())
        done, _ = await asyncio.wait({ending}, timeout=0.5)
        assert not done, "it does not wait"
    await ending
    play.clock.set(now + timedelta(seconds=1))
    assert await play.sees(crew) == (404, 404, (), ())


async def test_a_closed_case_shows_nothing_whatever_grants_say(play: Play, urls: ClusterUrls) -> None:
    holders = [await play.entrusted(), await play.dispatcher(), await play.crew(), play.matter.court]
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("UPDATE enforcement_case SET phase = 'closed', closed_on = '2026-11-23'")
    for holder in holders:
        tables = await play.eyes.tables(holder, play.matter.case_id)
        assert (tables["ping"], tables["current_position"]) == ((), ())
        known = (play.asset_id,) if holder is play.matter.court else ()
        assert (tables["asset"], (await play.eyes.tables(holder))["asset"]) == (known, known)


async def test_one_case_opens_nothing_for_another(play: Play) -> None:
    """The purpose is the case that is named: what another case opens is not answered for it."""
    court = await play.entrusted()
    (own,) = await play.matter.assets(1, first=50)
    mine = Matter(
        play.matter.session,
        court,
        play.matter.lessor,
        (
            await court.client.post(
                "/v1/cases",
                json={
                    "case_number": "(2026)苏0583执9号",
                    "judgment_debtor": "某",
                    "claim_mode": "money",
                    "applicant_lessor_id": play.matter.lessor.subject_id,
                    "opened_on": "2026-01-05",
                },
            )
        ).json()["case_id"],
    )
    await mine.offer([own])
    await mine.confirm(("plate_no", f"沪A{50:05}"))
    assert await play.eyes.place(court, mine.case_id, own) == 200
    assert await play.eyes.place(court, mine.case_id, play.asset_id) == 404
    assert await play.eyes.place(court, play.matter.case_id, own) == 404
    assert (await play.eyes.tables(court, mine.case_id))["ping"] == ()
