"""A run sheet shared by link: nothing before the PIN, the maker's sight after it, and an end that is at once."""

import asyncio
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text

from app.cli.exports import check_file
from app.core.clock import FixedClock
from app.core.db.database import SERVICE
from app.core.errors import NotFound
from app.dispatch.shares.service import find_open, try_pin
from app.exports.html_reader import read_rows
from tests.api import ApiUser, Principals, problem_fields, services
from tests.factories.cases import CaseAssets, assign, plate, share, vin
from tests.factories.constants import CHANGNING, KUNSHAN, NOW

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Shared:
    """A share, and how to open it."""

    case_assets: CaseAssets
    dispatcher: ApiUser
    assignment_id: int
    share_id: int
    path: str
    pin: str
    visitor: httpx.AsyncClient

    async def form(self) -> httpx.Response:
        """Follow the link."""
        return await self.visitor.get(self.path)

    async def open(self, pin: str | None = None) -> httpx.Response:
        """Send a PIN; the right one, unless another is given."""
        return await self.visitor.post(self.path, data={"pin": self.pin if pin is None else pin})

    async def told(self, holder: ApiUser | None = None) -> dict[str, Any]:
        """Return the share as its maker (or somebody else) sees it."""
        client = (holder or self.dispatcher).client
        answer = await client.get(f"/v1/assignments/{self.assignment_id}/shares")
        assert answer.status_code == 200, answer.text
        return next(s for s in answer.json()["items"] if s["share_id"] == self.share_id)


@pytest.fixture
async def shared(case_assets: CaseAssets, principals: Principals, client: httpx.AsyncClient) -> Shared:
    """Two trucks in Kunshan and one in Changning, shared by the dispatcher."""
    far = await case_assets.add(2)
    near = await case_assets.add(1, rank=2)
    await case_assets.heard(far, KUNSHAN, ago=3 * HOUR)
    await case_assets.heard(near, CHANGNING, ago=timedelta(days=9))
    await case_assets.add(1)
    dispatcher = await principals.dispatcher()
    assignment_id = await assign(case_assets, dispatcher)
    answer = await share(dispatcher.client, assignment_id)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Shared(case_assets, dispatcher, assignment_id, made["share_id"], made["path"], made["pin"], client)


async def test_link_and_pin_are_shown_once_and_stored_only_as_digests(shared: Shared) -> None:
    token = shared.path.removeprefix("/s/")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token), "256 random bits"
    assert re.fullmatch(r"[0-9]{6}", shared.pin)
    told = await shared.told()
    assert told == {
        "share_id": shared.share_id,
        "assignment_id": shared.assignment_id,
        "case_id": shared.case_assets.case.case_id,
        "recipient": "赵六",
        "state": "open",
        "created_by": shared.dispatcher.principal_id,
        "created_at": "2026-11-23T04:00:00Z",
        "expires_at": "2026-11-24T04:00:00Z",
        "revoked_at": None,
        "wrong_pins": 0,
        "opened": 0,
        "last_opened_at": None,
    }
    row = (await shared.case_assets.case.session.execute(text("SELECT share::text FROM share"))).scalar_one()
    assert token not in row
    assert "$argon2id$" in row
    assert f",{shared.pin}," not in row


async def test_the_link_alone_tells_nothing(shared: Shared) -> None:
    answer = await shared.form()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for secret in ("赵六", "沪0105", "4321", plate(1), "上海", "昆山", "张"):
        assert secret not in answer.text
    assert 'method="post"' in answer.text
    assert "<script" not in answer.text
    assert "action=" not in answer.text, "a form without an action goes back to where it came from"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")


async def test_the_pin_opens_the_sheet_by_court_then_place(shared: Shared) -> None:
    answer = await shared.open()
    assert answer.status_code == 200
    rows = read_rows(answer.text)
    heading = {row[0]: row[1] for row in rows if len(row) == 2}
    assert heading["案号 Case number"] == "(2025)沪0105执4321号"
    assert heading["接收人 For"] == "赵六"
    assert heading["分享人 Shared by"] == f"a dispatcher (#{shared.dispatcher.principal_id})"
    assert heading["身份 Role"] == "调度员 dispatcher"
    assert heading["打开时间 Opened at (Asia/Shanghai)"] == "2026-11-23 12:00:00"
    assert heading["打开时间 Opened at (UTC)"] == "2026-11-23T04:00:00Z"
    assert heading["截至 As of (Asia/Shanghai)"] == "2026-11-23 12:00"
    assert heading["租赁物 Assets"].startswith("4 (可扣押 seizable 3, 不可扣押 not seizable 1")
    assets = [row for row in rows if len(row) == 6][1:]
    assert [row[0] for row in assets] == ["1", "2", "3", "4"]
    assert [row[1].split()[0] for row in assets] == [plate(3), plate(2), plate(1), plate(4)]
    near, far, _, nowhere = assets
    assert vin(3)[-6:] in near[1]
    assert vin(3) not in answer.text, "the tail of a VIN is enough"
    assert near[2].startswith("长宁区人民法院 沪0105") or near[2].startswith("上海市长宁区人民法院 沪0105")
    assert "9 天前 9 days ago" in near[3]
    assert near[3].endswith("旧 stale")
    assert near[4].startswith("低 low stale: the last good fix is 9 days old")
    assert near[5].startswith("不可扣押 not seizable")
    assert "苏0583" in far[2]
    assert far[3] == "2026-11-23 09:00 3 小时前 3 h ago 新 fresh"
    assert far[5] == "可扣押 seizable"
    assert nowhere[3] == "从未定位 never located"
    told = await shared.told()
    assert (told["opened"], told["last_opened_at"], told["wrong_pins"]) == (1, "2026-11-23T04:00:00Z", 0)


