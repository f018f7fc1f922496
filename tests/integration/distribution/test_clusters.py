"""In which yards assets stand together, through the real entrance and the real boundaries."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.api import Principals, problem_fields
from tests.factories.cases import CaseAssets, seizure, strangers
from tests.factories.constants import CHANGNING, JIADING, KUNSHAN

AROUND_SHANGHAI = "POLYGON((121.1 30.6, 122 30.6, 122 31.9, 121.1 31.9, 121.1 30.6))"


async def three_yards(case_assets: CaseAssets) -> dict[str, list[int]]:
    """Seven assets in Kunshan, six in Jiading, two in Changning, one in Kunshan that waits its turn."""
    ids = {
        "kunshan": await case_assets.add(7),
        "jiading": await case_assets.add(6),
        "changning": await case_assets.add(2),
        "waiting": await case_assets.add(1, rank=2),
    }
    await case_assets.heard([*ids["kunshan"], *ids["waiting"]], KUNSHAN)
    await case_assets.heard(ids["jiading"], JIADING, ago=timedelta(days=30))
    await case_assets.heard(ids["changning"], CHANGNING)
    return ids


def members(answer: dict[str, Any]) -> list[list[int]]:
    return [[m["asset_id"] for m in f["properties"]["members"]] for f in answer["features"]]


async def test_yards_with_court_members_value_and_age(case_assets: CaseAssets) -> None:
    ids = await three_yards(case_assets)
    response = await case_assets.ask_clusters(case_assets.court)
    assert response.headers["content-type"] == "application/geo+json"
    answer = response.json()
    assert answer["type"] == "FeatureCollection"
    assert members(answer) == [ids["kunshan"], ids["jiading"]]
    assert (answer["considered"], answer["clustered"]) == (15, 13)
    kunshan, jiading = (f["properties"] for f in answer["features"])
    assert kunshan["court"]["name"] == "昆山市人民法院"
    assert kunshan["county"] == {"level": "county", "adcode": 320583, "name": "昆山市"}
    assert (kunshan["prefecture"]["name"], kunshan["province"]["name"]) == ("苏州市", "江苏省")
    assert kunshan["cross_province"] is True
    assert kunshan["kinds"] == {"heavy_truck": 7}
    assert kunshan["value_yuan"] == 700_000
    assert (kunshan["fresh"], kunshan["stale"]) == (7, 0)
    assert (jiading["fresh"], jiading["stale"]) == (0, 6)
    assert jiading["newest_fix"] == jiading["oldest_fix"] == "2026-10-24T04:00:00Z"
    assert kunshan["members"][0]["plate_no"] == "沪A00001"
    assert kunshan["members"][0]["age_s"] == 3600
    assert answer["data_as_of"] == answer["computed_at"] == "2026-11-23T04:00:00Z"
    assert answer["case"]["case_number"] == "(2025)沪0105执4321号"


async def test_the_id_lasts_as_long_as_the_members_stay(case_assets: CaseAssets) -> None:
    ids = await three_yards(case_assets)
    before = await case_assets.clusters()
    await case_assets.heard(ids["kunshan"], KUNSHAN, ago=timedelta(minutes=1))
    after = await case_assets.clusters()
    assert [f["id"] for f in after["features"]] == [f["id"] for f in before["features"]]
    await case_assets.heard(ids["kunshan"][:1], CHANGNING, ago=timedelta(seconds=1))
    moved = await case_assets.clusters()
    assert [f["id"] for f in moved["features"]][1] != before["features"][0]["id"]
    assert len({f["id"] for f in before["features"]}) == 2


async def test_filters_by_state_court_polygon_size_and_radius(case_assets: CaseAssets) -> None:
    ids = await three_yards(case_assets)
    everything = await case_assets.clusters(state="all")
    assert members(everything)[0] == [*ids["kunshan"], *ids["waiting"]]
    court_ids = {
        f["properties"]["court"]["code"]: f["properties"]["court"]["court_id"] for f in everything["features"]
    }
    only = await case_assets.clusters(court=court_ids["沪0114"])
    assert members(only) == [ids["jiading"]]
    high = await case_assets.case.session.scalar(text("SELECT court_id FROM court WHERE code = '苏'"))
    assert members(await case_assets.clusters(court=high)) == [ids["kunshan"]]
    shanghai = await case_assets.clusters(within=AROUND_SHANGHAI)
    assert members(shanghai) == [ids["jiading"]]
    assert shanghai["considered"] == 8
    assert members(await case_assets.clusters(min_assets=7)) == [ids["kunshan"]]
    assert members(await case_assets.clusters(min_assets=2))[2] == ids["changning"]
    assert members(await case_assets.clusters(radius_m=29)) == []
    assert (await case_assets.clusters(fresh_within="P40D"))["features"][1]["properties"]["fresh"] == 6


async def test_a_yard_across_a_border_is_two_clusters_that_name_each_other(case_assets: CaseAssets) -> None:
    """Points on both sides of a corner of the border of Changning and Putuo."""
    found = await case_assets.case.session.execute(
        text("""
            WITH pair AS (
                SELECT one.geom AS changning, two.geom AS putuo
                FROM division one JOIN division two USING (layer_id)
                WHERE one.level = 'county' AND one.adcode = 310105 AND two.level = 'county' AND two.adcode = 310107),
            corner AS (
                SELECT p.geom FROM pair, ST_DumpPoints(ST_Intersection(ST_Boundary(changning), ST_Boundary(putuo))) p
                ORDER BY p.path OFFSET 20 LIMIT 1),
            spot AS (
                SELECT ST_SetSRID(ST_MakePoint(ST_X(geom) + x * 0.0003, ST_Y(geom) + y * 0.0003), 4326) AS geom, x, y
                FROM corner, generate_series(-6, 6) x, generate_series(-6, 6) y)
            SELECT ST_X(geom), ST_Y(geom), ST_Covers(changning, geom)
            FROM spot, pair WHERE ST_Covers(changning, geom) OR ST_Covers(putuo, geom) ORDER BY x, y""")
    )
    spots = found.all()
    here = [(lon, lat) for lon, lat, changning in spots if changning][:8]
    there = [(lon, lat) for lon, lat, changning in spots if not changning][:8]
    assert len(here) == len(there) == 8
    ids = await case_assets.add(16)
    for asset_id, place in zip(ids, [*here, *there], strict=True):
        await case_assets.heard([asset_id], place)
    answer = await case_assets.clusters(radius_m=600)
    one, two = answer["features"]
    codes = {f["properties"]["court"]["code"]: f for f in (one, two)}
    assert set(codes) == {"沪0105", "沪0107"}
    assert [t["cluster_id"] for t in one["properties"]["touches"]] == [two["id"]]
    assert [t["court"]["code"] for t in codes["沪0107"]["properties"]["touches"]] == ["沪0105"]
    assert {m["asset_id"] for f in (one, two) for m in f["properties"]["members"]} == set(ids)
    only = await case_assets.clusters(radius_m=600, court=codes["沪0105"]["properties"]["court"]["court_id"])
    assert [f["id"] for f in only["features"]] == [codes["沪0105"]["id"]]
    assert len(only["features"][0]["properties"]["touches"]) == 1, "the neighbour beyond the filter is named"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"within": "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))"}, "within"),
        ({"within": "POLYGON((31 121, 32 121, 32 122, 31 121))"}, "within"),
        ({"within": "nowhere"}, "within"),
        ({"within": "POLYGON((0 0, 1 1, 1 0))"}, "within"),
        ({"within": "POLYGON((0 0,\u0000 1 1, 1 0, 0 0))"}, "within"),
        ({"within": "x" * 4_001}, "within"),
        ({"radius_m": 9.9}, "radius_m"),
        ({"radius_m": 10_001}, "radius_m"),
        ({"radius_m": "nan"}, "radius_m"),
        ({"radius_m": "1e999"}, "radius_m"),
        ({"min_assets": 1}, "min_assets"),
        ({"min_assets": 10_001}, "min_assets"),
        ({"court": 2147483647}, "court"),
        ({"court": 2147483648}, "court"),
        ({"case": 0}, "case"),
        ({"case": 2147483648}, "case"),
        ({"state": "held"}, "state"),
        ({"fresh_within": "P1Y2"}, "fresh_within"),
    ],
)
async def test_a_bad_question_names_the_field(case_assets: CaseAssets, params: dict[str, Any], field: str) -> None:
    answer = await case_assets.ask_clusters(case_assets.court, **params)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_polygon_that_crosses_itself_is_told_where(case_assets: CaseAssets) -> None:
    answer = await case_assets.ask_clusters(
        case_assets.court, within="POLYGON((120 30, 121 31, 121 30, 120 31, 120 30))"
    )
    assert answer.status_code == 422
    assert "crosses itself" in answer.json()["detail"]
    assert "Self-intersection[120.5 30.5]" in answer.json()["detail"]


async def test_the_case_must_be_named_and_in_sight(case_assets: CaseAssets, principals: Principals) -> None:
    await three_yards(case_assets)
    unnamed = await case_assets.court.get("/v1/clusters")
    assert (unnamed.status_code, problem_fields(unnamed)) == (422, ["case"])
    missing = await case_assets.ask_clusters(case_assets.court, case=2147483647)
    for holder in await strangers(principals):
        hidden = await case_assets.ask_clusters(holder.client)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await case_assets.clusters(case_assets.lessor))["features"] == (await case_assets.clusters())["features"]


async def test_a_held_asset_is_not_for_seizing(case_assets: CaseAssets) -> None:
    ids = await case_assets.add(6)
    await case_assets.heard(ids, KUNSHAN)
    await case_assets.case.order(seizure(ids[0], kind="physical_detention", custodian="某停车场"))
    assert members(await case_assets.clusters()) == [ids[1:]]
    states = [m["state"] for m in (await case_assets.clusters(state="all"))["features"][0]["properties"]["members"]]
    assert states == ["held"] + ["seizable"] * 5


async def test_numbers_have_no_more_than_seven_decimals(case_assets: CaseAssets) -> None:
    ids = await case_assets.add(5)
    for number, asset_id in enumerate(ids):
        await case_assets.heard([asset_id], (KUNSHAN[0] + number * number * 1e-4 / 3, KUNSHAN[1] + number * 1e-4 / 7))
    body = (await case_assets.ask_clusters(case_assets.court)).text
    feature = json.loads(body, parse_float=str)["features"][0]
    texts = [*feature["geometry"]["coordinates"][0], feature["properties"]["centroid"]]
    assert max(len(number.partition(".")[2]) for point in texts for number in point) <= 7
