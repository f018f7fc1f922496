"""Every look at a position and every change leaves an entry before it is answered; otherwise nothing is answered."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import text

from app.access.domain import Role
from app.audit.chain import Head
from app.core.clock import FixedClock
from app.core.settings import Settings
from app.core.web.paging import encode_key
from app.identity.position_reads import PositionRead, PositionSession, PositionVisibility
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import ApiUser, Principals, problem_fields
from tests.factories.cases import Case, CaseAssets, seizure
from tests.factories.constants import CHANGNING, NOW
from tests.factories.people import People
from tests.factories.trail import Trail

TESTED = {"get_position", "get_track", "get_case_distribution", "list_clusters"}
"""Operations that read positions; each has its place in the tests below."""


@contextmanager
def unwritable(urls: ClusterUrls) -> Iterator[None]:
    """Take away what writes the trail for as long as the block lasts."""
    with psycopg.connect(urls.owner_url, autocommit=True) as connection:
        connection.execute("ALTER FUNCTION trail_append(jsonb) RENAME TO trail_append_away")
        try:
            yield
        finally:
            connection.execute("ALTER FUNCTION trail_append_away(jsonb) RENAME TO trail_append")


class Watched:
    """Serves an application, and looks at the trail at the moment when an answer begins."""

    def __init__(self, application: FastAPI, trail: Trail) -> None:
        self._application = application
        self._trail = trail
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def looking(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.seen = self._trail.actions()
            await send(message)

        await self._application(scope, receive, looking)


def position_reads(case_assets: CaseAssets, asset_id: int) -> dict[str, tuple[str, dict[str, str]]]:
    """Return address and parameters of every read of positions, as the court asks, by the entry's action."""
    case_id = str(case_assets.case.case_id)
    window = {"from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    return {
        "position.read": (f"/v1/assets/{asset_id}/position", {"case": case_id}),
        "track.read": (f"/v1/assets/{asset_id}/track", {"case": case_id} | window),
        "distribution.read": (f"{case_assets.case.path}/distribution", {}),
        "distribution.export": (f"{case_assets.case.path}/distribution", {"format": "csv"}),
        "clusters.read": ("/v1/clusters", {"case": case_id, "min_assets": "2"}),
    }


async def two_assets(case_assets: CaseAssets) -> list[int]:
    ids = await case_assets.add(2)
    await case_assets.heard(ids, CHANGNING)
    return ids


def takes_positions(dependant: Dependant) -> bool:
    made = f"{PositionRead.__qualname__}.{PositionRead.__init__.__name__}"
    if getattr(dependant.call, "__qualname__", "").startswith(made):
        return True
    return any(map(takes_positions, dependant.dependencies))


def test_no_read_of_positions_is_left_out_here(session_application: FastAPI) -> None:
    from app.api.router import router

    routes = [r for r in flattened(router.routes) if isinstance(r, APIRoute)]
    assert {route.name for route in routes if takes_positions(route.dependant)} == TESTED


