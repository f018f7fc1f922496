"""What becomes of a layer before it is written: rows of divisions, courts and territories."""

import shapely

from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.loading.service import courts_of, division_records


def test_divisions_are_named_in_full_and_are_multipolygons(amap: BoundaryLayer) -> None:
    records = {(record.level, record.adcode): record for record in division_records(amap)}
    assert len(records) == 34 + 372 + 2877
    names = {key: record.full_name for key, record in records.items()}
    assert names[DivisionLevel.COUNTY, 310105] == "上海市长宁区"
    assert names[DivisionLevel.COUNTY, 440703] == "广东省江门市蓬江区"
    assert names[DivisionLevel.COUNTY, 441900] == "广东省东莞市"
    assert names[DivisionLevel.PREFECTURE, 440700] == "广东省江门市"
    assert names[DivisionLevel.PROVINCE, 440000] == "广东省"
    assert records[DivisionLevel.PROVINCE, 440000].prefecture_adcode is None
    assert records[DivisionLevel.PREFECTURE, 440700].prefecture_adcode == 440700
    assert records[DivisionLevel.COUNTY, 310105].prefecture_adcode == 310000
    areas = shapely.from_wkb([record.ewkb for record in records.values()])
    assert {(area.geom_type, shapely.get_srid(area)) for area in areas} == {("MultiPolygon", 4326)}
    original = next(county for county in amap.counties if county.adcode == "310105").area
    assert shapely.from_wkb(records[DivisionLevel.COUNTY, 310105].ewkb).equals(original)


def test_courts_come_with_the_court_above_them_and_every_mainland_county_has_one(amap: BoundaryLayer) -> None:
    courts, territories, reasons = courts_of(amap)
    by_code = {court.code: court for court in courts}
    assert [sum(c.level == level for c in courts) for level in ("high", "intermediate", "basic")] == [31, 330, 2850]
    assert len(territories) == 2850
    assert by_code["粤0703"].parent_code == "粤07"
    assert by_code["粤07"].parent_code == "粤"
    assert by_code["粤"].parent_code is None
    assert by_code["沪0105"].parent_code == "沪"  # which intermediate court of Shanghai is not known by rule
    assert by_code["鄂9004"].parent_code == "鄂"
    assert by_code["新4002"].parent_code == "新"
    positions = {court.code: n for n, court in enumerate(courts)}
    assert all(court.parent_code is None or positions[court.parent_code] < positions[court.code] for court in courts)
    assert not {t.county_adcode // 10_000 for t in territories} & {71, 81, 82}
    assert len(reasons) == 39
    assert sum("several intermediate courts" in reason for reason in reasons) == 4
