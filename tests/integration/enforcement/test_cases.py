"""Cases over HTTP: recorded, read by whom, changed, closed."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Role, Visibility
from app.core.clock import FixedClock
from app.core.errors import NotFound
from app.enforcement.domain import CaseNumber
from app.enforcement.service import case_by_number, case_in_sight
from tests.integration.enforcement.conftest import CASE, Matter, open_case, seizure
from tests.support import Doors, problem_fields


async def test_a_court_records_a_case_and_reads_it(matter: Matter) -> None:
    case = (await matter.court.client.get(matter.path)).json()
    assert case == CASE | {
        "case_id": matter.case_id,
        "court_id": matter.court.subject_id,
        "court_code": "沪0105",
        "court_name": "上海市长宁区人民法院",
        "court_code_differs": False,
        "applicant_lessor_id": matter.lessor.subject_id,
        "phase": "enforcement",
        "closed_on": None,
        "created_at": "2026-11-23T04:00:00Z",
    }


async def test_a_number_is_read_as_it_is_written_and_found_so(matter: Matter, doors: Doors) -> None:
    await open_case(matter.court, matter.lessor, case_number="（2026）沪0105 执恢 007号")
    found = await matter.court.client.get("/v1/cases", params={"case_number": "（2026）沪0105执恢7号"})
    assert [case["case_number"] for case in found.json()["items"]] == ["(2026)沪0105执恢7号"]
    refused = await matter.court.client.get("/v1/cases", params={"case_number": "(2026)沪0105民初7号"})
    assert (refused.status_code, problem_fields(refused)) == (422, ["case_number"])
    other = await doors.court("沪0107")
    elsewhere = await other.client.get("/v1/cases", params={"case_number": "（2026）沪0105执恢7号"})
    assert elsewhere.json()["items"] == []


async def test_an_old_court_code_in_the_number_is_taken_and_shown(matter: Matter) -> None:
    case_id = await open_case(matter.court, matter.lessor, case_number="(2019)沪0108执55号")
    case = (await matter.court.client.get(f"/v1/cases/{case_id}")).json()
    assert (case["court_code"], case["court_code_differs"]) == ("沪0105", True)


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
async def test_a_refusal_names_the_field(matter: Matter, changed: dict[str, Any], status: int, field: str) -> None:
    body = CASE | {"case_number": "(2026)沪0105执1号", "applicant_lessor_id": matter.lessor.subject_id} | changed
    answer = await matter.court.client.post("/v1/cases", json=body)
    assert (answer.status_code, problem_fields(answer)) == (status, [field])


async def test_an_administrator_says_whose_case_it_is(matter: Matter, admin: httpx.AsyncClient) -> None:
    body = CASE | {"case_number": "(2026)沪0105执1号", "applicant_lessor_id": matter.lessor.subject_id}
    missing = await admin.post("/v1/cases", json=body)
    assert (missing.status_code, problem_fields(missing)) == (422, ["court_id"])
    unknown = await admin.post("/v1/cases", json=body | {"court_id": 2147483647})
    assert (unknown.status_code, problem_fields(unknown)) == (422, ["court_id"])
    made = await admin.post("/v1/cases", json=body | {"court_id": matter.court.subject_id})
    assert made.status_code == 201
    assert len((await admin.get("/v1/cases")).json()["items"]) == 2
    for holder in (matter.lessor,):
        assert (await holder.client.post("/v1/cases", json=body)).status_code == 403


async def test_who_sees_a_case_and_who_changes_it(matter: Matter, doors: Doors, admin: httpx.AsyncClient) -> None:
    stranger, rival, dispatcher = await doors.court("沪0107"), await doors.lessor("other"), await doors.dispatcher()
    colleague = await doors.court()
    for client in (colleague.client, matter.lessor.client, admin):
        assert (await client.get(matter.path)).status_code == 200
        assert [c["case_id"] for c in (await client.get("/v1/cases")).json()["items"]] == [matter.case_id]
    for holder in (stranger, rival, dispatcher):
        hidden, missing = await holder.client.get(matter.path), await holder.client.get("/v1/cases/2147483647")
        assert (hidden.status_code, hidden.json()["detail"]) == (404, missing.json()["detail"])
        assert (await holder.client.get("/v1/cases")).json()["items"] == []
        for part in ("assets", "measures"):
            assert (await holder.client.get(f"{matter.path}/{part}")).status_code == 404
    assert (await stranger.client.patch(matter.path, json={"claim_yuan": 1})).status_code == 404
    for client in (matter.lessor.client, admin, dispatcher.client):
        assert (await client.patch(matter.path, json={"claim_yuan": 1})).status_code == 403


async def test_cases_come_in_pages(matter: Matter) -> None:
    ids = [matter.case_id]
    ids += [await open_case(matter.court, matter.lessor, case_number=f"(2026)沪0105执{n}号") for n in range(1, 5)]
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = (await matter.court.client.get("/v1/cases", params={"limit": "2"} | after)).json()
        seen += [case["case_id"] for case in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ids
    only = await matter.court.client.get("/v1/cases", params={"phase": "preservation"})
    assert only.json()["items"] == []


async def test_a_case_is_changed_by_member(matter: Matter) -> None:
    before = (await matter.court.client.get(matter.path)).json()
    changes = {"claim_yuan": None, "claim_mode": "delivery", "judgment_debtor": "另一公司"}
    assert (await matter.court.client.patch(matter.path, json=changes)).json() == before | changes
    assert (await matter.court.client.patch(matter.path, json={})).json() == before | changes
    refused = await matter.court.client.patch(matter.path, json={"judgment_debtor": None})
    assert (refused.status_code, problem_fields(refused)) == (422, ["judgment_debtor"])


async def test_closing_ends_what_the_case_opened(matter: Matter, doors: Doors, clock: FixedClock) -> None:
    (asset,) = await matter.confirmed(1)
    await matter.order(seizure(asset))
    dispatcher = await doors.dispatcher()
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00+08:00"}
    assert (await matter.court.client.post(f"{matter.path}/assignments", json=window)).status_code == 201
    assert await matter.sees(matter.court, asset)
    assert await matter.sees(dispatcher, asset)
    clock.set(clock.now() + timedelta(hours=1))
    closed = (await matter.court.client.patch(matter.path, json={"phase": "closed"})).json()
    assert (closed["phase"], closed["closed_on"]) == ("closed", "2026-11-23")
    assert not await matter.sees(matter.court, asset)
    assert not await matter.sees(dispatcher, asset)
    assert await matter.sees(matter.lessor, asset)
    assert (await dispatcher.client.get(matter.path)).status_code == 404
    assert await matter.states() == {asset: ("not_seizable", ["case_closed"])}


async def test_a_closed_case_takes_nothing_new(matter: Matter, doors: Doors) -> None:
    (asset,) = await matter.confirmed(1)
    await matter.court.client.patch(matter.path, json={"phase": "concluded_no_property", "closed_on": "2026-11-20"})
    dispatcher = await doors.dispatcher()
    window = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-12-01T00:00:00Z"}
    confirmation = {"rows": [{"matched_by": "vin", "value": "x"}]}
    for client, part, body in (
        (matter.lessor.client, "offers", {"asset_ids": [asset]}),
        (matter.court.client, "confirmations", confirmation),
        (matter.court.client, "measures", {"measures": [seizure(asset)]}),
        (matter.court.client, "assignments", window),
    ):
        answer = await client.post(f"{matter.path}/{part}", json=body)
        assert (answer.status_code, "2026-11-20" in answer.json()["detail"]) == (409, True)


async def test_a_closing_that_was_a_mistake_is_taken_back(matter: Matter, clock: FixedClock) -> None:
    kept, lifted = await matter.confirmed(2)
    _, second = await matter.order(seizure(kept), seizure(lifted))
    await matter.court.client.patch(f"/v1/measures/{second}", json={"released_on": "2026-11-23"})
    await matter.court.client.patch(matter.path, json={"phase": "closed"})
    clock.set(clock.now() + timedelta(hours=1))
    opened = (await matter.court.client.patch(matter.path, json={"phase": "enforcement"})).json()
    assert (opened["phase"], opened["closed_on"]) == ("enforcement", None)
    assert await matter.sees(matter.court, kept)
    assert not await matter.sees(matter.court, lifted)


@pytest.mark.parametrize(
    "change",
    [
        {"closed_on": "2026-11-20"},
        {"phase": "resumed", "closed_on": "2026-11-20"},
        {"phase": "closed", "closed_on": "2026-11-24"},
        {"phase": "closed", "closed_on": "2025-03-17"},
    ],
)
async def test_a_closing_day_that_does_not_fit_is_refused(matter: Matter, change: dict[str, str]) -> None:
    answer = await matter.court.client.patch(matter.path, json=change)
    assert (answer.status_code, problem_fields(answer)) == (422, ["closed_on"])
    assert (await matter.court.client.get(matter.path)).json()["closed_on"] is None


async def test_the_closing_day_can_be_put_right(matter: Matter) -> None:
    await matter.court.client.patch(matter.path, json={"phase": "closed", "closed_on": "2026-11-20"})
    right = await matter.court.client.patch(matter.path, json={"closed_on": "2026-11-19"})
    assert (right.json()["phase"], right.json()["closed_on"]) == ("closed", "2026-11-19")
    again = await matter.court.client.patch(matter.path, json={"phase": "concluded_no_property"})
    assert (again.json()["phase"], again.json()["closed_on"]) == ("concluded_no_property", "2026-11-19")


async def test_other_rooms_find_a_case_in_sight(matter: Matter, session: AsyncSession, clock: FixedClock) -> None:
    officer = Principal(matter.court.principal_id, Role.ENFORCEMENT_OFFICER, matter.court.subject_id, None)
    stranger = Principal(matter.court.principal_id, Role.ENFORCEMENT_OFFICER, matter.court.subject_id + 1, None)
    number = CaseNumber.parse("(2025)沪0105执4321号")
    found = await case_by_number(session, Visibility(officer), number, clock.now())
    assert found == await case_in_sight(session, Visibility(officer), matter.case_id, clock.now())
    assert found.court_name == "上海市长宁区人民法院"
    with pytest.raises(NotFound):
        await case_by_number(session, Visibility(stranger), number, clock.now())
    with pytest.raises(NotFound):
        await case_in_sight(session, Visibility(stranger), matter.case_id, clock.now())
