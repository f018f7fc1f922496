"""A lessor's file over HTTP: whole or not at all, line by line, in few statements, again and again."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.assets.domain import LineResult, LineStatus
from app.assets.service import import_assets, load_device_index
from app.core.clock import FixedClock
from app.core.errors import InvalidInput, NotFound
from tests.api import Principals, counted_queries, problem_fields

HEADER = (
    "kind,lease_contract_no,plate_no,vin,serial_no,lessee_name,estimated_value_yuan,device_id,device_kind,bound_from"
)
GOOD = (
    "heavy_truck,ZL-1,沪A12345,LZZ5CLVB8LA123456,,某某物流,,861,wired,2025-03-01\n"
    'excavator,ZL-2,,,EX-1,某某建设,"1,234,567.89",862,wireless,2025-03-01T08:00:00+08:00\n'
    "car,ZL-3,沪AD12345,,,,,,,\n"
)
PLAIN = "kind,lease_contract_no,serial_no\n"


async def send(
    client: httpx.AsyncClient, lines: str, *, header: str = HEADER, content_type: str = "text/csv", **query: Any
) -> httpx.Response:
    charset = content_type.partition("charset=")[2] or "utf-8"
    content = f"{header}\n{lines}".encode(charset)
    return await client.post(
        "/v1/assets/import", content=content, params=query, headers={"content-type": content_type}
    )


async def stored(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/v1/assets")).json()["items"]
    return items


async def test_a_good_file_registers_assets_and_binds_their_trackers(
    principals: Principals, session: AsyncSession
) -> None:
    lessor = await principals.lessor()
    answer = await send(lessor.client, GOOD)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"lines": 3, "created": 3, "unchanged": 0, "rejected": 0, "bound": 2, "results": []}
    truck, digger, car = await stored(lessor.client)
    assert (truck["plate_no"], truck["asset_type"], truck["lessee_name"]) == ("沪A12345", "vehicle", "某某物流")
    assert (digger["asset_type"], digger["estimated_value_yuan"]) == ("construction_machinery", "1234567.89")
    assert car["created_at"] == "2026-11-23T04:00:00Z"
    index = await load_device_index(session, lessor.subject_id)
    assert sorted(index.device_ids) == ["861", "862"]
    (bound,) = (await lessor.client.get(f"/v1/assets/{truck['asset_id']}/bindings")).json()["items"]
    assert (bound["device_id"], bound["bound_from"]) == (index.device_ids["861"], "2025-02-28T16:00:00Z")


async def test_the_report_lists_every_line_when_asked(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    report = (await send(lessor, GOOD, results="all")).json()
    assert [(r["line"], r["status"], r["field"]) for r in report["results"]] == [
        (2, "created", None),
        (3, "created", None),
        (4, "created", None),
    ]
    assert [r["asset_id"] for r in report["results"]] == [row["asset_id"] for row in await stored(lessor)]


@pytest.mark.parametrize(
    "content_type", ["text/csv; charset=gb18030", 'TEXT/CSV;charset="GBK"', "text/csv; header=present"]
)
async def test_charsets(principals: Principals, content_type: str) -> None:
    lessor = (await principals.lessor()).client
    charset = "utf-8" if "charset" not in content_type else "gbk"
    lines = "租赁物种类,租赁合同号,序列号,承租人\n挖掘机,租1,EX-1,某某建设\n".encode(charset)
    answer = await lessor.post("/v1/assets/import", content=lines, headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    assert [row["lessee_name"] for row in await stored(lessor)] == ["某某建设"]


async def test_one_bad_line_leaves_everything_as_it_was(principals: Principals, session: AsyncSession) -> None:
    lessor = await principals.lessor()
    bad = f"{GOOD}truck,ZL-4,沪A1,,,,-5,863,wired,\n\ncar,ZL-5,沪A12345,,,,,863,wired,\n"
    answer = await send(lessor.client, bad)
    assert answer.status_code == 422
    assert problem_fields(answer) == [
        "line 5.estimated_value_yuan",
        "line 5.plate_no",
        "line 5.kind",
        "line 7.plate_no",
        "line 7.device_id",
    ]
    assert "line 2" in answer.json()["errors"][3]["message"]
    assert await stored(lessor.client) == []
    assert not (await load_device_index(session, lessor.subject_id)).device_ids


async def test_good_rows_are_written_and_the_others_named(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    answer = await send(lessor, f"{GOOD}car,ZL-4,,,,,,,,\ncar,,沪A1,,,,,,,\n", mode="good_rows")
    report = answer.json()
    assert answer.status_code == 200
    assert {name: report[name] for name in ("lines", "created", "unchanged", "rejected", "bound")} == {
        "lines": 5,
        "created": 3,
        "unchanged": 0,
        "rejected": 2,
        "bound": 2,
    }
    assert [(r["line"], r["status"], r["field"]) for r in report["results"]] == [
        (5, "rejected", None),
        (6, "rejected", "plate_no"),
        (6, "rejected", "lease_contract_no"),
    ]
    assert len(await stored(lessor)) == 3


async def test_the_same_file_changes_nothing_when_it_comes_again(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    await send(lessor, GOOD)
    before = await stored(lessor)
    report = (await send(lessor, GOOD)).json()
    assert (report["created"], report["unchanged"], report["rejected"], report["bound"]) == (0, 3, 0, 0)
    assert [r["asset_id"] for r in report["results"]] == [row["asset_id"] for row in before]
    without_date = GOOD.replace("2025-03-01T08:00:00+08:00", "").replace("2025-03-01", "")
    assert (await send(lessor, without_date)).json()["unchanged"] == 3
    assert await stored(lessor) == before


async def test_a_line_that_contradicts_the_register_is_named(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    await send(lessor, GOOD)
    before = await stored(lessor)
    answer = await send(
        lessor,
        "heavy_truck,ZL-9,沪A12345,LZZ5CLVB8LA123456,,,,,,\n"  # another contract
        "car,ZL-3,沪B12345,LZZ5CLVB8LA123456,,,,,,\n"  # the VIN of the truck
        "car,ZL-3,沪AD12345,,EX-1,,,,,\n"  # the plate of the car and the number of the digger
        "car,ZL-7,沪C12345,,,,,861,wired,2026-01-01\n"  # a tracker that is on the truck
        "car,ZL-8,沪D12345,,,,,862,wired,\n"  # a wireless one
        "car,ZL-8,沪E12345,,,,,869,,\n",  # an unknown one
    )
    assert problem_fields(answer) == [
        "line 2.plate_no",
        "line 3.vin",
        "line 4.plate_no",
        "line 5.bound_from",
        "line 6.device_kind",
        "line 7.device_kind",
    ]
    messages = [error["message"] for error in answer.json()["errors"]]
    assert f"asset {before[0]['asset_id']} " in messages[0]
    assert "lease_contract_no" in messages[0]
    assert "from 2025-02-28T16:00:00+00:00" in messages[3]
    assert await stored(lessor) == before


async def test_a_tracker_may_come_in_a_later_file(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    await send(lessor, "excavator,ZL-1,EX\n", header="kind,lease_contract_no,serial_no")
    later = "kind,lease_contract_no,serial_no,device_id,device_kind"
    report = (await send(lessor, "excavator,ZL-1,EX,861,wired", header=later)).json()
    assert (report["unchanged"], report["bound"]) == (1, 1)
    assert report["results"][0]["message"] == "device bound from 2026-11-23T04:00:00+00:00"
    moved = await send(lessor, "excavator,ZL-2,EX2,861,wired", header=later)
    assert problem_fields(moved) == ["line 2.device_id"]


async def test_a_tracker_that_came_off_may_go_on_another_asset(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    await send(lessor, GOOD)
    truck = (await stored(lessor))[0]["asset_id"]
    (binding,) = (await lessor.get(f"/v1/assets/{truck}/bindings")).json()["items"]
    path = f"/v1/device-bindings/{binding['binding_id']}"
    await lessor.patch(path, json={"bound_until": "2026-01-01T00:00:00Z"})
    again = (await send(lessor, GOOD)).json()
    assert (again["unchanged"], again["bound"]) == (3, 0)  # the file tells what was; what came after stays
    report = (await send(lessor, "car,ZL-7,沪C12345,,,,,861,,2026-01-01T00:00:00Z")).json()
    assert (report["created"], report["bound"]) == (1, 1)


async def test_a_file_takes_few_statements(
    application: FastAPI, principals: Principals, session: AsyncSession
) -> None:
    lessor = await principals.lessor()
    lines = "".join(f"car,ZL-{i},,,S-{i},,,8{i:014d},wired,2025-03-01\n" for i in range(3000))
    with counted_queries(application) as statements:
        report = (await send(lessor.client, lines)).json()
    assert (report["created"], report["bound"]) == (3000, 3000)
    assert len(statements) <= 10, statements  # the key, the lock, three look-ups, three inserts: not one a line
    index = await load_device_index(session, lessor.subject_id)
    assert len(index.device_ids) == 3000
    assets = {
        row["serial_no"]: row["asset_id"]
        for row in (await lessor.client.get("/v1/assets?limit=1000")).json()["items"]
    }
    for number in (0, 500, 999):  # each tracker is on the asset of its own line
        asked = np.array(index.resolve([f"8{number:014d}"]), dtype=np.int32)
        assert index.asset_at(asked, index.from_us[:1]).tolist() == [assets[f"S-{number}"]]
    with counted_queries(application) as statements:
        assert (await send(lessor.client, lines)).json()["unchanged"] == 3000
    assert len(statements) <= 7


async def test_two_imports_of_one_file_at_once_register_it_once(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    reports = [answer.json() for answer in await asyncio.gather(*(send(lessor, GOOD) for _ in range(3)))]
    assert sorted(report["created"] for report in reports) == [0, 0, 3]
    assert len(await stored(lessor)) == 3


@pytest.mark.parametrize("mode", ["all_or_nothing", "good_rows"])
@pytest.mark.parametrize(
    ("header", "lines", "field"),
    [
        ("kind,lease_contract_no,colour", "car,1,red", "line 1"),
        ("kind,vin", "car,LZZ5CLVB8LA123456", "line 1.lease_contract_no"),
        (PLAIN.strip(), 'car,1,S1\ncar,"2,S2\ncar,3,S3', "line 3"),
        ("", "", "line 1"),
    ],
)
async def test_a_file_without_meaning_is_refused_whole(
    principals: Principals, header: str, lines: str, field: str, mode: str
) -> None:
    lessor = (await principals.lessor()).client
    answer = await send(lessor, lines, header=header, mode=mode)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])
    assert await stored(lessor) == []


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 415),
        ({}, b"x", 415),
        ({"content-type": "text/csv; charset=big5"}, b"x", 415),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, b"x", 415),
        ({"content-type": "text/csv"}, "车牌号".encode("gb18030"), 400),
        ({"content-type": "text/csv"}, b"x" * (8 * 1024 * 1024 + 1), 413),
        ({"content-type": "text/csv"}, PLAIN.encode() + b"car,1,S\n" * 20_001, 413),
    ],
)
async def test_what_is_no_such_file(
    principals: Principals, headers: dict[str, str], content: bytes, status: int
) -> None:
    lessor = (await principals.lessor()).client
    answer = await lessor.post("/v1/assets/import", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_thousand_faults_are_named_and_the_rest_counted(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    answer = await send(lessor, "car,1,\n" * 1200, header=PLAIN.strip())
    fields = problem_fields(answer)
    assert len(fields) == 1001
    assert fields[999] == "line 1001"
    assert "200 more faults; 1200 lines are bad" in answer.json()["errors"][1000]["message"]


async def test_who_may_import(principals: Principals, admin: httpx.AsyncClient) -> None:
    lessor, court = await principals.lessor(), await principals.court()
    assert (await send(court.client, GOOD)).status_code == 403
    assert problem_fields(await send(admin, GOOD)) == ["lessor_id"]
    assert (await send(admin, GOOD, lessor_id=2**31 - 1)).status_code == 404
    assert (await send(admin, GOOD, lessor_id=lessor.subject_id)).json()["created"] == 3
    assert (
        await send((await principals.lessor("other")).client, GOOD, lessor_id=lessor.subject_id)
    ).status_code == 404
    assert (await send(lessor.client, GOOD, mode="some")).status_code == 422


async def test_the_command_lines_way_in(principals: Principals, session: AsyncSession, clock: FixedClock) -> None:
    lessor = await principals.lessor()
    data = f"{PLAIN}car,1,S1\ncar,2,\n".encode()
    refused = await import_assets(session, lessor.subject_id, data, "all_or_nothing", clock)
    assert not refused.written
    assert (refused.created, refused.rejected) == (0, 1)
    assert refused.results == (
        LineResult(3, LineStatus.REJECTED, message="expected at least one of plate_no, vin, serial_no"),
    )
    taken = await import_assets(session, lessor.subject_id, data, "good_rows", clock)
    assert taken.written
    assert (taken.created, taken.rejected) == (1, 1)
    with pytest.raises(InvalidInput, match="mode"):
        await import_assets(session, lessor.subject_id, data, "some", clock)
    with pytest.raises(NotFound):
        await import_assets(session, 2**31 - 1, data, "good_rows", clock)
