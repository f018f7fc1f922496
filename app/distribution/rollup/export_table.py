"""A distribution as an export table: CSV and XLSX, in Chinese and English.

Times are Asia/Shanghai. Text never becomes a formula, in either format.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import xlsxwriter

from app.core.clock import in_shanghai
from app.distribution.schemas import DistributionOut, DistributionRowOut, MainOut, TallyOut
from app.exports.csv_file import to_csv as rows_to_csv
from app.exports.digest import DIGEST_LABEL, Cell, content_digest
from app.exports.stamp import Stamp


class _Column(NamedTuple):
    head: str
    width: int
    number_format: str = "General"


@dataclass(frozen=True, slots=True)
class ExportTable:
    """The content of the exported file."""

    heading: tuple[tuple[str, Cell], ...]  # label and value, line by line
    columns: tuple[_Column, ...]  # heads, widths in characters and number formats
    rows: tuple[tuple[Cell, ...], ...]  # the table, the totals last; each row as long as `columns`
    notes: tuple[str, ...]  # explanations
    stamp: Stamp

    def lines(self) -> list[tuple[Cell, ...]]:
        """Return all rows from top to bottom; an empty row separates the three parts."""
        head = tuple(column.head for column in self.columns)
        return [*self.heading, (), head, *self.rows, (), *((note,) for note in self.notes)]

    @property
    def digest(self) -> str:
        """The digest over all rows; it is in the last row of the file."""
        return content_digest(self.lines())


def compose(answer: DistributionOut, stamp: Stamp) -> ExportTable:
    """Build the table of a distribution; the stamp goes into its heading."""
    outside, never, withheld = answer.unplaced
    rows = [
        *(
            (_code(r), _name(r), r.province.name, _yes(r.cross_province), *_counts(r), _remarks(r))
            for r in answer.rows
        ),
        ("", "辖区外 Outside every court's territory", "", "", *_counts(outside), ""),
        ("", "从未定位 Never located", "", "", *_counts(never), ""),
        ("", "不再提供 Withheld", "", "", *_counts(withheld), ""),
        ("", "合计 Total", "", "", *_counts(_total(answer)), ""),
    ]
    return ExportTable(_heading(answer, stamp), _COLUMNS, tuple(rows), tuple(answer.notes), stamp)


def to_csv(export_table: ExportTable) -> bytes:
    """Write the table as CSV, with a byte order mark so that Excel detects UTF-8."""
    return rows_to_csv(export_table.lines(), export_table.digest)


def to_xlsx(export_table: ExportTable) -> bytes:
    """Write the table as a workbook of one sheet, ready to print on A4 landscape."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    stamp = export_table.stamp
    made_at = stamp.at.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": "LeaseTrace", "author": stamp.asked_by, "created": made_at})
    book.set_custom_property("Export", stamp.export_id)
    book.set_custom_property("Digest", export_table.digest)
    sheet = book.add_worksheet("分布 Distribution")
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"bold": True, "text_wrap": True, "border": 1})
    formats = [book.add_format({"num_format": column.number_format}) for column in export_table.columns]
    for line, (label, value) in enumerate(export_table.heading):
        sheet.write_string(line, 0, label, bold)
        _write(sheet, line, 1, value, None)
    top = len(export_table.heading) + 1
    for number, column in enumerate(export_table.columns):
        sheet.set_column(number, number, column.width)
        sheet.write_string(top, number, column.head, wrapped)
    for line, row in enumerate(export_table.rows, start=top + 1):
        for number, cell in enumerate(row):
            _write(sheet, line, number, cell, formats[number])
    below = top + len(export_table.rows) + 2
    for line, note in enumerate(export_table.notes, start=below):
        sheet.write_string(line, 0, note)
    sheet.write_string(below + len(export_table.notes) + 1, 0, DIGEST_LABEL, bold)
    sheet.write_string(below + len(export_table.notes) + 1, 1, export_table.digest)
    sheet.repeat_rows(top)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L{stamp.export_id}&C&P / &N&R{export_table.digest[:23]}…")
    book.close()
    return out.getvalue()


def _write(
    sheet: xlsxwriter.worksheet.Worksheet,
    line: int,
    number: int,
    cell: Cell,
    form: xlsxwriter.format.Format | None,
) -> None:
    if isinstance(cell, str):
        sheet.write_string(line, number, cell, form)
    else:
        sheet.write_number(line, number, cell, form)


def _shanghai(at: datetime | None) -> str:
    return in_shanghai(at).strftime("%Y-%m-%d %H:%M") if at else ""


