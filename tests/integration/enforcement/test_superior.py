"""A superior court reads its lower courts' own cases and changes none; what others lent to them it does not see."""

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.api import NOTHING_VISIBLE, ApiUser, Principals, UserView, context_of
from tests.factories.cases import Case, CaseAssets, entrust, letter, open_case, seizure
from tests.factories.constants import KUNSHAN

WRITES = (
    "UPDATE enforcement_case SET court_id = :court",  # it would be its own then
    "UPDATE enforcement_case SET judgment_debtor = 'x'",
    "UPDATE seizure_measure SET custodian = 'x'",
    "DELETE FROM seizure_measure",
    """INSERT INTO seizure_renewal (measure_id, previous_ends_on, ends_on, renewed_at, renewed_by)
       VALUES (:measure, '2027-11-30', '2028-11-30', now(), :by)""",
    """INSERT INTO planning_assignment (case_id, dispatcher_id, starts_at, ends_at, given_by, given_at)
       VALUES (:case, :by, now(), now() + interval '1 day', :by, now())""",
    "INSERT INTO legal_hold (case_id, reason, from_at, placed_by) VALUES (:case, 'x', now(), :by)",
)


@pytest.fixture
async def lower(principals: Principals, case: Case) -> Case:
    """A case of the court of Kunshan, under Suzhou, under Jiangsu."""
    court = await principals.court("苏0583")
    case_id = await open_case(court, case.lessor, case_number="(2026)苏0583执9号")
    return Case(case.session, court, case.lessor, case_id)


@pytest.fixture(params=["苏05", "苏"])
async def superior(principals: Principals, request: pytest.FixtureRequest) -> ApiUser:
    return await principals.court(request.param)


async def test_it_reads_the_cases_of_its_lower_courts_with_their_assets(
    case: Case, lower: Case, superior: ApiUser, user_view: UserView
) -> None:
    case_assets = CaseAssets(lower)
    ids = await case_assets.add(3)
    offered = await case_assets.bound(1)
    await lower.offer(offered)
    await case_assets.heard([*ids, *offered], KUNSHAN)
    ask = superior.client
    assert [c["case_id"] for c in (await ask.get("/v1/cases")).json()["items"]] == [lower.case_id]
    assert (await ask.get(case.path)).status_code == 404
    for what in ("assets", "measures"):
        assert [r["asset_id"] for r in (await ask.get(f"{lower.path}/{what}")).json()["items"]] == ids, what
    assert [a["asset_id"] for a in (await ask.get("/v1/assets")).json()["items"]] == ids
    assert [await user_view.place(superior, lower.case_id, a) for a in (*ids, *offered)] == [200, 200, 200, 404]
    assert (await ask.get(f"/v1/assets/{ids[0]}/position")).status_code == 403
    assert await user_view.place(superior, case.case_id, ids[0]) == 404
    assert (await case_assets.distribution(ask))["totals"]["fresh"] == 3
    seen, of_case = tuple(ids), (lower.case_id,)
    assert await user_view.tables(superior, lower.case_id) == NOTHING_VISIBLE | dict.fromkeys(
        ("asset", "device_binding", "ping", "current_position", "case_asset", "seizure_measure"), seen
    ) | {"enforcement_case": of_case}
    assert (await user_view.tables(superior))["ping"] == ()


async def test_what_has_ended_is_counted_and_not_shown(
    lower: Case, superior: ApiUser, user_view: UserView, principals: Principals
) -> None:
    case_assets = CaseAssets(lower)
    released, kept = await case_assets.add(2)
    await case_assets.heard([released, kept], KUNSHAN)
    measures = (await superior.client.get(f"{lower.path}/measures", params={"asset_id": released})).json()["items"]
    lifted = {"released_on": "2026-11-23"}
    await lower.court.client.patch(f"/v1/measures/{measures[0]['measure_id']}", json=lifted)
    totals = (await case_assets.distribution(superior.client))["totals"]
    assert (totals["assets"], totals["withheld"], totals["fresh"]) == (2, 1, 1)
    assert totals == (await case_assets.distribution(lower.court.client))["totals"]
    assert (await user_view.tables(superior, lower.case_id))["ping"] == (kept,)
    await lower.court.client.patch(lower.path, json={"phase": "closed"})
    totals = (await case_assets.distribution(superior.client))["totals"]
    assert (totals["assets"], totals["withheld"]) == (2, 2)
    assert await user_view.place(superior, lower.case_id, kept) == 404
    assert (await user_view.tables(superior, lower.case_id))["ping"] == ()


