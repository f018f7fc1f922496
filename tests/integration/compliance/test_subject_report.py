"""What is stored about an asset, from where, to whom it was opened, who read it: counts and courts, no position."""

import asyncio
import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from sqlalchemy import text

from app.access.domain import Role
from app.cli.compliance import print_report
from app.cli.exports import check_file
from app.core.clock import FixedClock
from app.core.settings import Settings
from tests.api import Principals, problem_fields
from tests.factories.cases import CaseAssets
from tests.factories.constants import CHANGNING, KUNSHAN, NOW

LESSEE = "某运输有限公司"


async def report(client: httpx.AsyncClient, asset_id: int) -> dict[str, Any]:
    answer = await client.get(f"/v1/assets/{asset_id}/subject-report")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def known(case_assets: CaseAssets, principals: Principals) -> tuple[int, str]:
    """An asset that was heard of twice and looked at by a court, a dispatcher and its lessor; its number, a plate."""
    (asset_id,) = await case_assets.add(1)
    feed = (await case_assets.lessor.post("/v1/feeds", json={"name": "gateway", "coord_system": "wgs84"})).json()[
        "feed_id"
    ]
    sender = await principals.lessor(feed_id=feed)
    for ago, place in ((timedelta(days=9), KUNSHAN), (timedelta(hours=1), CHANGNING)):
        row = {
            "device_id": f"device-{asset_id}",
            "fixed_at": (NOW - ago).isoformat(),
            "lon": place[0],
            "lat": place[1],
        }
        assert (await sender.client.post("/v1/pings", json=[row])).json()["stored"] == 1
    zero = {
        "device_id": f"device-{asset_id}",
        "fixed_at": NOW.isoformat(),
        "lon": 0,
        "lat": 0,
        "coord_system": "wgs84",
    }
    assert (await case_assets.lessor.post("/v1/pings", json=[zero])).json()["doubted"] == 1
    session = case_assets.case.session
    await session.execute(text("UPDATE asset SET lessee_name = :name"), {"name": LESSEE})
    await session.commit()
    return asset_id, str(await session.scalar(text("SELECT plate_no FROM asset")))


async def test_it_tells_what_is_stored_and_where_it_came_from(
    case_assets: CaseAssets, principals: Principals
) -> None:
    asset_id, plate_no = await known(case_assets, principals)
    told = await report(case_assets.lessor, asset_id)
    assert (told["lessee_name"], told["next"], told["computed_at"]) == (None, None, "2026-11-23T04:00:00Z")
    (one,) = told["assets"]
    assert one["asset"]["plate_no"] == plate_no
    assert one["asset"]["lessee_name"] == LESSEE
    assert one["lessor"] == "yuanhai"
    assert [d["identifier"] for d in one["devices"]] == [f"device-{asset_id}"]
    stored = one["stored"]
    assert stored["pings"] == 3
    assert stored["first_fixed_at"] == "2026-11-14T04:00:00Z"
    assert stored["last_fixed_at"] == "2026-11-23T04:00:00Z"
    assert (stored["current_positions"], stored["raw_bodies"], stored["raw_bodies_emptied"]) == (1, 3, 0)
    assert stored["doubts"]["null_island"] == 1
    assert stored["doubts"]["backfill"] == 1
    sources = {s["feed"]: (s["pings"], s["batches"]) for s in one["sources"]}
    assert sources == {"gateway": (2, 2), None: (1, 1)}
    terms = {r["kind"]: r for r in one["retention"]}
    assert set(terms) == {"raw", "ping", "derived", "session", "share", "grant", "trail", "key"}
    assert terms["ping"]["oldest_goes_on"] == "2029-11-22", "three years from the arrival: the fix is older"
    assert terms["raw"]["oldest_goes_on"] == "2028-11-22"
    assert (terms["trail"]["days"], terms["grant"]["days"]) == (None, None)
    assert one["holds"] == []


async def test_it_tells_to_whom_it_was_opened_and_which_court_looked_but_not_who(
    case_assets: CaseAssets, principals: Principals
) -> None:
    asset_id, _ = await known(case_assets, principals)
    case_id, number = case_assets.case.case_id, "(2025)沪0105执4321号"
    dispatcher = await principals.dispatcher()
    body = {"dispatcher_id": dispatcher.principal_id, "ends_at": "2026-11-30T00:00:00Z"}
    assert (await case_assets.court.post(f"{case_assets.case.path}/assignments", json=body)).status_code == 201
    second = await principals.court()
    for officer in (case_assets.court, second.client, dispatcher.client):
        answer = await officer.get(f"/v1/assets/{asset_id}/position", params={"case": case_id})
        assert answer.status_code == 200, answer.text
    await case_assets.distribution()
    assert (await case_assets.lessor.get(f"/v1/assets/{asset_id}/position")).status_code == 200
    (one,) = (await report(case_assets.lessor, asset_id))["assets"]
    court = "上海市长宁区人民法院"
    assert [(o["to"], o["court"], o["case_number"], o["ground"], o["valid_until"]) for o in one["opened_to"]] == [
        ("court", court, number, "case", None),
        ("dispatcher", court, number, "assignment", "2026-11-30T00:00:00Z"),
    ]
    day = "2026-11-23"
    looks = {(x["by"], x["name"]): (x["count"], x["days"]) for x in one["looks"]}
    assert looks[("court", court)] == (4, [day])
    assert looks[("lessor", "yuanhai")] == (1, [day])
    told = json.dumps(one["looks"] + one["opened_to"])
    assert "officer" not in told
    assert "principal" not in told
    again = {
        (x["by"], x["name"]): x["count"] for x in (await report(case_assets.lessor, asset_id))["assets"][0]["looks"]
    }
    assert again[("lessor", "yuanhai")] == 2, "the report itself was a look"


