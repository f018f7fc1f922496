"""Parses and formats the number of an enforcement case (案号); pure.

Its parts are year, court code, type code and serial: ``(2025)沪0105执4321号`` (rules on case numbers of 2016, changed
in 2018: articles 2, 3, 5 and 7).
"""

import re
from dataclasses import dataclass
from typing import Final

from app.assets.domain import half_width

EXAMPLE: Final = "(2025)沪0105执4321号"
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2099
LAST_SERIAL: Final = 9_999_999
SUPREME_COURT: Final = "最高法"
SHORT_NAMES: Final = frozenset("京津冀内晋辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新军兵")
"""First characters of court codes: the provinces' short names (内 for Inner Mongolia), the military, the Corps."""
TYPES: Final[dict[str, str]] = {
    "执": "enforcement",
    "执恢": "resumed enforcement",
    "执保": "enforcement of preservation",
    "执异": "objection",
    "执复": "reconsideration",
    "执监": "supervision",
    "执协": "coordination",
    "执他": "other enforcement",
    "财保": "property preservation",
}
"""The supported type codes, with their meaning."""

_SPACES: Final = re.compile(r"\s+")
_PARTS: Final = re.compile(
    rf"\((?P<year>[^()]*)\)(?P<short>{SUPREME_COURT}|[一-龥])(?P<digits>[0-9]*)(?P<type>[一-龥]+)(?P<serial>[0-9]+)号"
)


class CaseNumberFault(ValueError):
    """A text is not the number of an enforcement case; the message is a sentence for users."""


@dataclass(frozen=True, slots=True, order=True)
class CaseNumber:
    """The parts of a case number; an impossible part raises ``CaseNumberFault``."""

    year: int  # in which the case was accepted
    court_code: str  # of the court that handles it: 沪 (high), 沪01 (intermediate), 沪0105 (basic), 最高法
    type_code: str  # one of `TYPES`
    serial: int  # among the court's cases of this type and year

    def __post_init__(self) -> None:
        fault = (
            _year_fault(self.year)
            or _court_fault(self.court_code)
            or _type_fault(self.type_code)
            or _serial_fault(self.serial)
        )
        if fault:
            raise CaseNumberFault(fault)

    @classmethod
    def parse(cls, text: str) -> "CaseNumber":
        """Parse a number; full-width brackets and digits, spaces and leading zeros are accepted.

        Raises:
            CaseNumberFault: The form is wrong or a part is impossible; the message says which.
        """
        parts = _PARTS.fullmatch(_SPACES.sub("", half_width(text)))
        if parts is None:
            raise CaseNumberFault(f"expected year in brackets, court code, type, serial and 号, as in {EXAMPLE}")
        if not re.fullmatch(r"[0-9]{4}", parts["year"]):
            raise CaseNumberFault(f"expected a year of four digits in the brackets, as in {EXAMPLE}")
        if len(parts["serial"].lstrip("0")) > len(str(LAST_SERIAL)):
            raise CaseNumberFault(f"expected a serial from 1 to {LAST_SERIAL}")
        return cls(int(parts["year"]), parts["short"] + parts["digits"], parts["type"], int(parts["serial"]))

    def __str__(self) -> str:
        """Format the number as it is stored and compared: ASCII brackets, no spaces."""
        return f"({self.year}){self.court_code}{self.type_code}{self.serial}号"


def _year_fault(year: int) -> str | None:
    return (
        None if FIRST_YEAR <= year <= LAST_YEAR else f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, got {year}"
    )


def _court_fault(code: str) -> str | None:
    if code == SUPREME_COURT:
        return None
    if code[:1] not in SHORT_NAMES:
        return f"{code} is not a court code; it begins with a province's short name, 军, 兵 or {SUPREME_COURT}"
    if not re.fullmatch(r"(?:[0-9]{2}|[0-9]{4})?", code[1:]):
        return (
            f"{code} is not a court code; expected none, two or four digits after the first character "
            "(high, intermediate, basic court)"
        )
    return None


def _type_fault(code: str) -> str | None:
    return None if code in TYPES else f"{code} is not a type of enforcement case; expected one of {'、'.join(TYPES)}"


def _serial_fault(serial: int) -> str | None:
    return None if 1 <= serial <= LAST_SERIAL else f"expected a serial from 1 to {LAST_SERIAL}"