async def test_map_links_carry_gcj_02_and_no_plate(shared: Shared) -> None:
    page = (await shared.open()).text
    amap = re.search(r"https://uri\.amap\.com/navigation\?to=([0-9.]+),([0-9.]+),([^&]+)&amp;", page)
    assert amap is not None
    lon, lat = float(amap[1]), float(amap[2])
    assert 0.003 < lon - CHANGNING[0] < 0.006, "shifted about 450 m east"
    assert 0.001 < abs(lat - CHANGNING[1]) < 0.004
    tencent = re.search(
        r"https://apis\.map\.qq\.com/uri/v1/routeplan\?type=drive&amp;tocoord=([0-9.]+),([0-9.]+)", page
    )
    assert tencent is not None
    assert (float(tencent[1]), float(tencent[2])) == (lat, lon)
    assert "%E6%B2%AA" not in page, "no plate goes to the maker of a map"


async def test_a_saved_page_can_be_checked_and_a_changed_one_is_found(shared: Shared, tmp_path: Path) -> None:
    answer = await shared.open()
    file = tmp_path / "sheet.html"
    file.write_bytes(answer.content)
    assert check_file(file).matches
    file.write_text(answer.text.replace(plate(1), plate(9)), encoding="utf-8")
    assert not check_file(file).matches


async def test_what_people_typed_into_registers_stays_text(shared: Shared) -> None:
    session = shared.case_assets.case.session
    await session.execute(text("UPDATE asset SET make = '<script>alert(1)</script>', model = '\"><b>'"))
    await session.commit()
    body = {"recipient": "<i>赵六</i>"}
    made = (await share(shared.dispatcher.client, shared.assignment_id, **body)).json()
    page = (await shared.visitor.post(made["path"], data={"pin": made["pin"]})).text
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;i&gt;赵六&lt;/i&gt;" in page


async def nothing(shared: Shared) -> bool:
    """Whether link and PIN open nothing, with the answer that an unknown link has."""
    unknown = await shared.visitor.get("/s/" + "A" * 43)
    assert unknown.status_code == 404
    answers = (await shared.form(), await shared.open(), await shared.open("000000"))
    same = [(a.status_code, a.content, a.headers["content-security-policy"]) for a in (*answers, unknown)]
    return all(one == same[0] for one in same)


async def test_unknown_links_have_a_page_that_tells_nothing(client: httpx.AsyncClient) -> None:
    for path in ("/s/x", "/s/" + "A" * 43, "/s/%00", "/s/" + "A" * 2000):
        for answer in (await client.get(path), await client.post(path, data={"pin": "123456"})):
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_it_expires(shared: Shared, clock: FixedClock) -> None:
    clock.set(NOW + timedelta(hours=23, minutes=59))
    assert (await shared.form()).status_code == 200
    clock.set(NOW + timedelta(hours=24))
    assert await nothing(shared)
    assert (await shared.told())["state"] == "expired"


async def test_it_is_taken_back_at_once_by_its_maker_or_the_court(shared: Shared, principals: Principals) -> None:
    for stranger in (await principals.court("沪0107"), await principals.dispatcher()):
        assert (await stranger.client.delete(f"/v1/shares/{shared.share_id}")).status_code == 404
    assert (await shared.open()).status_code == 200
    assert (await shared.case_assets.court.delete(f"/v1/shares/{shared.share_id}")).status_code == 204
    assert await nothing(shared)
    assert (await shared.told())["state"] == "revoked"
    assert (await shared.dispatcher.client.delete(f"/v1/shares/{shared.share_id}")).status_code == 204
    assert (await shared.dispatcher.client.delete("/v1/shares/999999")).status_code == 404


