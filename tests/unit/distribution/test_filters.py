"""A polygon that is none is refused with a sentence, whatever was sent."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.distribution.filters import MAX_CORNERS, read_polygon

SQUARE = "POLYGON((121 31, 122 31, 122 32, 121 32, 121 31))"


def test_reads_a_polygon_with_a_hole() -> None:
    polygon = read_polygon("polygon ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1))", "within")
    assert polygon.area == pytest.approx(80.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))", r"crosses itself.*Self-intersection\[0.5 0.5\]"),
        ("POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (20 20, 21 20, 21 21, 20 20))", "Hole lies outside"),
        ("POLYGON((0 0, 1 1, 1 0))", "closed"),
        ("POLYGON((0 0, 0 0, 0 0, 0 0))", "Too few points"),
        ("POLYGON((31 121, 31 122, 32 122, 31 121))", "expected longitude"),
        ("POLYGON((1e400 0, 1 0, 1 1, 1e400 0))", "expected longitude"),
        ("POLYGON((nan nan, 1 0, 1 1, nan nan))", "expected WKT"),
        ("POLYGON Z((0 0 1, 1 0 1, 1 1 1, 0 0 1))", "expected WKT"),
        ("POLYGON EMPTY", "expected WKT"),
        ("LINESTRING(0 0, 1 1)", "expected WKT"),
        ("GEOMETRYCOLLECTION(" * 2000, "expected WKT"),
        (SQUARE + "\0x", "expected WKT"),
        (SQUARE + SQUARE, "expected WKT"),
        ("SRID=3857;" + SQUARE, "expected WKT"),
        ('{"type": "Polygon"}', "expected WKT"),
        ("", "expected WKT"),
        ("POLYGON((((((", "expected WKT"),
        ("POLYGON((()))", None),
        ("POLYGON((0 0, 1 0, 1 1, 0 0))" + ")" * 50, None),
    ],
)
def test_refuses_what_is_no_polygon_and_names_the_field(text: str, says: str | None) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        read_polygon(text, "within")
    assert refused.value.field == "within"
    assert refused.value.detail.startswith("within: ")


def test_limits_the_number_of_corners() -> None:
    circle = shapely.Point(121, 31).buffer(1, quad_segs=MAX_CORNERS)
    with pytest.raises(InvalidInput, match="at most 1000 corners"):
        read_polygon(circle.wkt, "within")


@given(st.text(alphabet="POLYGNZM()0123456789.,eE+- \0na", max_size=60))
def test_never_fails_otherwise(text: str) -> None:
    for wkt in (text, f"POLYGON(({text}))"):
        try:
            assert read_polygon(wkt, "within").is_valid
        except InvalidInput:
            continue
