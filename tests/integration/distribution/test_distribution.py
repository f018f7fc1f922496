"""Where the assets of a case are, through the real entrance, the real boundaries and the real rule."""

import base64
import csv
import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.cli.exports import check_file
from app.core.clock import FixedClock
from app.core.errors import AppError
from app.exports.digest import check_rows
from tests.api import Principals, counted_queries, problem_fields
from tests.factories.cases import CaseAssets, seizure, strangers
from tests.factories.constants import AT_SEA, CHANGNING, HONG_KONG, JIADING, KUNSHAN, NOW

LEVELS = ("basic", "intermediate", "high", "county", "prefecture", "province")


async def a_case_of_every_kind(case_assets: CaseAssets) -> dict[str, list[int]]:
    """Bring in ten assets: in three courts, fresh and stale, outside, never located, held, waiting, not confirmed."""
    ids = {
        "changning": await case_assets.add(2, value_yuan=500_000),
        "jiading": await case_assets.add(1, rank=2),
        "kunshan": await case_assets.add(3),
        "outside": await case_assets.add(2, value_yuan=None),
        "never": await case_assets.add(1),
        "held": await case_assets.add(1),
    }
    await case_assets.case.order(seizure(ids["held"][0], kind="physical_detention", custodian="某停车场"))
    await case_assets.heard(ids["changning"], CHANGNING, ago=timedelta(days=8))
    await case_assets.heard(ids["jiading"], JIADING)
    await case_assets.heard([*ids["kunshan"], *ids["held"]], KUNSHAN)
    await case_assets.heard(ids["outside"][:1], HONG_KONG)
    await case_assets.heard(ids["outside"][1:], AT_SEA)
    offered = await case_assets.bound(1)
    await case_assets.case.offer(offered)
    await case_assets.heard(offered, KUNSHAN)
    return ids


def adds_up(answer: dict[str, Any]) -> bool:
    totals, parts = answer["totals"], [*answer["rows"], *answer["unplaced"]]
    return (
        totals["located"] == totals["fresh"] + totals["stale"] == sum(r["n_assets"] for r in answer["rows"])
        and totals["located"] + totals["outside"] + totals["never_located"] + totals["withheld"] == totals["assets"]
        and totals["seizable"] + totals["not_seizable"] + totals["held"] == totals["assets"]
        and all(
            sum(p[f"n_{name}"] for p in parts) == totals[name]
            for name in ("assets", "fresh", "stale", "seizable", "not_seizable", "held")
        )
        and sum(p["value_yuan"] for p in parts) == totals["value_yuan"]
    )


async def test_every_asset_is_counted_once_by_court_and_by_state(case_assets: CaseAssets) -> None:
    await a_case_of_every_kind(case_assets)
    answer = await case_assets.distribution()
    assert adds_up(answer)
    totals = answer["totals"]
    assert {
        k: totals[k]
        for k in (
            "assets",
            "located",
            "fresh",
            "stale",
            "outside",
            "never_located",
            "seizable",
            "not_seizable",
            "held",
        )
    } == {
        "assets": 10,
        "located": 7,
        "fresh": 5,
        "stale": 2,
        "outside": 2,
        "never_located": 1,
        "seizable": 8,
        "not_seizable": 1,
        "held": 1,
    }
    assert totals["value_yuan"] == 2 * 500_000 + 6 * 100_000
    assert totals["without_value"] == 2
    rows = {r["court"]["code"]: r for r in answer["rows"]}
    assert {
        code: (r["n_assets"], r["n_fresh"], r["n_stale"], r["n_seizable"], r["n_not_seizable"], r["n_held"])
        for code, r in rows.items()
    } == {"苏0583": (4, 4, 0, 3, 0, 1), "沪0105": (2, 0, 2, 2, 0, 0), "沪0114": (1, 1, 0, 0, 1, 0)}
    assert [rows[code]["cross_province"] for code in ("苏0583", "沪0105", "沪0114")] == [True, False, False]
    assert rows["苏0583"]["court"]["name"] == "昆山市人民法院"
    assert rows["苏0583"]["province"] == {"level": "province", "adcode": 320000, "name": "江苏省"}
    assert {(r["state"], r["code"], r["n_mainly"]) for r in answer["reasons"]} == {
        ("not_seizable", "ranked_behind", 1),
        ("held", "held_by_this_court", 1),
    }
    assert answer["main_court"]["by_count"]["court"]["code"] == "苏0583"
    assert answer["main_court"]["by_count"]["share"] == round(4 / 7, 4)
    assert answer["main_court"]["by_value"]["court"]["code"] == "沪0105"
    assert [n["court"]["name"] for n in answer["high_courts_to_notify"]] == ["江苏省高级人民法院"]
    assert answer["case"]["case_number"] == "(2025)沪0105执4321号"
    assert answer["case"]["court"]["name"] == "上海市长宁区人民法院"
    assert answer["data_as_of"] == answer["computed_at"] == "2026-11-23T04:00:00Z"
    assert answer["parameters"] == {"level": "basic", "fresh_within": "P7D", "as_of": None, "near_border_m": 150.0}
    assert answer["layer"]["name"] == "amap"