async def test_no_position_is_in_it(case_assets: CaseAssets, principals: Principals) -> None:
    asset_id, _ = await known(case_assets, principals)
    for client in (case_assets.lessor, await principals.administrator()):
        for file_format in ("json", "csv"):
            answer = await client.get(f"/v1/assets/{asset_id}/subject-report", params={"format": file_format})
            assert answer.status_code == 200, answer.text
            for number in ("121.42", "31.22", "1214241", "312205", "120.98", "昆山", "territory", "lon", "lat_"):
                assert number not in answer.text


async def test_a_hold_keeps_it_and_is_told_without_its_reason(
    case_assets: CaseAssets, principals: Principals
) -> None:
    asset_id, _ = await known(case_assets, principals)
    body = {"asset_id": asset_id, "case_id": case_assets.case.case_id, "reason": "因诉讼需要,保密"}
    assert (await case_assets.court.post("/v1/legal-holds", json=body)).status_code == 201
    (one,) = (await report(case_assets.lessor, asset_id))["assets"]
    assert one["holds"] == [
        {
            "court": "上海市长宁区人民法院",
            "case_number": "(2025)沪0105执4321号",
            "from_at": "2026-11-23T04:00:00Z",
            "until_at": None,
        }
    ]
    terms = {r["kind"]: (r["held"], r["oldest_goes_on"]) for r in one["retention"]}
    assert (terms["ping"], terms["raw"]) == ((True, None), (True, None))
    assert terms["share"][0] is False
    assert "保密" not in json.dumps(one, ensure_ascii=False)


async def test_only_its_own_lessor_and_the_platform_ask(case_assets: CaseAssets, principals: Principals) -> None:
    asset_id, _ = await known(case_assets, principals)
    path = f"/v1/assets/{asset_id}/subject-report"
    assert (await (await principals.administrator()).get(path)).status_code == 200
    other = await principals.lessor("other")
    assert (await other.client.get(path)).status_code == 404
    assert (await case_assets.lessor.get("/v1/assets/999999/subject-report")).status_code == 404
    reader = await principals.create(Role.LESSOR_READER, case_assets.case.lessor.subject_id)
    for refused in (case_assets.court, (await principals.dispatcher()).client, reader.client):
        assert (await refused.get(path)).status_code == 403
        assert (await refused.get("/v1/lessees/subject-report", params={"name": LESSEE})).status_code == 403


async def test_a_lessee_gets_all_its_assets_page_by_page_and_nobody_elses(
    case_assets: CaseAssets, principals: Principals
) -> None:
    ids = await case_assets.bound(3)
    session = case_assets.case.session
    await session.execute(
        text("UPDATE asset SET lessee_name = CASE WHEN asset_id = :last THEN '别人' ELSE :name END"),
        {"name": LESSEE, "last": ids[-1]},
    )
    await session.commit()
    path, name = "/v1/lessees/subject-report", {"name": LESSEE}
    first = (await case_assets.lessor.get(path, params=name | {"limit": 1})).json()
    assert first["lessee_name"] == LESSEE
    assert [a["asset"]["asset_id"] for a in first["assets"]] == ids[:1]
    rest = (await case_assets.lessor.get(path, params=name | {"limit": 1, "after": first["next"]})).json()
    assert [a["asset"]["asset_id"] for a in rest["assets"]] == [ids[1]]
    assert rest["next"] is None
    assert rest["assets"][0]["stored"]["pings"] == 0
    answer = await (await principals.lessor("other")).client.get(path, params=name)
    assert answer.status_code == 404
    assert problem_fields(answer) == ["name"]


async def test_as_a_table_with_a_digest_that_stands_in_the_trail(
    case_assets: CaseAssets, principals: Principals, tmp_path: Path, settings: Settings
) -> None:
    asset_id, plate_no = await known(case_assets, principals)
    answer = await case_assets.lessor.get(f"/v1/assets/{asset_id}/subject-report", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    file = tmp_path / "report.csv"
    file.write_bytes(answer.content)
    checked = check_file(file)
    assert checked.matches
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert ["登记 Register", "plate_no", plate_no] in rows
    assert ["存储 Stored", "pings", "3"] in rows
    session = case_assets.case.session
    newest = "SELECT action, detail, asset_count, role FROM trail ORDER BY trail_no DESC LIMIT 1"
    action, detail, count, role = (await session.execute(text(newest))).one()
    assert (action, count, role) == ("subject.export", 1, "lessor_manager")
    assert detail == f"{checked.found} export:{answer.headers['x-leasetrace-export']} format:csv"


async def test_the_command_line_prints_it_and_leaves_an_entry(
    case_assets: CaseAssets, principals: Principals, tmp_path: Path, settings: Settings, clock: FixedClock
) -> None:
    asset_id, plate_no = await known(case_assets, principals)
    out = io.StringIO()
    await print_report(settings, clock, Console(file=out), asset_id=asset_id, lessee=None, file=None)
    assert plate_no in out.getvalue()
    file = tmp_path / "lessee.csv"
    await print_report(settings, clock, Console(file=out), asset_id=None, lessee=LESSEE, file=file)
    assert (await asyncio.to_thread(check_file, file)).matches
    newest = "SELECT action, role FROM trail ORDER BY trail_no DESC LIMIT 2"
    rows = (await case_assets.case.session.execute(text(newest))).all()
    assert rows == [("subject.export", "command_line"), ("subject.report", "command_line")]


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
async def test_a_lessee_has_a_name(case_assets: CaseAssets, name: str) -> None:
    answer = await case_assets.lessor.get("/v1/lessees/subject-report", params={"name": name})
    assert answer.status_code == 422
    assert problem_fields(answer) == ["name"]
