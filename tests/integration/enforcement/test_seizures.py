"""Who learns that an asset is seized, by which court and in which case."""

import httpx

from app.core.clock import FixedClock
from tests.integration.enforcement.conftest import Matter, open_case, seizure, vin
from tests.support import Doors, Holder


async def told(client: httpx.AsyncClient, asset_id: int) -> list[tuple[str | None, str | None, int, bool]]:
    answer = await client.get(f"/v1/assets/{asset_id}/seizures")
    assert answer.status_code == 200, answer.text
    return [(s["case_number"], s["court_name"], s["rank"], s["in_force"]) for s in answer.json()["items"]]


async def listed(holder: Holder | httpx.AsyncClient, **params: bool) -> list[int]:
    client = holder.client if isinstance(holder, Holder) else holder
    return [a["asset_id"] for a in (await client.get("/v1/assets", params=params)).json()["items"]]


async def rival(matter: Matter, doors: Doors, asset_id: int, number: int) -> Matter:
    """A case of another court with the same asset in it, which stands first."""
    court = await doors.court("沪0107")
    case_id = await open_case(court, matter.lessor, case_number="(2026)沪0107执77号", judgment_debtor="秘密公司")
    theirs = Matter(matter.session, court, matter.lessor, case_id)
    await theirs.offer([asset_id])
    await theirs.confirm(("vin", vin(number)))
    await theirs.order(seizure(asset_id, rank=1))
    return theirs


async def test_a_lessor_learns_by_which_court_its_assets_are_seized_and_others_only_of_their_own(
    matter: Matter, doors: Doors
) -> None:
    one, two, free = await matter.confirmed(3)
    await matter.order(seizure(one, rank=2), seizure(two))
    theirs = await rival(matter, doors, one, 1)
    ours = ("(2025)沪0105执4321号", "上海市长宁区人民法院")
    rivals = ("(2026)沪0107执77号", "上海市普陀区人民法院")
    assert await told(matter.lessor.client, one) == [(*ours, 2, True), (*rivals, 1, True)]
    assert await told(matter.court.client, one) == [(*ours, 2, True), (None, None, 1, True)]
    assert await told(theirs.court.client, one) == [(None, None, 2, True), (*rivals, 1, True)]
    assert await told(await doors.administrator(), one) == [(*ours, 2, True), (*rivals, 1, True)]
    assert await told(matter.lessor.client, free) == []
    page = (await matter.lessor.client.get(f"/v1/assets/{one}/seizures", params={"limit": 1})).json()
    rest = await matter.lessor.client.get(f"/v1/assets/{one}/seizures", params={"after": page["next"]})
    assert [s["rank"] for s in rest.json()["items"]] == [1]
    for stranger in (await doors.lessor("third"), await doors.court("沪0110"), await doors.dispatcher()):
        assert (await stranger.client.get(f"/v1/assets/{one}/seizures")).status_code == 404


async def test_a_lessor_hears_of_a_case_that_it_did_not_apply_for_no_more_than_that(
    matter: Matter, doors: Doors
) -> None:
    """A case of another applicant: the court seizes an asset that this lessor let confirm in it earlier."""
    (one,) = await matter.confirmed(1)
    theirs = await rival(matter, doors, one, 1)
    other = await doors.lessor("other")
    set_applicant = "UPDATE enforcement_case SET applicant_lessor_id = %s WHERE case_id = %s"
    connection = await matter.session.connection()
    await connection.exec_driver_sql(set_applicant, (other.subject_id, theirs.case_id))
    await matter.session.commit()
    assert (await matter.lessor.client.get(theirs.path)).status_code == 404
    answer = await matter.lessor.client.get(f"/v1/assets/{one}/seizures")
    assert [s["case_number"] for s in answer.json()["items"]] == ["(2026)沪0107执77号"]
    assert "秘密公司" not in answer.text
    assert await listed(matter.lessor, seized=True) == [one]
    assert (await other.client.get(f"/v1/assets/{one}/seizures")).status_code == 404


async def test_the_list_of_assets_is_asked_for_the_seized_ones(
    matter: Matter, doors: Doors, clock: FixedClock
) -> None:
    one, two, three = await matter.confirmed(3)
    (free,) = await matter.assets(1, first=9)
    first, _, _ = await matter.order(
        seizure(one), seizure(two, ends_on="2026-11-23"), seizure(three, starts_on="2026-11-24")
    )
    assert await listed(matter.lessor, seized=True) == [one, two]
    assert await listed(matter.lessor, seized=False) == [three, free]
    assert await listed(matter.court, seized=True) == [one, two]
    assert await listed(matter.court, seized=False) == [three]
    assert await listed(await doors.administrator(), seized=True) == [one, two]
    assert await listed(await doors.lessor("other"), seized=True) == []
    clock.set(clock.now().replace(day=24))
    await matter.court.client.patch(f"/v1/measures/{first}", json={"released_on": "2026-11-24"})
    assert await listed(matter.lessor, seized=True) == [three]
    assert [s[3] for s in await told(matter.lessor.client, two)] == [False]
    assert [s[3] for s in await told(matter.lessor.client, one)] == [False]
