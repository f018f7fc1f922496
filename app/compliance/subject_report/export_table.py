"""The subject report as rows of a table: section, item, value; for CSV and the command line."""

from collections.abc import Iterator

from app.compliance.subject_report.schemas import SubjectAssetOut, SubjectGrantOut, SubjectReportOut
from app.compliance.subject_report.service import moment
from app.exports.digest import Cell
from app.exports.stamp import Stamp

Row = tuple[Cell, ...]
_NOTE = "不含位置 No positions: they are read elsewhere, for a purpose, and each look stands in the trail."


def report_rows(report: SubjectReportOut, stamp: Stamp) -> list[Row]:
    """Return the whole report; times are UTC unless they say otherwise."""
    heading: list[Row] = [("个人信息查阅报告 What is stored, whence, for whom, and who looked", _NOTE)]
    if report.lessee_name is not None:
        heading.append(("承租人 Lessee", report.lessee_name))
    heading += stamp.lines()
    return [*heading, *(row for asset in report.assets for row in (("",), *_rows(asset)))]


def _rows(report: SubjectAssetOut) -> Iterator[Row]:
    entry = report.asset.model_dump(mode="json")
    yield (
        "租赁物 Asset",
        report.asset.plate_no or report.asset.serial_no or report.asset.vin or "",
        f"#{report.asset.asset_id}",
    )
    yield ("登记 Register", "lessor", report.lessor or "")
    yield from (("登记 Register", name, str(value)) for name, value in entry.items() if value is not None)
    for device in report.devices:
        words = " ".join(filter(None, (device.kind, device.make, device.model)))
        yield ("终端 Device", f"{device.identifier} ({words})", _period(device.bound_from, device.bound_until))
    for name, value in report.stored.model_dump(mode="json", exclude={"doubts"}).items():
        yield ("存储 Stored", name, value if isinstance(value, int) else value or "")
    yield from (("疑点 Doubts", name, count) for name, count in report.stored.doubts.items())
    for source in report.sources:
        words = f"{source.pings} pings, {source.batches} batches"
        yield ("来源 Source", source.feed or "keys without a feed", words, moment(source.last_received_at))
    for term in report.retention:
        until = (
            "held" if term.held else "" if term.oldest_goes_on is None else f"oldest goes on {term.oldest_goes_on}"
        )
        kept = "kept" if term.days is None else f"{term.days} days"
        yield ("保存期限 Retention", f"{term.kind}: {term.what}", kept, until)
    for hold in report.holds:
        yield ("证据留存 Legal hold", hold.court or "", hold.case_number or "", _period(hold.from_at, hold.until_at))
    yield from (_opened(one) for one in report.opened_to)
    for look in report.looks:
        days = ", ".join(map(str, look.days))
        yield ("查看 Looks", look.name or look.by, look.count, f"{len(look.days)} days (Asia/Shanghai): {days}")


def _opened(one: SubjectGrantOut) -> Row:
    whom = one.court or "" if one.to == "court" else f"{one.to} ({one.court or ''})"
    return ("开放 Opened to", whom, one.case_number or "", one.ground, _period(one.valid_from, one.valid_until))


def _period(begins: object, ends: object) -> str:
    return f"{begins:%Y-%m-%d %H:%M} – {ends:%Y-%m-%d %H:%M}" if ends else f"{begins:%Y-%m-%d %H:%M} –"