async def test_nothing_is_shown_once_the_case_is_closed(shared: Shared) -> None:
    answer = await shared.case_assets.court.patch(shared.case_assets.case.path, json={"phase": "closed"})
    assert answer.status_code == 200, answer.text
    assert await nothing(shared)


async def test_nothing_is_shown_once_the_assignment_is_over(shared: Shared, clock: FixedClock) -> None:
    session = shared.case_assets.case.session
    await session.execute(text("UPDATE planning_assignment SET ends_at = :at"), {"at": NOW + HOUR})
    await session.commit()
    clock.set(NOW + HOUR)
    assert await nothing(shared)


async def test_nothing_is_shown_once_the_makers_key_is_revoked_or_narrowed(shared: Shared) -> None:
    session = shared.case_assets.case.session
    for change in (
        "UPDATE api_key SET scopes = '{shares:write}' WHERE principal_id = :who",
        "UPDATE api_key SET revoked_at = now() WHERE principal_id = :who",
    ):
        assert (await shared.open()).status_code == 200
        await session.execute(text(change), {"who": shared.dispatcher.principal_id})
        await session.commit()
        assert await nothing(shared)
        await session.execute(text("UPDATE api_key SET scopes = NULL, revoked_at = NULL"))
        await session.commit()


async def test_a_released_asset_leaves_the_sheet(shared: Shared) -> None:
    measures = (await shared.case_assets.court.get(f"{shared.case_assets.case.path}/measures")).json()["items"]
    one = measures[0]["measure_id"]
    answer = await shared.case_assets.court.patch(f"/v1/measures/{one}", json={"released_on": "2026-11-23"})
    assert answer.status_code == 200, answer.text
    assert plate(1) not in (await shared.open()).text
    by_officer = (await share(shared.case_assets.court, shared.assignment_id)).json()
    page = (await shared.visitor.post(by_officer["path"], data={"pin": by_officer["pin"]})).text
    assert plate(1) not in page
    assert plate(2) in page


async def test_wrong_pins_rest_longer_and_longer_and_ten_lock_it(shared: Shared, clock: FixedClock) -> None:
    wrong = "000000" if shared.pin != "000000" else "111111"
    now = NOW
    for attempt in range(10):
        answer = await shared.open(wrong)
        assert answer.status_code == 403
        assert "不正确" in answer.text
        assert (await shared.told())["wrong_pins"] == attempt + 1
        if attempt < 9:
            too_soon = await shared.open()
            assert too_soon.status_code == 429, "not even the right one is looked at"
            assert too_soon.headers["retry-after"] == str(min(2**attempt, 300))
            assert (await shared.told())["wrong_pins"] == attempt + 1
            now += timedelta(seconds=min(2**attempt, 300))
            clock.set(now)
    clock.set(NOW + 2 * HOUR)
    assert await nothing(shared)
    assert (await shared.told())["state"] == "locked"


async def test_a_right_pin_does_not_forgive_the_wrong_ones(shared: Shared, clock: FixedClock) -> None:
    wrong = "000000" if shared.pin != "000000" else "111111"
    await shared.open(wrong)
    clock.set(NOW + timedelta(seconds=1))
    assert (await shared.open()).status_code == 200
    assert (await shared.open()).status_code == 200, "who knows the PIN need not wait"
    told = await shared.told()
    assert (told["wrong_pins"], told["opened"]) == (1, 2)


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE share SET revoked_at = now(), revoked_by = created_by",
        "UPDATE share SET wrong_pins = 10",
        "UPDATE share SET expires_at = created_at + interval '1 second'",
        "DELETE FROM share",
    ],
)
async def test_a_share_that_ends_while_its_pin_is_sent_opens_nothing(
    shared: Shared, application: FastAPI, clock: FixedClock, end: str
) -> None:
    database = services(application).context.database
    clock.set(NOW + timedelta(seconds=2))
    found = await find_open(database, shared.path.removeprefix("/s/"), clock.now())
    assert found is not None
    async with database.writing(SERVICE) as session:
        await session.execute(text(end))
    with pytest.raises(NotFound):
        await try_pin(database, found, shared.pin, clock, "test")


async def test_guesses_made_at_the_same_time_are_not_looked_at(shared: Shared) -> None:
    answers = await asyncio.gather(*(shared.open(f"{n:06}") for n in range(8)))
    assert sorted(a.status_code for a in answers)[1:] == [429] * 7


@pytest.mark.parametrize("typed", ["{} ", "{:.3} {}", "full"])
async def test_a_pin_may_be_typed_as_phones_type_it(shared: Shared, typed: str) -> None:
    pin = shared.pin
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in pin)
    forms = {"full": full_width, "{} ": f" {pin} ", "{:.3} {}": f"{pin[:3]} {pin[3:]}"}
    assert (await shared.open(forms[typed])).status_code == 200


