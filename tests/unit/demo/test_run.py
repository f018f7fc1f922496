"""What is posted on which run, and how the answer is judged and shown; no service is needed for that."""

import copy
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from rich.console import Console

from app.assets.csv_import.parser import parse_assets_csv
from app.core.errors import AppError
from app.demo.answer import Answer, as_json, ask
from app.demo.client import ApiClient, connection
from app.demo.fleet import DemoData
from app.demo.formatting import age, moment, money, several
from app.demo.posting import post_pings
from app.demo.registration import _COLUMNS, assets_csv
from app.demo.run import GOOD_FOR, Plan, RunState, plan
from app.demo.tables import print_answer, print_receipts
from tests.factories.constants import NOW

YESTERDAY = NOW - timedelta(hours=20)
LAST_WEEK = NOW - timedelta(days=6)


@pytest.mark.parametrize(
    ("state", "newest_fix", "expected"),
    [
        (None, None, Plan("everything", NOW)),
        (None, YESTERDAY, Plan("nothing", NOW)),
        (None, LAST_WEEK, Plan("fresh", NOW)),
        (RunState("everything", YESTERDAY, complete=True), YESTERDAY, Plan("nothing", YESTERDAY)),
        (RunState("everything", LAST_WEEK, complete=True), LAST_WEEK, Plan("fresh", NOW)),
        (RunState("everything", YESTERDAY, complete=True), None, Plan("everything", NOW)),
        # Broken off: the same pings again, even where half of them are stored.
        (RunState("everything", YESTERDAY, complete=False), YESTERDAY, Plan("everything", YESTERDAY)),
        (RunState("everything", YESTERDAY, complete=False), None, Plan("everything", YESTERDAY)),
        (RunState("fresh", YESTERDAY, complete=False), LAST_WEEK, Plan("fresh", YESTERDAY)),
        (RunState("everything", LAST_WEEK, complete=False), LAST_WEEK, Plan("fresh", NOW)),
    ],
)
def test_a_run_posts_what_is_missing_and_no_more(
    state: RunState | None, newest_fix: datetime | None, expected: Plan
) -> None:
    assert plan(state, newest_fix, NOW) == expected
    assert timedelta(days=1) == GOOD_FOR


def test_positions_of_a_later_time_are_of_a_run_with_another_present() -> None:
    with pytest.raises(AppError, match="later than 2026-11-23T04:00:00"):
        plan(None, NOW + timedelta(hours=2), NOW)
    assert plan(None, NOW + timedelta(minutes=2), NOW).what == "nothing", "a device's clock is a little ahead"


def test_numbers_ages_and_times_read_as_a_clerk_writes_them() -> None:
    assert money(12_345_678) == "1,234.6 万元"
    assert age(timedelta(seconds=30)) == "less than a minute"
    assert age(timedelta(minutes=1, seconds=5)) == "1 minute"
    assert age(timedelta(hours=25)) == "1 day"
    assert age(timedelta(days=19)) == "19 days"
    assert moment(datetime(2026, 11, 23, 16, 30, tzinfo=UTC)) == "2026-11-24 00:30"
    assert (several(1, "asset"), several(1_234, "asset")) == ("1 asset", "1,234 assets")


def test_the_lessor_s_file_is_one_that_the_import_takes_whole(demo: DemoData) -> None:
    fleet = demo.fleet
    main, second = fleet.devices[:671], fleet.devices[671:]
    parsed = parse_assets_csv(assets_csv(fleet.assets, main, _COLUMNS))
    assert (parsed.lines, len(parsed.rows), parsed.errors) == (671, 671, ())
    for row, asset, device in zip(parsed.rows, fleet.assets, main, strict=True):
        assert row.asset.plate_no == asset.plate_no
        assert row.asset.serial_no == asset.serial_no
        assert row.asset.estimated_value_yuan == asset.estimated_value_yuan
        assert row.asset.essential_to_production == asset.essential_to_production
        assert row.device.device_id == device.identifier
        assert row.device.bound_from == device.bound_from
    again = parse_assets_csv(assets_csv(fleet.assets, second, ("kind", "plate_no", "lease_contract_no")))
    assert (len(again.rows), again.errors) == (len(second), ())
    assert again.rows[0].stated == {"kind", "plate_no", "lease_contract_no"}


