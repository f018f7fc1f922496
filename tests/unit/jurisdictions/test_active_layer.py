"""What the numbers of a layer mean, and the answer made of them."""

import numpy as np
import pytest
import shapely

from app.jurisdictions.active_layer import ActiveLayer
from app.jurisdictions.domain import CountyInfo, CourtInfo, CourtLevel, LayerInfo, TerritoryInfo
from app.jurisdictions.errors import BoundariesChanged
from app.jurisdictions.locator.locator import Locator
from app.jurisdictions.point_lookup import OUTSIDE_REASON, locate_point

SHENZHEN = CountyInfo(440303, "罗湖区", 440300, "深圳市", 440000, "广东省")
HUIZHOU = CountyInfo(441323, "惠东县", 441300, "惠州市", 440000, "广东省")
GANZHOU = CountyInfo(360728, "定南县", 360700, "赣州市", 360000, "江西省")
HONG_KONG = CountyInfo(810013, "北区", 810000, "香港特别行政区", 810000, "香港特别行政区")
AREAS = {
    GANZHOU: shapely.box(114.0, 24.0, 115.0, 25.0),
    SHENZHEN: shapely.box(114.0, 22.5, 114.5, 23.0),
    HUIZHOU: shapely.box(114.0, 23.0, 115.0, 24.0),
    HONG_KONG: shapely.box(114.0, 22.0, 114.5, 22.5),
}


def court(court_id: int, code: str, level: CourtLevel, caveat: str | None = None) -> CourtInfo:
    return CourtInfo(court_id, code, f"{code}法院", level, 440000, False, "naming rule", caveat)


def territory(number: int, county: CountyInfo) -> TerritoryInfo:
    basic = court(number, f"粤{county.adcode % 10_000:04}", CourtLevel.BASIC, "doubtful")
    return TerritoryInfo(
        territory_id=number,
        county_adcode=county.adcode,
        county=county.name,
        prefecture_adcode=county.prefecture_adcode,
        prefecture=county.prefecture,
        province_adcode=county.province_adcode,
        province=county.province,
        basic=basic,
        intermediate=None,
        high=court(100, "粤", CourtLevel.HIGH),
        basis="by rule",
        verified=False,
        caveat=basic.caveat,
    )


@pytest.fixture(scope="module")
def four_counties() -> ActiveLayer:
    ordered = sorted(AREAS, key=lambda county: county.adcode)
    territories = {n: territory(n, c) for n, c in ((7, GANZHOU), (8, SHENZHEN), (9, HUIZHOU))}
    by_county = {t.county_adcode: t.territory_id for t in territories.values()}
    return ActiveLayer(
        info=LayerInfo(3, "four", "test", "1", "00" * 32),
        locator=Locator.build(np.array([AREAS[c] for c in ordered], dtype=object)),
        county_adcode=np.array([c.adcode for c in ordered], dtype=np.int32),
        territory_id=np.array([by_county.get(c.adcode, -1) for c in ordered], dtype=np.int32),
        territories=territories,
        counties={c.adcode: c for c in ordered},
    )


def test_gcj02_is_shifted_in_mainland_counties_only(four_counties: ActiveLayer) -> None:
    lon, lat = np.array([114.2, 114.2, 114.2, 113.0]), np.array([22.7, 22.3, 24.5, 22.7])
    assert four_counties.inside(lon, lat).tolist() == [True, False, True, False]


def test_a_point_deep_inside(four_counties: ActiveLayer) -> None:
    found = locate_point(four_counties, 114.25, 22.75, 150.0)
    assert (found.located, found.reason) == (True, None)
    assert found.divisions is not None
    assert found.divisions.county.model_dump() == {"adcode": 440303, "name": "罗湖区"}
    assert found.divisions.prefecture.name == "深圳市"
    assert found.courts is not None
    assert found.courts.basic.court is not None
    assert found.courts.basic.court.code == "粤0303"
    assert found.courts.high.court is not None
    assert found.courts.intermediate.reason == "Not in the register of courts."
    assert (found.courts.territory_id, found.courts.caveat, found.courts.verified) == (8, "doubtful", False)
    assert found.border.distance_m == pytest.approx(25_666, rel=0.01)
    assert (found.border.near, found.border.other) == (False, None)
    assert found.layer.layer_id == 3


def test_near_a_border_both_sides_are_named(four_counties: ActiveLayer) -> None:
    found = locate_point(four_counties, 114.2, 23.0009, 150.0)
    assert found.border.near
    other = found.border.other
    assert other is not None
    assert other.distance_m == pytest.approx(99.7, abs=0.2)
    assert found.border.distance_m == other.distance_m
    assert (other.county.adcode, other.cross_province) == (440303, False)
    assert other.basic is not None
    assert other.basic.code == "粤0303"
    assert locate_point(four_counties, 114.2, 23.0009, 50.0).border.other is None


def test_across_a_provincial_border(four_counties: ActiveLayer) -> None:
    other = locate_point(four_counties, 114.7, 23.9995, 150.0).border.other
    assert other is not None
    assert (other.province.name, other.cross_province) == ("江西省", True)


def test_hong_kong_has_divisions_and_no_court(four_counties: ActiveLayer) -> None:
    found = locate_point(four_counties, 114.2, 22.2, 150.0)
    assert not found.located
    assert found.reason == "香港特别行政区 has no court of the mainland's system"
    assert found.divisions is not None
    assert found.courts is not None
    assert [c.court for c in (found.courts.basic, found.courts.intermediate, found.courts.high)] == [None] * 3
    assert found.courts.territory_id is None
    near = locate_point(four_counties, 114.2, 22.5005, 150.0).border.other
    assert near is not None
    assert (near.county.name, near.basic) == ("北区", None)


def test_outside_is_outside_even_beside_a_border(four_counties: ActiveLayer) -> None:
    found = locate_point(four_counties, 113.9995, 22.7, 150.0)
    assert (found.located, found.reason) == (False, OUTSIDE_REASON)
    assert found.divisions is None
    assert found.courts is None
    assert found.border.near
    assert found.border.other is not None
    far = locate_point(four_counties, -60.0, 10.0, 150.0)
    assert (far.border.distance_m, far.border.near, far.border.other) == (None, False, None)


def test_at_the_coast_a_border_is_near_and_nobody_lives_beyond(four_counties: ActiveLayer) -> None:
    border = locate_point(four_counties, 114.0005, 22.7, 150.0).border
    assert (border.near, border.other) == (True, None)
    assert border.distance_m == pytest.approx(51.4, abs=0.1)


def test_other_rooms_are_told_of_borders_in_a_list(four_counties: ActiveLayer) -> None:
    near, far = four_counties.near_border([114.2, 114.2], [23.0009, 23.5])
    assert (near.near, near.other_court) == (True, "粤0303法院")
    assert near.distance_m == pytest.approx(99.7, abs=0.2)
    assert (far.near, far.distance_m, far.other_court) == (False, None, None)


def test_what_a_newer_layer_has_is_not_there_for_the_moment(four_counties: ActiveLayer) -> None:
    assert four_counties.territory(8).county == "罗湖区"
    assert four_counties.county(810013) is HONG_KONG
    with pytest.raises(BoundariesChanged):
        four_counties.territory(99)
    with pytest.raises(BoundariesChanged):
        four_counties.county(110101)
