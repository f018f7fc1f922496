"""Cases over HTTP: recorded, read by whom, changed, closed."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Role, Visibility
from app.core.clock import FixedClock
from app.core.errors import NotFound
from app.enforcement.service import visible_case
from tests.api import Principals, problem_fields
from tests.factories.cases import CASE, Case, open_case, seizure


async def test_a_court_records_a_case_and_reads_it(case: Case) -> None:
    found = (await case.court.client.get(case.path)).json()
    assert found == CASE | {
        "case_id": case.case_id,
        "court_id": case.court.subject_id,
        "court_code": "沪0105",
        "court_name": "上海市长宁区人民法院",
        "court_code_differs": False,
        "applicant_lessor_id": case.lessor.subject_id,
        "phase": "enforcement",
        "closed_on": None,
        "created_at": "2026-11-23T04:00:00Z",
    }


async def test_a_number_is_read_as_it_is_written_and_found_so(case: Case, principals: Principals) -> None:
    await open_case(case.court, case.lessor, case_number="（2026）沪0105 执恢 007号")
    found = await case.court.client.get("/v1/cases", params={"case_number": "（2026）沪0105执恢7号"})
    assert [case["case_number"] for case in found.json()["items"]] == ["(2026)沪0105执恢7号"]
    refused = await case.court.client.get("/v1/cases", params={"case_number": "(2026)沪0105民初7号"})
    assert (refused.status_code, problem_fields(refused)) == (422, ["case_number"])
    other = await principals.court("沪0107")
    elsewhere = await other.client.get("/v1/cases", params={"case_number": "（2026）沪0105执恢7号"})
    assert elsewhere.json()["items"] == []


async def test_an_old_court_code_in_the_number_is_taken_and_shown(case: Case) -> None:
    case_id = await open_case(case.court, case.lessor, case_number="(2019)沪0108执55号")
    found = (await case.court.client.get(f"/v1/cases/{case_id}")).json()
    assert (found["court_code"], found["court_code_differs"]) == ("沪0105", True)


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"case_number": "(2025)沪0105执4321"}, 422, "case_number"),
        ({"case_number": "(2027)沪0105执1号"}, 422, "case_number"),
        ({"case_number": "(2025)沪0105执4321号"}, 409, "case_number"),
        ({"applicant_lessor_id": 2147483647}, 422, "applicant_lessor_id"),
        ({"applicant_lessor_id": 2147483648}, 422, "applicant_lessor_id"),
        ({"court_id": 1}, 422, "court_id"),
        ({"judgment_debtor": " "}, 422, "judgment_debtor"),
        ({"judgment_debtor": "a\u0000b"}, 422, "judgment_debtor"),
        ({"claim_yuan": "-1"}, 422, "claim_yuan"),
        ({"claim_yuan": "1.234"}, 422, "claim_yuan"),
        ({"opened_on": "2026-11-24"}, 422, "opened_on"),
        ({"opened_on": "0001-01-01"}, 422, "opened_on"),
        ({"opened_on": 20260101}, 422, "opened_on"),
        ({"phase": "closed"}, 422, "phase"),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
async def test_a_refusal_names_the_field(case: Case, changed: dict[str, Any], status: int, field: str) -> None:
    body = CASE | {"case_number": "(2026)沪0105执1号", "applicant_lessor_id": case.lessor.subject_id} | changed
    answer = await case.court.client.post("/v1/cases", json=body)
    assert (answer.status_code, problem_fields(answer)) == (status, [field])


async def test_an_administrator_says_whose_case_it_is(case: Case, admin: httpx.AsyncClient) -> None:
    body = CASE | {"case_number": "(2026)沪0105执1号", "applicant_lessor_id": case.lessor.subject_id}
    missing = await admin.post("/v1/cases", json=body)
    assert (missing.status_code, problem_fields(missing)) == (422, ["court_id"])
    unknown = await admin.post("/v1/cases", json=body | {"court_id": 2147483647})
    assert (unknown.status_code, problem_fields(unknown)) == (422, ["court_id"])
    made = await admin.post("/v1/cases", json=body | {"court_id": case.court.subject_id})
    assert made.status_code == 201
    assert len((await admin.get("/v1/cases")).json()["items"]) == 2
    for holder in (case.lessor,):
        assert (await holder.client.post("/v1/cases", json=body)).status_code == 403


async def test_who_sees_a_case_and_who_changes_it(
    case: Case, principals: Principals, admin: httpx.AsyncClient
) -> None:
    stranger, rival, dispatcher = (
        await principals.court("沪0107"),
        await principals.lessor("other"),
        await principals.dispatcher(),
    )
    colleague = await principals.court()
    for client in (colleague.client, case.lessor.client, admin):
        assert (await client.get(case.path)).status_code == 200
        assert [c["case_id"] for c in (await client.get("/v1/cases")).json()["items"]] == [case.case_id]
    for holder in (stranger, rival, dispatcher):
        hidden, missing = await holder.client.get(case.path), await holder.client.get("/v1/cases/2147483647")
        assert (hidden.status_code, hidden.json()["detail"]) == (404, missing.json()["detail"])
        assert (await holder.client.get("/v1/cases")).json()["items"] == []
        for part in ("assets", "measures"):
            assert (await holder.client.get(f"{case.path}/{part}")).status_code == 404
    assert (await stranger.client.patch(case.path, json={"claim_yuan": 1})).status_code == 404
    for client in (case.lessor.client, admin, dispatcher.client):
        assert (await client.patch(case.path, json={"claim_yuan": 1})).status_code == 403


async def test_cases_come_in_pages(case: Case) -> None:
    ids = [case.case_id]
    ids += [await open_case(case.court, case.lessor, case_number=f"(2026)沪0105执{n}号") for n in range(1, 5)]
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = (await case.court.client.get("/v1/cases", params={"limit": "2"} | after)).json()
        seen += [case["case_id"] for case in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ids
    only = await case.court.client.get("/v1/cases", params={"phase": "preservation"})
    assert only.json()["items"] == []


async def test_a_case_is_changed_by_member(case: Case) -> None:
    before = (await case.court.client.get(case.path)).json()
    changes = {"claim_yuan": None, "claim_mode": "delivery", "judgment_debtor": "另一公司"}
    assert (await case.court.client.patch(case.path, json=changes)).json() == before | changes
    assert (await case.court.client.patch(case.path, json={})).json() == before | changes
    refused = await case.court.client.patch(case.path, json={"judgment_debtor": None})
    assert (refused.status_code, problem_fields(refused)) == (422, ["judgment_debtor"])


async def test_closing_ends_what_the_case_opened(case: Case, principals: Principals, clock: FixedClock) -> None:
    (asset,) = await case.confirmed(1)
    await case.order(seizure(asset))
    dispatcher = await principals.dispatcher()
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00+08:00"}
    assert (await case.court.client.post(f"{case.path}/assignments", json=window)).status_code == 201
    assert await case.sees(case.court, asset)
    assert await case.sees(dispatcher, asset)
    clock.set(clock.now() + timedelta(hours=1))
    closed = (await case.court.client.patch(case.path, json={"phase": "closed"})).json()
    assert (closed["phase"], closed["closed_on"]) == ("closed", "2026-11-23")
    assert not await case.sees(case.court, asset)
    assert not await case.sees(dispatcher, asset)
    assert await case.sees(case.lessor, asset)
    assert (await dispatcher.client.get(case.path)).status_code == 404
    assert await case.states() == {asset: ("not_seizable", ["case_closed"])}


async def test_a_closed_case_takes_nothing_new(case: Case, principals: Principals) -> None:
    (asset,) = await case.confirmed(1)
    await case.court.client.patch(case.path, json={"phase": "concluded_no_property", "closed_on": "2026-11-20"})
    dispatcher = await principals.dispatcher()
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00Z"}
    confirmation = {"rows": [{"matched_by": "vin", "value": "x"}]}
    for client, part, body in (
        (case.lessor.client, "offers", {"asset_ids": [asset]}),
        (case.court.client, "confirmations", confirmation),
        (case.court.client, "measures", {"measures": [seizure(asset)]}),
        (case.court.client, "assignments", window),
    ):
        answer = await client.post(f"{case.path}/{part}", json=body)
        assert (answer.status_code, "2026-11-20" in answer.json()["detail"]) == (409, True)


async def test_a_closing_that_was_a_mistake_is_taken_back(case: Case, clock: FixedClock) -> None:
    kept, lifted = await case.confirmed(2)
    _, second = await case.order(seizure(kept), seizure(lifted))
    await case.court.client.patch(f"/v1/measures/{second}", json={"released_on": "2026-11-23"})
    await case.court.client.patch(case.path, json={"phase": "closed"})
    clock.set(clock.now() + timedelta(hours=1))
    opened = (await case.court.client.patch(case.path, json={"phase": "enforcement"})).json()
    assert (opened["phase"], opened["closed_on"]) == ("enforcement", None)
    assert await case.sees(case.court, kept)
    assert not await case.sees(case.court, lifted)


@pytest.mark.parametrize(
    "change",
    [
        {"closed_on": "2026-11-20"},
        {"phase": "resumed", "closed_on": "2026-11-20"},
        {"phase": "closed", "closed_on": "2026-11-24"},
        {"phase": "closed", "closed_on": "2025-03-17"},
    ],
)
async def test_a_closing_day_that_does_not_fit_is_refused(case: Case, change: dict[str, str]) -> None:
    answer = await case.court.client.patch(case.path, json=change)
    assert (answer.status_code, problem_fields(answer)) == (422, ["closed_on"])
    assert (await case.court.client.get(case.path)).json()["closed_on"] is None


async def test_the_closing_day_can_be_put_right(case: Case) -> None:
    await case.court.client.patch(case.path, json={"phase": "closed", "closed_on": "2026-11-20"})
    right = await case.court.client.patch(case.path, json={"closed_on": "2026-11-19"})
    assert (right.json()["phase"], right.json()["closed_on"]) == ("closed", "2026-11-19")
    again = await case.court.client.patch(case.path, json={"phase": "concluded_no_property"})
    assert (again.json()["phase"], again.json()["closed_on"]) == ("concluded_no_property", "2026-11-19")


async def test_other_rooms_find_a_case_in_sight(case: Case, session: AsyncSession, clock: FixedClock) -> None:
    officer = Principal(case.court.principal_id, Role.ENFORCEMENT_OFFICER, case.court.subject_id, None)
    stranger = Principal(case.court.principal_id, Role.ENFORCEMENT_OFFICER, case.court.subject_id + 1, None)
    found = await visible_case(session, Visibility(officer), case.case_id, clock.now())
    assert found.case_number == "(2025)沪0105执4321号"
    assert found.court_name == "上海市长宁区人民法院"
    with pytest.raises(NotFound):
        await visible_case(session, Visibility(stranger), case.case_id, clock.now())