class FakeService:
    """Answers what the service would say of a demo whose every asset is where it truly is, unless told otherwise."""

    def __init__(self, demo: DemoData) -> None:
        self.truth = {i + 1: asset for i, asset in enumerate(demo.truth.assets)}
        self.ids = {asset.reference: i for i, asset in self.truth.items()}
        self.moved: dict[int, str] = {}
        self.lost: set[int] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer lt_court"
        path = request.url.path
        if path == "/v1/cases/7/distribution":
            return httpx.Response(200, json=self.distribution())
        if path == "/v1/clusters":
            return httpx.Response(200, json=self.clusters())
        assert request.url.params["case"] == "7"
        return httpx.Response(200, json=self.position(int(path.split("/")[3])))

    def position(self, asset_id: int) -> dict[str, Any]:
        truth = self.truth[asset_id]
        located = truth.state in {"fresh", "stale"} and asset_id not in self.lost
        code = self.moved.get(asset_id, truth.court_code)
        return {
            "state": truth.state if asset_id not in self.lost else "never_located",
            "court": {"code": code, "name": f"{code}人民法院"} if located else None,
            "county_adcode": truth.county_adcode if asset_id not in self.moved else 110101,
            "source": "cell" if located else None,
            "accuracy_m": 800.0 if located else None,
        }

    def distribution(self) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {}
        for asset in (a for i, a in self.truth.items() if a.court_code and i not in self.lost):
            if asset.state not in {"fresh", "stale"} or asset.court_code is None:
                continue
            row = rows.setdefault(
                asset.court_code,
                {
                    "court": {"code": asset.court_code, "name": f"{asset.court_code}人民法院"},
                    "division": None,
                    "no_court_reason": None,
                    "province": {"name": f"{asset.court_code[0]}省"},
                    "cross_province": True,
                    "n_assets": 0,
                    "n_fresh": 0,
                    "n_stale": 0,
                    "n_seizable": 0,
                    "value_yuan": 0.0,
                },
            )
            row["n_assets"] += 1
            row[f"n_{asset.state}"] += 1
            row["value_yuan"] += 100_000.0
        ordered = sorted(rows.values(), key=lambda r: -r["n_assets"])
        never = 20 + len(self.lost)
        main = {"court": ordered[0]["court"], "division": None, "n_assets": 40, "value_yuan": 4e6, "share": 0.0616}
        return {
            "case": {"case_id": 7, "case_number": "(2025)沪0105执4321号"},
            "computed_at": NOW.isoformat(),
            "data_as_of": (NOW - timedelta(minutes=3)).isoformat(),
            "totals": {
                "assets": 671, "located": 649 - len(self.lost), "fresh": sum(r["n_fresh"] for r in ordered),
                "stale": sum(r["n_stale"] for r in ordered), "outside": 2, "never_located": never, "seizable": 640,
                "not_seizable": 23, "held": 8, "value_yuan": 67.1e6, "near_border": 3, "newest_fix": NOW.isoformat(),
            },
            "rows": ordered,
            "unplaced": [
                {"presence": "outside", "n_assets": 2, "value_yuan": 2e5},
                {"presence": "never_located", "n_assets": never, "value_yuan": 2e6},
            ],
            "main_court": {"by_count": main, "by_value": None},
            "reasons": [{"n_mainly": 15, "state": "not_seizable", "code": "ranked_behind"}],
        }  # fmt: skip

    def clusters(self) -> dict[str, Any]:
        properties = {
            "court": {"code": "沪0120", "name": "上海市奉贤区人民法院"},
            "province": {"name": "上海市"}, "prefecture": {"name": "上海市"}, "county": {"name": "奉贤区"},
            "centroid": [121.39, 30.91], "n": 28, "value_yuan": 7.5e6, "kinds": {"heavy_truck": 25, "car": 3},
            "touches": [],
        }  # fmt: skip
        return {"features": [{"id": "00f1", "properties": properties}], "clustered": 28, "considered": 649}


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[httpx.Request], httpx.Response]], None]:
    """Makes every new connection talk to a function instead of a service."""
    real = httpx.AsyncClient

    def install(answer: Callable[[httpx.Request], httpx.Response]) -> None:
        monkeypatch.setattr(httpx, "AsyncClient", lambda **more: real(transport=httpx.MockTransport(answer), **more))

    return install


Mocked = Callable[[Callable[[httpx.Request], httpx.Response]], None]


async def _answer(service: FakeService, demo: DemoData) -> Answer:
    async with connection("http://service.test") as http:
        return await ask(ApiClient(http, "lt_court"), 7, service.ids, demo.truth)


async def test_a_true_answer_passes_and_is_shown_in_full(demo: DemoData, mocked: Mocked) -> None:
    service = FakeService(demo)
    mocked(service)
    answer = await _answer(service, demo)
    assert answer.passes()
    assert (answer.in_true_court, answer.misplaced, answer.wrong_state) == (649, (), ())
    file = as_json(answer, demo.truth)
    assert {k: file[k] for k in ("assets", "fresh", "stale", "located", "outside", "never_located")} == {
        "assets": 671, "fresh": 589, "stale": 60, "located": 649, "outside": 2, "never_located": 20
    }  # fmt: skip
    assert file["in_true_court"] == 649
    assert file["passed"] is True
    assert sum(court["assets"] for court in file["courts"]) == 649
    assert file["clusters"][0]["place"] == "上海市 奉贤区"
    shown = _shown(answer, demo)
    assert "649 of 649 located assets are in the true court (100.00%)" in shown
    assert "589 fresh + 60 stale + 2 outside + 20 never located = 671" in shown
    assert "newest data 3 minutes old" in shown
    assert "750.0 万元" in shown


