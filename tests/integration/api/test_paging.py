"""Page tokens that nobody handed out: refused as what they are, on every list, and never looked up."""

import pytest

from app.access.domain import Role
from app.core.web.paging import encode_key
from tests.api import Principals, problem_fields
from tests.factories.cases import Case

LISTS = {
    Role.PLATFORM_ADMINISTRATOR: (
        "/v1/people",
        "/v1/lessors",
        "/v1/cases",
        "/v1/devices",
        "/v1/depots",
        "/v1/legal-holds",
    ),
    Role.LESSOR_MANAGER: ("/v1/keys", "/v1/assets", "/v1/feeds", "/v1/alerts", "/v1/aemp-sources"),
    Role.ENFORCEMENT_OFFICER: (
        "/v1/cases",
        "{case}/assets",
        "{case}/measures",
        "{case}/entrustments",
        "/v1/courts",
        "/v1/divisions",
    ),
    Role.AUDITOR: ("/v1/audit",),
}


@pytest.mark.parametrize("beyond", [2**31, 2**53 - 1, 2**63, -1, -(2**31) - 1])
async def test_a_key_that_no_list_can_have_is_no_token(principals: Principals, case: Case, beyond: int) -> None:
    clients = {Role.LESSOR_MANAGER: case.lessor.client, Role.ENFORCEMENT_OFFICER: case.court.client}
    for role, paths in LISTS.items():
        client = clients.get(role) or (await principals.create(role)).client
        for path in paths:
            answer = await client.get(path.format(case=case.path), params={"after": encode_key(beyond)})
            if path == "/v1/audit" and 0 < beyond < 2**53:
                assert answer.status_code == 200, "its keys are bigints"
            else:
                assert (answer.status_code, problem_fields(answer)) == (422, ["after"]), path
            assert (await client.get(path.format(case=case.path))).status_code == 200, path


async def test_no_number_of_a_tracks_token_passes_its_column(case: Case) -> None:
    [asset_id] = await case.confirmed(1)
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    for at in range(4):
        token = encode_key(*(2**53 if place == at else 1 for place in range(4)))
        answer = await case.lessor.client.get(f"/v1/assets/{asset_id}/track", params=window | {"after": token})
        assert (answer.status_code, problem_fields(answer)) == (422, ["after"]), at
    token = encode_key(1, 2**31, 1, 1)
    answer = await case.lessor.client.get(f"/v1/assets/{asset_id}/track", params=window | {"after": token})
    assert answer.status_code == 422
