"""A case with one asset, those who may see it, and the ways in which that ends."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.access.domain import Role, Visibility
from app.core.clock import FixedClock
from app.dispatch import missions
from tests.api import ApiUser, Principals, UserView, context_of
from tests.factories.cases import Case, CaseAssets, entrust

END = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MISSION = 41


@dataclass(frozen=True, slots=True)
class CaseAccess:
    """A case with one located asset: who may see the asset, the ways in which that ends, and what each sees."""

    case_assets: CaseAssets
    asset_id: int
    principals: Principals
    clock: FixedClock
    user_view: UserView

    @property
    def case(self) -> Case:
        """The case."""
        return self.case_assets.case

    async def officer(self) -> ApiUser:
        """An officer of the court that handles the case."""
        return self.case.court

    async def entrusted(self) -> ApiUser:
        """An officer of another court, entrusted until ``END``."""
        court = await self.principals.court("苏0583")
        await entrust(self.case, court, ends_at=END.isoformat())
        return court

    async def dispatcher(self) -> ApiUser:
        """A dispatcher, assigned until ``END``."""
        dispatcher = await self.principals.dispatcher()
        window = {"dispatcher_id": dispatcher.principal_id, "ends_at": END.isoformat()}
        answer = await self.case.court.client.post(f"{self.case.path}/assignments", json=window)
        assert answer.status_code == 201
        return dispatcher

    async def crew(self) -> ApiUser:
        """A crew, sent by the court until ``END``."""
        crew = await self.principals.create(Role.CREW)
        await self.send(self.case.court, crew)
        return crew

    async def send(self, sender: ApiUser, crew: ApiUser, *, ends_at: datetime = END) -> None:
        """Send a crew to the asset, on the right of the sender."""
        visibility = Visibility(await self.user_view.principal(sender))
        sight, stops, now = await self.user_view.sight(sender), [self.asset_id], self.clock.now()
        async with context_of(self.user_view.application).database.writing(sight) as session:
            await missions.grant_stops(
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
        """Close the case."""
        answer = await self.case.court.client.patch(self.case.path, json={"phase": "closed"})
        assert answer.status_code == 200

    async def release(self) -> None:
        """Lift all measures of the case."""
        for measure in (await self.case.court.client.get(f"{self.case.path}/measures")).json()["items"]:
            lifted = {"released_on": "2026-11-23"}
            answer = await self.case.court.client.patch(f"/v1/measures/{measure['measure_id']}", json=lifted)
            assert answer.status_code == 200

    async def withdraw(self) -> None:
        """Withdraw the entrustment."""
        given = (await self.case.court.client.get(f"{self.case.path}/entrustments")).json()["items"][0]
        answer = await self.case.court.client.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")
        assert answer.status_code == 200

    async def come_home(self) -> None:
        """End the mission."""
        sight = await self.user_view.sight(self.case.court)
        async with context_of(self.user_view.application).database.writing(sight) as session:
            await missions.end_stops(session, self.case.case_id, MISSION, self.clock.now())

    async def period(self) -> None:
        """Go on to ``END``."""
        self.clock.set(END)

    async def sees(self, holder: ApiUser) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
        """Return what asking for the place and the asset answers, and the assets of two tables as they are."""
        tables = await self.user_view.tables(holder, self.case.case_id)
        asset = await holder.client.get(f"/v1/assets/{self.asset_id}")
        place = await self.user_view.place(holder, self.case.case_id, self.asset_id)
        return place, asset.status_code, tables["ping"], tables["current_position"]
