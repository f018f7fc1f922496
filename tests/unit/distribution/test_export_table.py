"""The table for a letter: CSV that Excel opens, a workbook, the same numbers, and no formula ever."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace

import openpyxl
import pytest

from app.distribution.domain import Presence, RollUpLevel
from app.distribution.rollup.export_table import ExportTable, compose, to_csv, to_xlsx
from app.distribution.rollup.rollup import roll_up
from app.distribution.router import _preferred
from app.exports.csv_file import read_csv
from app.exports.digest import Cell, check_rows
from app.exports.stamp import Stamp
from app.exports.workbooks import read_first_sheet
from tests.factories.constants import NOW
from tests.factories.distribution import CHANGNING_COUNTY, HELD, KUNSHAN_COUNTY, WAITING, asset_spec, case_scene

COURT = "上海市长宁区人民法院 (沪0105)"
STAMP = Stamp("0123456789abcdef", "王五 (#3)", "执行员 enforcement officer", COURT, NOW)


def export_table(stamp: Stamp = STAMP, *, past: bool = False, level: RollUpLevel = RollUpLevel.BASIC) -> ExportTable:
    assets = (
        asset_spec(1, KUNSHAN_COUNTY, value_fen=123_456_78),
        asset_spec(2, KUNSHAN_COUNTY, seizability=WAITING),
        asset_spec(3, CHANGNING_COUNTY, presence=Presence.STALE, seizability=HELD),
        asset_spec(4, presence=Presence.OUTSIDE, value_fen=None),
        asset_spec(5, presence=Presence.NEVER_LOCATED),
    )
    return compose(roll_up(case_scene(assets, past=past), level), stamp)


def csv_lines(body: bytes) -> list[list[str]]:
    assert body.startswith(b"\xef\xbb\xbf"), "without the mark Excel reads another encoding"
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def xlsx_lines(body: bytes) -> list[list[object]]:
    sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def test_heading_says_which_case_who_asked_and_when_in_shanghai() -> None:
    heading = dict(line[:2] for line in csv_lines(to_csv(export_table())) if len(line) > 1)
    assert heading["案号 Case number"] == "(2025)沪0105执4321号"
    assert heading["查询人 Asked by"] == "王五 (#3)"
    assert heading["身份 Role"] == "执行员 enforcement officer"
    assert heading["所属 Acting for"] == COURT
    assert heading["导出时间 Exported at (Asia/Shanghai)"] == "2026-11-23 12:00:00"
    assert heading["导出时间 Exported at (UTC)"] == "2026-11-23T04:00:00Z"
    assert heading["导出编号 Export"] == "0123456789abcdef"
    assert heading["截至 As of (Asia/Shanghai)"] == "2026-11-23 12:00 (当前 now)"
    assert heading["生成时间 Computed at (Asia/Shanghai)"] == "2026-11-23 12:00"
    assert heading["租赁物总数 Assets"] == "5"
    assert heading["已定位(新+旧) Located (fresh + stale)"] == "3 (2 + 1)"
    assert heading["主要所在地(按估值) Main location by value"] == "昆山市人民法院: 2, 123,556.78 元 yuan"
    assert heading["须通知的外省高级法院 High courts of other provinces to notify"] == "江苏省高级人民法院"
    past = dict(line[:2] for line in csv_lines(to_csv(export_table(past=True))) if len(line) > 1)
    assert past["截至 As of (Asia/Shanghai)"] == "2026-11-22 12:00 (历史 from history)"


def test_it_says_that_it_is_no_ruling_and_how_to_read_it() -> None:
    text = to_csv(export_table()).decode("utf-8-sig")
    assert "not a ruling" in text
    assert "并非裁定" in text
    assert "located (fresh + stale) + outside + never located" in text


def test_table_has_every_asset_and_a_total() -> None:
    lines = csv_lines(to_csv(export_table()))
    head = next(i for i, line in enumerate(lines) if line and line[0] == "代码 Code")
    rows = [dict(zip(lines[head], line, strict=True)) for line in lines[head + 1 :] if len(line) == len(lines[head])]
    assert [r["法院或区划 Court or division"].split(maxsplit=1)[0] for r in rows] == [
        "昆山市人民法院",
        "长宁区人民法院",
        "辖区外",
        "从未定位",
        "不再提供",
        "合计",
    ]
    for column, values in {
        "数量 Assets": ["2", "1", "1", "1", "0", "5"],
        "新 Fresh": ["2", "0", "0", "0", "0", "2"],
        "可扣押 Seizable": ["1", "0", "1", "1", "0", "3"],
        "已扣押 Held": ["0", "1", "0", "0", "0", "1"],
        "估值(元) Value (yuan)": ["123556.78", "100", "0", "100", "0", "123756.78"],
        "跨省 Other province": ["是 yes", "否 no", "", "", "", ""],
    }.items():
        assert [r[column] for r in rows] == values
    assert rows[0]["备注 Remarks"].endswith("renamed")


def test_workbook_says_the_same_with_numbers_as_numbers() -> None:
    made = export_table()
    book, text = xlsx_lines(to_xlsx(made)), csv_lines(to_csv(made))
    assert len(book) == len(text)
    for cells, line in zip(book, text, strict=True):
        strings = ["" if cell is None else cell for cell in cells[: len(line)]]
        for cell, string in zip(strings, line, strict=True):
            assert (float(string) == cell) if isinstance(cell, int | float) else string == cell
    head = next(i for i, cells in enumerate(book) if cells[0] == "代码 Code")
    assert book[head + 1][4] == 2
    assert isinstance(book[head + 1][4], int | float)


@pytest.mark.parametrize("opener", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_text_that_begins_like_a_formula_stays_text(opener: str) -> None:
    evil = f'{opener}HYPERLINK("http://example.org","x")'
    row: tuple[Cell, ...] = (evil, *["x"] * 15)
    made = replace(export_table(replace(STAMP, asked_by=evil)), rows=(row,), notes=(evil,))
    assert all(not cell.startswith(opener) for line in csv_lines(to_csv(made)) for cell in line)
    assert any(evil.strip("\r") in str(cell) for line in xlsx_lines(to_xlsx(made)) for cell in line)
    held = check_rows(read_csv(to_csv(made)))
    assert held is not None
    assert held.matches, "the apostrophe is no part of what was exported"


def by_hand(rows: list[list[str]]) -> str:
    """As docs/exports.md tells anybody to do it."""
    told = [row for row in rows if any(row)]
    assert told[-1][0] == "摘要 Digest"
    text = ""
    for row in told[:-1]:
        cells = [cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@" else cell for cell in row]
        while not cells[-1]:
            cells.pop()
        text += json.dumps(cells, ensure_ascii=False, separators=(",", ":")) + "\n"
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_anybody_can_compute_the_digest_from_the_file_and_both_forms_have_the_same() -> None:
    made = export_table(replace(STAMP, asked_by="=1+1 (#3)"))
    lines = csv_lines(to_csv(made))
    assert lines[-1] == ["摘要 Digest", by_hand(lines)] == ["摘要 Digest", made.digest]
    for rows in (read_csv(to_csv(made)), read_first_sheet(to_xlsx(made)), xlsx_lines(to_xlsx(made))):
        checked = check_rows(rows)  # type: ignore[arg-type] # openpyxl's cells are objects
        assert checked is not None
        assert checked.matches


def test_a_workbook_that_was_opened_and_saved_keeps_its_digest_and_a_changed_cell_breaks_it() -> None:
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(export_table())))
    properties = book.custom_doc_props  # type: ignore[attr-defined] # the stubs lack it
    assert properties["Digest"].value == export_table().digest
    assert properties["Export"].value == STAMP.export_id
    saved = io.BytesIO()
    book.save(saved)
    checked = check_rows(read_first_sheet(saved.getvalue()))
    assert checked is not None
    assert checked.matches
    sheet = book.worksheets[0]
    head = next(row for row in range(1, 60) if sheet.cell(row, 1).value == "代码 Code")
    sheet.cell(head + 1, 5).value = 3
    book.save(saved := io.BytesIO())
    checked = check_rows(read_first_sheet(saved.getvalue()))
    assert checked is not None
    assert not checked.matches


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[3].__setitem__(1, "somebody else"),
        lambda rows: rows.pop(12),
        lambda rows: rows.insert(-1, ["one more"]),
        lambda rows: rows.__setitem__(slice(4, 6), [rows[5], rows[4]]),
        lambda rows: rows[4].append("beside"),
    ],
)
def test_whatever_is_changed_shows(change: Callable[[list[list[str]]], object]) -> None:
    rows = read_csv(to_csv(export_table()))
    change(rows)
    checked = check_rows(rows)
    assert checked is not None
    assert not checked.matches


def test_what_stands_below_the_digest_or_has_none_is_not_taken_for_a_letter() -> None:
    rows = read_csv(to_csv(export_table()))
    assert check_rows([*rows, ["added later"]]) is None
    assert check_rows([]) is None
    assert check_rows([[""]]) is None


def test_a_row_without_a_court_says_why() -> None:
    lines = csv_lines(to_csv(export_table(level=RollUpLevel.INTERMEDIATE)))
    shanghai = next(line for line in lines if line and line[0] == "310000")
    assert shanghai[1].startswith("上海市 (No intermediate court is known")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/html, */*;q=0.8", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV; q=0.5", "csv"),
        ("application/json;q=0.4, text/csv;q=0.5", "csv"),
        ("application/json, text/csv", "json"),
        ("text/csv;q=nonsense", "json"),
        ("text/csv;q=0", "json"),
        ("text/csv;q=nan", "json"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
        (",;,=", "json"),
    ],
)
def test_the_accept_header_decides_where_format_is_not_given(accept: str, wanted: str) -> None:
    assert _preferred(accept) == wanted
