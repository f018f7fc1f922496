"""How assets enter a case: offered by the applicant, confirmed by exact identifiers."""

import asyncio
from datetime import UTC, datetime

from fastapi import FastAPI
from sqlalchemy import text

from tests.api import Principals, counted_queries, problem_fields
from tests.factories.cases import Case, plate, register, vin

MANY = 10_000


async def test_an_offer_opens_nothing_to_the_court(case: Case) -> None:
    ids = await case.assets(2)
    assert await case.offer(ids) == {"offered": 2, "results": []}
    assert not await case.sees(case.court, ids[0])
    assert (await case.court.client.get(f"{case.path}/assets")).json()["items"] == []
    own = (await case.lessor.client.get(f"{case.path}/assets")).json()["items"]
    assert own[0] == {
        "asset_id": ids[0],
        "vin": vin(1),
        "plate_no": plate(1),
        "serial_no": None,
        "lease_contract_no": "ZL-0",
        "offered_at": "2026-11-23T04:00:00Z",
        "confirmed_at": None,
        "matched_by": None,
        "seizability": None,
    }


async def test_rows_that_were_not_offered_are_told_and_nothing_more(case: Case, principals: Principals) -> None:
    rival = await principals.lessor("other")
    (foreign,) = await case.assets(1, owner=rival)
    own = await case.assets(2)
    assert (await case.offer(own[:1]))["offered"] == 1
    report = await case.offer([own[0], foreign, own[1], 2147483647, own[1]])
    assert report == {
        "offered": 1,
        "results": [
            {"index": 0, "asset_id": own[0], "outcome": "already_offered"},
            {"index": 1, "asset_id": foreign, "outcome": "not_found"},
            {"index": 3, "asset_id": 2147483647, "outcome": "not_found"},
            {"index": 4, "asset_id": own[1], "outcome": "already_offered"},
        ],
    }
    listed = (await case.lessor.client.get(f"{case.path}/assets")).json()["items"]
    assert [row["asset_id"] for row in listed] == own


async def test_only_the_applicant_offers(case: Case, principals: Principals) -> None:
    rival = await principals.lessor("other")
    ids = await case.assets(1, owner=rival)
    assert (await rival.client.post(f"{case.path}/offers", json={"asset_ids": ids})).status_code == 404
    assert (await case.court.client.post(f"{case.path}/offers", json={"asset_ids": ids})).status_code == 403
    for wrong in ([], [0], ["1"], [True], [2**31], None):
        answer = await case.lessor.client.post(f"{case.path}/offers", json={"asset_ids": wrong})
        assert answer.status_code == 422
        assert problem_fields(answer)[0].startswith("asset_ids")


async def test_an_exact_identifier_confirms_and_opens(case: Case) -> None:
    ids = await case.assets(3)
    await case.offer(ids)
    report = await case.confirm(
        ("vin", f" {vin(1).lower()} "), ("plate_no", "沪Ａ·00002"), ("plate_no", "沪A0000"), ("vin", plate(3))
    )
    results = report.pop("results")
    assert report == {"confirmed": 2, "already_confirmed": 0, "not_found": 2, "assets_confirmed": 2}
    assert [(r["index"], r["outcome"], r["asset_ids"]) for r in results] == [
        (0, "confirmed", ids[:1]),
        (1, "confirmed", ids[1:2]),
        (2, "not_found", []),
        (3, "not_found", []),
    ]
    assert (results[1]["matched_by"], results[1]["value"]) == ("plate_no", "沪Ａ·00002")
    assert [await case.sees(case.court, i) for i in ids] == [True, True, False]
    listed = (await case.court.client.get(f"{case.path}/assets")).json()["items"]
    assert [(row["asset_id"], row["matched_by"]) for row in listed] == [(ids[0], "vin"), (ids[1], "plate_no")]
    assert listed[0]["seizability"] == {
        "state": "not_seizable",
        "reasons": [
            {
                "code": "no_measure",
                "text": "This case has no seizure of the asset.",
                "clause": "Seizure provisions (2020), article 7",
            }
        ],
        "effective_rank": None,
    }


async def test_a_contract_confirms_all_that_it_covers(case: Case) -> None:
    ids = await case.assets(7)
    await case.offer(ids)
    assert (await case.confirm(("vin", vin(2))))["assets_confirmed"] == 1
    report = await case.confirm(("lease_contract_no", "zl-0"), ("lease_contract_no", "ZL-0"), ("vin", vin(2)))
    assert [(r["outcome"], r["asset_ids"]) for r in report["results"]] == [
        ("confirmed", ids[:5]),
        ("already_confirmed", ids[:5]),
        ("already_confirmed", ids[1:2]),
    ]
    assert report["assets_confirmed"] == 4


async def test_what_was_not_offered_is_not_found_like_what_does_not_exist(case: Case) -> None:
    await case.assets(1)
    report = await case.confirm(("vin", vin(1)), ("vin", vin(2)))
    assert [(r["outcome"], r["asset_ids"]) for r in report["results"]] == [("not_found", [])] * 2


async def test_only_the_court_of_the_case_confirms(case: Case, principals: Principals) -> None:
    await case.offer(await case.assets(1))
    stranger = await principals.court("沪0107")
    body = {"rows": [{"matched_by": "vin", "value": vin(1)}]}
    assert (await stranger.client.post(f"{case.path}/confirmations", json=body)).status_code == 404
    assert (await case.lessor.client.post(f"{case.path}/confirmations", json=body)).status_code == 403
    for row in ({"matched_by": "engine_no", "value": "x"}, {"matched_by": "vin", "value": ""}, {"value": "x"}):
        answer = await case.court.client.post(f"{case.path}/confirmations", json={"rows": [row]})
        assert (answer.status_code, problem_fields(answer)[0].startswith("rows.0.")) == (422, True)


async def test_the_confirmation_and_its_grant_are_dated_and_say_by_whom(case: Case) -> None:
    (asset,) = await case.confirmed(1)
    confirmation = await case.session.execute(
        text("SELECT confirmed_at, confirmed_by, matched_by FROM case_asset WHERE asset_id = :a"), {"a": asset}
    )
    moment = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert confirmation.one() == (moment, case.court.principal_id, "vin")
    grant = await case.session.execute(
        text("""SELECT grantee_kind, grantee_id, case_id, ground, valid_from, valid_until, granted_by
                FROM access_grant WHERE asset_id = :a"""),
        {"a": asset},
    )
    court = case.court
    expected = ("court", court.subject_id, case.case_id, "case", moment, None, court.principal_id)
    assert grant.one() == expected


async def test_two_officers_at_once_confirm_an_asset_once(case: Case) -> None:
    ids = await case.assets(20)
    await case.offer(ids)
    rows = [("vin", vin(n)) for n in range(1, 21)]
    reports = await asyncio.gather(*(case.confirm(*rows) for _ in range(4)))
    assert sorted(report["confirmed"] for report in reports) == [0, 0, 0, 20]
    assert await case.session.scalar(text("SELECT count(*) FROM access_grant")) == 20


async def test_ten_thousand_assets_take_a_handful_of_statements(case: Case, application: FastAPI) -> None:
    ids = await register(case.session, case.lessor.subject_id, MANY, 1)
    with counted_queries(application) as statements:
        assert (await case.offer(ids))["offered"] == MANY
    assert len(statements) <= 8, statements
    with counted_queries(application) as statements:
        report = await case.confirm(*(("vin", vin(n)) for n in range(1, MANY + 1)))
    assert (report["confirmed"], report["assets_confirmed"]) == (MANY, MANY)
    assert len(statements) <= 10, statements
