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
from app.core.clock import FixedClock
from app.core.errors import Conflict, InvalidInput, NotFound
from app.enforcement.delegation import service as delegation
from app.localdb.cluster import ClusterUrls
from tests.api import NOTHING_VISIBLE, ApiUser, Principals, UserView, context_of
from tests.factories.cases import Case, CaseAssets, entrust
from tests.factories.constants import CHANGNING, NOW

END = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MISSION = 41


@dataclass(frozen=True, slots=True)
class Play:
    """A case with one asset that stands somewhere, and those who look at it."""

    case_assets: CaseAssets
    asset_id: int
    principals: Principals
    clock: FixedClock
    user_view: UserView

    @property
    def case(self) -> Case:
        return self.case_assets.case

    async def officer(self) -> ApiUser:
        return self.case.court

    async def entrusted(self) -> ApiUser:
        court = await self.principals.court("苏0583")
        await entrust(self.case, court, ends_at=END.isoformat())
        return court

    async def dispatcher(self) -> ApiUser:
        dispatcher = await self.principals.dispatcher()
        window = {"dispatcher_id": dispatcher.principal_id, "ends_at": END.isoformat()}
        answer = await self.case.court.client.post(f"{self.case.path}/assignments", json=window)
        assert answer.status_code == 201
        return dispatcher

    async def crew(self) -> ApiUser:
        crew = await self.principals.create(Role.CREW)
        await self.send(self.case.court, crew)
        return crew

    async def send(self, sender: ApiUser, crew: ApiUser, *, ends_at: datetime = END) -> None:
        visibility = Visibility(await self.user_view.principal(sender))
        sight, stops, now = await self.user_view.sight(sender), [self.asset_id], self.clock.now()
        async with context_of(self.user_view.application).database.writing(sight) as session:
            await delegation.grant_stops(
                session,
                visibility,
                self.case.case_id,
                crew.principal_id,
                stops,
                MISSION,
                self.clock.now(),
                ends_at,
                now,
            )

    async def close(self) -> None:
        answer = await self.case.court.client.patch(self.case.path, json={"phase": "closed"})
        assert answer.status_code == 200

    async def release(self) -> None:
        for measure in (await self.case.court.client.get(f"{self.case.path}/measures")).json()["items"]:
            lifted = {"released_on": "2026-11-23"}
            answer = await self.case.court.client.patch(f"/v1/measures/{measure['measure_id']}", json=lifted)
            assert answer.status_code == 200

    async def withdraw(self) -> None:
        given = (await self.case.court.client.get(f"{self.case.path}/entrustments")).json()["items"][0]
        answer = await self.case.court.client.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")
        assert answer.status_code == 200

    async def come_home(self) -> None:
        sight = await self.user_view.sight(self.case.court)
        async with context_of(self.user_view.application).database.writing(sight) as session:
            await delegation.end_stops(session, self.case.case_id, MISSION, self.clock.now())

    async def period(self) -> None:
        self.clock.set(END)

    async def sees(self, holder: ApiUser) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
        """Return what asking for the place and the asset answers, and the assets of two tables as they are."""
        tables = await self.user_view.tables(holder, self.case.case_id)
        asset = await holder.client.get(f"/v1/assets/{self.asset_id}")
        place = await self.user_view.place(holder, self.case.case_id, self.asset_id)
        return place, asset.status_code, tables["ping"], tables["current_position"]


@pytest.fixture
async def play(case: Case, principals: Principals, clock: FixedClock, application: FastAPI) -> Play:
    case_assets = CaseAssets(case)
    (asset_id,) = await case_assets.add(1)
    await case_assets.heard([asset_id], CHANGNING)
    return Play(case_assets, asset_id, principals, clock, UserView(application))


WAYS: dict[str, tuple[str, ...]] = {
    "officer": ("close", "release"),
    "entrusted": ("close", "release", "period", "withdraw"),
    "dispatcher": ("close", "release", "period"),
    "crew": ("close", "release", "period", "come_home"),
}


@pytest.mark.parametrize(("who", "how"), [(who, how) for who, ways in WAYS.items() for how in ways])
async def test_a_look_just_before_is_answered_and_just_after_is_not(play: Play, who: str, how: str) -> None:
    enter: Callable[[], Awaitable[ApiUser]] = getattr(play, who)
    end: Callable[[], Awaitable[None]] = getattr(play, how)
    holder = await enter()
    if how == "period":
        play.clock.set(END - timedelta(microseconds=1))
    ids = (play.asset_id,)
    assert await play.sees(holder) == (200, 200, ids, ids)
    await end()
    assert await play.sees(holder) == (404, 404, (), ())
    if who in {"entrusted", "dispatcher"} and how != "release":
        assert (await holder.client.get(play.case.path)).status_code == 404
        assert await play.user_view.tables(holder) == NOTHING_VISIBLE


