"""Fresh, stale, outside, never located: each asset is exactly one of them."""

from datetime import timedelta

import numpy as np
import pytest
import shapely

from app.clusters.domain import CaseAsset, PlacedAsset, Presence
from app.clusters.placing import place_all
from app.jurisdictions.domain import CountyInfo
from app.jurisdictions.located import LocatedLayer
from app.jurisdictions.locator import Locator
from app.tracking.domain import Confidence
from tests.unit.clusters.made import JIADING, KUNSHAN, LAYER, NOW, SEIZABLE, case_asset

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def layer() -> LocatedLayer:
    """Two counties, side by side: Jiading west of 121.1, Kunshan east of it."""
    areas = np.array([shapely.box(121.0, 31.2, 121.1, 31.3), shapely.box(121.1, 31.2, 121.2, 31.3)], dtype=object)
    return LocatedLayer(
        info=LAYER,
        locator=Locator.build(areas),
        county_adcode=np.array([JIADING.county_adcode, KUNSHAN.county_adcode], dtype=np.int32),
        territory_id=np.array([2, 3], dtype=np.int32),
        territories={2: JIADING, 3: KUNSHAN},
        counties={
            t.county_adcode: CountyInfo(
                t.county_adcode, t.county, t.prefecture_adcode, t.prefecture, t.province_adcode, t.province
            )
            for t in (JIADING, KUNSHAN)
        },
    )


def placed(asset: CaseAsset, layer: LocatedLayer, fresh_within: timedelta = WEEK) -> PlacedAsset:
    return place_all([asset], {asset.asset_id: SEIZABLE}, layer, NOW, fresh_within, 150.0)[0]


@pytest.mark.parametrize(
    ("age", "presence"),
    [
        (timedelta(0), Presence.FRESH),
        (WEEK, Presence.FRESH),
        (WEEK + timedelta(microseconds=1), Presence.STALE),
        (-timedelta(minutes=5), Presence.FRESH),
    ],
)
def test_age_decides_between_fresh_and_stale(layer: LocatedLayer, age: timedelta, presence: Presence) -> None:
    found = placed(case_asset(1, at=(121.05, 31.25), territory_id=2, age=age), layer)
    assert found.presence is presence
    assert found.place is not None
    assert found.place.territory is JIADING
    assert found.place.age == max(age, timedelta(0))
    assert found.place.confidence is (Confidence.LOW if presence is Presence.STALE else Confidence.HIGH)


def test_without_a_territory_it_is_outside_however_near_the_next_one_is(layer: LocatedLayer) -> None:
    found = placed(case_asset(1, at=(120.9999, 31.25), territory_id=None), layer)
    assert found.presence is Presence.OUTSIDE
    assert found.place is None
    assert found.near_border


def test_without_a_position_it_was_never_located(layer: LocatedLayer) -> None:
    found = placed(case_asset(1), layer)
    assert found.presence is Presence.NEVER_LOCATED
    assert found.place is None
    assert not found.near_border


def test_near_a_border_is_told_and_makes_the_place_less_sure(layer: LocatedLayer) -> None:
    metre = 1 / 95_000
    near = placed(case_asset(1, at=(121.1 - 140 * metre, 31.25), territory_id=2), layer)
    far = placed(case_asset(1, at=(121.1 - 160 * metre, 31.25), territory_id=2), layer)
    assert near.near_border
    assert not far.near_border
    assert near.place is not None
    assert near.place.confidence is Confidence.MEDIUM
    assert "border" in near.place.reasons[0]


def test_borders_are_matched_to_the_right_assets(layer: LocatedLayer) -> None:
    assets = [
        case_asset(1),
        case_asset(2, at=(121.05, 31.25), territory_id=2),
        case_asset(3),
        case_asset(4, at=(121.0999, 31.25), territory_id=2),
        case_asset(5, at=(121.15, 31.25), territory_id=3),
    ]
    found = place_all(assets, dict.fromkeys(range(1, 6), SEIZABLE), layer, NOW, WEEK, 150.0)
    assert [a.near_border for a in found] == [False, False, False, True, False]
    assert [a.asset.asset_id for a in found] == [1, 2, 3, 4, 5]
