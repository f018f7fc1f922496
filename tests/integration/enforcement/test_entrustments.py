"""Another court is entrusted: what comes into its sight, what it may not do, and when it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from app.access.domain import Visibility
from app.access.trail import notes_of
from app.core.clock import FixedClock
from app.enforcement import lending
from app.enforcement.domain import EntrustmentKind, NewEntrustment
from tests.conftest import context_of
from tests.integration.clusters.conftest import CHANGNING, KUNSHAN, Fleet
from tests.integration.enforcement.conftest import Matter, open_case, seizure, vin
from tests.integration.eyes import NOTHING, Eyes
from tests.support import Doors, Holder, problem_fields

UNTIL = "2026-12-23T00:00:00Z"


def letter(court: Holder, **changed: Any) -> dict[str, Any]:
    body = {
        "court_id": court.subject_id,
        "kind": "matter",
        "matters": "查封车辆",
        "letter_number": "(2026)沪0105执委12号",
        "ends_at": UNTIL,
    }
    return body | changed


async def entrust(matter: Matter, court: Holder, **changed: Any) -> dict[str, Any]:
    answer = await matter.court.client.post(f"{matter.path}/entrustments", json=letter(court, **changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
async def kunshan(doors: Doors) -> Holder:
    return await doors.court("苏0583")


@pytest.fixture
def eyes(application: FastAPI) -> Eyes:
    return Eyes(application)


async def test_the_letter_is_recorded_with_what_the_law_asks_for(matter: Matter, kunshan: Holder) -> None:
    await matter.confirmed(1)
    given = await entrust(matter, kunshan, kind="case")
    assert (given["court_code"], given["court_name"]) == ("苏0583", "昆山市人民法院")
    assert (given["asset_ids"], given["withdrawn_at"], given["starts_at"]) == (None, None, "2026-11-23T04:00:00Z")
    due = [(d["due_on"], d["what"]) for d in given["deadlines"]]
    assert due[0] == ("2026-11-30", "the entrusted court opens a case")
    assert due[-1] == ("2027-05-23", "the applicant may ask the court above")
    for client in (matter.court.client, kunshan.client):
        assert (await client.get(f"{matter.path}/entrustments")).json()["items"] == [given]


async def test_the_entrusted_court_sees_the_entrusted_assets_and_nothing_else(
    matter: Matter, kunshan: Holder, eyes: Eyes, doors: Doors
) -> None:
    fleet = Fleet(matter)
    lent, kept = await fleet.add(1, value_yuan=70_000), await fleet.add(2)
    await fleet.heard([*lent, *kept], CHANGNING)
    other = await doors.court("苏0505")
    await entrust(matter, other)
    await entrust(matter, kunshan, asset_ids=lent)
    case = await kunshan.client.get(matter.path)
    assert (case.json()["judgment_debtor"], case.json()["court_code"]) == ("某运输有限公司", "沪0105")
    listed = (await kunshan.client.get("/v1/cases")).json()["items"]
    assert [c["case_id"] for c in listed] == [matter.case_id]
    for what in ("assets", "measures"):
        rows = (await kunshan.client.get(f"{matter.path}/{what}")).json()["items"]
        assert [row["asset_id"] for row in rows] == lent, what
    assert [a["asset_id"] for a in (await kunshan.client.get("/v1/assets")).json()["items"]] == lent
    assert [await eyes.place(kunshan, matter.case_id, a) for a in (*lent, *kept)] == [200, 404, 404]
    assert (await kunshan.client.get(f"/v1/assets/{lent[0]}/position")).status_code == 403
    found = await fleet.distribution(kunshan.client)
    assert (found["totals"]["assets"], found["totals"]["withheld"]) == (1, 0)
    assert found["totals"]["value_yuan"] == 70_000
    own = (await kunshan.client.get(f"{matter.path}/entrustments")).json()["items"]
    assert [e["court_code"] for e in own] == ["苏0583"]
    case_only = (matter.case_id,)
    assert await eyes.tables(kunshan, matter.case_id) == NOTHING | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position", "case_asset", "seizure_measure"), tuple(lent)
    ) | {"enforcement_case": case_only, "entrustment": case_only}


async def test_an_asset_of_two_cases_is_not_lent_in_the_other(matter: Matter, kunshan: Holder, eyes: Eyes) -> None:
    """The entrusted court knows it through a case of its own; that it is in this one too was not entrusted."""
    lent, own = await matter.confirmed(2)
    await matter.order(seizure(lent), seizure(own))
    theirs = await open_case(kunshan, matter.lessor, case_number="(2026)苏0583执9号")
    their_matter = Matter(matter.session, kunshan, matter.lessor, theirs)
    await their_matter.offer([own])
    await their_matter.confirm(("vin", vin(2)))
    await entrust(matter, kunshan, asset_ids=[lent])
    for what in ("assets", "measures"):
        rows = (await kunshan.client.get(f"{matter.path}/{what}")).json()["items"]
        assert [row["asset_id"] for row in rows] == [lent], what
    seen = await eyes.tables(kunshan)
    assert (seen["asset"], seen["seizure_measure"]) == ((lent, own), (lent,))
    assert (await eyes.tables(kunshan, matter.case_id))["case_asset"] == (lent,)


async def test_the_entrusted_court_changes_nothing(matter: Matter, kunshan: Holder, doors: Doors) -> None:
    lent, kept = await matter.confirmed(2)
    measure, other_measure = await matter.order(seizure(lent), seizure(kept))
    given = await entrust(matter, kunshan, asset_ids=[lent])
    dispatcher, third = await doors.dispatcher(), await doors.court("苏0505")
    ask = kunshan.client
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": UNTIL}
    rows = {"rows": [{"matched_by": "vin", "value": vin(1)}]}
    for status, answer in (
        (403, await ask.patch(matter.path, json={"judgment_debtor": "x"})),
        (403, await ask.post(f"{matter.path}/confirmations", json=rows)),
        (403, await ask.post(f"{matter.path}/measures", json={"measures": [seizure(lent, kind="living_seizure")]})),
        (403, await ask.patch(f"/v1/measures/{measure}", json={"custodian": "x"})),
        (404, await ask.patch(f"/v1/measures/{other_measure}", json={"custodian": "x"})),
        (403, await ask.post(f"{matter.path}/assignments", json=window)),
        (403, await ask.get(f"{matter.path}/assignments")),
        (403, await ask.post(f"{matter.path}/entrustments", json=letter(third))),
        (403, await ask.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")),
        (403, await ask.post(f"{matter.path}/legal-hold", json={"reason": "x"})),
        (404, await third.client.get(f"{matter.path}/entrustments")),
        (404, await third.client.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")),
        (404, await ask.post("/v1/entrustments/2147483647/withdraw")),
        (403, await matter.lessor.client.get(f"{matter.path}/entrustments")),
        (403, await dispatcher.client.post(f"{matter.path}/entrustments", json=letter(third))),
    ):
        assert answer.status_code == status, (answer.request.url, answer.text)
    assert (await matter.court.client.get(matter.path)).json()["judgment_debtor"] == "某运输有限公司"


async def test_what_comes_into_the_case_later_comes_into_an_entrustment_of_all_of_it(
    matter: Matter, kunshan: Holder, doors: Doors
) -> None:
    (first,) = await matter.confirmed(1)
    other = await doors.court("苏0505")
    await entrust(matter, kunshan)
    await entrust(matter, other, asset_ids=[first])
    (later,) = await matter.confirmed(1, first=2)
    assert [await matter.sees(kunshan, a) for a in (first, later)] == [True, True]
    assert [await matter.sees(other, a) for a in (first, later)] == [True, False]
    (measure,) = await matter.order(seizure(later))
    await matter.court.client.patch(f"/v1/measures/{measure}", json={"released_on": "2026-11-23"})
    assert not await matter.sees(kunshan, later)
    await matter.order(seizure(later))
    assert await matter.sees(kunshan, later)


async def test_two_letters_to_one_court_end_apart(matter: Matter, kunshan: Holder, clock: FixedClock) -> None:
    one, two = await matter.confirmed(2)
    first = await entrust(matter, kunshan, asset_ids=[one], letter_number="1")
    await entrust(matter, kunshan, asset_ids=[two], letter_number="2", starts_at="2026-11-24T00:00:00Z")
    assert [await matter.sees(kunshan, a) for a in (one, two)] == [True, False]
    clock.set(datetime(2026, 11, 24, tzinfo=UTC))
    path = f"/v1/entrustments/{first['entrustment_id']}/withdraw"
    withdrawn = await matter.court.client.post(path)
    assert (withdrawn.status_code, withdrawn.json()["withdrawn_at"]) == (200, "2026-11-24T00:00:00Z")
    assert [await matter.sees(kunshan, a) for a in (one, two)] == [False, True]
    assert (await kunshan.client.get(matter.path)).status_code == 200
    assert (await matter.court.client.post(path)).status_code == 409


async def test_a_letter_for_later_opens_nothing_before(
    matter: Matter, kunshan: Holder, eyes: Eyes, clock: FixedClock
) -> None:
    (asset,) = await matter.confirmed(1)
    await entrust(matter, kunshan, starts_at="2026-11-24T00:00:00Z")
    clock.set(datetime(2026, 11, 24, tzinfo=UTC) - timedelta(microseconds=1))
    assert (await kunshan.client.get(matter.path)).status_code == 404
    assert await eyes.tables(kunshan, matter.case_id) == NOTHING
    clock.set(datetime(2026, 11, 24, tzinfo=UTC))
    assert (await kunshan.client.get(matter.path)).status_code == 200
    assert await matter.sees(kunshan, asset)


async def test_closing_by_mistake_takes_nothing_from_the_entrusted_court_for_good(
    matter: Matter, kunshan: Holder
) -> None:
    (asset,) = await matter.confirmed(1)
    withdrawn = await entrust(matter, kunshan, letter_number="1")
    await entrust(matter, kunshan, letter_number="2", asset_ids=[asset])
    await matter.court.client.patch(matter.path, json={"phase": "closed"})
    assert (await kunshan.client.get(matter.path)).status_code == 404
    await matter.court.client.post(f"/v1/entrustments/{withdrawn['entrustment_id']}/withdraw")
    await matter.court.client.patch(matter.path, json={"phase": "enforcement"})
    assert await matter.sees(kunshan, asset)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"court_id": 2147483647}, "court_id"),
        ({"court_id": "own"}, "court_id"),
        ({"court_id": "intermediate"}, "court_id"),
        ({"ends_at": "2026-11-23T04:00:00Z"}, "ends_at"),
        ({"starts_at": "2027-01-01T00:00:00Z"}, "ends_at"),
        ({"asset_ids": [2147483647]}, "asset_ids.0"),
        ({"asset_ids": []}, "asset_ids"),
        ({"kind": "cross"}, "kind"),
    ],
)
async def test_a_letter_that_cannot_be_is_refused(
    matter: Matter, kunshan: Holder, doors: Doors, changed: dict[str, Any], field: str
) -> None:
    await matter.confirmed(1)
    named = {"own": matter.court, "intermediate": await doors.court("苏05")}
    if changed.get("court_id") in named:
        changed = {"court_id": named[changed["court_id"]].subject_id}
    answer = await matter.court.client.post(f"{matter.path}/entrustments", json=letter(kunshan, **changed))
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_closed_case_entrusts_nobody(matter: Matter, kunshan: Holder) -> None:
    await matter.confirmed(1)
    await matter.court.client.patch(matter.path, json={"phase": "closed"})
    answer = await matter.court.client.post(f"{matter.path}/entrustments", json=letter(kunshan))
    assert answer.status_code == 409


async def test_entrusted_assets_move_the_totals_of_the_entrusted_court_only(matter: Matter, kunshan: Holder) -> None:
    fleet = Fleet(matter)
    near, far = await fleet.add(3), await fleet.add(2)
    await fleet.heard(near, CHANGNING)
    await fleet.heard(far, KUNSHAN)
    await entrust(matter, kunshan, asset_ids=far)
    theirs, ours = await fleet.distribution(kunshan.client), await fleet.distribution()
    assert [(r["court"]["code"], r["n_assets"]) for r in theirs["rows"]] == [("苏0583", 2)]
    assert [(r["court"]["code"], r["n_assets"]) for r in ours["rows"]] == [("沪0105", 3), ("苏0583", 2)]
    clusters = await fleet.clusters(kunshan.client, state="all", min_assets=2)
    assert sum(c["properties"]["n"] for c in clusters["features"]) == 2


async def test_who_was_let_in_is_noted_for_the_trail(
    matter: Matter, kunshan: Holder, eyes: Eyes, application: FastAPI, clock: FixedClock
) -> None:
    ids = await matter.confirmed(2)
    visibility = Visibility(await eyes.principal(matter.court))
    until = datetime(2026, 12, 23, tzinfo=UTC)
    new = NewEntrustment(kunshan.subject_id, EntrustmentKind.MATTER, "查封", "12", None, None, until)
    async with context_of(application).database.writing(await eyes.sight(matter.court)) as session:
        given = await lending.entrust(session, visibility, matter.case_id, new, clock.now())
        await lending.withdraw(session, visibility, given.entrustment_id, clock.now())
        notes = notes_of(session)
    assert [n.action for n in notes] == ["entrustment.give", "entrustment.withdraw"]
    assert (notes[0].case_id, list(notes[0].asset_ids)) == (matter.case_id, ids)
    assert str(kunshan.subject_id) in (notes[0].detail or "")
