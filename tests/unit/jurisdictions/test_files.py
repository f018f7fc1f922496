"""County boundaries from files: every format, wrong datums, broken areas."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyogrio import raw

from app.core.geo.datum import CoordSystem, everywhere, from_wgs84
from app.core.geo.geodesy import FloatArray, distance_m
from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.errors import BoundaryFileRefused, DatumMismatch
from app.jurisdictions.loading.files import read_boundary_file
from app.jurisdictions.loading.layer import BoundaryLayer
from app.jurisdictions.locator.locator import Locator

DRIVERS = {".geojson": "GeoJSON", ".shp": "ESRI Shapefile", ".gpkg": "GPKG", ".fgb": "FlatGeobuf"}
SQUARES = {
    "310105": ("长宁区", shapely.box(121.30, 31.18, 121.42, 31.24)),
    "310107": ("普陀区", shapely.box(121.30, 31.24, 121.42, 31.30)),
    "310104": ("徐汇区", shapely.box(121.42, 31.10, 121.50, 31.24)),
}


def write(
    path: Path,
    codes: Sequence[object],
    names: Sequence[str],
    areas: Sequence[shapely.Geometry],
    *,
    crs: str | None = "EPSG:4326",
    columns: tuple[str, str] = ("adcode", "name"),
    encoding: str | None = None,
) -> Path:
    kinds = {area.geom_type for area in areas}
    raw.write(
        path,
        shapely.to_wkb(np.array(areas, dtype=object)),
        [np.array(codes), np.array(names, dtype=object)],
        list(columns),
        driver=DRIVERS[path.suffix],
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=crs,
        encoding=encoding,
    )
    return path


def write_squares(path: Path, *, crs: str | None = "EPSG:4326", encoding: str | None = None) -> Path:
    names = [name for name, _ in SQUARES.values()]
    return write(path, list(SQUARES), names, [area for _, area in SQUARES.values()], crs=crs, encoding=encoding)


def shifted(areas: NDArray[np.object_], system: CoordSystem) -> NDArray[np.object_]:
    def there(points: FloatArray) -> FloatArray:
        return np.stack(from_wgs84(points[:, 0], points[:, 1], system, everywhere), axis=1)

    moved: NDArray[np.object_] = shapely.transform(areas, there)
    return moved


def check_squares(layer: BoundaryLayer) -> None:
    assert [(county.adcode, county.name) for county in layer.counties] == [
        (code, SQUARES[code][0]) for code in sorted(SQUARES)
    ]
    assert all(county.area.equals(SQUARES[county.adcode][1]) for county in layer.counties)


@pytest.mark.parametrize("suffix", DRIVERS)
def test_each_format(tmp_path: Path, suffix: str) -> None:
    report = read_boundary_file(write_squares(tmp_path / f"counties{suffix}"))
    check_squares(report.layer)
    assert report.layer.declared_datum is CoordSystem.WGS84
    assert report.layer.source == f"counties{suffix}"
    assert report.layer.source_version.startswith("sha256:")


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
@pytest.mark.parametrize("with_cpg", [True, False])
def test_a_shapefile_in_either_encoding_with_or_without_cpg(tmp_path: Path, encoding: str, with_cpg: bool) -> None:
    path = write_squares(tmp_path / "counties.shp", encoding=encoding)
    if not with_cpg:
        path.with_suffix(".cpg").unlink()
    check_squares(read_boundary_file(path).layer)


def test_cgcs2000_counts_as_wgs84(tmp_path: Path) -> None:
    report = read_boundary_file(write_squares(tmp_path / "counties.shp", crs="EPSG:4490"))
    assert report.layer.declared_datum is CoordSystem.CGCS2000
    check_squares(report.layer)


def test_prefectures_and_provinces_are_made_of_counties(tmp_path: Path) -> None:
    layer = read_boundary_file(write_squares(tmp_path / "counties.gpkg")).layer
    for level in (DivisionLevel.PREFECTURE, DivisionLevel.PROVINCE):
        (whole,) = layer.at(level)
        assert (whole.adcode, whole.name) == ("310000", "上海市")
        assert whole.area.area == pytest.approx(sum(area.area for _, area in SQUARES.values()))
    assert all(county.parent == "310000" for county in layer.counties)


def test_a_prefecture_without_a_name_keeps_its_code_and_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "one.geojson", ["440703"], ["蓬江区"], [shapely.box(113.0, 22.5, 113.1, 22.6)])
    named = read_boundary_file(path, prefecture_names={"440700": "江门市"}).layer
    assert named.at(DivisionLevel.PREFECTURE)[0].name == "江门市"
    unnamed = read_boundary_file(path).layer
    assert unnamed.at(DivisionLevel.PREFECTURE)[0].name == "440700"
    assert any("440700" in caveat for caveat in unnamed.caveats)


def test_columns_under_other_names_and_codes_that_are_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.gpkg",
        np.array([310105.0]),  # type: ignore[arg-type] # a column of floating numbers is what some tools write
        ["长宁区"],
        [SQUARES["310105"][1]],
        columns=("XZQDM", "XZQMC"),
    )
    with pytest.raises(BoundaryFileRefused, match="the file has XZQDM, XZQMC") as refused:
        read_boundary_file(path)
    assert refused.value.field == "adcode_column"
    layer = read_boundary_file(path, adcode_column="xzqdm", name_column="XZQMC").layer
    assert [(county.adcode, county.name) for county in layer.counties] == [("310105", "长宁区")]


@pytest.mark.parametrize("system", [CoordSystem.GCJ02, CoordSystem.BD09])
def test_a_shifted_file_is_converted_once_and_neighbours_still_share_their_border(
    tmp_path: Path, amap: BoundaryLayer, amap_locator: Locator, system: CoordSystem
) -> None:
    some = [county for county in amap.counties if county.adcode.startswith("3101")]
    areas = np.array([county.area for county in some], dtype=object)
    path = write(
        tmp_path / "shanghai.fgb", [c.adcode for c in some], [c.name for c in some], list(shifted(areas, system))
    )
    report = read_boundary_file(path, datum=system, installed=amap_locator)
    assert report.datum is not None
    assert report.datum.likely is system
    assert report.datum.median_m[system] < 1.0
    found = shapely.get_coordinates(report.layer.county_areas)
    right = shapely.get_coordinates(areas[np.argsort([c.adcode for c in some])])
    assert distance_m(found[:, 0], found[:, 1], right[:, 0], right[:, 1]).max() < 0.01
    assert not any("overlap" in caveat or "gap" in caveat for caveat in report.layer.caveats)


@pytest.mark.parametrize("truly", [CoordSystem.WGS84, CoordSystem.GCJ02, CoordSystem.BD09])
@pytest.mark.parametrize("declared", [CoordSystem.WGS84, CoordSystem.CGCS2000, CoordSystem.GCJ02, CoordSystem.BD09])
def test_a_wrong_datum_is_refused_with_the_numbers_and_the_likely_one(
    tmp_path: Path, amap: BoundaryLayer, amap_locator: Locator, truly: CoordSystem, declared: CoordSystem
) -> None:
    some = [county for county in amap.counties if county.adcode.startswith("3205")]
    areas = shifted(np.array([county.area for county in some], dtype=object), truly)
    path = write(tmp_path / "suzhou.fgb", [c.adcode for c in some], [c.name for c in some], list(areas))
    if truly is (CoordSystem.WGS84 if declared is CoordSystem.CGCS2000 else declared):
        assert read_boundary_file(path, datum=declared, installed=amap_locator).datum is not None
        return
    with pytest.raises(DatumMismatch, match=rf"best as {truly} .*\d+ m as wgs84, \d+ m as gcj02") as refused:
        read_boundary_file(path, datum=declared, installed=amap_locator)
    assert refused.value.field == "datum"


def test_borders_that_fit_in_no_datum_are_refused(tmp_path: Path, amap_locator: Locator) -> None:
    with pytest.raises(DatumMismatch, match="in no coordinate system"):
        read_boundary_file(write_squares(tmp_path / "counties.gpkg"), installed=amap_locator)


def test_without_an_installed_layer_it_says_that_nothing_was_checked(tmp_path: Path) -> None:
    caveats = read_boundary_file(write_squares(tmp_path / "counties.gpkg")).layer.caveats
    assert any("could not be checked" in caveat for caveat in caveats)


def test_overlaps_and_gaps_are_reported(tmp_path: Path) -> None:
    ring = shapely.box(121.0, 31.0, 121.3, 31.3) - shapely.box(121.1, 31.1, 121.2, 31.2)
    over = shapely.box(121.29, 31.0, 121.5, 31.3)
    path = write(tmp_path / "two.gpkg", ["310105", "310107"], ["长宁区", "普陀区"], [ring, over])
    caveats = read_boundary_file(path).layer.caveats
    assert any(c.startswith("1 overlaps") and "310105 and 310107 (31.7" in c for c in caveats)
    assert any(c.startswith("1 gaps") and "at 121.1500, 31.1500 (105.7" in c for c in caveats)


BOW_TIE = shapely.Polygon([(121.0, 31.0), (121.1, 31.1), (121.1, 31.0), (121.0, 31.1)])
SQUARE = shapely.box(121.0, 31.0, 121.1, 31.1)


@pytest.mark.parametrize(
    ("codes", "areas", "message"),
    [
        (["310105"], [BOW_TIE], r"310105 \(Self-intersection"),
        (["310105", "310105"], [SQUARE, SQUARE], r"310105 \(2 times\)"),
        (["310105"], [shapely.Point(121, 31)], "Expected a polygon for every division; not so: 310105"),
        (["310105", "31010"], [SQUARE, SQUARE], "feature 2: '31010' is not a six-digit division code"),
        (["990105"], [SQUARE], "feature 1: '990105'"),
        (["310105"], [shapely.box(31.0, 121.0, 31.1, 121.1)], "longitude, then latitude"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, codes: list[str], areas: list[shapely.Geometry], message: str
) -> None:
    path = write(tmp_path / "wrong.gpkg", codes, ["某区"] * len(codes), areas)
    with pytest.raises(BoundaryFileRefused, match=message):
        read_boundary_file(path)


def test_a_projected_file_is_refused_with_advice(tmp_path: Path) -> None:
    path = write(tmp_path / "metres.shp", ["310105"], ["x"], [shapely.box(4e5, 3e6, 5e5, 4e6)], crs="EPSG:4549")
    with pytest.raises(BoundaryFileRefused, match=r"EPSG:4549.*ogr2ogr"):
        read_boundary_file(path)


def test_a_file_that_does_not_say_its_system_needs_a_declared_one(tmp_path: Path) -> None:
    path = write_squares(tmp_path / "counties.shp")
    path.with_suffix(".prj").unlink()
    with pytest.raises(BoundaryFileRefused, match="declare a datum"):
        read_boundary_file(path)
    assert read_boundary_file(path, datum=CoordSystem.CGCS2000).layer.declared_datum is CoordSystem.CGCS2000


@pytest.mark.parametrize(
    ("name", "content"),
    [("there.txt", b"x"), ("broken.geojson", b'{"type": "Feat'), ("broken.shp", b"\0" * 50), ("absent.gpkg", None)],
)
def test_what_is_no_boundary_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BoundaryFileRefused, match=name):
        read_boundary_file(tmp_path / name)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(BoundaryFileRefused, match=r"empty\.geojson"):
        read_boundary_file(path)
