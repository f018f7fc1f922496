"""The table for a letter: CSV that Excel opens, a workbook, the same numbers, and no formula ever."""

import csv
import io
from dataclasses import replace

import openpyxl
import pytest

from app.clusters.distribution import distribute
from app.clusters.domain import Presence, RollUpLevel
from app.clusters.letter import Cell, Letter, compose, to_csv, to_xlsx
from app.clusters.router import _preferred
from app.clusters.wire import distribution_out
from tests.unit.clusters.made import CHANGNING, HELD, KUNSHAN, WAITING, placed, scene

COURT = "上海市长宁区人民法院 (#3)"


def letter(asked_by: str = COURT, *, past: bool = False, level: RollUpLevel = RollUpLevel.BASIC) -> Letter:
    assets = (
        placed(1, KUNSHAN, value_fen=123_456_78),
        placed(2, KUNSHAN, seizability=WAITING),
        placed(3, CHANGNING, presence=Presence.STALE, seizability=HELD),
        placed(4, presence=Presence.OUTSIDE, value_fen=None),
        placed(5, presence=Presence.NEVER_LOCATED),
    )
    whole = scene(assets, past=past)
    return compose(distribution_out(whole, distribute(whole, level)), asked_by)


def csv_lines(body: bytes) -> list[list[str]]:
    assert body.startswith(b"\xef\xbb\xbf"), "without the mark Excel reads another encoding"
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def xlsx_lines(body: bytes) -> list[list[object]]:
    sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def test_heading_says_which_case_who_asked_and_when_in_shanghai() -> None:
    heading = dict(line[:2] for line in csv_lines(to_csv(letter())) if len(line) > 1)
    assert heading["案号 Case number"] == "(2025)沪0105执4321号"
    assert heading["查询人 Asked by"] == COURT
    assert heading["截至 As of (Asia/Shanghai)"] == "2026-11-23 12:00 (当前 now)"
    assert heading["生成时间 Computed at (Asia/Shanghai)"] == "2026-11-23 12:00"
    assert heading["租赁物总数 Assets"] == "5"
    assert heading["已定位(新+旧) Located (fresh + stale)"] == "3 (2 + 1)"
    assert heading["主要所在地(按估值) Main location by value"] == "昆山市人民法院: 2, 123,556.78 元 yuan"
    assert heading["须通知的外省高级法院 High courts of other provinces to notify"] == "江苏省高级人民法院"
    past = dict(line[:2] for line in csv_lines(to_csv(letter(past=True))) if len(line) > 1)
    assert past["截至 As of (Asia/Shanghai)"] == "2026-11-22 12:00 (历史 from history)"


def test_it_says_that_it_is_no_ruling_and_how_to_read_it() -> None:
    text = to_csv(letter()).decode("utf-8-sig")
    assert "not a ruling" in text
    assert "并非裁定" in text
    assert "located (fresh + stale) + outside + never located" in text


def test_table_has_every_asset_and_a_total() -> None:
    lines = csv_lines(to_csv(letter()))
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
        "估值(元) Value (yuan)": ["123556.78", "100.0", "0.0", "100.0", "0.0", "123756.78"],
        "跨省 Other province": ["是 yes", "否 no", "", "", "", ""],
    }.items():
        assert [r[column] for r in rows] == values
    assert rows[0]["备注 Remarks"].endswith("renamed")


def test_workbook_says_the_same_with_numbers_as_numbers() -> None:
    made = letter()
    book, text = xlsx_lines(to_xlsx(made)), csv_lines(to_csv(made))
    assert len(book) == len(text)
    for cells, line in zip(book, text, strict=True):
        strings = ["" if cell is None else cell for cell in cells[: len(line)]]
        for cell, string in zip(strings, line, strict=True):
            assert (float(string) == cell) if isinstance(cell, int | float) else string == cell
    head = next(i for i, cells in enumerate(book) if cells[0] == "代码 Code")
    assert book[head + 1][4] == 2
    assert isinstance(book[head + 1][4], int | float)


@pytest.mark.parametrize("opener", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_begins_like_a_formula_stays_text(opener: str) -> None:
    evil = f'{opener}HYPERLINK("http://example.org","x")'
    row: tuple[Cell, ...] = (evil, *["x"] * 15)
    made = replace(letter(evil), rows=(row,), notes=(evil,))
    assert all(not cell.startswith(opener) for line in csv_lines(to_csv(made)) for cell in line)
    assert any(evil.strip("\r") in str(cell) for line in xlsx_lines(to_xlsx(made)) for cell in line)


def test_a_row_without_a_court_says_why() -> None:
    lines = csv_lines(to_csv(letter(level=RollUpLevel.INTERMEDIATE)))
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
