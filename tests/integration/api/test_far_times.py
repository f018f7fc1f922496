"""Times at the ends of the calendar: refused where people set them, and shown without failing where they stand."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from app.cli.service_session import moment
from app.core.clock import SHANGHAI, in_shanghai
from tests.api import ApiUser, Principals, problem_fields
from tests.factories.cases import CaseAssets
from tests.factories.commands import Command
from tests.factories.constants import KUNSHAN, NOW
from tests.factories.people import People

FAR = ("9999-12-31T23:59:59Z", "2100-01-01T00:00:01Z", "0001-01-01T00:00:00Z", "1989-12-31T23:59:59Z")
LATER = (NOW + timedelta(days=1)).isoformat()


@pytest.mark.parametrize("far", FAR)
async def test_what_people_set_is_within_1990_and_2100(
    case_assets: CaseAssets, principals: Principals, far: str
) -> None:
    (asset_id,) = await case_assets.add(1)
    lessor, court, path = case_assets.case.lessor.client, case_assets.case.court.client, case_assets.case.path
    dispatcher, other = (await principals.dispatcher()).principal_id, (await principals.court("沪0106")).subject_id
    assigned = await court.post(f"{path}/assignments", json={"dispatcher_id": dispatcher, "ends_at": LATER})
    assert assigned.status_code == 201
    shares = f"/v1/assignments/{assigned.json()['assignment_id']}/shares"
    key = {"role": "lessor_feed", "holder": "x", "label": "l"}
    letter = {"court_id": other, "kind": "matter", "matters": "to serve", "letter_number": "7"}
    bound = {"device_id": 1, "asset_id": asset_id}
    sold = {"to_name": "a buyer", "ground": "sale"}
    for client, address, body, field in (
        (lessor, "/v1/keys", key, "expires_at"),
        (court, shares, {"recipient": "赵六"}, "expires_at"),
        (court, f"{path}/assignments", {"dispatcher_id": dispatcher}, "ends_at"),
        (court, f"{path}/assignments", {"dispatcher_id": dispatcher, "ends_at": LATER}, "starts_at"),
        (court, f"{path}/entrustments", letter, "ends_at"),
        (court, f"{path}/entrustments", letter | {"ends_at": LATER}, "starts_at"),
        (lessor, "/v1/device-bindings", bound, "bound_from"),
        (lessor, f"/v1/assets/{asset_id}/transfer", sold, "transferred_at"),
    ):
        answer = await client.post(address, json=body | {field: far})
        assert (answer.status_code, problem_fields(answer)) == (422, [field]), (address, answer.text)


async def test_the_year_2100_itself_can_be_set(principals: Principals) -> None:
    wanted = {"role": "lessor_feed", "holder": "x", "label": "l", "expires_at": "2100-01-01T00:00:00Z"}
    assert (await (await principals.lessor()).client.post("/v1/keys", json=wanted)).status_code == 201


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "1989-12-31T23:59:59Z"])
async def test_no_track_begins_before_there_were_trackers(case_assets: CaseAssets, since: str) -> None:
    (asset_id,) = await case_assets.add(1)
    window = {"from": since, "to": "1990-02-01T00:00:00Z" if since[0] == "1" else "0001-02-01T00:00:00Z"}
    answer = await case_assets.lessor.get(f"/v1/assets/{asset_id}/track", params=window)
    assert (answer.status_code, problem_fields(answer)) == (422, ["from"])


async def test_a_key_until_the_end_of_the_calendar_is_listed_and_rotated(
    principals: Principals, people: People, run_command: Command
) -> None:
    lessor = await principals.lessor()
    await people.execute("UPDATE api_key SET expires_at = '9999-12-31 23:59:59Z'")
    listed = run_command("keys", "list")
    assert (listed.exit_code, "9999-12-31 23:59" in listed.stdout) == (0, True), listed.output
    rotated = run_command("keys", "rotate", lessor.key.split("_")[1])
    assert rotated.exit_code == 0, rotated.output


async def test_a_sheet_of_an_assignment_without_foreseeable_end_is_shown(
    case_assets: CaseAssets, principals: Principals, client: httpx.AsyncClient
) -> None:
    ids = await case_assets.add(1)
    await case_assets.heard(ids, KUNSHAN)
    dispatcher: ApiUser = await principals.dispatcher()
    body = {"dispatcher_id": dispatcher.principal_id, "ends_at": LATER}
    assignment = (await case_assets.court.post(f"{case_assets.case.path}/assignments", json=body)).json()[
        "assignment_id"
    ]
    await case_assets.case.session.execute(text("UPDATE planning_assignment SET ends_at = '9999-12-31 23:59:59Z'"))
    await case_assets.case.session.commit()
    made = (await case_assets.court.post(f"/v1/assignments/{assignment}/shares", json={"recipient": "赵六"})).json()
    shown = await client.post(made["path"], data={"pin": made["pin"]})
    assert (shown.status_code, "9999-12-31" in shown.text) == (200, True)


def test_no_moment_is_too_far_to_be_written() -> None:
    for end in (datetime.max, datetime.min):  # noqa: DTZ901 the zone follows
        for zone in (NOW.tzinfo, SHANGHAI):
            assert in_shanghai(end.replace(tzinfo=zone)).year == end.year
            assert moment(end.replace(tzinfo=zone))