@pytest.mark.parametrize("level", LEVELS)
async def test_every_level_adds_up(case_assets: CaseAssets, level: str) -> None:
    await a_case_of_every_kind(case_assets)
    answer = await case_assets.distribution(level=level)
    assert adds_up(answer)
    assert answer["totals"]["assets"] == 10
    of_courts = level in LEVELS[:3]
    for row in answer["rows"]:
        known = row["court"] if of_courts else row["division"]
        if known is None:
            assert level == "intermediate"
            assert row["division"]["name"] == "上海市"
            assert "table of courts" in row["no_court_reason"]
        else:
            assert known["level"] == level


async def test_fresh_within_moves_assets_from_stale_to_fresh(case_assets: CaseAssets) -> None:
    ids = await case_assets.add(1)
    await case_assets.heard(ids, CHANGNING, ago=timedelta(days=8))
    for limit, fresh in (("P8D", 1), ("P7DT23H", 0), ("PT0S", 0), ("P36500D", 1)):
        assert (await case_assets.distribution(fresh_within=limit))["totals"]["fresh"] == fresh


async def test_the_past_is_answered_from_history(case_assets: CaseAssets) -> None:
    """Kunshan ten days ago, Jiading three days ago, Changning now, held since yesterday."""
    ids = await case_assets.add(1)
    for place, days in ((KUNSHAN, 10), (JIADING, 3), (CHANGNING, 0)):
        await case_assets.heard(ids, place, ago=timedelta(days=days))
    detention = seizure(ids[0], kind="physical_detention", starts_on="2026-11-22", custodian="某停车场")
    await case_assets.case.order(detention)

    async def at(ago: timedelta) -> tuple[int, str | None, int, int]:
        answer = await case_assets.distribution(as_of=(NOW - ago).isoformat())
        assert adds_up(answer)
        court = answer["rows"][0]["court"]["code"] if answer["rows"] else None
        totals = answer["totals"]
        return totals["assets"], court, totals["fresh"], totals["held"]

    assert await at(timedelta(days=11)) == (1, None, 0, 0)
    assert await at(timedelta(days=9)) == (1, "苏0583", 1, 0)
    assert await at(timedelta(days=3, minutes=1)) == (1, "苏0583", 1, 0)
    assert await at(timedelta(days=3)) == (1, "沪0114", 1, 0)
    assert await at(timedelta(hours=1)) == (1, "沪0114", 1, 1)
    assert await at(timedelta(0)) == (1, "沪0105", 1, 1)
    now = await case_assets.distribution()
    assert now["rows"][0]["court"]["code"] == "沪0105"
    past = await case_assets.distribution(as_of=(NOW - timedelta(days=9)).isoformat())
    assert past["as_of"] == past["parameters"]["as_of"] == "2026-11-14T04:00:00Z"
    assert past["rows"][0]["newest_fix"] == "2026-11-13T04:00:00Z"
    assert past["computed_at"] == now["computed_at"]


async def test_data_that_came_late_changes_the_answer_about_the_past(
    case_assets: CaseAssets, clock: FixedClock
) -> None:
    ids = await case_assets.add(1)
    moment = (NOW - timedelta(days=2)).isoformat()
    await case_assets.heard(ids, KUNSHAN, ago=timedelta(days=5))
    before = await case_assets.distribution(as_of=moment)
    clock.set(NOW + timedelta(hours=1))
    await case_assets.heard(ids, JIADING, ago=timedelta(days=3))
    after = await case_assets.distribution(as_of=moment)
    assert [a["rows"][0]["court"]["code"] for a in (before, after)] == ["苏0583", "沪0114"]
    assert [a["data_as_of"] for a in (before, after)] == ["2026-11-23T04:00:00Z", "2026-11-23T05:00:00Z"]