def flattened(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from flattened(inner.routes) if inner is not None else (route,)


async def test_each_read_of_positions_leaves_one_entry_with_its_facts(case_assets: CaseAssets, trail: Trail) -> None:
    ids = await two_assets(case_assets)
    court = case_assets.case.court
    for action, (path, params) in position_reads(case_assets, ids[0]).items():
        trail.begin_anew()
        answer = await court.client.get(path, params=params, headers={"X-Request-ID": "asked-by-a-test"})
        assert answer.status_code == 200, answer.text
        (entry,) = trail.entries()
        assert entry["action"] == action
        assert (entry["principal_id"], entry["role"]) == (court.principal_id, Role.ENFORCEMENT_OFFICER)
        assert (entry["subject_id"], entry["case_id"]) == (court.subject_id, case_assets.case.case_id)
        assert (entry["at"], entry["request_id"]) == (NOW, "asked-by-a-test")
        assert entry["api_key_id"] is not None
        about = ids[:1] if action in {"position.read", "track.read"} else ids
        assert (entry["asset_ids"], entry["asset_count"]) == (about, len(about))
        assert entry["results"] == 1
        window = (entry["window_from"], entry["window_until"])
        assert window == ((NOW - timedelta(days=1), NOW) if action == "track.read" else (None, None))
        if action == "distribution.export":
            told = f"export:{answer.headers['X-LeaseTrace-Export']} format:csv"
            assert entry["detail"].endswith(told)
            digest = entry["detail"].split()[0].removeprefix("sha256:")
            assert digest in answer.text  # the letter ends with it


async def test_a_lessor_writes_no_case_into_the_trail(case_assets: CaseAssets, trail: Trail) -> None:
    (asset_id, _) = await two_assets(case_assets)
    lessor, reads = case_assets.case.lessor, position_reads(case_assets, asset_id)
    trail.begin_anew()
    for action in ("position.read", "track.read"):
        path, params = reads[action]
        for case in (params["case"], "2000000000"):
            refused = await lessor.client.get(path, params=params | {"case": case})
            assert (refused.status_code, problem_fields(refused)) == (422, ["case"])
        assert trail.entries() == []
        answer = await lessor.client.get(path, params={n: v for n, v in params.items() if n != "case"})
        assert answer.status_code == 200
        (entry,) = trail.entries()
        assert (entry["action"], entry["case_id"]) == (action, None)
        trail.begin_anew()
    for action in ("distribution.read", "clusters.read"):  # there the case is what is asked for, and is checked
        path, params = reads[action]
        assert (await lessor.client.get(path, params=params)).status_code == 200
        (entry,) = trail.entries()
        assert (entry["action"], entry["case_id"]) == (action, case_assets.case.case_id)
        trail.begin_anew()
        other = params | {"case": "2000000000"} if "case" in params else params
        foreign = path.replace(str(case_assets.case.case_id), "2000000000")
        assert (await lessor.client.get(foreign, params=other)).status_code == 404
        trail.begin_anew()


async def test_a_look_at_the_past_says_which_moment(case_assets: CaseAssets, trail: Trail) -> None:
    await two_assets(case_assets)
    trail.begin_anew()
    moment = NOW - timedelta(hours=2)
    await case_assets.distribution(as_of=moment.isoformat())
    (entry,) = trail.entries()
    assert (entry["window_from"], entry["window_until"]) == (moment, moment)


async def test_the_entry_is_there_before_the_answer_begins(
    case_assets: CaseAssets, trail: Trail, application: FastAPI
) -> None:
    ids = await two_assets(case_assets)
    watched = Watched(application, trail)
    transport = httpx.ASGITransport(watched)
    headers = {"Authorization": f"Bearer {case_assets.case.court.key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test", headers=headers) as client:
        for action, (path, params) in position_reads(case_assets, ids[0]).items():
            trail.begin_anew()
            watched.seen = []
            await client.get(path, params=params)
            assert watched.seen == [action]


async def test_what_is_refused_leaves_no_entry(case_assets: CaseAssets, trail: Trail, principals: Principals) -> None:
    (asset_id, _) = await two_assets(case_assets)
    stranger = await principals.court("沪0107")
    trail.begin_anew()
    path, params = position_reads(case_assets, asset_id)["position.read"]
    assert (await stranger.client.get(path, params=params)).status_code == 404
    assert (await case_assets.court.get(path)).status_code == 403
    assert trail.entries() == []


async def test_no_trail_no_answer(case_assets: CaseAssets, trail: Trail, urls: ClusterUrls) -> None:
    ids = await two_assets(case_assets)
    trail.begin_anew()
    with unwritable(urls):
        for path, params in position_reads(case_assets, ids[0]).values():
            answer = await case_assets.court.get(path, params=params)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "fixed_at" not in answer.text
    assert trail.entries() == []
    path, params = position_reads(case_assets, ids[0])["position.read"]
    assert (await case_assets.court.get(path, params=params)).status_code == 200


async def test_no_trail_no_change(case: Case, urls: ClusterUrls) -> None:
    (asset_id,) = await case.assets(1)
    with unwritable(urls):
        answer = await case.lessor.client.post(f"{case.path}/offers", json={"asset_ids": [asset_id]})
        assert answer.status_code == 503
    offered = await case.offer([asset_id])
    assert offered["offered"] == 1  # now, and not before


async def test_a_connection_that_broke_is_made_anew(
    case_assets: CaseAssets, trail: Trail, urls: ClusterUrls, settings: Settings
) -> None:
    ids = await two_assets(case_assets)
    path, params = position_reads(case_assets, ids[0])["position.read"]
    await case_assets.court.get(path, params=params)
    with psycopg.connect(settings.database.url.get_secret_value(), autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'leasetrace trail' AND datname = current_database()"
        ).fetchall()
    assert ended == [(True,)]
    trail.begin_anew()
    assert (await case_assets.court.get(path, params=params)).status_code == 200
    assert trail.actions() == ["position.read"]


async def test_a_handler_that_notes_nothing_answers_nothing(
    case_assets: CaseAssets, settings: Settings, clock: FixedClock
) -> None:
    ids = await two_assets(case_assets)
    forgetful = create_app(settings, clock)

    @forgetful.get("/forgetful")
    async def forget(visibility: PositionVisibility, session: PositionSession) -> dict[str, Any]:
        found = await session.scalar(text("SELECT lon_e7 FROM current_position WHERE asset_id = :id"), {"id": ids[0]})
        return {"lon_e7": found}

    async with forgetful.router.lifespan_context(forgetful):
        transport = httpx.ASGITransport(forgetful, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {case_assets.case.court.key}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://leasetrace.test", headers=headers
        ) as client:
            answer = await client.get("/forgetful", params={"case": str(case_assets.case.case_id)})
    assert answer.status_code == 500
    assert "lon_e7" not in answer.text


async def test_two_hundred_reads_give_a_chain_without_a_gap(
    case_assets: CaseAssets, trail: Trail, application: FastAPI
) -> None:
    ids = await two_assets(case_assets)
    path, params = position_reads(case_assets, ids[0])["position.read"]
    trail.begin_anew()
    connections = asyncio.Semaphore(20)  # more would wait for a connection of the pool, on a busy machine too long

    async def read() -> httpx.Response:
        async with connections:
            return await case_assets.court.get(path, params=params)

    answers = await asyncio.gather(*(read() for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    entries = trail.entries()
    assert [entry["trail_no"] for entry in entries] == [trail.begins_after + n for n in range(1, 201)]
    assert len({entry["request_id"] for entry in entries}) == 200
    assert await trail.walked() == Head(entries[-1]["trail_no"], bytes(entries[-1]["link"]))


async def test_changes_of_enforcement_are_entries(case: Case, trail: Trail, principals: Principals) -> None:
    trail.begin_anew()
    ids = await case.confirmed(2)
    court, path = case.court.client, case.path
    (measure_id, _) = await case.order(*(seizure(i) for i in ids))
    await court.patch(f"/v1/measures/{measure_id}", json={"released_on": "2026-11-20"})
    dispatcher = await principals.dispatcher()
    until = (NOW + timedelta(days=1)).isoformat()
    given = {"dispatcher_id": dispatcher.principal_id, "ends_at": until}
    assert (await court.post(f"{path}/assignments", json=given)).status_code == 201
    hold = {"asset_id": ids[1], "case_id": case.case_id, "reason": "appeal"}
    placed = await court.post("/v1/legal-holds", json=hold)
    await court.post(f"/v1/legal-holds/{placed.json()['hold_id']}/release")
    await court.patch(path, json={"judgment_debtor": "另一公司"})
    await court.patch(path, json={"phase": "closed"})
    await court.patch(path, json={"phase": "enforcing"})
    expected = [
        ("case.offer", ids),
        ("case.confirm", ids),
        ("measure.record", ids),
        ("measure.lift", ids[:1]),
        ("assignment.give", ids[1:]),
        ("hold.place", ids[1:]),
        ("hold.release", ids[1:]),
        ("case.change", []),
        ("case.close", []),
    ]
    entries = trail.entries()
    assert [(e["action"], e["asset_ids"]) for e in entries][:9] == expected
    assert {e["case_id"] for e in entries} == {case.case_id}
    assert entries[0]["role"] == Role.LESSOR_MANAGER
    assert {e["principal_id"] for e in entries[1:]} == {case.court.principal_id}


async def test_changes_of_the_registers_and_feeds_are_entries(principals: Principals, trail: Trail) -> None:
    lessor = (await principals.lessor()).client
    trail.begin_anew()
    truck = {"asset_type": "vehicle", "kind": "car", "plate_no": "沪A12345", "lease_contract_no": "L-1"}
    asset_id = (await lessor.post("/v1/assets", json=truck)).json()["asset_id"]
    await lessor.patch(f"/v1/assets/{asset_id}", json={"lease_contract_no": "L-2"})
    device_id = (await lessor.post("/v1/devices", json={"identifier": "one", "kind": "wired"})).json()["device_id"]
    bound = {"device_id": device_id, "asset_id": asset_id, "bound_from": "2026-01-01T00:00:00Z"}
    binding_id = (await lessor.post("/v1/device-bindings", json=bound)).json()["binding_id"]
    end = {"bound_until": "2026-02-01T00:00:00Z"}
    await lessor.patch(f"/v1/device-bindings/{binding_id}", json=end)
    await lessor.delete(f"/v1/device-bindings/{binding_id}")
    file = "asset_type,kind,plate_no,lease_contract_no\nvehicle,car,沪A00001,L-3\nvehicle,car,沪A00002,L-3\n"
    imported = await lessor.post("/v1/assets/import", content=file.encode(), headers={"Content-Type": "text/csv"})
    assert imported.json()["created"] == 2, imported.text
    feed_id = (await lessor.post("/v1/feeds", json={"name": "mine", "coord_system": "wgs84"})).json()["feed_id"]
    await lessor.patch(f"/v1/feeds/{feed_id}", json={"coord_system": "gcj02"})
    entries = trail.entries()
    assert [e["action"] for e in entries] == [
        "asset.create",
        "asset.change",
        "device.create",
        "binding.create",
        "binding.change",
        "binding.delete",
        "asset.import",
        "feed.create",
        "feed.change",
    ]
    assert [e["asset_ids"] for e in entries[:2]] == [[asset_id]] * 2
    assert entries[4]["window_until"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert (entries[6]["results"], entries[6]["asset_count"]) == (2, 2)
    assert entries[1]["detail"].endswith("lease_contract_no")


async def test_registers_that_name_an_asset_to_a_court_are_entries_and_a_lessors_own_are_not(
    case: Case, trail: Trail
) -> None:
    (asset_id,) = await case.confirmed(1)
    trail.begin_anew()
    paths = {
        "asset.list": "/v1/assets",
        "asset.read": f"/v1/assets/{asset_id}",
        "binding.list": f"/v1/assets/{asset_id}/bindings",
        "case.assets": f"{case.path}/assets",
    }
    for path in paths.values():
        assert (await case.lessor.client.get(path)).status_code == 200
    assert trail.entries() == []
    for path in paths.values():
        assert (await case.court.client.get(path)).status_code == 200
    assert [(e["action"], e["asset_ids"]) for e in trail.entries()] == [(action, [asset_id]) for action in paths]


async def test_a_change_that_is_rolled_back_leaves_no_entry(case: Case, trail: Trail) -> None:
    trail.begin_anew()
    taken = {"asset_type": "vehicle", "kind": "car", "plate_no": "沪A00001", "lease_contract_no": "L-1"}
    assert (await case.lessor.client.post("/v1/assets", json=taken)).status_code == 201
    assert (await case.lessor.client.post("/v1/assets", json=taken)).status_code == 409
    assert (await case.court.client.patch("/v1/measures/1", json={"custodian": "x"})).status_code == 404
    assert trail.actions() == ["asset.create"]


async def test_a_change_and_its_entry_are_one_transaction(case: Case, trail: Trail, urls: ClusterUrls) -> None:
    """The row that was changed and the row of the trail were written by the same transaction of the database."""
    trail.begin_anew()
    (asset_id,) = await case.assets(1)
    await case.offer([asset_id])
    with psycopg.connect(urls.owner_url) as connection:
        changed = connection.execute("SELECT xmin FROM case_asset WHERE asset_id = %s", (asset_id,)).fetchone()
        entry = connection.execute(
            "SELECT xmin FROM trail WHERE trail_no > %s AND action = 'case.offer'", (trail.begins_after,)
        ).fetchone()
    assert changed == entry
    assert changed is not None


async def auditor(principals: Principals) -> ApiUser:
    return await principals.create(Role.AUDITOR)


async def test_an_auditor_finds_entries_by_what_was_asked_for(
    case_assets: CaseAssets, trail: Trail, principals: Principals
) -> None:
    first, second = await two_assets(case_assets)
    trail.begin_anew()
    for asset_id in (first, second, first):
        path, params = position_reads(case_assets, asset_id)["position.read"]
        await case_assets.court.get(path, params=params, headers={"X-Request-ID": f"look-at-{asset_id}"})
    await case_assets.distribution()
    looking = (await auditor(principals)).client

    async def found(**params: Any) -> list[str]:
        page = await looking.get("/v1/audit", params={"limit": 1000} | params)
        assert page.status_code == 200, page.text
        return [e["action"] for e in page.json()["items"] if e["trail_no"] > trail.begins_after]

    case_id = case_assets.case.case_id
    assert await found(case_id=case_id, asset_id=first) == ["position.read", "position.read", "distribution.read"]
    assert await found(case_id=case_id, asset_id=second, action="position.read") == ["position.read"]
    assert await found(request_id=f"look-at-{first}") == ["position.read"] * 2
    assert await found(principal_id=case_assets.case.court.principal_id, action="distribution.read") == [
        "distribution.read"
    ]
    assert await found(**{"from": (NOW + timedelta(seconds=1)).isoformat()}) == []
    assert "distribution.read" in await found(**{"from": NOW.isoformat(), "case_id": case_id})
    assert await found(to=NOW.isoformat(), case_id=case_id) == []


async def test_the_trail_is_read_page_by_page_and_reading_it_is_an_entry(
    case_assets: CaseAssets, trail: Trail, principals: Principals
) -> None:
    ids = await two_assets(case_assets)
    trail.begin_anew()
    path, params = position_reads(case_assets, ids[0])["position.read"]
    for _ in range(3):
        await case_assets.court.get(path, params=params)
    holder = await auditor(principals)
    asked: dict[str, Any] = {"case_id": case_assets.case.case_id, "action": "position.read", "limit": 2}
    seen: list[int] = []
    token: str | None = None
    while True:
        page = (await holder.client.get("/v1/audit", params=asked | ({"after": token} if token else {}))).json()
        seen += [e["trail_no"] for e in page["items"] if e["trail_no"] > trail.begins_after]
        token = page["next"]
        if token is None:
            break
    assert seen == [trail.begins_after + n for n in (1, 2, 3)]
    reads = trail.entries("trail.read")
    assert reads
    assert {e["principal_id"] for e in reads} == {holder.principal_id}
    assert f"case_id={case_assets.case.case_id}" in reads[0]["detail"]
    shown = page["items"][-1] if page["items"] else None
    assert shown is None or shown["asset_ids"] == ids[:1]


async def test_a_courts_administrator_sees_what_its_own_people_did(
    case_assets: CaseAssets, trail: Trail, principals: Principals
) -> None:
    ids = await two_assets(case_assets)
    trail.begin_anew()
    path, params = position_reads(case_assets, ids[0])["position.read"]
    await case_assets.court.get(path, params=params)
    await case_assets.lessor.get(path)
    court_id = case_assets.case.court.subject_id
    other_id = (await principals.court("沪0107")).subject_id
    own = await principals.create(Role.COURT_ADMINISTRATOR, court_id)
    other = await principals.create(Role.COURT_ADMINISTRATOR, other_id)

    async def seen(holder: ApiUser) -> list[tuple[str, str, list[int]]]:
        since: dict[str, str | int] = {"limit": 1000, "after": encode_key(trail.begins_after)}
        items = (await holder.client.get("/v1/audit", params=since)).json()["items"]
        return [(e["action"], e["role"], e["asset_ids"]) for e in items]

    assert await seen(own) == [("position.read", Role.ENFORCEMENT_OFFICER, ids[:1])]
    assert await seen(other) == []
    looked = [e[:2] for e in await seen(await auditor(principals))]
    assert ("position.read", Role.LESSOR_MANAGER) in looked
    for nobody in (
        case_assets.court,
        case_assets.lessor,
        (await principals.dispatcher()).client,
        await principals.administrator(),
    ):
        assert (await nobody.get("/v1/audit")).status_code == 403


async def test_signing_in_is_an_entry_and_so_is_what_a_session_does(people: People, trail: Trail) -> None:
    trail.begin_anew()
    browser = await people.signed_in("auditor", Role.AUDITOR)
    assert (await browser.client.get("/v1/audit", params={"limit": 1})).status_code == 200
    assert (await browser.send("DELETE", "/v1/session")).status_code == 204
    assert (await browser.sign_in("auditor", "not this one")).status_code == 401
    entries = trail.entries()
    assert [e["action"] for e in entries] == ["sign_in.ok", "trail.read", "session.end", "sign_in.failed"]
    assert len({e["principal_id"] for e in entries}) == 1
    assert [e["role"] for e in entries] == ["signing_in", Role.AUDITOR, Role.AUDITOR, "signing_in"]
    assert entries[1]["session_id"] == entries[2]["session_id"] is not None
    assert entries[1]["api_key_id"] is None
    assert all(e["request_id"] for e in entries)
