"""Who learns that an asset is seized, by which court and in which case."""

import httpx

from app.core.clock import FixedClock
from tests.api import ApiUser, Principals
from tests.factories.cases import Case, open_case, seizure, vin


async def told(client: httpx.AsyncClient, asset_id: int) -> list[tuple[str | None, str | None, int, bool]]:
    answer = await client.get(f"/v1/assets/{asset_id}/seizures")
    assert answer.status_code == 200, answer.text
    return [(s["case_number"], s["court_name"], s["rank"], s["in_force"]) for s in answer.json()["items"]]


async def listed(holder: ApiUser | httpx.AsyncClient, **params: bool) -> list[int]:
    client = holder.client if isinstance(holder, ApiUser) else holder
    return [a["asset_id"] for a in (await client.get("/v1/assets", params=params)).json()["items"]]


async def rival(case: Case, principals: Principals, asset_id: int, number: int) -> Case:
    """A case of another court with the same asset in it, which stands first."""
    court = await principals.court("沪0107")
    case_id = await open_case(court, case.lessor, case_number="(2026)沪0107执77号", judgment_debtor="秘密公司")
    theirs = Case(case.session, court, case.lessor, case_id)
    await theirs.offer([asset_id])
    await theirs.confirm(("vin", vin(number)))
    await theirs.order(seizure(asset_id, rank=1))
    return theirs


async def test_a_lessor_learns_by_which_court_its_assets_are_seized_and_others_only_of_their_own(
    case: Case, principals: Principals
) -> None:
    one, two, free = await case.confirmed(3)
    await case.order(seizure(one, rank=2), seizure(two))
    theirs = await rival(case, principals, one, 1)
    ours = ("(2025)沪0105执4321号", "上海市长宁区人民法院")
    rivals = ("(2026)沪0107执77号", "上海市普陀区人民法院")
    assert await told(case.lessor.client, one) == [(*ours, 2, True), (*rivals, 1, True)]
    assert await told(case.court.client, one) == [(*ours, 2, True), (None, None, 1, True)]
    assert await told(theirs.court.client, one) == [(None, None, 2, True), (*rivals, 1, True)]
    assert await told(await principals.administrator(), one) == [(*ours, 2, True), (*rivals, 1, True)]
    assert await told(case.lessor.client, free) == []
    page = (await case.lessor.client.get(f"/v1/assets/{one}/seizures", params={"limit": 1})).json()
    rest = await case.lessor.client.get(f"/v1/assets/{one}/seizures", params={"after": page["next"]})
    assert [s["rank"] for s in rest.json()["items"]] == [1]
    for stranger in (
        await principals.lessor("third"),
        await principals.court("沪0110"),
        await principals.dispatcher(),
    ):
        assert (await stranger.client.get(f"/v1/assets/{one}/seizures")).status_code == 404


async def test_a_lessor_hears_of_a_case_that_it_did_not_apply_for_no_more_than_that(
    case: Case, principals: Principals
) -> None:
    """A case of another applicant: the court seizes an asset that this lessor let confirm in it earlier."""
    (one,) = await case.confirmed(1)
    theirs = await rival(case, principals, one, 1)
    other = await principals.lessor("other")
    set_applicant = "UPDATE enforcement_case SET applicant_lessor_id = %s WHERE case_id = %s"
    connection = await case.session.connection()
    await connection.exec_driver_sql(set_applicant, (other.subject_id, theirs.case_id))
    await case.session.commit()
    assert (await case.lessor.client.get(theirs.path)).status_code == 404
    answer = await case.lessor.client.get(f"/v1/assets/{one}/seizures")
    assert [s["case_number"] for s in answer.json()["items"]] == ["(2026)沪0107执77号"]
    assert "秘密公司" not in answer.text
    assert await listed(case.lessor, seized=True) == [one]
    assert (await other.client.get(f"/v1/assets/{one}/seizures")).status_code == 404


async def test_the_list_of_assets_is_asked_for_the_seized_ones(
    case: Case, principals: Principals, clock: FixedClock
) -> None:
    one, two, three = await case.confirmed(3)
    (free,) = await case.assets(1, first=9)
    first, _, _ = await case.order(
        seizure(one), seizure(two, ends_on="2026-11-23"), seizure(three, starts_on="2026-11-24")
    )
    assert await listed(case.lessor, seized=True) == [one, two]
    assert await listed(case.lessor, seized=False) == [three, free]
    assert await listed(case.court, seized=True) == [one, two]
    assert await listed(case.court, seized=False) == [three]
    assert await listed(await principals.administrator(), seized=True) == [one, two]
    assert await listed(await principals.lessor("other"), seized=True) == []
    clock.set(clock.now().replace(day=24))
    await case.court.client.patch(f"/v1/measures/{first}", json={"released_on": "2026-11-24"})
    assert await listed(case.lessor, seized=True) == [three]
    assert [s[3] for s in await told(case.lessor.client, two)] == [False]
    assert [s[3] for s in await told(case.lessor.client, one)] == [False]
