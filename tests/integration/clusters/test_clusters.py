"""In which yards assets stand together, through the real entrance and the real boundaries."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.clusters.conftest import CHANGNING, JIADING, KUNSHAN, Fleet, strangers
from tests.integration.enforcement.conftest import seizure
from tests.support import Doors, problem_fields

AROUND_SHANGHAI = "POLYGON((121.1 30.6, 122 30.6, 122 31.9, 121.1 31.9, 121.1 30.6))"


async def three_yards(fleet: Fleet) -> dict[str, list[int]]:
    """Seven assets in Kunshan, six in Jiading, two in Changning, one in Kunshan that waits its turn."""
    ids = {
        "kunshan": await fleet.add(7),
        "jiading": await fleet.add(6),
        "changning": await fleet.add(2),
        "waiting": await fleet.add(1, rank=2),
    }
    await fleet.heard([*ids["kunshan"], *ids["waiting"]], KUNSHAN)
    await fleet.heard(ids["jiading"], JIADING, ago=timedelta(days=30))
    await fleet.heard(ids["changning"], CHANGNING)
    return ids


def members(answer: dict[str, Any]) -> list[list[int]]:
    return [[m["asset_id"] for m in f["properties"]["members"]] for f in answer["features"]]


async def test_yards_with_court_members_value_and_age(fleet: Fleet) -> None:
    ids = await three_yards(fleet)
    response = await fleet.ask_clusters(fleet.court)
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


async def test_the_id_lasts_as_long_as_the_members_stay(fleet: Fleet) -> None:
    ids = await three_yards(fleet)
    before = await fleet.clusters()
    await fleet.heard(ids["kunshan"], KUNSHAN, ago=timedelta(minutes=1))
    after = await fleet.clusters()
    assert [f["id"] for f in after["features"]] == [f["id"] for f in before["features"]]
    await fleet.heard(ids["kunshan"][:1], CHANGNING, ago=timedelta(seconds=1))
    moved = await fleet.clusters()
    assert [f["id"] for f in moved["features"]][1] != before["features"][0]["id"]
    assert len({f["id"] for f in before["features"]}) == 2


async def test_filters_by_state_court_polygon_size_and_radius(fleet: Fleet) -> None:
    ids = await three_yards(fleet)
    everything = await fleet.clusters(state="all")
    assert members(everything)[0] == [*ids["kunshan"], *ids["waiting"]]
    court_ids = {
        f["properties"]["court"]["code"]: f["properties"]["court"]["court_id"] for f in everything["features"]
    }
    only = await fleet.clusters(court=court_ids["沪0114"])
    assert members(only) == [ids["jiading"]]
    high = await fleet.matter.session.scalar(text("SELECT court_id FROM court WHERE code = '苏'"))
    assert members(await fleet.clusters(court=high)) == [ids["kunshan"]]
    shanghai = await fleet.clusters(within=AROUND_SHANGHAI)
    assert members(shanghai) == [ids["jiading"]]
    assert shanghai["considered"] == 8
    assert members(await fleet.clusters(min_assets=7)) == [ids["kunshan"]]
    assert members(await fleet.clusters(min_assets=2))[2] == ids["changning"]
    assert members(await fleet.clusters(radius_m=29)) == []
    assert (await fleet.clusters(fresh_within="P40D"))["features"][1]["properties"]["fresh"] == 6


async def test_a_yard_across_a_border_is_two_clusters_that_name_each_other(fleet: Fleet) -> None:
    """Points on both sides of a corner of the border of Changning and Putuo."""
    found = await fleet.matter.session.execute(
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
    ids = await fleet.add(16)
    for asset_id, place in zip(ids, [*here, *there], strict=True):
        await fleet.heard([asset_id], place)
    answer = await fleet.clusters(radius_m=600)
    one, two = answer["features"]
    codes = {f["properties"]["court"]["code"]: f for f in (one, two)}
    assert set(codes) == {"沪0105", "沪0107"}
    assert [t["cluster_id"] for t in one["properties"]["touches"]] == [two["id"]]
    assert [t["court"]["code"] for t in codes["沪0107"]["properties"]["touches"]] == ["沪0105"]
    assert {m["asset_id"] for f in (one, two) for m in f["properties"]["members"]} == set(ids)
    only = await fleet.clusters(radius_m=600, court=codes["沪0105"]["properties"]["court"]["court_id"])
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
async def test_a_bad_question_names_the_field(fleet: Fleet, params: dict[str, Any], field: str) -> None:
    answer = await fleet.ask_clusters(fleet.court, **params)
    assert (answer.status_code, problem_fields(answer)) == (422, [field])


async def test_a_polygon_that_crosses_itself_is_told_where(fleet: Fleet) -> None:
    answer = await fleet.ask_clusters(fleet.court, within="POLYGON((120 30, 121 31, 121 30, 120 31, 120 30))")
    assert answer.status_code == 422
    assert "crosses itself" in answer.json()["detail"]
    assert "Self-intersection[120.5 30.5]" in answer.json()["detail"]


async def test_the_case_must_be_named_and_in_sight(fleet: Fleet, doors: Doors) -> None:
    await three_yards(fleet)
    unnamed = await fleet.court.get("/v1/clusters")
    assert (unnamed.status_code, problem_fields(unnamed)) == (422, ["case"])
    missing = await fleet.ask_clusters(fleet.court, case=2147483647)
    for holder in await strangers(doors):
        hidden = await fleet.ask_clusters(holder.client)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await fleet.clusters(fleet.lessor))["features"] == (await fleet.clusters())["features"]


async def test_a_held_asset_is_not_for_seizing(fleet: Fleet) -> None:
    ids = await fleet.add(6)
    await fleet.heard(ids, KUNSHAN)
    await fleet.matter.order(seizure(ids[0], kind="physical_detention", custodian="某停车场"))
    assert members(await fleet.clusters()) == [ids[1:]]
    states = [m["state"] for m in (await fleet.clusters(state="all"))["features"][0]["properties"]["members"]]
    assert states == ["held"] + ["seizable"] * 5


async def test_numbers_have_no_more_than_seven_decimals(fleet: Fleet) -> None:
    ids = await fleet.add(5)
    for number, asset_id in enumerate(ids):
        await fleet.heard([asset_id], (KUNSHAN[0] + number * number * 1e-4 / 3, KUNSHAN[1] + number * 1e-4 / 7))
    body = (await fleet.ask_clusters(fleet.court)).text
    feature = json.loads(body, parse_float=str)["features"][0]
    texts = [*feature["geometry"]["coordinates"][0], feature["properties"]["centroid"]]
    assert max(len(number.partition(".")[2]) for point in texts for number in point) <= 7
