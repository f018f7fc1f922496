"""Measures over HTTP, and what follows from them: states, ranks across cases, sight."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import FixedClock
from app.core.errors import NotFound
from app.enforcement.seizable import Seizability, State
from app.enforcement.service import seizability_of_case
from tests.api import Principals, counted_queries, problem_fields
from tests.factories.cases import Case, open_case, seizure, vin

HELD = {"kind": "physical_detention", "custodian": "长宁区指定停车场"}


async def rival_case(case: Case, principals: Principals) -> Case:
    """Return a case of another court, of the same applicant and about the same assets."""
    court = await principals.court("沪0107")
    case_id = await open_case(court, case.lessor, case_number="(2025)沪0107执9号")
    return Case(case.session, court, case.lessor, case_id)


async def test_measures_are_recorded_in_order_and_read_back(case: Case) -> None:
    ids = await case.confirmed(3)
    made = await case.order(*(seizure(i) for i in reversed(ids)), seizure(ids[0], **HELD))
    page = (await case.court.client.get(f"{case.path}/measures", params={"limit": 3})).json()
    assert [(m["measure_id"], m["asset_id"]) for m in page["items"]] == list(zip(made, reversed(ids), strict=False))
    rest = await case.lessor.client.get(f"{case.path}/measures", params={"after": page["next"]})
    assert rest.json() == {
        "items": [
            {
                "measure_id": made[3],
                "case_id": case.case_id,
                "asset_id": ids[0],
                "rank": 1,
                "starts_on": "2025-12-01",
                "ends_on": "2027-11-30",
                "released_on": None,
                "effective_on": None,
                "created_at": "2026-11-23T04:00:00Z",
                "renewals": [],
            }
            | HELD
        ],
        "next": None,
    }
    of_one = await case.court.client.get(f"{case.path}/measures", params={"asset_id": ids[2]})
    assert [m["measure_id"] for m in of_one.json()["items"]] == made[:1]


async def test_every_state_is_told_with_its_reason(case: Case) -> None:
    ids = await case.confirmed(7)
    made = await case.order(
        seizure(ids[0]),
        seizure(ids[1], **HELD),
        seizure(ids[2], kind="living_seizure"),
        seizure(ids[3], ends_on="2026-11-22"),
        seizure(ids[4], rank=2),
        seizure(ids[5]),
    )
    await case.court.client.patch(f"/v1/measures/{made[5]}", json={"released_on": "2026-11-23"})
    assert await case.states() == {
        ids[0]: ("seizable", []),
        ids[1]: ("held", ["held_by_this_court"]),
        ids[2]: ("not_seizable", ["left_in_use"]),
        ids[3]: ("not_seizable", ["lapsed"]),
        ids[4]: ("not_seizable", ["ranked_behind"]),
        ids[5]: ("not_seizable", ["released"]),
        ids[6]: ("not_seizable", ["no_measure"]),
    }


async def test_all_faulty_rows_are_named_and_none_is_recorded(case: Case) -> None:
    (asset,) = await case.confirmed(1)
    (offered,) = await case.assets(1, first=2)
    await case.offer([offered])
    body = [
        seizure(asset),
        seizure(offered),
        seizure(2147483647, ends_on="2025-11-30"),
        seizure(asset, kind="living_seizure", ends_on="2027-12-02"),
        seizure(asset, **HELD, effective_on="2026-01-01"),
        seizure(asset, kind="living_seizure", rank=2, effective_on="2026-11-24"),
    ]
    answer = await case.court.client.post(f"{case.path}/measures", json={"measures": body})
    assert answer.status_code == 422
    assert problem_fields(answer) == [
        "measures.1.asset_id",
        "measures.2.asset_id",
        "measures.2.ends_on",
        "measures.3.ends_on",
        "measures.4.effective_on",
        "measures.5.effective_on",
    ]
    assert (await case.court.client.get(f"{case.path}/measures")).json()["items"] == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rank": 0}, "rank"),
        ({"kind": "freeze"}, "kind"),
        ({"ends_on": "2027-02-30"}, "ends_on"),
        ({"ends_on": "9999-12-31"}, "ends_on"),
        ({"asset_id": "1"}, "asset_id"),
        ({"custodian": "x" * 201}, "custodian"),
    ],
)
async def test_a_malformed_row_is_named(case: Case, changed: dict[str, Any], field: str) -> None:
    body = {"measures": [seizure(1), seizure(1) | changed]}
    answer = await case.court.client.post(f"{case.path}/measures", json=body)
    assert (answer.status_code, problem_fields(answer)) == (422, [f"measures.1.{field}"])


async def test_two_of_a_kind_do_not_overlap(case: Case) -> None:
    (asset,) = await case.confirmed(1)
    (first,) = await case.order(seizure(asset))
    touching = seizure(asset, starts_on="2027-11-30", ends_on="2028-01-01")
    following = seizure(asset, starts_on="2027-12-01", ends_on="2028-01-01")
    for measures, index in (([touching], 0), ([following, following], 1)):
        answer = await case.court.client.post(f"{case.path}/measures", json={"measures": measures})
        assert (answer.status_code, problem_fields(answer)) == (409, [f"measures.{index}.starts_on"])
    await case.order(following, seizure(asset, **HELD))
    renewed = await case.court.client.patch(f"/v1/measures/{first}", json={"ends_on": "2028-01-01"})
    assert (renewed.status_code, problem_fields(renewed)) == (409, ["ends_on"])


async def test_a_measure_in_force_is_renewed_and_remembers_it(case: Case, clock: FixedClock) -> None:
    (asset,) = await case.confirmed(1)
    (measure,) = await case.order(seizure(asset, ends_on="2026-11-23"))
    for wrong in ("2026-11-23", "2028-11-24"):
        answer = await case.court.client.patch(f"/v1/measures/{measure}", json={"ends_on": wrong})
        assert (answer.status_code, problem_fields(answer)) == (422, ["ends_on"])
    answer = await case.court.client.patch(f"/v1/measures/{measure}", json={"ends_on": "2028-11-23"})
    assert answer.status_code == 200
    assert (answer.json()["ends_on"], answer.json()["renewals"]) == (
        "2028-11-23",
        [{"previous_ends_on": "2026-11-23", "ends_on": "2028-11-23", "renewed_at": "2026-11-23T04:00:00Z"}],
    )
    clock.set(clock.now() + timedelta(days=1))
    assert await case.states() == {asset: ("seizable", [])}


async def test_what_has_lapsed_is_neither_renewed_nor_lifted(case: Case, clock: FixedClock) -> None:
    (asset,) = await case.confirmed(1)
    (measure,) = await case.order(seizure(asset, ends_on="2026-11-23"))
    clock.set(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))  # midnight in Shanghai
    for change in ({"ends_on": "2028-01-01"}, {"released_on": "2026-11-24"}):
        answer = await case.court.client.patch(f"/v1/measures/{measure}", json=change)
        assert (answer.status_code, "lapsed after 2026-11-23" in answer.json()["detail"]) == (409, True)
    assert await case.states() == {asset: ("not_seizable", ["lapsed"])}
    await case.order(seizure(asset, starts_on="2026-11-24", ends_on="2028-11-23"))
    assert await case.states() == {asset: ("seizable", [])}


async def test_a_measure_is_lifted_once_and_not_in_the_future(case: Case) -> None:
    (asset,) = await case.confirmed(1)
    (measure,) = await case.order(seizure(asset))
    path = f"/v1/measures/{measure}"
    for wrong in ("2026-11-24", "2025-11-30"):
        answer = await case.court.client.patch(path, json={"released_on": wrong})
        assert (answer.status_code, problem_fields(answer)) == (422, ["released_on"])
    both = await case.court.client.patch(path, json={"released_on": "2026-11-23", "ends_on": "2028-01-01"})
    assert both.status_code == 422
    nothing = await case.court.client.patch(path, json={"released_on": None})
    assert (nothing.status_code, problem_fields(nothing)) == (422, ["released_on"])
    lifted = await case.court.client.patch(path, json={"released_on": "2026-11-22"})
    assert (lifted.status_code, lifted.json()["released_on"]) == (200, "2026-11-22")
    again = await case.court.client.patch(path, json={"released_on": "2026-11-23"})
    assert (again.status_code, "lifted on 2026-11-22" in again.json()["detail"]) == (409, True)


async def test_an_asset_whose_measures_are_all_lifted_goes_out_of_sight(
    case: Case, principals: Principals, clock: FixedClock
) -> None:
    ids = await case.confirmed(2)
    dispatcher = await principals.dispatcher()
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00Z"}
    await case.court.client.post(f"{case.path}/assignments", json=window)
    made = await case.order(seizure(ids[0]), seizure(ids[0], **HELD), seizure(ids[1]))
    today = {"released_on": "2026-11-23"}
    await case.court.client.patch(f"/v1/measures/{made[0]}", json=today)
    assert await case.sees(case.court, ids[0])
    await case.court.client.patch(f"/v1/measures/{made[1]}", json=today)
    for holder in (case.court, dispatcher):
        assert [await case.sees(holder, i) for i in ids] == [False, True]
    assert await case.states() == {ids[0]: ("not_seizable", ["released"]), ids[1]: ("seizable", [])}
    clock.set(clock.now() + timedelta(hours=1))
    await case.order(seizure(ids[0]))
    for holder in (case.court, dispatcher):
        assert [await case.sees(holder, i) for i in ids] == [True, True]


async def test_measures_are_the_business_of_the_courts_own_officers(case: Case, principals: Principals) -> None:
    (asset,) = await case.confirmed(1)
    (measure,) = await case.order(seizure(asset))
    stranger = await principals.court("沪0107")
    body = {"measures": [seizure(asset, **HELD)]}
    assert (await stranger.client.post(f"{case.path}/measures", json=body)).status_code == 404
    assert (await case.lessor.client.post(f"{case.path}/measures", json=body)).status_code == 403
    change = {"custodian": "x"}
    assert (await stranger.client.patch(f"/v1/measures/{measure}", json=change)).status_code == 404
    assert (await case.court.client.patch("/v1/measures/2147483647", json=change)).status_code == 404
    assert (await case.lessor.client.patch(f"/v1/measures/{measure}", json=change)).status_code == 403
    assert (await case.court.client.patch(f"/v1/measures/{measure}", json=change)).json()["custodian"] == "x"


async def test_ranks_count_across_cases_and_no_number_leaks(case: Case, principals: Principals) -> None:
    (asset,) = await case.confirmed(1)
    theirs = await rival_case(case, principals)
    await theirs.offer([asset])
    await theirs.confirm(("vin", vin(1)))
    (first,) = await theirs.order(seizure(asset, starts_on="2025-11-01", ends_on="2027-10-31"))
    await case.order(seizure(asset, rank=2))
    assert await theirs.states() == {asset: ("seizable", [])}
    assert await case.states() == {asset: ("not_seizable", ["ranked_behind"])}
    answer = await case.court.client.get(f"{case.path}/assets")
    assert answer.json()["items"][0]["seizability"]["effective_rank"] == 2
    assert "沪0107" not in answer.text
    listed = (await case.court.client.get(f"{case.path}/measures")).json()["items"]
    assert [m["case_id"] for m in listed] == [case.case_id]
    await theirs.court.client.patch(f"/v1/measures/{first}", json={"released_on": "2026-11-23"})
    assert await case.states() == {asset: ("seizable", [])}
    await theirs.order(seizure(asset, **HELD))
    assert await case.states() == {asset: ("held", ["held_by_another_court"])}
    assert await theirs.states() == {asset: ("held", ["held_by_this_court"])}


async def test_a_resumed_case_does_not_wait_for_the_one_that_it_resumes(case: Case) -> None:
    (asset,) = await case.confirmed(1)
    await case.order(seizure(asset))
    resumed_id = await open_case(case.court, case.lessor, case_number="(2026)沪0105执恢7号")
    resumed = Case(case.session, case.court, case.lessor, resumed_id)
    await resumed.offer([asset])
    await resumed.confirm(("vin", vin(1)))
    await resumed.order(seizure(asset, starts_on="2026-11-23", ends_on="2028-11-22"))
    assert await resumed.states() == {asset: ("not_seizable", ["ranked_behind"])}
    await case.court.client.patch(case.path, json={"phase": "concluded_no_property"})
    assert await resumed.states() == {asset: ("seizable", [])}
    assert await case.states() == {asset: ("not_seizable", ["concluded_no_property"])}


async def test_a_waiting_seizure_takes_effect_when_the_register_says_so(case: Case) -> None:
    ids = await case.confirmed(2)
    first, second = await case.order(seizure(ids[0], rank=2), seizure(ids[1]))
    assert (await case.states())[ids[0]] == ("not_seizable", ["ranked_behind"])
    answer = await case.court.client.patch(f"/v1/measures/{first}", json={"effective_on": "2026-11-23"})
    assert answer.json()["effective_on"] == "2026-11-23"
    assert (await case.states())[ids[0]] == ("seizable", [])
    for measure, day in ((first, "2026-11-24"), (second, "2026-11-23")):
        answer = await case.court.client.patch(f"/v1/measures/{measure}", json={"effective_on": day})
        assert (answer.status_code, problem_fields(answer)) == (422, ["effective_on"])


async def test_the_past_is_told_from_what_is_known_today(case: Case, session: AsyncSession) -> None:
    (asset,) = await case.confirmed(1)
    (measure,) = await case.order(seizure(asset))
    await case.court.client.patch(f"/v1/measures/{measure}", json={"released_on": "2026-11-20"})
    await case.court.client.patch(case.path, json={"phase": "closed", "closed_on": "2026-11-22"})

    async def on(day: int, hour: int = 0) -> Seizability:
        at = datetime(2026, 11, day, hour, tzinfo=UTC)
        return (await seizability_of_case(session, case.case_id, at))[asset]

    assert (await on(19, 15)).state is State.SEIZABLE
    assert [r.code for r in (await on(19, 16)).reasons] == ["released"]  # the 20th has begun in Shanghai
    assert [r.code for r in (await on(22)).reasons] == ["case_closed", "released"]
    with pytest.raises(NotFound):
        await seizability_of_case(session, 2147483647, datetime(2026, 11, 23, tzinfo=UTC))


async def test_a_case_of_671_is_told_in_two_statements(
    case: Case, application: FastAPI, session: AsyncSession, clock: FixedClock
) -> None:
    ids = await case.confirmed(671)
    with counted_queries(application) as statements:
        await case.order(*(seizure(i) for i in ids))
    assert len(statements) <= 8, statements
    with counted_queries(application) as statements:
        found = await seizability_of_case(session, case.case_id, clock.now())
    assert sorted(found) == ids
    assert {answer.state for answer in found.values()} == {State.SEIZABLE}
    assert len(statements) == 2, statements


async def test_a_dispatcher_sees_the_case_for_the_time_of_the_assignment(
    case: Case, principals: Principals, clock: FixedClock
) -> None:
    (early,) = await case.confirmed(1)
    dispatcher, idle = await principals.dispatcher(), await principals.dispatcher()
    path = f"{case.path}/assignments"
    window = {
        "dispatcher_id": dispatcher.principal_id,
        "starts_at": "2026-11-24T08:00:00+08:00",
        "ends_at": "2026-11-25T08:00:00+08:00",
    }
    made = (await case.court.client.post(path, json=window)).json()
    assert made == window | {
        "assignment_id": made["assignment_id"],
        "case_id": case.case_id,
        "starts_at": "2026-11-24T00:00:00Z",
        "ends_at": "2026-11-25T00:00:00Z",
        "given_at": "2026-11-23T04:00:00Z",
    }
    (late,) = await case.confirmed(1, first=2)
    assert (await dispatcher.client.get(case.path)).status_code == 404
    assert not await case.sees(dispatcher, early)
    clock.set(datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    assert (await dispatcher.client.get(path)).json()["items"] == [made]
    assert (await idle.client.get(path)).status_code == 404
    listed = (await dispatcher.client.get(f"{case.path}/assets")).json()["items"]
    assert [row["asset_id"] for row in listed] == [early, late]
    assert [await case.sees(dispatcher, i) for i in (early, late)] == [True, True]
    clock.set(datetime(2026, 11, 25, 0, 0, tzinfo=UTC))
    assert (await dispatcher.client.get(case.path)).status_code == 404
    assert not await case.sees(dispatcher, early)
    assert (await case.court.client.get(path)).json()["items"] == [made]
    assert (await case.lessor.client.get(path)).status_code == 403


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"dispatcher_id": 2147483647}, "dispatcher_id"),
        ({"ends_at": "2026-11-23T12:00:00+08:00"}, "ends_at"),
        ({"starts_at": "2026-12-02T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-12-01T00:00:00"}, "ends_at"),
    ],
)
async def test_an_assignment_that_cannot_be_is_refused(
    case: Case, principals: Principals, changed: dict[str, Any], field: str
) -> None:
    dispatcher = await principals.dispatcher()
    body = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00Z"} | changed
    answer = await case.court.client.post(f"{case.path}/assignments", json=body)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])
    court_is_no_dispatcher = body | {"dispatcher_id": case.court.principal_id, "ends_at": "2026-12-01T00:00:00Z"}
    answer = await case.court.client.post(f"{case.path}/assignments", json=court_is_no_dispatcher)
    assert answer.status_code == 422
