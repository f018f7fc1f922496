"""The first sheet of a workbook: its values as saved, within limits, and no row or cell left out."""

import io
import zipfile
from collections.abc import Callable
from datetime import date

import openpyxl
import pytest

from app.exports import workbooks
from app.exports.workbooks import read_first_sheet

SHEET = "xl/worksheets/sheet1.xml"


def workbook(**cells: str | float | date) -> bytes:
    """A workbook of one sheet with values at their places."""
    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.worksheets[0][place] = value
    book.save(out := io.BytesIO())
    return out.getvalue()


BODY = workbook(A1="标题", C3=3.5, B3=True, A4=7, A5=date(2026, 11, 23))


def rewritten(body: bytes, change: Callable[[bytes], bytes], name: str = SHEET) -> bytes:
    """A workbook with one part changed by hand."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            content = before.read(part)
            after.writestr(part, change(content) if part == name else content)
    assert out.getvalue() != body
    return out.getvalue()


def replaced(old: bytes, new: bytes) -> bytes:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return rewritten(BODY, change)


def test_every_value_is_at_its_place() -> None:
    assert read_first_sheet(BODY) == [["标题"], [], [None, True, 3.5], [7], ["2026-11-23 00:00:00"]]


def test_a_formula_has_the_value_that_was_saved_with_it() -> None:
    assert read_first_sheet(workbook(A1="=1+1")) == [[None]]
    computed = replaced(b'<c r="A4" t="n"><v>7</v></c>', b'<c r="A4"><f>3+4</f><v>7</v></c>')
    assert read_first_sheet(computed)[3] == [7]


def test_the_size_that_the_sheet_names_hides_nothing() -> None:
    assert read_first_sheet(replaced(b'ref="A1:C5"', b'ref="B2:B2"')) == read_first_sheet(BODY)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'<row r="4">', b'<row r="3">', "row 3 comes after row 3"),
        (b'<row r="4">', b'<row r="2">', "row 2 comes after row 3"),
        (b'r="C3"', b'r="B3"', "row 3: column 2 comes after column 2"),
        (b'r="C3"', b'r="A3"', "row 3: column 1 comes after column 2"),
    ],
)
def test_rows_and_cells_that_would_be_left_out_are_refused(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_first_sheet(replaced(old, new))


def test_more_rows_columns_parts_or_bytes_than_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the sheet has more than 100000 rows"):
        read_first_sheet(replaced(b'row r="5"', b'row r="999999999"'))
    with pytest.raises(ValueError, match="row 3 has 702 columns, at most 100 are read"):
        read_first_sheet(replaced(b'r="C3"', b'r="ZZ3"'))
    bomb = rewritten(BODY, lambda content: content + b" " * workbooks.MAX_BYTES)
    assert len(bomb) < workbooks.MAX_BYTES / 100
    with pytest.raises(ValueError, match=r"the workbook has \d{8} bytes unpacked, at most 33554432 are read"):
        read_first_sheet(bomb)
    monkeypatch.setattr(workbooks, "MAX_PARTS", 5)
    with pytest.raises(ValueError, match=r"the workbook has \d+ parts, at most 5 are read"):
        read_first_sheet(BODY)


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml"])
def test_entities_are_not_resolved(part: str) -> None:
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "aaaa">]>'
    with pytest.raises(ValueError, match="EntitiesForbidden"):
        read_first_sheet(rewritten(BODY, lambda content: entity + content.split(b"?>\n")[-1], part))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "BadZipFile: File is not a zip file"),
        (b"PK\x03\x04 nothing", "BadZipFile: File is not a zip file"),
        (BODY[:-30], "BadZipFile"),
        (replaced(b"</sheetData>", b""), "ParseError: mismatched tag"),
        (rewritten(BODY, lambda _: b"", "xl/workbook.xml"), "ParseError: no element found"),
        (rewritten(BODY, lambda _: b"<Types/>", "[Content_Types].xml"), "no workbook that can be read"),
    ],
)
def test_what_is_no_workbook_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_first_sheet(body)