async def test_a_crew_sees_where_its_stops_are_and_no_case(play: Play) -> None:
    (other,) = await play.case_assets.add(1)
    await play.case_assets.heard([other], CHANGNING)
    crew, case_id = await play.crew(), play.case.case_id
    assert [await play.user_view.place(crew, case_id, a) for a in (play.asset_id, other)] == [200, 404]
    assert (await crew.client.get(f"/v1/assets/{play.asset_id}/position")).status_code == 403
    assert await play.user_view.place(crew, case_id + 1, play.asset_id) == 404
    window = {"case": str(case_id), "from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    track = await crew.client.get(f"/v1/assets/{play.asset_id}/track", params=window)
    assert len(track.json()["points"]) == 1
    for path, status in (
        (play.case.path, 403),
        (f"{play.case.path}/assets", 403),
        (f"{play.case.path}/measures", 403),
        (f"{play.case.path}/distribution", 404),
        (f"/v1/assets/{play.asset_id}/seizures", 403),
    ):
        assert (await crew.client.get(path)).status_code == status, path
    only = (play.asset_id,)
    assert await play.user_view.tables(crew, case_id) == NOTHING_VISIBLE | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position"), only
    )
    assert (await play.user_view.tables(crew))["ping"] == ()


async def test_who_sends_a_crew_gives_no_more_than_it_has(play: Play) -> None:
    dispatcher, crew = await play.dispatcher(), await play.principals.create(Role.CREW)
    with pytest.raises(NotFound):
        await play.send(dispatcher, crew, ends_at=END + timedelta(microseconds=1))
    with pytest.raises(NotFound):
        await play.send(await play.principals.dispatcher(), crew)
    with pytest.raises(NotFound):
        await play.send(await play.principals.court("沪0107"), crew)
    with pytest.raises(InvalidInput):
        await play.send(dispatcher, dispatcher)
    with pytest.raises(InvalidInput):
        await play.send(dispatcher, crew, ends_at=play.clock.now())
    assert (await play.sees(crew))[0] == 404
    await play.send(dispatcher, crew)
    assert (await play.sees(crew))[0] == 200
    await play.close()
    with pytest.raises(Conflict):
        await play.send(play.case.court, crew)


async def test_a_crew_sees_no_longer_than_who_sent_it(play: Play, urls: ClusterUrls) -> None:
    court, crew = await play.entrusted(), await play.principals.create(Role.CREW)
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
    await play.send(play.case.court, crew)
    assert (await play.sees(crew))[0] == 200, "sent by a court whose right still holds"


async def test_a_second_letter_keeps_the_crew_on_its_way(play: Play) -> None:
    court, crew = await play.entrusted(), await play.principals.create(Role.CREW)
    await entrust(play.case, court, ends_at=END.isoformat())
    await play.send(court, crew)
    await play.withdraw()
    assert (await play.sees(crew))[0] == 200


@pytest.mark.parametrize("how", ["close", "withdraw"])
async def test_nothing_is_granted_beside_an_ending(play: Play, how: str) -> None:
    """Whoever ends waits for whoever grants, and then ends that too."""
    sender = await play.entrusted() if how == "withdraw" else play.case.court
    crew = await play.principals.create(Role.CREW)
    visibility, sight = Visibility(await play.user_view.principal(sender)), await play.user_view.sight(sender)
    now, case_id, end = play.clock.now(), play.case.case_id, getattr(play, how)
    async with context_of(play.user_view.application).database.writing(sight) as session:
        await delegation.grant_stops(
            session, visibility, case_id, crew.principal_id, [play.asset_id], MISSION, now, END, now
        )
        ending = asyncio.create_task(end())
        done, _ = await asyncio.wait({ending}, timeout=0.5)
        assert not done, "it does not wait"
    await ending
    play.clock.set(now + timedelta(seconds=1))
    assert await play.sees(crew) == (404, 404, (), ())


async def test_a_closed_case_shows_nothing_whatever_grants_say(play: Play, urls: ClusterUrls) -> None:
    holders = [await play.entrusted(), await play.dispatcher(), await play.crew(), play.case.court]
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("UPDATE enforcement_case SET phase = 'closed', closed_on = '2026-11-23'")
    for holder in holders:
        tables = await play.user_view.tables(holder, play.case.case_id)
        assert (tables["ping"], tables["current_position"]) == ((), ())
        known = (play.asset_id,) if holder is play.case.court else ()
        assert (tables["asset"], (await play.user_view.tables(holder))["asset"]) == (known, known)


async def test_one_case_opens_nothing_for_another(play: Play) -> None:
    """The purpose is the case that is named: what another case opens is not answered for it."""
    court = await play.entrusted()
    (own,) = await play.case.assets(1, first=50)
    mine = Case(
        play.case.session,
        court,
        play.case.lessor,
        (
            await court.client.post(
                "/v1/cases",
                json={
                    "case_number": "(2026)苏0583执9号",
                    "judgment_debtor": "某",
                    "claim_mode": "money",
                    "applicant_lessor_id": play.case.lessor.subject_id,
                    "opened_on": "2026-01-05",
                },
            )
        ).json()["case_id"],
    )
    await mine.offer([own])
    await mine.confirm(("plate_no", f"沪A{50:05}"))
    assert await play.user_view.place(court, mine.case_id, own) == 200
    assert await play.user_view.place(court, mine.case_id, play.asset_id) == 404
    assert await play.user_view.place(court, play.case.case_id, own) == 404
    assert (await play.user_view.tables(court, mine.case_id))["ping"] == ()
