"""Reads the headings and cells of a lessor's file: one unambiguous meaning, or an error sentence; pure."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from app.assets.domain import AssetKind, AssetType, DeviceKind, PlateColour, half_width
from app.core.clock import SHANGHAI

_HEADINGS: Final[Mapping[str, str]] = {
    "asset_type": "租赁物类型 资产类型",
    "kind": "租赁物种类 资产种类",
    "make": "品牌 制造商",
    "model": "型号 规格型号",
    "plate_no": "车牌号 车牌号码 号牌号码",
    "plate_colour": "车牌颜色 号牌颜色",
    "vin": "车架号 车辆识别代号 VIN码",
    "serial_no": "序列号 出厂编号 机身编号 PIN",
    "engine_no": "发动机号 发动机号码",
    "lease_contract_no": "租赁合同号 租赁合同编号 融资租赁合同号 融资租赁合同编号",
    "purchase_contract_no": "购买合同号 购买合同编号 买卖合同号 买卖合同编号",
    "registration_no": "登记证明编号 中登网登记编号",
    "lessee_name": "承租人 承租人名称",
    "registered_owner": "登记所有人 机动车所有人",
    "estimated_value_yuan": "评估价值 评估价值(元)",
    "valued_on": "评估日期",
    "essential_to_production": "生产必需 是否生产必需",
    "device_id": "终端号 终端编号 定位终端号 IMEI",
    "device_kind": "终端类型",
    "bound_from": "安装日期 安装时间",
}
"""Every column, with the accepted Chinese headings; 设备 (machine or tracker) and values in 万元 are ambiguous."""

COLUMNS: Final = tuple(_HEADINGS)
_COLUMN_OF: Final = {
    heading.casefold(): column for column, others in _HEADINGS.items() for heading in (column, *others.split())
}

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "asset_type": {
        "车辆": AssetType.VEHICLE,
        "工程机械": AssetType.CONSTRUCTION_MACHINERY,
        "医疗设备": AssetType.MEDICAL_DEVICE,
        "生产设备": AssetType.PRODUCTION_EQUIPMENT,
    },
    "kind": {
        "重型货车": AssetKind.HEAVY_TRUCK,
        "重卡": AssetKind.HEAVY_TRUCK,
        "轻型货车": AssetKind.LIGHT_TRUCK,
        "轻卡": AssetKind.LIGHT_TRUCK,
        "轿车": AssetKind.CAR,
        "乘用车": AssetKind.CAR,
        "客车": AssetKind.BUS,
        "挖掘机": AssetKind.EXCAVATOR,
        "起重机": AssetKind.CRANE,
        "搅拌车": AssetKind.MIXER,
        "装载机": AssetKind.LOADER,
        "医疗设备": AssetKind.MEDICAL_DEVICE,
        "生产设备": AssetKind.PRODUCTION_EQUIPMENT,
        "其他": AssetKind.OTHER,
    },
    "plate_colour": {
        "蓝": PlateColour.BLUE,
        "黄": PlateColour.YELLOW,
        "绿": PlateColour.GREEN,
        "黄绿": PlateColour.YELLOW_GREEN,
        "黑": PlateColour.BLACK,
        "白": PlateColour.WHITE,
    },
    "device_kind": {"有线": DeviceKind.WIRED, "无线": DeviceKind.WIRELESS, "前装": DeviceKind.BUILT_IN},
}
_FLAGS: Final = {
    "true": True,
    "yes": True,
    "1": True,
    "是": True,
    "false": False,
    "no": False,
    "0": False,
    "否": False,
}
_NOTHING: Final = frozenset({"", "/", "-", "--", "—", "——", "无", "暂无", "N/A"})
_SHEET_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_ROUNDED: Final = re.compile(r"\d(?:\.\d+)?E\+\d{2,}", re.ASCII)
_YUAN: Final = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d{1,2})?", re.ASCII)
_DAY: Final = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?", re.ASCII)
_SHOWN: Final = 40
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200


def quoted(cell: str) -> str:
    """Return a cell for an error message: quoted and shortened."""
    return repr(cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}…")


def column_of(heading: str) -> str | None:
    """Return the column of a heading, None where it is unknown."""
    return _COLUMN_OF.get("".join(half_width(heading).split()).casefold())


def read_yuan(cell: str) -> Decimal:
    """Read an amount: ``1234567.89`` or ``1,234,567.89``, also in full-width digits.

    Raises:
        ValueError: Anything ambiguous, such as ``1.234,50``, ``1,23`` or ``120万``.
    """
    text = half_width(cell)
    if not _YUAN.fullmatch(text):
        msg = f"expected an amount in yuan such as 1234567.89 or 1,234,567.89, got {quoted(cell)}"
        raise ValueError(msg)
    return Decimal(text.replace(",", ""))


def read_day(cell: str) -> date:
    """Read a date with its year first: ``2025-03-01``, ``2025/3/1``, ``2025年3月1日``; otherwise ``ValueError``."""
    found = _DAY.fullmatch(half_width(cell))
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass  # no such day: reported below, like all other invalid dates
    msg = f"expected a date such as 2025-03-01, got {quoted(cell)}"
    raise ValueError(msg)


def read_moment(cell: str) -> datetime:
    """Read a time with its offset (RFC 3339), or a date (its first moment in Shanghai), as aware UTC.

    Raises:
        ValueError: A time without an offset, or neither.
    """
    text = half_width(cell)
    try:
        moment = (
            datetime.combine(read_day(text), time(), SHANGHAI)
            if _DAY.fullmatch(text)
            else datetime.fromisoformat(text)
        )
    except ValueError as error:
        msg = f"expected a date, or a time with an offset such as 2025-03-01T08:00:00+08:00, got {quoted(cell)}"
        raise ValueError(msg) from error
    if moment.tzinfo is None:
        msg = f"expected an offset after the time, such as 2025-03-01T08:00:00+08:00, got {quoted(cell)}"
        raise ValueError(msg)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        msg = f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}, got {quoted(cell)}"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def _read_flag(cell: str) -> bool:
    flag = _FLAGS.get(half_width(cell).casefold())
    if flag is None:
        msg = f"expected true or false (是 or 否), got {quoted(cell)}"
        raise ValueError(msg)
    return flag


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "estimated_value_yuan": read_yuan,
    "valued_on": read_day,
    "bound_from": read_moment,
    "essential_to_production": _read_flag,
}


def read_cell(column: str, cell: str) -> object | None:
    """Return the value of a cell, None where it is blank (empty, a dash, 无).

    Words and dates are converted; other text is returned as it is and validated by the schema. ``column`` is one of
    ``COLUMNS``.

    Raises:
        ValueError: The cell is ambiguous or invalid; the text is a sentence for users.
    """
    text = cell.strip()
    if text in _NOTHING:
        return None
    if text in _SHEET_ERRORS:
        msg = f"the spreadsheet has written an error here: {text}"
        raise ValueError(msg)
    if column in _READERS:
        return _READERS[column](text)
    if column in _WORDS:
        word = text.removesuffix("色") if column == "plate_colour" else text
        return _WORDS[column].get(word, word.casefold())
    if _ROUNDED.fullmatch(text):
        msg = f"the spreadsheet has rounded a long number to {text}: format this column as text and fill it in again"
        raise ValueError(msg)
    return text
