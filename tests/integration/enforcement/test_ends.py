"""Access ends by itself: for each who was let in and each way that it ends, a look just before and one just after.

Both over HTTP and in the tables with row-level security alone. Crews of missions: ``dispatch/test_missions.py``.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from app.localdb.cluster import ClusterUrls
from tests.api import NOTHING_VISIBLE, ApiUser
from tests.factories.case_access import END, CaseAccess
from tests.factories.cases import Case

WAYS: dict[str, tuple[str, ...]] = {
    "officer": ("close", "release"),
    "entrusted": ("close", "release", "period", "withdraw"),
    "dispatcher": ("close", "release", "period"),
}


@pytest.mark.parametrize(("who", "how"), [(who, how) for who, ways in WAYS.items() for how in ways])
async def test_a_look_just_before_is_answered_and_just_after_is_not(
    case_access: CaseAccess, who: str, how: str
) -> None:
    enter: Callable[[], Awaitable[ApiUser]] = getattr(case_access, who)
    end: Callable[[], Awaitable[None]] = getattr(case_access, how)
    holder = await enter()
    if how == "period":
        case_access.clock.set(END - timedelta(microseconds=1))
    ids = (case_access.asset_id,)
    assert await case_access.sees(holder) == (200, 200, ids, ids)
    await end()
    assert await case_access.sees(holder) == (404, 404, (), ())
    if who in {"entrusted", "dispatcher"} and how != "release":
        assert (await holder.client.get(case_access.case.path)).status_code == 404
        assert await case_access.user_view.tables(holder) == NOTHING_VISIBLE


async def test_a_closed_case_shows_nothing_whatever_grants_say(case_access: CaseAccess, urls: ClusterUrls) -> None:
    holders = [await case_access.entrusted(), await case_access.dispatcher(), case_access.case.court]
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("UPDATE enforcement_case SET phase = 'closed', closed_on = '2026-11-23'")
    for holder in holders:
        tables = await case_access.user_view.tables(holder, case_access.case.case_id)
        assert (tables["ping"], tables["current_position"]) == ((), ())
        known = (case_access.asset_id,) if holder is case_access.case.court else ()
        assert (tables["asset"], (await case_access.user_view.tables(holder))["asset"]) == (known, known)


async def test_one_case_opens_nothing_for_another(case_access: CaseAccess) -> None:
    """The purpose is the case that is named: what another case opens is not answered for it."""
    court = await case_access.entrusted()
    (own,) = await case_access.case.assets(1, first=50)
    mine = Case(
        case_access.case.session,
        court,
        case_access.case.lessor,
        (
            await court.client.post(
                "/v1/cases",
                json={
                    "case_number": "(2026)苏0583执9号",
                    "judgment_debtor": "某",
                    "claim_mode": "money",
                    "applicant_lessor_id": case_access.case.lessor.subject_id,
                    "opened_on": "2026-01-05",
                },
            )
        ).json()["case_id"],
    )
    await mine.offer([own])
    await mine.confirm(("plate_no", f"沪A{50:05}"))
    assert await case_access.user_view.place(court, mine.case_id, own) == 200
    assert await case_access.user_view.place(court, mine.case_id, case_access.asset_id) == 404
    assert await case_access.user_view.place(court, case_access.case.case_id, own) == 404
    assert (await case_access.user_view.tables(court, mine.case_id))["ping"] == ()