async def test_it_changes_nothing(lower: Case, superior: ApiUser, principals: Principals) -> None:
    (asset,) = await lower.confirmed(1)
    (measure,) = await lower.order(seizure(asset))
    other, dispatcher = await principals.court("苏0505"), await principals.dispatcher()
    given = await entrust(lower, other)
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00Z"}
    ask = superior.client
    for answer in (
        await ask.patch(lower.path, json={"judgment_debtor": "x"}),
        await ask.post(f"{lower.path}/measures", json={"measures": [seizure(asset, kind="living_seizure")]}),
        await ask.patch(f"/v1/measures/{measure}", json={"custodian": "x"}),
        await ask.post(f"{lower.path}/assignments", json=window),
        await ask.post(f"{lower.path}/entrustments", json=letter(other)),
        await ask.post(f"/v1/entrustments/{given['entrustment_id']}/withdraw"),
        await ask.post(f"{lower.path}/legal-hold", json={"reason": "x"}),
        await ask.post(f"{lower.path}/legal-hold/release"),
    ):
        assert answer.status_code == 403, (answer.request.url, answer.text)
    assert (await ask.get(f"{lower.path}/entrustments")).json()["items"] == [given]
    assert (await ask.get(f"{lower.path}/assignments")).json()["items"] == []


async def test_the_database_lets_it_write_nothing_either(
    lower: Case, superior: ApiUser, user_view: UserView, application: FastAPI
) -> None:
    (asset,) = await lower.confirmed(1)
    (measure,) = await lower.order(seizure(asset))
    sight = await user_view.sight(superior)
    refused = 0
    ids = {"court": superior.subject_id, "by": superior.principal_id, "case": lower.case_id, "measure": measure}
    for statement in WRITES:
        try:
            async with context_of(application).database.writing(sight) as session:
                changed = await session.execute(text(statement), ids)
                assert changed.rowcount == 0, statement  # type: ignore[attr-defined]
        except DBAPIError:
            refused += 1
    assert refused == 5
    assert (await lower.court.client.get(lower.path)).json()["judgment_debtor"] == "某运输有限公司"


async def test_what_others_entrusted_to_a_lower_court_is_not_its_business(
    case: Case, lower: Case, superior: ApiUser, user_view: UserView
) -> None:
    case_assets = CaseAssets(case)
    ids = await case_assets.add(1)
    await case_assets.heard(ids, KUNSHAN)
    await entrust(case, lower.court)
    assert await user_view.place(lower.court, case.case_id, ids[0]) == 200
    assert (await superior.client.get(case.path)).status_code == 404
    assert (await superior.client.get("/v1/assets")).json()["items"] == []
    assert await user_view.place(superior, case.case_id, ids[0]) == 404
    assert await user_view.tables(superior, case.case_id) == NOTHING_VISIBLE | {"enforcement_case": (lower.case_id,)}


async def test_a_lower_court_sees_nothing_of_a_superior_one_and_sisters_nothing_of_each_other(
    lower: Case, principals: Principals, user_view: UserView
) -> None:
    (asset,) = await lower.confirmed(1)
    above, sister = await principals.court("苏05"), await principals.court("苏0505")
    theirs = await open_case(above, lower.lessor, case_number="(2026)苏05执3号")
    assert (await lower.court.client.get(f"/v1/cases/{theirs}")).status_code == 404
    assert (await above.client.get(f"/v1/cases/{theirs}")).status_code == 200
    assert (await sister.client.get(lower.path)).status_code == 404
    assert await user_view.tables(sister, lower.case_id) == NOTHING_VISIBLE
    assert not await lower.sees(sister, asset)