async def test_assets_near_a_border_are_counted(case_assets: CaseAssets) -> None:
    """A point of Changning's own border: whoever holds it, another county is near."""
    ids = await case_assets.add(2)
    found = await case_assets.case.session.execute(
        text("""
            SELECT ST_X(p.geom), ST_Y(p.geom)
            FROM division one
            JOIN division two ON two.level = 'county' AND two.adcode = 310107 AND two.layer_id = one.layer_id,
                 LATERAL ST_DumpPoints(ST_Intersection(ST_Boundary(one.geom), ST_Boundary(two.geom))) p
            WHERE one.level = 'county' AND one.adcode = 310105 ORDER BY p.path LIMIT 1""")
    )
    lon, lat = found.one()
    await case_assets.heard(ids[:1], (lon, lat))
    await case_assets.heard(ids[1:], CHANGNING)
    answer = await case_assets.distribution()
    assert answer["totals"]["near_border"] == 1
    assert answer["totals"]["confidence"] == {"high": 1, "medium": 1, "low": 0}


async def test_to_others_the_case_does_not_exist(case_assets: CaseAssets, principals: Principals) -> None:
    await a_case_of_every_kind(case_assets)
    missing = await case_assets.court.get("/v1/cases/2147483647/distribution")
    for holder in await strangers(principals):
        hidden = await case_assets.ask_distribution(holder.client)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"]


async def test_the_applicant_sees_what_the_court_sees_and_an_administrator_no_position(
    case_assets: CaseAssets, admin: httpx.AsyncClient
) -> None:
    await a_case_of_every_kind(case_assets)
    answer = await case_assets.distribution()
    assert await case_assets.distribution(case_assets.lessor) == answer
    assert (await case_assets.ask_distribution(admin)).status_code == 403


async def test_a_dispatcher_sees_the_case_while_assigned(
    case_assets: CaseAssets, principals: Principals, clock: FixedClock
) -> None:
    await a_case_of_every_kind(case_assets)
    dispatcher = await principals.dispatcher()
    body = {"dispatcher_id": dispatcher.principal_id, "ends_at": (NOW + timedelta(hours=8)).isoformat()}
    given = await case_assets.court.post(f"{case_assets.case.path}/assignments", json=body)
    assert given.status_code == 201, given.text
    assert (await case_assets.distribution(dispatcher.client))["totals"]["assets"] == 10
    clock.set(NOW + timedelta(hours=9))
    assert (await case_assets.ask_distribution(dispatcher.client)).status_code == 404


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"level": "village"}, "level"),
        ({"as_of": "2026-11-23T04:00:01Z"}, "as_of"),
        ({"as_of": "2026-11-20T04:00:00"}, "as_of"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"fresh_within": "-P1D"}, "fresh_within"),
        ({"fresh_within": "P99999D"}, "fresh_within"),
        ({"fresh_within": "a week"}, "fresh_within"),
        ({"format": "pdf"}, "format"),
    ],
)
async def test_a_bad_question_names_the_field(case_assets: CaseAssets, params: dict[str, str], field: str) -> None:
    answer = await case_assets.ask_distribution(case_assets.court, **params)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_released_asset_is_still_counted_and_its_place_is_withheld_from_the_court(
    case_assets: CaseAssets,
) -> None:
    released, kept = await case_assets.add(2)
    await case_assets.heard([released, kept], KUNSHAN)
    measures = (await case_assets.court.get(f"{case_assets.case.path}/measures")).json()["items"]
    measure_id = next(m["measure_id"] for m in measures if m["asset_id"] == released)
    lifted = await case_assets.court.patch(f"/v1/measures/{measure_id}", json={"released_on": "2026-11-23"})
    assert lifted.status_code == 200, lifted.text
    for as_of in (NOW, NOW - timedelta(minutes=1)):
        answer = await case_assets.distribution(as_of=as_of.isoformat())
        assert adds_up(answer)
        totals = answer["totals"]
        assert (totals["assets"], totals["located"], totals["withheld"]) == (2, 1, 1)
        assert sum(r["n_assets"] for r in answer["rows"]) == 1
        hidden = next(p for p in answer["unplaced"] if p["presence"] == "withheld")
        assert (hidden["n_assets"], hidden["newest_fix"], hidden["near_border"]) == (1, None, 0)
    assert (await case_assets.distribution())["totals"]["not_seizable"] == 1
    assert [r["code"] for r in (await case_assets.distribution())["reasons"]] == ["released"]
    assert (await case_assets.clusters(min_assets=2, state="all"))["features"] == []
    assert len((await case_assets.clusters(case_assets.lessor, min_assets=2, state="all"))["features"]) == 1
    assert (await case_assets.distribution(case_assets.lessor))["totals"]["located"] == 2
    position = await case_assets.court.get(
        f"/v1/assets/{released}/position", params={"case": case_assets.case.case_id}
    )
    assert position.status_code == 404


