"""Another court is entrusted: what comes into its sight, what it may not do, and when it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from app.access.domain import Visibility
from app.audit.notes import notes_of
from app.core.clock import FixedClock
from app.enforcement.delegation import service as delegation
from app.enforcement.domain import EntrustmentKind
from app.enforcement.schemas import EntrustmentIn
from tests.api import NOTHING_VISIBLE, ApiUser, Principals, UserView, context_of, problem_fields
from tests.factories.cases import Case, CaseAssets, entrust, letter, open_case, seizure, vin
from tests.factories.constants import CHANGNING, KUNSHAN

UNTIL = "2026-12-23T00:00:00Z"


@pytest.fixture
async def kunshan(principals: Principals) -> ApiUser:
    return await principals.court("苏0583")


async def test_the_letter_is_recorded_with_what_the_law_asks_for(case: Case, kunshan: ApiUser) -> None:
    await case.confirmed(1)
    given = await entrust(case, kunshan, kind="case")
    assert (given["court_code"], given["court_name"]) == ("苏0583", "昆山市人民法院")
    assert (given["asset_ids"], given["withdrawn_at"], given["starts_at"]) == (None, None, "2026-11-23T04:00:00Z")
    due = [(d["due_on"], d["what"]) for d in given["deadlines"]]
    assert due[0] == ("2026-11-30", "the entrusted court opens a case")
    assert due[-1] == ("2027-05-23", "the applicant may ask the court above")
    for client in (case.court.client, kunshan.client):
        assert (await client.get(f"{case.path}/entrustments")).json()["items"] == [given]


async def test_the_entrusted_court_sees_the_entrusted_assets_and_nothing_else(
    case: Case, kunshan: ApiUser, user_view: UserView, principals: Principals
) -> None:
    case_assets = CaseAssets(case)
    lent, kept = await case_assets.add(1, value_yuan=70_000), await case_assets.add(2)
    await case_assets.heard([*lent, *kept], CHANGNING)
    other = await principals.court("苏0505")
    await entrust(case, other)
    await entrust(case, kunshan, asset_ids=lent)
    answer = await kunshan.client.get(case.path)
    assert (answer.json()["judgment_debtor"], answer.json()["court_code"]) == ("某运输有限公司", "沪0105")
    listed = (await kunshan.client.get("/v1/cases")).json()["items"]
    assert [c["case_id"] for c in listed] == [case.case_id]
    for what in ("assets", "measures"):
        rows = (await kunshan.client.get(f"{case.path}/{what}")).json()["items"]
        assert [row["asset_id"] for row in rows] == lent, what
    assert [a["asset_id"] for a in (await kunshan.client.get("/v1/assets")).json()["items"]] == lent
    assert [await user_view.place(kunshan, case.case_id, a) for a in (*lent, *kept)] == [200, 404, 404]
    assert (await kunshan.client.get(f"/v1/assets/{lent[0]}/position")).status_code == 403
    found = await case_assets.distribution(kunshan.client)
    assert (found["totals"]["assets"], found["totals"]["withheld"]) == (1, 0)
    assert found["totals"]["value_yuan"] == 70_000
    own = (await kunshan.client.get(f"{case.path}/entrustments")).json()["items"]
    assert [e["court_code"] for e in own] == ["苏0583"]
    case_only = (case.case_id,)
    assert await user_view.tables(kunshan, case.case_id) == NOTHING_VISIBLE | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position", "case_asset", "seizure_measure"), tuple(lent)
    ) | {"enforcement_case": case_only, "entrustment": case_only}


async def test_an_asset_of_two_cases_is_not_lent_in_the_other(
    case: Case, kunshan: ApiUser, user_view: UserView
) -> None:
    """The entrusted court knows it through a case of its own; that it is in this one too was not entrusted."""
    lent, own = await case.confirmed(2)
    await case.order(seizure(lent), seizure(own))
    theirs = await open_case(kunshan, case.lessor, case_number="(2026)苏0583执9号")
    their_matter = Case(case.session, kunshan, case.lessor, theirs)
    await their_matter.offer([own])
    await their_matter.confirm(("vin", vin(2)))
    await entrust(case, kunshan, asset_ids=[lent])
    for what in ("assets", "measures"):
        rows = (await kunshan.client.get(f"{case.path}/{what}")).json()["items"]
        assert [row["asset_id"] for row in rows] == [lent], what
    seen = await user_view.tables(kunshan)
    assert (seen["asset"], seen["seizure_measure"]) == ((lent, own), (lent,))
    assert (await user_view.tables(kunshan, case.case_id))["case_asset"] == (lent,)


async def test_the_entrusted_court_changes_nothing(case: Case, kunshan: ApiUser, principals: Principals) -> None:
    lent, kept = await case.confirmed(2)
    measure, other_measure = await case.order(seizure(lent), seizure(kept))
    given = await entrust(case, kunshan, asset_ids=[lent])
    dispatcher, third = await principals.dispatcher(), await principals.court("苏0505")
    ask = kunshan.client
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": UNTIL}
    rows = {"rows": [{"matched_by": "vin", "value": vin(1)}]}
    for status, answer in (
        (403, await ask.patch(case.path, json={"judgment_debtor": "x"})),
        (403, await ask.post(f"{case.path}/confirmations", json=rows)),
        (403, await ask.post(f"{case.path}/measures", json={"measures": [seizure(lent, kind="living_seizure")]})),
        (403, await ask.patch(f"/v1/measures/{measure}", json={"custodian": "x"})),
        (404, await ask.patch(f"/v1/measures/{other_measure}", json={"custodian": "x"})),
        (403, await ask.post(f"{case.path}/assignments", json=window)),
        (403, await ask.get(f"{case.path}/assignments")),
        (403, await ask.post(f"{case.path}/entrustments", json=letter(third))),
        (403, await ask.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")),
        (403, await ask.post(f"{case.path}/legal-hold", json={"reason": "x"})),
        (404, await third.client.get(f"{case.path}/entrustments")),
        (404, await third.client.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw")),
        (404, await ask.post("/v1/entrustments/2147483647/withdraw")),
        (403, await case.lessor.client.get(f"{case.path}/entrustments")),
        (403, await dispatcher.client.post(f"{case.path}/entrustments", json=letter(third))),
    ):
        assert answer.status_code == status, (answer.request.url, answer.text)
    assert (await case.court.client.get(case.path)).json()["judgment_debtor"] == "某运输有限公司"


async def test_what_comes_into_the_case_later_comes_into_an_entrustment_of_all_of_it(
    case: Case, kunshan: ApiUser, principals: Principals
) -> None:
    (first,) = await case.confirmed(1)
    other = await principals.court("苏0505")
    await entrust(case, kunshan)
    await entrust(case, other, asset_ids=[first])
    (later,) = await case.confirmed(1, first=2)
    assert [await case.sees(kunshan, a) for a in (first, later)] == [True, True]
    assert [await case.sees(other, a) for a in (first, later)] == [True, False]
    (measure,) = await case.order(seizure(later))
    await case.court.client.patch(f"/v1/measures/{measure}", json={"released_on": "2026-11-23"})
    assert not await case.sees(kunshan, later)
    await case.order(seizure(later))
    assert await case.sees(kunshan, later)


async def test_two_letters_to_one_court_end_apart(case: Case, kunshan: ApiUser, clock: FixedClock) -> None:
    one, two = await case.confirmed(2)
    first = await entrust(case, kunshan, asset_ids=[one], letter_number="1")
    await entrust(case, kunshan, asset_ids=[two], letter_number="2", starts_at="2026-11-24T00:00:00Z")
    assert [await case.sees(kunshan, a) for a in (one, two)] == [True, False]
    clock.set(datetime(2026, 11, 24, tzinfo=UTC))
    path = f"/v1/entrustments/{first['entrustment_id']}/withdraw"
    withdrawn = await case.court.client.post(path)
    assert (withdrawn.status_code, withdrawn.json()["withdrawn_at"]) == (200, "2026-11-24T00:00:00Z")
    assert [await case.sees(kunshan, a) for a in (one, two)] == [False, True]
    assert (await kunshan.client.get(case.path)).status_code == 200
    assert (await case.court.client.post(path)).status_code == 409


async def test_a_letter_for_later_opens_nothing_before(
    case: Case, kunshan: ApiUser, user_view: UserView, clock: FixedClock
) -> None:
    (asset,) = await case.confirmed(1)
    await entrust(case, kunshan, starts_at="2026-11-24T00:00:00Z")
    clock.set(datetime(2026, 11, 24, tzinfo=UTC) - timedelta(microseconds=1))
    assert (await kunshan.client.get(case.path)).status_code == 404
    assert await user_view.tables(kunshan, case.case_id) == NOTHING_VISIBLE
    clock.set(datetime(2026, 11, 24, tzinfo=UTC))
    assert (await kunshan.client.get(case.path)).status_code == 200
    assert await case.sees(kunshan, asset)


async def test_closing_by_mistake_takes_nothing_from_the_entrusted_court_for_good(
    case: Case, kunshan: ApiUser
) -> None:
    (asset,) = await case.confirmed(1)
    withdrawn = await entrust(case, kunshan, letter_number="1")
    await entrust(case, kunshan, letter_number="2", asset_ids=[asset])
    await case.court.client.patch(case.path, json={"phase": "closed"})
    assert (await kunshan.client.get(case.path)).status_code == 404
    await case.court.client.post(f"/v1/entrustments/{withdrawn['entrustment_id']}/withdraw")
    await case.court.client.patch(case.path, json={"phase": "enforcement"})
    assert await case.sees(kunshan, asset)


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
    case: Case, kunshan: ApiUser, principals: Principals, changed: dict[str, Any], field: str
) -> None:
    await case.confirmed(1)
    named = {"own": case.court, "intermediate": await principals.court("苏05")}
    if changed.get("court_id") in named:
        changed = {"court_id": named[changed["court_id"]].subject_id}
    answer = await case.court.client.post(f"{case.path}/entrustments", json=letter(kunshan, **changed))
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_closed_case_entrusts_nobody(case: Case, kunshan: ApiUser) -> None:
    await case.confirmed(1)
    await case.court.client.patch(case.path, json={"phase": "closed"})
    answer = await case.court.client.post(f"{case.path}/entrustments", json=letter(kunshan))
    assert answer.status_code == 409


async def test_entrusted_assets_move_the_totals_of_the_entrusted_court_only(case: Case, kunshan: ApiUser) -> None:
    case_assets = CaseAssets(case)
    near, far = await case_assets.add(3), await case_assets.add(2)
    await case_assets.heard(near, CHANGNING)
    await case_assets.heard(far, KUNSHAN)
    await entrust(case, kunshan, asset_ids=far)
    theirs, ours = await case_assets.distribution(kunshan.client), await case_assets.distribution()
    assert [(r["court"]["code"], r["n_assets"]) for r in theirs["rows"]] == [("苏0583", 2)]
    assert [(r["court"]["code"], r["n_assets"]) for r in ours["rows"]] == [("沪0105", 3), ("苏0583", 2)]
    clusters = await case_assets.clusters(kunshan.client, state="all", min_assets=2)
    assert sum(c["properties"]["n"] for c in clusters["features"]) == 2


async def test_who_was_let_in_is_noted_for_the_trail(
    case: Case, kunshan: ApiUser, user_view: UserView, application: FastAPI, clock: FixedClock
) -> None:
    ids = await case.confirmed(2)
    visibility = Visibility(await user_view.principal(case.court))
    until = datetime(2026, 12, 23, tzinfo=UTC)
    new = EntrustmentIn(
        court_id=kunshan.subject_id, kind=EntrustmentKind.MATTER, matters="查封", letter_number="12", ends_at=until
    )
    async with context_of(application).database.writing(await user_view.sight(case.court)) as session:
        given = await delegation.entrust(session, visibility, case.case_id, new, clock.now())
        await delegation.withdraw(session, visibility, given.entrustment_id, clock.now())
        notes = notes_of(session)
    assert [n.action for n in notes] == ["entrustment.give", "entrustment.withdraw"]
    assert (notes[0].case_id, list(notes[0].asset_ids)) == (case.case_id, ids)
    assert str(kunshan.subject_id) in (notes[0].detail or "")
