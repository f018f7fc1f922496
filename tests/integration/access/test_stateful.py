"""Thousands of reads by every user, in any state of keys, cases and measures: each is answered as the rules say.

Hypothesis makes up histories (keys are issued, narrowed, revoked and expire; cases are opened, offered, confirmed,
measured, assigned, entrusted, closed and reopened; time passes). After every step every user reads something, and
``tests.factories.access_model`` says what must be answered. ``tests.scale`` says how many reads there are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from app.access.domain import Permission, Role
from app.core.db.database import SERVICE
from app.identity.keys.credentials import create_key
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, context_of
from tests.factories.access_model import DISPATCHERS, LESSORS, PEOPLE, AccessPeriod, Model, ModelCase, ModelKey
from tests.factories.constants import NOW
from tests.factories.scenario import Scenario, forget_keys, made, scenario_on
from tests.scale import SCALE

STEPS: Final = 40
READS_A_STEP: Final = (6, 14)
T = TypeVar("T")

KINDS: Final = (
    "position", "position without case", "track", "asset", "assets", "case", "cases", "case assets", "distribution",
    "clusters",
)  # fmt: skip
FLEET: Final = ("asset", "released", "offered", "spare")
MUTABLE: Final = (
    "access_grant", "share", "planning_assignment", "seizure_renewal", "seizure_measure", "legal_hold", "case_asset",
    "entrustment", "enforcement_case",
)  # fmt: skip
"""What a history writes, children first; the fleet and its positions stay."""


@dataclass(frozen=True, slots=True)
class Read:
    """One attempt: somebody, with one of its keys, reads something of an asset or a case (by place, modulo)."""

    who: str
    what: str
    case: int = 0
    asset: int = 0
    key: int = 0


PLACE = st.integers(0, 2)
ASSET = st.integers(0, 5)
READS = st.lists(
    st.builds(
        Read,
        who=st.sampled_from(PEOPLE),
        what=st.sampled_from(KINDS),
        case=PLACE,
        asset=ASSET,
        key=st.integers(0, 2),
    ),
    min_size=READS_A_STEP[0],
    max_size=READS_A_STEP[1],
)


class World:
    """The running service and its fleet; lives on the test's event loop, while hypothesis works in a thread."""

    def __init__(self, scenario: Scenario, loop: asyncio.AbstractEventLoop) -> None:
        self.scenario = scenario
        self.loop = loop
        self.attempts = 0
        self.allowed: Counter[str] = Counter()
        people = scenario.people
        self.holders: dict[str, ApiUser] = {
            "lessor": people[Role.LESSOR_MANAGER],
            "rival": people["their_manager"],
            "court": people["officer"],
            "intermediate": people["intermediate"],
            "high": people["high"],
            "far_court": people["their_officer"],
            "entrusted_court": people["entrusted"],
            "dispatcher": people["dispatcher"],
            "second_dispatcher": people["expired_dispatcher"],
            "auditor": people[Role.AUDITOR],
            "platform": people[Role.PLATFORM_ADMINISTRATOR],
        }
        self.assets: dict[int, str] = {}
        self.vins: dict[int, str] = {}
        for side, whose in (("ours", "lessor"), ("theirs", "rival")):
            for name in FLEET:
                values = scenario.sides[side]
                self.assets[values[f"{name}_id"]] = whose
                self.vins[values[f"{name}_id"]] = values[f"{name}_vin"]
        ids = scenario.application.openapi()["paths"]
        self.entrusts = "post" in ids.get("/v1/cases/{case_id}/entrustments", {})

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the service's loop and wait for it, from the thread of the machine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    def begin(self) -> None:
        """Forget every case and key of the history before."""
        with psycopg.connect(self.scenario.urls.owner_url, autocommit=True) as connection:
            for table in MUTABLE:
                found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
                if found and found[0]:
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608 a name of this file
            connection.execute("DELETE FROM api_key WHERE label = 'stateful'")
        self.scenario.clock.set(NOW)
        self.wait(self.forget())

    async def forget(self) -> None:
        """Let the service forget the keys it has checked; how soon it does so itself is ``test_revocation``'s."""
        forget_keys(self.scenario.application)

    async def send(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        """Send a request with a key."""
        headers = {"Authorization": f"Bearer {key}"}
        return await self.scenario.nobody.request(method, path, headers=headers, **more)

    async def read_all(self, requests: Sequence[tuple[str, str]]) -> list[httpx.Response]:
        """Send reads, a few at a time, below the size of the pool."""
        few = asyncio.Semaphore(4)

        async def one(path: str, key: str) -> httpx.Response:
            async with few:
                return await self.send("GET", path, key)

        return list(await asyncio.gather(*(one(path, key) for path, key in requests)))

    async def issue(self, holder: str, *, pings_only: bool, expires_in: timedelta | None) -> ModelKey:
        """Make a key for somebody."""
        context = context_of(self.scenario.application)
        expires_at = None if expires_in is None else context.clock.now() + expires_in
        async with context.database.writing(SERVICE) as session:
            key = await create_key(
                session,
                self.holders[holder].principal_id,
                "stateful",
                context.clock,
                expires_at=expires_at,
                scopes={Permission.PINGS_POST} if pings_only else None,
            )
        return ModelKey(key, holder, pings_only=pings_only, expires_at=expires_at)

    async def revoke(self, key: ModelKey) -> None:
        """Revoke a key."""
        context = context_of(self.scenario.application)
        async with context.database.writing(SERVICE) as session:
            await session.execute(
                text("UPDATE api_key SET revoked_at = :now WHERE prefix = :prefix"),
                {"now": context.clock.now(), "prefix": key.text.split("_")[1]},
            )


class Machine(RuleBasedStateMachine):
    """A history, step by step; ``world`` is set by the test."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(NOW, self.world.assets)
        self.keys: dict[str, list[ModelKey]] = {
            name: [ModelKey(holder.key, name)] for name, holder in self.world.holders.items()
        }

    @initialize(court=st.sampled_from(("court", "far_court")), reads=READS)
    def begin(self, court: str, reads: list[Read]) -> None:
        """Begin with a case that opens two assets, one of them seized, to its court and to a dispatcher."""
        self.world.begin()
        self._open(court, "lessor")
        for place in (0, 1):
            self._confirm(self._case(0), self._asset(place))
        self._seize(self._case(0), self._asset(0))
        self._assign(self._case(0), self._lent("dispatcher", 0, 72))
        self.read(reads)

    # what happens

    @precondition(lambda self: len(self.model.cases) < 3)
    @rule(court=st.sampled_from(("court", "far_court")), applicant=st.sampled_from(LESSORS), reads=READS)
    def open_case(self, court: str, applicant: str, reads: list[Read]) -> None:
        self._open(court, applicant)
        self.read(reads)

    @rule(case=PLACE, asset=ASSET, reads=READS)
    def offer(self, case: int, asset: int, reads: list[Read]) -> None:
        self._offer(self._case(case), self._asset(asset))
        self.read(reads)

    @rule(case=PLACE, asset=ASSET, measured=st.booleans(), reads=READS)
    def offer_and_confirm(self, case: int, asset: int, measured: bool, reads: list[Read]) -> None:
        chosen, asset_id = self._case(case), self._asset(asset)
        self._confirm(chosen, asset_id)
        if measured and chosen.open and asset_id in chosen.confirmed and asset_id not in chosen.standing:
            self._seize(chosen, asset_id)
        self.read(reads)

    @rule(case=PLACE, asset=ASSET, reads=READS)
    def seize_or_lift(self, case: int, asset: int, reads: list[Read]) -> None:
        chosen, asset_id = self._case(case), self._asset(asset)
        if asset_id in chosen.standing:
            path = f"/v1/measures/{chosen.standing[asset_id]}"
            self._change("PATCH", path, chosen.court, {"released_on": "2026-11-20"}, 200)
            del chosen.standing[asset_id]
        elif chosen.open and asset_id in chosen.confirmed:
            self._seize(chosen, asset_id)
        self.read(reads)

    @rule(
        case=PLACE, to=st.sampled_from(DISPATCHERS), after_h=st.integers(0, 12), hours=st.integers(1, 48), reads=READS
    )
    def assign(self, case: int, to: str, after_h: int, hours: int, reads: list[Read]) -> None:
        self._assign(self._case(case), self._lent(to, after_h, hours))
        self.read(reads)

    @precondition(lambda self: self.world.entrusts)
    @rule(case=PLACE, after_h=st.integers(0, 12), hours=st.integers(1, 48), reads=READS)
    def entrust(self, case: int, after_h: int, hours: int, reads: list[Read]) -> None:
        chosen = self._case(case)
        lent = self._lent("entrusted_court", after_h, hours)
        body = {
            "court_id": self.world.holders["entrusted_court"].subject_id,
            "kind": "case",
            "matters": "to seize",
            "letter_number": "a letter",
            "starts_at": lent.starts_at.isoformat(),
            "ends_at": lent.ends_at.isoformat(),
        }
        self._change("POST", f"/v1/cases/{chosen.case_id}/entrustments", chosen.court, body, 201, chosen)
        if chosen.open:
            chosen.lent.append(lent)
        self.read(reads)

    @rule(case=PLACE, reads=READS)
    def close_or_reopen(self, case: int, reads: list[Read]) -> None:
        chosen = self._case(case)
        body = {"phase": "closed" if chosen.open else "enforcement"}
        self._change("PATCH", f"/v1/cases/{chosen.case_id}", chosen.court, body, 200)
        chosen.open = not chosen.open
        self.read(reads)

    @rule(
        holder=st.sampled_from(PEOPLE),
        pings_only=st.booleans(),
        hours=st.none() | st.integers(1, 24),
        reads=READS,
    )
    def issue_key(self, holder: str, pings_only: bool, hours: int | None, reads: list[Read]) -> None:
        lifetime = None if hours is None else timedelta(hours=hours)
        narrowed = pings_only and holder in LESSORS
        key = self.world.wait(self.world.issue(holder, pings_only=narrowed, expires_in=lifetime))
        self.keys[holder].append(key)
        self.read(reads)

    @precondition(lambda self: any(len(keys) > 1 for keys in self.keys.values()))
    @rule(place=st.integers(0, 5), reads=READS)
    def revoke_key(self, place: int, reads: list[Read]) -> None:
        issued = [key for keys in self.keys.values() for key in keys[1:]]
        key = issued[place % len(issued)]
        self.world.wait(self.world.revoke(key))
        self.world.wait(self.world.forget())
        key.revoked = True
        self.read(reads)

    @rule(hours=st.integers(1, 36), reads=READS)
    def wait(self, hours: int, reads: list[Read]) -> None:
        self.model.now += timedelta(hours=hours)
        self.world.scenario.clock.set(self.model.now)
        self.world.wait(self.world.forget())
        self.read(reads)

    # how it happens

    def _case(self, place: int) -> ModelCase:
        return self.model.cases[place % len(self.model.cases)]

    def _asset(self, place: int) -> int:
        return list(self.model.assets)[place % len(self.model.assets)]

    def _lent(self, to: str, after_h: int, hours: int) -> AccessPeriod:
        starts_at = self.model.now + timedelta(hours=after_h)
        return AccessPeriod(to, starts_at, starts_at + timedelta(hours=hours))

    def _open(self, court: str, applicant: str) -> None:
        body = {
            "case_number": f"(2026)浙0106执{100 + len(self.model.cases)}号",
            "applicant_lessor_id": self.world.holders[applicant].subject_id,
            "judgment_debtor": "a debtor",
            "claim_mode": "money",
            "opened_on": "2026-03-18",
        }
        case_id = self.world.wait(made(self.world.holders[court].client, "/v1/cases", body))["case_id"]
        self.model.cases.append(ModelCase(case_id, court, applicant))

    def _offer(self, case: ModelCase, asset_id: int) -> None:
        path = f"/v1/cases/{case.case_id}/offers"
        self._change("POST", path, case.applicant, {"asset_ids": [asset_id]}, 200, case)
        if case.open and self.model.assets[asset_id] == case.applicant:
            case.offered.add(asset_id)

    def _confirm(self, case: ModelCase, asset_id: int) -> None:
        self._offer(case, asset_id)
        body = {"rows": [{"matched_by": "vin", "value": self.world.vins[asset_id]}]}
        self._change("POST", f"/v1/cases/{case.case_id}/confirmations", case.court, body, 200, case)
        if case.open and asset_id in case.offered:
            case.confirmed.add(asset_id)

    def _assign(self, case: ModelCase, lent: AccessPeriod) -> None:
        body = {
            "dispatcher_id": self.world.holders[lent.to].principal_id,
            "starts_at": lent.starts_at.isoformat(),
            "ends_at": lent.ends_at.isoformat(),
        }
        self._change("POST", f"/v1/cases/{case.case_id}/assignments", case.court, body, 201, case)
        if case.open:
            case.lent.append(lent)

    def _seize(self, case: ModelCase, asset_id: int) -> None:
        term = {"kind": "register_seizure", "starts_on": "2026-03-20", "ends_on": "2028-03-19"}
        order = {"measures": [{"asset_id": asset_id, **term}]}
        told = self._change("POST", f"/v1/cases/{case.case_id}/measures", case.court, order, 201)
        case.standing[asset_id] = told["measure_ids"][0]
        case.seized_once.add(asset_id)

    def _change(
        self, method: str, path: str, who: str, body: Any, status: int, while_open: ModelCase | None = None
    ) -> dict[str, Any]:
        """Do something with somebody's first key; a closed case takes it with 409."""
        answer = self.world.wait(self.world.send(method, path, self.keys[who][0].text, json=body))
        expected = status if while_open is None or while_open.open else 409
        assert answer.status_code == expected, f"{who}: {method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    # what is read of it

    def read(self, reads: list[Read]) -> None:
        """Make some attempts and compare each with the rules."""
        keys = [self.keys[read.who][-1 - read.key % len(self.keys[read.who])] for read in reads]
        paths = [self._path(read) for read in reads]
        requests = [(path, key.text) for path, key in zip(paths, keys, strict=True)]
        answers = self.world.wait(self.world.read_all(requests))
        for read, key, path, answer in zip(reads, keys, paths, answers, strict=True):
            self.world.attempts += 1
            status, expected = self._expected(read, key)
            told = self._told(read.what, answer) if answer.status_code == 200 else None
            self.world.allowed[read.what] += status == 200
            assert (answer.status_code, told) == (status, expected), (
                f"{read.who} reads {path} at {self.model.now}:\n"
                f"  answered {answer.status_code} {told}\n  by the rules {status} {expected}\n"
                f"  with {replace(key, text='a key')}\n  " + "\n  ".join(map(str, self.model.cases))
            )

    def _path(self, read: Read) -> str:
        case_id, asset_id = self._case(read.case).case_id, self._asset(read.asset)
        window = f"from={(NOW - timedelta(days=9)):%Y-%m-%dT%H:%M:%SZ}&to={NOW:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "position": f"/v1/assets/{asset_id}/position?case={case_id}",
            "position without case": f"/v1/assets/{asset_id}/position",
            "track": f"/v1/assets/{asset_id}/track?{window}" + ("" if read.who in LESSORS else f"&case={case_id}"),
            "asset": f"/v1/assets/{asset_id}",
            "assets": "/v1/assets?limit=1000",
            "case": f"/v1/cases/{case_id}",
            "cases": "/v1/cases?limit=1000",
            "case assets": f"/v1/cases/{case_id}/assets",
            "distribution": f"/v1/cases/{case_id}/distribution?fresh_within=P366D",
            "clusters": f"/v1/clusters?case={case_id}&state=all",
        }[read.what]

    @staticmethod
    def _told(what: str, answer: httpx.Response) -> Any:
        """Return which assets or cases an answer is about, or how many."""
        told = answer.json()
        mine = {"assets": "asset_id", "case assets": "asset_id", "cases": "case_id"}
        if what in mine:
            return {row[mine[what]] for row in told["items"]}
        if what == "track":
            return len(told["points"])
        if what == "distribution":
            return (told["totals"]["assets"], told["totals"]["located"])
        return told["considered"] if what == "clusters" else None

    def _expected(self, read: Read, key: ModelKey) -> tuple[int, Any]:
        """Return status and content as the rules have them."""
        who, what = read.who, read.what
        case, asset_id = self._case(read.case), self._asset(read.asset)
        if not key.opens(self.model.now):
            return 401, None
        if key.pings_only or who == "auditor":
            return 403, None
        if what in {"position", "position without case", "track"}:
            return self._position(who, what, case, asset_id)
        if what in {"distribution", "clusters"}:
            return self._placed(who, what, case)
        return self._registered(who, what, case, asset_id)

    def _registered(self, who: str, what: str, case: ModelCase, asset_id: int) -> tuple[int, Any]:
        seen = self.model.registered(who)
        if what == "assets":
            return 200, seen | self._untouched(who)
        if what == "cases":
            return 200, {c.case_id for c in self.model.cases_of(who)}
        if not (asset_id in seen if what == "asset" else case.seen_by(who, self.model.now)):
            return 404, None
        if what in {"asset", "case"}:
            return 200, None
        offered = case.offered if who in {case.applicant, "platform"} else None
        confirmed = case.confirmed if case.handled_by(who) else case.positions_for(who, self.model.now)
        return 200, confirmed if offered is None else offered

    def _untouched(self, who: str) -> set[int]:
        """Return the assets of the scenario that no history touches: those of its third side, and what was sold."""
        side = self.world.scenario.sides["closed"].values
        third = {side[f"{name}_id"] for name in (*FLEET, "transferred")}
        sold = {name: self.world.scenario.sides[name]["transferred_id"] for name in ("ours", "theirs")}
        if who == "platform":
            return third | set(sold.values())
        return third | {sold["ours"]} if who == "lessor" else {sold["theirs"]} if who == "rival" else set()

    def _position(self, who: str, what: str, case: ModelCase, asset_id: int) -> tuple[int, Any]:
        if who == "platform" or (what == "position without case" and who not in LESSORS):
            return 403, None
        if who in LESSORS and what == "position":
            return 422, None  # its own it reads for no case, and may not say one
        seen = self.model.own(who) if who in LESSORS else case.positions_for(who, self.model.now)
        if asset_id not in seen:
            return 404, None
        return 200, 2 if what == "track" else None

    def _placed(self, who: str, what: str, case: ModelCase) -> tuple[int, Any]:
        """A court counts what it has confirmed, and is told the places of what is still in play."""
        if who == "platform":
            return 403, None
        if not case.seen_by(who, self.model.now):
            return 404, None
        located = case.confirmed if who == case.applicant else case.positions_for(who, self.model.now)
        counted = case.confirmed if who == case.applicant or case.handled_by(who) else located
        return 200, len(located) if what == "clusters" else (len(counted), len(located))


@pytest.fixture
async def world(template_urls: ClusterUrls, worker_id: str) -> AsyncIterator[World]:
    async with scenario_on(template_urls, f"leasetrace_stateful_{worker_id}") as scenario:
        yield World(scenario, asyncio.get_running_loop())


async def test_no_read_is_allowed_or_refused_but_by_the_rules(world: World) -> None:
    class Told(Machine):
        pass

    Told.world = world
    reads_a_history = STEPS * sum(READS_A_STEP) / 2
    settings = hypothesis_settings(
        max_examples=round(1.2 * SCALE.reads / reads_a_history) + 1,  # some histories end early
        stateful_step_count=STEPS,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Told, settings=settings)
    assert world.attempts >= SCALE.reads
    shares = {what: world.allowed[what] * len(KINDS) / world.attempts for what in KINDS}
    assert min(shares.values()) > SCALE.least_allowed, f"too few were allowed to prove anything: {shares}"
