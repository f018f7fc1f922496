"""A lessor's file: read in one way, or refused by line and field; never mis-read."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.assets.csv_import.cells import read_day, read_moment, read_yuan
from app.assets.csv_import.parser import MAX_LINES, ParsedFile, parse_assets_csv
from app.assets.domain import AssetKind, AssetType, DeviceKind, PlateColour
from app.core.errors import MalformedRequest, TooLarge, UnsupportedMedia

HEADER = "kind,lease_contract_no,vin,plate_no,serial_no,estimated_value_yuan,device_id,device_kind,bound_from"


def parse(*lines: str, header: str = HEADER) -> ParsedFile:
    return parse_assets_csv("\n".join([header, *lines]).encode())


def faults(parsed: ParsedFile) -> list[tuple[int, str | None]]:
    return [(e.line, e.field) for e in parsed.errors]


def test_a_line_becomes_an_asset_with_its_tracker() -> None:
    parsed = parse('heavy_truck,ZL-1,lzz5clvb8la123456,沪A·12345,,"1,234,567.89",861,wired,2025-03-01')
    assert parsed.errors == ()
    (row,) = parsed.rows
    assert (row.line, row.asset.kind, row.asset.asset_type) == (2, AssetKind.HEAVY_TRUCK, AssetType.VEHICLE)
    assert (row.asset.vin, row.asset.plate_no) == ("LZZ5CLVB8LA123456", "沪A12345")
    assert row.asset.estimated_value_yuan == Decimal("1234567.89")
    assert (row.device.device_id, row.device.device_kind) == ("861", DeviceKind.WIRED)
    assert row.device.bound_from == datetime(2025, 2, 28, 16, tzinfo=UTC)  # the day begins in Shanghai
    assert row.stated == {"kind", "lease_contract_no", "vin", "plate_no", "estimated_value_yuan"}


CHINESE = (
    "租赁物种类,租赁合同号,购买合同号,车架号,车牌号,车牌颜色,序列号,评估价值（元）,评估日期,承租人,是否生产必需,终端号,终端类型\r\n"
    "挖掘机,租字1,买字1,,,,EX-1,１２００.５,2025年3月1日,某某建设,是,13800000000,无线\r\n"
    "\r\n"
    "重卡,租字2,,LZZ5CLVB8LA123456,沪B12345,黄色,无,,,,,,\r\n"
)


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (CHINESE.encode(), "utf-8"),
        (CHINESE.encode("utf-8-sig"), "UTF-8"),
        (CHINESE.encode("gb18030"), "gb18030"),
        (CHINESE.encode("gbk"), "GBK"),
        (CHINESE.replace("\r\n", "\r").encode(), "utf-8"),
    ],
)
def test_chinese_headings_and_words(data: bytes, charset: str) -> None:
    parsed = parse_assets_csv(data, charset)
    assert parsed.errors == ()
    digger, truck = (row.asset for row in parsed.rows)
    assert (digger.kind, digger.asset_type) == (AssetKind.EXCAVATOR, AssetType.CONSTRUCTION_MACHINERY)
    assert (digger.serial_no, digger.estimated_value_yuan) == ("EX-1", Decimal("1200.5"))
    assert (digger.valued_on, digger.lessee_name, digger.essential_to_production) == (
        date(2025, 3, 1),
        "某某建设",
        True,
    )
    assert (truck.plate_colour, truck.serial_no, truck.purchase_contract_no) == (PlateColour.YELLOW, None, None)
    assert parsed.rows[0].device.device_kind is DeviceKind.WIRELESS
    assert [row.line for row in parsed.rows] == [2, 4]
    assert parsed.lines == 2


def test_every_bad_line_is_named_with_its_fields() -> None:
    parsed = parse(
        "heavy_truck,ZL-1,LZZ5CLVB8LA123456,,,100,,,",
        "heavy_truck,ZL-2,TOOSHORT,沪A1,,-5,,,",
        "tank,ZL-3,,,S-3,,,,",
        "car,,,,S-4,,,,",
        "car,ZL-5,,,,,,,",
        "car,ZL-6,,,S-6,1,2,3,4,5",
        "car,ZL-7,,,S-7,,,wired,",
        "other,ZL-8,,,S-8,,,,",
        "car,ZL-9,,,S-9,,861,diesel,2025-03-01T10:00:00",
    )
    assert [row.line for row in parsed.rows] == [2]
    assert faults(parsed) == [
        (3, "estimated_value_yuan"),
        (3, "plate_no"),
        (3, "vin"),
        (4, "kind"),
        (5, "lease_contract_no"),
        (6, None),
        (7, None),
        (8, None),
        (9, "asset_type"),
        (10, "bound_from"),
        (10, "device_kind"),
    ]
    assert parsed.lines == 9


def test_a_repeated_identifier_names_the_line_that_had_it_first() -> None:
    parsed = parse(
        "car,ZL-1,LZZ5CLVB8LA123456,沪A12345,,,861,wired,",
        "car,ZL-2,lzz5clvb8la123456,沪B12345,,,862,wired,",
        "car,ZL-3,,沪A·12345,,,863,wired,",
        "car,ZL-4,,沪C12345,,x,864,wired,",
        "car,ZL-5,,沪C12345,,,861,wired,",
    )
    assert faults(parsed) == [
        (3, "vin"),
        (4, "plate_no"),
        (5, "estimated_value_yuan"),
        (6, "plate_no"),
        (6, "device_id"),
    ]
    assert "line 5" in parsed.errors[3].message
    assert [row.line for row in parsed.rows] == [2]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0", "0"), ("1234567.8", "1234567.8"), ("1,234,567.89", "1234567.89"), ("１，２３４．５０", "1234.50")],
)
def test_amounts(cell: str, value: str) -> None:
    assert read_yuan(cell) == Decimal(value)


@pytest.mark.parametrize(
    "cell",
    ["1.234,56", "1,23", "12,34,567", "1.234", "1e6", "120万", "-1", "+1", "¥5", "1 000", "NaN", "①", "", "1."],
)
def test_amounts_that_could_be_read_in_two_ways_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="amount in yuan"):
        read_yuan(cell)


@given(st.decimals(0, 10**11, places=2), st.booleans())
def test_an_amount_is_read_as_it_was_meant(amount: Decimal, grouped: bool) -> None:
    assert read_yuan(f"{amount:,}" if grouped else str(amount)) == amount


@pytest.mark.parametrize("cell", ["2025-03-01", "2025/3/1", "2025.3.1", "2025年3月1日", "２０２５/３/１"])
def test_days(cell: str) -> None:
    assert read_day(cell) == date(2025, 3, 1)


@pytest.mark.parametrize("cell", ["3/1/2025", "01-03-2025", "20250301", "2025-02-30", "2025-3", "45717", ""])
def test_days_that_could_be_read_in_two_ways_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="expected a date"):
        read_day(cell)


def test_a_moment_needs_its_offset() -> None:
    assert read_moment("2025-03-01T08:00:00+08:00") == datetime(2025, 3, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="offset"):
        read_moment("2025-03-01T08:00:00")
    with pytest.raises(ValueError, match="year"):
        read_moment("0001-01-01T00:00:00+08:00")
    with pytest.raises(ValueError, match="expected a date"):
        read_moment("soon")


@pytest.mark.parametrize("cell", ["8.61234E+14", "#N/A"])
def test_what_a_spreadsheet_has_spoiled_is_refused(cell: str) -> None:
    parsed = parse(f"car,ZL-1,,,S-1,,{cell},wired,")
    assert faults(parsed) == [(2, "device_id")]
    assert "spreadsheet" in parsed.errors[0].message


@pytest.mark.parametrize("cell", ["S\x00-1", '"S\n-1"'])
def test_control_characters_are_refused(cell: str) -> None:
    assert faults(parse(f"car,ZL-1,,,{cell},,,,")) == [(2, "serial_no")]


def test_the_line_after_a_cell_of_two_lines_keeps_its_number() -> None:
    assert faults(parse('car,"ZL\n1",,,S-1,,,,', "car,ZL-2,bad,,,,,,")) == [(2, "lease_contract_no"), (4, "vin")]


def test_cells_missing_at_the_end_are_empty() -> None:
    assert parse("car,ZL-1,,,S-1").errors == ()


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("kind,lease_contract_no,vin,colour", "'colour'"),
        ("kind,lease_contract_no,vin,车架号", "vin"),
        ("kind,vin", "lease_contract_no"),
        ("lease_contract_no,vin", "kind"),
        ("kind;lease_contract_no;vin", "expected some of"),
        ("kind,lease_contract_no,vin,评估价值(万元)", "万元"),
        ("kind,lease_contract_no,vin,", "''"),
        ("", "empty"),
    ],
)
def test_a_header_that_leaves_the_meaning_open_stops_the_file(header: str, named: str) -> None:
    parsed = parse("car,ZL-1,LZZ5CLVB8LA123456", header=header) if header else parse_assets_csv(b"\n\n")
    assert not parsed.readable
    assert parsed.rows == ()
    assert named in parsed.errors[0].message


def test_a_quotation_mark_that_is_never_closed_stops_the_file() -> None:
    parsed = parse("car,ZL-1,,,S-1,,,,", 'car,"ZL-2,,,S-2,,,,', "car,ZL-3,,,S-3,,,,")
    assert not parsed.readable
    assert parsed.rows == ()
    assert faults(parsed) == [(3, None)]


def test_bytes_of_another_charset_are_refused_with_the_line() -> None:
    data = CHINESE.encode("gb18030")
    with pytest.raises(MalformedRequest, match=r"line 1: .*charset=gb18030"):
        parse_assets_csv(data)
    with pytest.raises(MalformedRequest, match="UTF-8"):
        parse_assets_csv(CHINESE.encode(), "gb18030")
    with pytest.raises(MalformedRequest, match="line 2"):
        parse_assets_csv(f"{HEADER}\n".encode() + b"car,\xff\xff", "gb18030")
    with pytest.raises(UnsupportedMedia):
        parse_assets_csv(data, "big5")


def test_too_many_lines() -> None:
    lines = "\n".join(f"car,ZL-1,,,S-{i},,,," for i in range(MAX_LINES + 1))
    with pytest.raises(TooLarge):
        parse_assets_csv(f"{HEADER}\n{lines}".encode())


@given(st.binary(max_size=200))
def test_any_bytes_give_a_report_or_a_named_error(data: bytes) -> None:
    try:
        parsed = parse_assets_csv(HEADER.encode() + b"\n" + data)
    except MalformedRequest:
        return
    assert all(error.line >= 2 for error in parsed.errors)


@given(st.lists(st.text(alphabet=st.sampled_from('ab,"\n\r 1沪'), max_size=8), min_size=1, max_size=9))
def test_any_cells_give_a_report(cells: list[str]) -> None:
    parsed = parse(",".join(cells))
    assert parsed.readable or parsed.errors
