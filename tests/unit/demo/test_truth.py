"""The truth is true: each asset's place lies in the county that the truth names, clear of every border."""

from collections import Counter
from datetime import timedelta

import msgspec
import numpy as np
import pytest
import shapely

from app.core.geo.geodesy import distance_m, metres_per_degree
from app.demo.fleet import DemoData, make_demo_data
from app.demo.places import MARGIN_M, NEAR_BORDER_M, border_distance_m
from app.demo.scenarios import UNDER_WAY
from app.demo.truth import GroundTruth, TrueAsset
from app.jurisdictions.court_naming import CAVEATS, CourtByRule, basic_court
from app.jurisdictions.loading.layer import DivisionArea
from tests.factories.constants import NOW


def test_each_place_lies_in_its_county_clear_of_the_border(demo: DemoData, counties: list[DivisionArea]) -> None:
    areas = {int(c.adcode): c.area for c in counties}
    for asset in demo.truth.assets:
        point = shapely.Point(asset.lon, asset.lat)
        if asset.county_adcode is None:
            assert all(shapely.distance(area, point) > 0.05 for area in areas.values())
            assert asset.state == "outside"
        else:
            assert shapely.contains(areas[asset.county_adcode], point)
            east, _ = metres_per_degree(asset.lat)
            assert shapely.distance(areas[asset.county_adcode].boundary, point) * east > 0.75 * MARGIN_M
            assert asset.border_m is not None
            assert asset.border_m > MARGIN_M


def test_the_distance_to_the_border_is_right_where_it_is_known() -> None:
    square = shapely.box(120.0, 30.0, 120.1, 30.1)
    east, north = (float(v) for v in metres_per_degree(30.05))
    lon, lat = np.array([120.001, 120.05]), np.array([30.05, 30.002])
    assert border_distance_m(square, lon, lat) == pytest.approx([0.001 * east, 0.002 * north], rel=2e-3)


def test_courts_follow_the_code_of_the_county_and_none_is_doubtful(
    demo: DemoData, counties: list[DivisionArea]
) -> None:
    names = {int(c.adcode): c for c in counties}
    for asset in demo.truth.assets:
        if asset.county_adcode is not None:
            adcode = f"{asset.county_adcode:06d}"
            court = basic_court(adcode, names[asset.county_adcode].name, "某市")
            assert isinstance(court, CourtByRule)
            assert asset.court_code == court.code
            assert adcode not in CAVEATS


def test_states_add_up_and_follow_from_the_last_ping(demo: DemoData) -> None:
    truth = demo.truth
    counts = Counter(a.state for a in truth.assets)
    assert counts == {"fresh": 589, "stale": 60, "never_located": 20, "outside": 2}
    assert truth.count("stale") == 60
    for asset in truth.assets:
        assert (asset.last_ping_at is None) == (asset.state == "never_located")
        if asset.last_ping_at is not None and asset.state != "outside":
            age = NOW - asset.last_ping_at
            assert (age > timedelta(days=7)) == (asset.state == "stale")
            assert age <= timedelta(days=25) or asset.state == "fresh"


def test_assets_stand_together_in_yards_over_about_twenty_provinces(demo: DemoData) -> None:
    located = [a for a in demo.truth.assets if a.county_adcode]
    assert len({str(a.county_adcode)[:2] for a in located}) == 20
    places = Counter(a.place for a in located if a.place is not None)
    assert len(places) == 30
    assert min(places.values()) >= 5
    assert max(places.values()) <= 40
    for place in places:
        lon = np.array([a.lon for a in located if a.place == place])
        lat = np.array([a.lat for a in located if a.place == place])
        assert float(np.max(distance_m(lon.mean(), lat.mean(), lon, lat))) < 500
    near = [a for a in located if a.border_m is not None and a.border_m < NEAR_BORDER_M + 150]
    assert len(near) > 60
    assert sum(a.under_way for a in located) == UNDER_WAY


def test_one_border_has_a_yard_on_each_side(demo: DemoData) -> None:
    yards: dict[int, list[TrueAsset]] = {}
    for asset in demo.truth.assets:
        if asset.place is not None:
            yards.setdefault(asset.place, []).append(asset)
    middles = {p: (np.mean([a.lon for a in m]), np.mean([a.lat for a in m])) for p, m in yards.items()}
    pairs = [(p, q) for p in middles for q in middles if p < q and float(distance_m(*middles[p], *middles[q])) < 500]
    assert len(pairs) == 1
    assert len({a.county_adcode for p in pairs[0] for a in yards[p]}) == 2


def test_the_truth_survives_the_way_through_a_file(demo: DemoData) -> None:
    assert msgspec.json.decode(demo.truth.to_json(), type=GroundTruth) == demo.truth
    assert len({asset.reference for asset in demo.truth.assets}) == 671


def test_everything_follows_from_the_seed_and_the_moment_only_moves_times(
    demo: DemoData, counties: list[DivisionArea]
) -> None:
    again = make_demo_data(counties, NOW)
    assert again.truth == demo.truth
    assert np.array_equal(again.pings.lon, demo.pings.lon)
    assert np.array_equal(again.pings.fixed_s, demo.pings.fixed_s)
    later = make_demo_data(counties, NOW + timedelta(days=3))
    assert [(a.lon, a.state) for a in later.truth.assets] == [(a.lon, a.state) for a in demo.truth.assets]
    other = make_demo_data(counties, NOW, seed=1)
    assert [a.lon for a in other.truth.assets] != [a.lon for a in demo.truth.assets]