@pytest.mark.parametrize("pin", ["", "1", "x" * 5000, "\0", "１２", "'"])
async def test_what_is_no_pin_is_a_wrong_one(shared: Shared, pin: str) -> None:
    assert (await shared.open(pin)).status_code == 403


async def test_a_share_ends_with_the_assignment_or_after_three_days(shared: Shared, principals: Principals) -> None:
    def at(moment: datetime) -> dict[str, str]:
        return {"expires_at": moment.isoformat()}

    client, number = shared.dispatcher.client, shared.assignment_id
    assert (await share(client, number, **at(NOW + timedelta(hours=72)))).status_code == 201
    for late in (NOW + timedelta(hours=72, seconds=1), NOW, NOW - HOUR):
        answer = await share(client, number, **at(late))
        assert answer.status_code == 422
        assert problem_fields(answer) == ["expires_at"]
    short = await principals.dispatcher()
    ends = await assign(shared.case_assets, short, days=1)
    made = (await share(short.client, ends)).json()
    assert made["expires_at"] == "2026-11-24T04:00:00Z"
    assert (await share(short.client, ends, **at(NOW + timedelta(hours=25)))).status_code == 422


async def test_only_the_court_of_the_case_and_the_dispatcher_share(shared: Shared, principals: Principals) -> None:
    number = shared.assignment_id
    assert (await share(shared.case_assets.court, number)).status_code == 201
    for stranger in (await principals.court("沪0107"), await principals.court("沪"), await principals.dispatcher()):
        assert (await share(stranger.client, number)).status_code == 404
        assert (await stranger.client.get(f"/v1/assignments/{number}/shares")).status_code == 404
    for refused in (shared.case_assets.lessor, await principals.administrator()):
        assert (await share(refused, number)).status_code == 403
    mine = (await shared.dispatcher.client.get(f"/v1/assignments/{number}/shares")).json()["items"]
    assert [s["share_id"] for s in mine] == [shared.share_id], "what the court shared is the court's"
    assert len((await shared.case_assets.court.get(f"/v1/assignments/{number}/shares")).json()["items"]) == 2


async def test_an_assignment_that_has_ended_is_not_shared(shared: Shared, clock: FixedClock) -> None:
    clock.set(NOW + timedelta(days=5))
    assert (await share(shared.case_assets.court, shared.assignment_id)).status_code == 409
    assert (await share(shared.dispatcher.client, shared.assignment_id)).status_code == 404


async def test_the_token_is_never_logged(shared: Shared) -> None:
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with structlog.testing.capture_logs() as lines:
            await shared.form()
            await shared.open("000000")
            await shared.visitor.get(shared.path + "/more")
    finally:
        structlog.configure(wrapper_class=before)
    assert [line["route"] for line in lines] == ["/s/{token}", "/s/{token}", "unmatched"]
    assert shared.path.removeprefix("/s/") not in str(lines)


async def test_what_was_shared_opened_and_tried_stands_in_the_trail(shared: Shared, clock: FixedClock) -> None:
    wrong = "000000" if shared.pin != "000000" else "111111"
    await shared.open(wrong)
    clock.set(NOW + timedelta(seconds=1))
    page = (await shared.open()).text
    await shared.case_assets.court.delete(f"/v1/shares/{shared.share_id}")
    rows = await shared.case_assets.case.session.execute(
        text("""
            SELECT t.action, t.principal_id, t.role, t.detail, a.asset_ids, t.results
            FROM trail t LEFT JOIN trail_assets a USING (assets_sha256)
            WHERE t.action LIKE 'share.%' AND t.case_id = :case AND t.at >= :now ORDER BY trail_no DESC LIMIT 4"""),
        {"case": shared.case_assets.case.case_id, "now": NOW},
    )
    revoked, opened, tried, made = rows.all()
    name = f"share {shared.share_id} for 赵六"
    assert revoked[:4] == ("share.revoke", shared.case_assets.case.court.principal_id, "enforcement_officer", name)
    assert made[:3] == ("share.create", shared.dispatcher.principal_id, "dispatcher")
    assert made[3] == f"{name} until 2026-11-24T04:00:00+00:00"
    assert tried[:4] == ("share.wrong_pin", 0, "recipient", name)
    assert opened[:3] == ("share.open", shared.dispatcher.principal_id, "dispatcher")
    digest = read_rows(page)[-1][1]
    assert opened[3].startswith(f"{name}: {digest} export:")
    assert (len(opened[4]), opened[5]) == (4, 4)