async def test_a_case_without_assets_has_an_answer(case_assets: CaseAssets) -> None:
    answer = await case_assets.distribution()
    assert adds_up(answer)
    assert answer["totals"]["assets"] == 0
    assert answer["data_as_of"] is None
    assert answer["main_court"] == {"by_count": None, "by_value": None}


async def test_as_csv_for_a_letter(case_assets: CaseAssets) -> None:
    await a_case_of_every_kind(case_assets)
    answer = await case_assets.ask_distribution(case_assets.court, format="csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    disposition = 'attachment; filename="distribution-{}-basic-20261123-1200.csv"'
    assert answer.headers["content-disposition"] == disposition.format(case_assets.case.case_id)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    heading = {line[0]: line[1] for line in lines if len(line) == 2}
    assert heading["案号 Case number"] == "(2025)沪0105执4321号"
    officer = case_assets.case.court.principal_id
    assert heading["查询人 Asked by"] == f"a enforcement_officer (#{officer})"
    assert heading["身份 Role"] == "执行员 enforcement officer"
    assert heading["所属 Acting for"] == "上海市长宁区人民法院 (沪0105)"
    assert heading["导出时间 Exported at (UTC)"] == "2026-11-23T04:00:00Z"
    assert heading["导出编号 Export"] == answer.headers["x-leasetrace-export"]
    assert answer.headers["repr-digest"] == sha_256(answer.content)
    checked = check_rows(lines)
    assert checked is not None
    assert checked.matches
    total = next(line for line in lines if len(line) > 2 and line[1] == "合计 Total")
    assert total[4] == "10"


async def test_as_a_workbook_by_the_accept_header(case_assets: CaseAssets) -> None:
    await a_case_of_every_kind(case_assets)
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = await case_assets.lessor.get(f"{case_assets.case.path}/distribution", headers={"Accept": media_type})
    assert answer.headers["content-type"] == media_type
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    cells = {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}
    assert cells["租赁物总数 Assets"] == 10
    assert str(cells["身份 Role"]) == "出租人管理员 lessor's manager"
    assert str(cells["所属 Acting for"]) == "yuanhai (yuanhai)"
    assert cells["导出编号 Export"] == answer.headers["x-leasetrace-export"]
    assert answer.headers["repr-digest"] == sha_256(answer.content)


def sha_256(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def test_what_stays_on_the_screen_has_a_digest_of_its_bytes_and_is_no_export(case_assets: CaseAssets) -> None:
    for answer in (
        await case_assets.ask_distribution(case_assets.court),
        await case_assets.ask_clusters(case_assets.court),
    ):
        assert answer.headers["repr-digest"] == sha_256(answer.content)
        assert "x-leasetrace-export" not in answer.headers


async def test_the_command_line_tells_a_letter_from_one_that_was_changed(
    case_assets: CaseAssets, tmp_path: Path
) -> None:
    await a_case_of_every_kind(case_assets)
    for name in ("csv", "xlsx"):
        answer = await case_assets.ask_distribution(case_assets.court, format=name)
        file = tmp_path / f"letter.{name}"
        file.write_bytes(answer.content)
        assert check_file(file).matches
    file = tmp_path / "letter.csv"
    file.write_bytes(file.read_bytes().replace("昆山市".encode(), "太仓市".encode()))
    assert not check_file(file).matches
    file.write_bytes(file.read_bytes() + b"more\r\n")
    with pytest.raises(AppError, match="no digest in its last row"):
        check_file(file)
    file.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(AppError, match="a workbook or a page: no workbook"):
        check_file(file)


async def test_the_number_of_statements_does_not_grow_with_the_case(
    case_assets: CaseAssets, application: FastAPI
) -> None:
    async def statements() -> int:
        with counted_queries(application) as sent:
            await case_assets.distribution()
        return len(sent)

    first = await case_assets.add(1)
    await case_assets.heard(first, CHANGNING)
    few = await statements()
    more = await case_assets.add(40)
    await case_assets.heard(more, KUNSHAN)
    assert await statements() == few
    assert few <= 12
