"""Fresh, stale, outside, never located: each asset is exactly one of them."""

from datetime import timedelta

import numpy as np
import pytest
import shapely

from app.distribution.domain import (
    CONFIDENCES,
    NO_FIX,
    NOT_LOCATED,
    PRESENCES,
    STATES,
    AssessedAssets,
    CaseAsset,
    Presence,
)
from app.distribution.snapshot.assess import assess
from app.jurisdictions.active_layer import ActiveLayer
from app.jurisdictions.domain import CountyInfo
from app.jurisdictions.locator.locator import Locator
from app.tracking.domain import Confidence
from tests.factories.constants import NOW
from tests.factories.distribution import HELD, JIADING_COUNTY, KUNSHAN_COUNTY, LAYER, SEIZABLE, WAITING, case_asset

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def two_counties() -> ActiveLayer:
    """Two counties, side by side: Jiading west of 121.1, Kunshan east of it."""
    areas = np.array([shapely.box(121.0, 31.2, 121.1, 31.3), shapely.box(121.1, 31.2, 121.2, 31.3)], dtype=object)
    return ActiveLayer(
        info=LAYER,
        locator=Locator.build(areas),
        county_adcode=np.array([JIADING_COUNTY.county_adcode, KUNSHAN_COUNTY.county_adcode], dtype=np.int32),
        territory_id=np.array([2, 3], dtype=np.int32),
        territories={2: JIADING_COUNTY, 3: KUNSHAN_COUNTY},
        counties={
            t.county_adcode: CountyInfo(
                t.county_adcode, t.county, t.prefecture_adcode, t.prefecture, t.province_adcode, t.province
            )
            for t in (JIADING_COUNTY, KUNSHAN_COUNTY)
        },
    )


def assessed(asset: CaseAsset, two_counties: ActiveLayer) -> AssessedAssets:
    return assess([asset], [SEIZABLE], two_counties, NOW, WEEK, 150.0)


def presence_of(assessed: AssessedAssets) -> Presence:
    return PRESENCES[int(assessed.presence[0])]


@pytest.mark.parametrize(
    ("age", "presence"),
    [
        (timedelta(0), Presence.FRESH),
        (WEEK, Presence.FRESH),
        (WEEK + timedelta(microseconds=1), Presence.STALE),
        (-timedelta(minutes=5), Presence.FRESH),
    ],
)
def test_age_decides_between_fresh_and_stale(two_counties: ActiveLayer, age: timedelta, presence: Presence) -> None:
    found = assessed(case_asset(1, at=(121.05, 31.25), territory_id=2, age=age), two_counties)
    assert presence_of(found) is presence
    assert found.territory_id.tolist() == [2]
    sure = Confidence.LOW if presence is Presence.STALE else Confidence.HIGH
    assert CONFIDENCES[found.confidence[0]] is sure


def test_without_a_territory_it_is_outside_however_near_the_next_one_is(two_counties: ActiveLayer) -> None:
    found = assessed(case_asset(1, at=(120.9999, 31.25), territory_id=None), two_counties)
    assert presence_of(found) is Presence.OUTSIDE
    assert not found.located[0]
    assert found.near_border[0]
    assert found.confidence[0] == NOT_LOCATED


def test_without_a_position_it_was_never_located(two_counties: ActiveLayer) -> None:
    found = assessed(case_asset(1), two_counties)
    assert presence_of(found) is Presence.NEVER_LOCATED
    assert not found.located[0]
    assert not found.near_border[0]
    assert found.fixed_us[0] == NO_FIX


def test_out_of_sight_is_withheld_and_not_never_located(two_counties: ActiveLayer) -> None:
    found = assessed(case_asset(1, withheld=True), two_counties)
    assert presence_of(found) is Presence.WITHHELD
    assert not found.located[0]
    assert found.fixed_us[0] == NO_FIX


def test_near_a_border_is_told_and_makes_the_place_less_sure(two_counties: ActiveLayer) -> None:
    metre = 1 / 95_000
    near = assessed(case_asset(1, at=(121.1 - 140 * metre, 31.25), territory_id=2), two_counties)
    far = assessed(case_asset(1, at=(121.1 - 160 * metre, 31.25), territory_id=2), two_counties)
    assert near.near_border[0]
    assert not far.near_border[0]
    assert CONFIDENCES[near.confidence[0]] is Confidence.MEDIUM
    assert CONFIDENCES[far.confidence[0]] is Confidence.HIGH


def test_every_column_belongs_to_the_right_asset(two_counties: ActiveLayer) -> None:
    assets = [
        case_asset(1),
        case_asset(2, at=(121.05, 31.25), territory_id=2, value_fen=None),
        case_asset(3, value_fen=0),
        case_asset(4, at=(121.0999, 31.25), territory_id=2, value_fen=7),
        case_asset(5, at=(121.15, 31.25), territory_id=3),
    ]
    found = assess(assets, [SEIZABLE, HELD, WAITING, SEIZABLE, SEIZABLE], two_counties, NOW, WEEK, 150.0)
    assert found.near_border.tolist() == [False, False, False, True, False]
    assert found.territory_id.tolist() == [-1, 2, -1, 2, 3]
    assert [STATES[code].value for code in found.state] == [
        "seizable",
        "held",
        "not_seizable",
        "seizable",
        "seizable",
    ]
    assert found.value_fen.tolist() == [10_000, 0, 0, 7, 10_000]
    assert found.valued.tolist() == [True, False, True, True, True]
    assert (found.fixed_us == NO_FIX).tolist() == [True, False, True, False, False]


def test_no_assets(two_counties: ActiveLayer) -> None:
    assert assess([], [], two_counties, NOW, WEEK, 150.0).state.shape == (0,)