def _name(row: DistributionRowOut | MainOut) -> str:
    division = row.division.name if row.division else ""
    return row.court.name if row.court else f"{division} ({row.no_court_reason})" if row.no_court_reason else division


def _code(row: DistributionRowOut) -> str:
    return row.court.code if row.court else str(row.division.adcode) if row.division else ""


def _yes(value: bool) -> str:
    return "是 yes" if value else "否 no"


_COLUMNS: Final = (
    _Column("代码 Code", 12),
    _Column("法院或区划 Court or division", 38),
    _Column("省级 Province", 16),
    _Column("跨省 Other province", 10),
    _Column("数量 Assets", 9),
    _Column("新 Fresh", 9),
    _Column("旧 Stale", 9),
    _Column("可扣押 Seizable", 10),
    _Column("不可扣押 Not seizable", 11),
    _Column("已扣押 Held", 9),
    _Column("估值(元) Value (yuan)", 16, "#,##0.00"),
    _Column("未估值 Without value", 10),
    _Column("近界 Near a border", 10),
    _Column("最早定位 Oldest fix", 17),
    _Column("最近定位 Newest fix", 17),
    _Column("备注 Remarks", 40),
)


def _counts(tally: TallyOut) -> tuple[Cell, ...]:
    return (
        tally.n_assets,
        tally.n_fresh,
        tally.n_stale,
        tally.n_seizable,
        tally.n_not_seizable,
        tally.n_held,
        tally.value_yuan,
        tally.n_without_value,
        tally.near_border,
        _shanghai(tally.oldest_fix),
        _shanghai(tally.newest_fix),
    )


def _remarks(row: DistributionRowOut) -> str:
    unverified = [] if row.verified else ["法院名称按规则推定,待核实 Court named by rule, to be verified"]
    return "; ".join(unverified + row.caveats)


def _total(answer: DistributionOut) -> TallyOut:
    totals = answer.totals
    return TallyOut(
        n_assets=totals.assets,
        n_fresh=totals.fresh,
        n_stale=totals.stale,
        n_seizable=totals.seizable,
        n_not_seizable=totals.not_seizable,
        n_held=totals.held,
        value_yuan=totals.value_yuan,
        n_without_value=totals.without_value,
        near_border=totals.near_border,
        confidence=totals.confidence,
        oldest_fix=totals.oldest_fix,
        newest_fix=totals.newest_fix,
    )


def _heading(answer: DistributionOut, stamp: Stamp) -> tuple[tuple[str, Cell], ...]:
    totals, parameters, layer = answer.totals, answer.parameters, answer.layer
    history = "历史 from history" if parameters.as_of else "当前 now"
    notify: Sequence[str] = [n.court.name if n.court else n.province.name for n in answer.high_courts_to_notify]
    return (
        (
            "案件租赁物分布 Where the leased assets of the case are",
            "供参考的候选法院,并非裁定 Candidate courts, not a ruling",
        ),
        ("案号 Case number", answer.case.case_number),
        ("执行法院 Enforcing court", f"{answer.case.court.name} ({answer.case.court.code})"),
        *stamp.lines(),
        ("截至 As of (Asia/Shanghai)", f"{_shanghai(answer.as_of)} ({history})"),
        ("数据收至 Data received until (Asia/Shanghai)", _shanghai(answer.data_as_of)),
        ("生成时间 Computed at (Asia/Shanghai)", _shanghai(answer.computed_at)),
        ("汇总至 Rolled up to", parameters.level.value),
        ("新鲜期限 Fresh within (days)", parameters.fresh_within.total_seconds() / 86_400),
        (
            "边界数据 Boundaries",
            f"{layer.name}, {layer.source} {layer.source_version}, sha256 {layer.sha256[:16]}",
        ),
        ("租赁物总数 Assets", totals.assets),
        ("已定位(新+旧) Located (fresh + stale)", f"{totals.located} ({totals.fresh} + {totals.stale})"),
        ("辖区外 Outside", totals.outside),
        ("从未定位 Never located", totals.never_located),
        ("不再提供 Withheld", totals.withheld),
        ("可扣押 Seizable", totals.seizable),
        ("不可扣押 Not seizable", totals.not_seizable),
        ("已扣押 Held", totals.held),
        ("估值合计(元) Value (yuan)", totals.value_yuan),
        ("主要所在地(按数量) Main location by count", _main(answer.main_court.by_count)),
        ("主要所在地(按估值) Main location by value", _main(answer.main_court.by_value)),
        ("须通知的外省高级法院 High courts of other provinces to notify", "、".join(notify)),
    )


def _main(main: MainOut | None) -> str:
    return f"{_name(main)}: {main.n_assets}, {main.value_yuan:,.2f} 元 yuan" if main else ""