async def test_too_many_assets_in_a_wrong_court_fail(demo: DemoData, mocked: Mocked) -> None:
    service = FakeService(demo)
    mocked(service)
    located = [i for i, a in service.truth.items() if a.state in {"fresh", "stale"}]
    service.moved = dict.fromkeys(located[:6], "京0101")
    answer = await _answer(service, demo)
    assert answer.passes()
    assert answer.in_true_court == 643
    assert "answered 京0101人民法院 from a cell fix accurate to 800 m" in _shown(answer, demo)
    service.moved = dict.fromkeys(located[:7], "京0101")
    assert not (await _answer(service, demo)).passes()


async def test_totals_that_do_not_add_up_fail(demo: DemoData, mocked: Mocked) -> None:
    service = FakeService(demo)
    mocked(service)
    answer = await _answer(service, demo)
    for name in ("assets", "fresh", "outside", "never_located", "located"):
        wrong = copy.deepcopy(answer.distribution)
        wrong["totals"][name] -= 1
        broken = Answer(wrong, answer.clusters, 649, (), (), 671)
        assert not broken.adds_up()
        assert not broken.passes()
    wrong = copy.deepcopy(answer.distribution)
    wrong["rows"][0]["n_assets"] += 1
    assert not Answer(wrong, answer.clusters, 649, (), (), 671).passes()


async def test_a_lost_asset_is_told(demo: DemoData, mocked: Mocked) -> None:
    service = FakeService(demo)
    mocked(service)
    lost = next(i for i, a in service.truth.items() if a.state == "fresh")
    service.lost = {lost}
    answer = await _answer(service, demo)
    assert answer.wrong_state == ((service.truth[lost].reference, "fresh", "never_located"),)
    assert "1 asset answered otherwise" in _shown(answer, demo)


def _shown(answer: Answer, demo: DemoData) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    print_answer(console, answer, demo.truth)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_a_busy_service_is_asked_again_when_it_says(mocked: Mocked) -> None:
    calls: list[str] = []

    def busy_once(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(503, headers={"Retry-After": "0"}) if len(calls) == 1 else httpx.Response(200, json=1)

    mocked(busy_once)
    async with connection("http://service.test") as http:
        assert await ApiClient(http, "lt_x").get("/lessors") == 1
    assert calls == ["/v1/lessors", "/v1/lessors"]


async def test_a_broken_connection_is_tried_again_only_where_that_is_harmless(
    mocked: Mocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def breaks_once(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        if len(calls) == 1:
            raise httpx.ReadError("gone", request=request)
        return httpx.Response(200, json=2)

    mocked(breaks_once)
    async with connection("http://service.test") as http:
        assert await ApiClient(http, "lt_x").upload("/pings", b"{}", "application/x-ndjson") == 2
        calls.clear()
        with pytest.raises(AppError, match="does not answer"):
            await ApiClient(http, "lt_x").post("/cases", {})


async def test_a_refusal_is_told_in_the_service_s_words(mocked: Mocked) -> None:
    problem = {"title": "Conflict", "detail": "case_number: a case with this number is recorded already"}
    mocked(lambda _: httpx.Response(409, json=problem, headers={"content-type": "application/problem+json"}))
    async with connection("http://service.test") as http:
        with pytest.raises(AppError, match="409: case_number: a case with this number is recorded already"):
            await ApiClient(http, "lt_x").post("/cases", {})


async def test_lists_are_read_page_by_page(mocked: Mocked) -> None:
    def two_pages(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("after") == "t":
            return httpx.Response(200, json={"items": [3], "next": None})
        return httpx.Response(200, json={"items": [1, 2], "next": "t"})

    mocked(two_pages)
    async with connection("http://service.test") as http:
        assert [i async for i in ApiClient(http, "lt_x").items("/assets")] == [1, 2, 3]


async def test_every_ping_is_posted_once_and_the_receipts_are_added_up(demo: DemoData, mocked: Mocked) -> None:
    bodies: list[bytes] = []

    def takes_in(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/x-ndjson"
        bodies.append(request.content)
        rows = request.content.count(b"\n")
        receipt = {"received": rows, "stored": rows - 2, "duplicates": 1, "doubted": 0, "rejected": 1}
        return httpx.Response(200, json=receipt)

    mocked(takes_in)
    some = demo.pings.take(slice(0, 12_345))
    console = Console(file=io.StringIO(), width=160)
    async with connection("http://service.test") as http:
        receipts = await post_pings(ApiClient(http, "lt_x"), demo, some, console)
    assert (receipts.batches, receipts.received, receipts.rejected) == (13, 12_345, 13)
    assert sum(body.count(b"\n") for body in bodies) == 12_345
    assert len(set(bodies)) == 13
    assert isinstance(console.file, io.StringIO)
    assert "posted 12,345 of 12,345 pings" in console.file.getvalue()
    print_receipts(console, receipts, demo.truth)
    assert "12,345 pings in 13 batches" in console.file.getvalue()


async def test_a_refused_batch_ends_the_posting_with_its_reason(demo: DemoData, mocked: Mocked) -> None:
    mocked(lambda _: httpx.Response(413, text="too large"))
    async with connection("http://service.test") as http:
        with pytest.raises(AppError, match="413: too large"):
            await post_pings(
                ApiClient(http, "lt_x"), demo, demo.pings.take(slice(0, 5_000)), Console(file=io.StringIO())
            )
