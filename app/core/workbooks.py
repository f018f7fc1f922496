"""Reading the cells of a workbook (XLSX, ECMA-376): the values of the first sheet, for the check of an export."""

import io
import re
import zipfile
from typing import Final
from xml.etree.ElementTree import Element, ParseError  # nosec B405

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_MAX_BYTES: Final = 64 * 1024 * 1024
"""No part of an export is larger unpacked."""
_COLUMN: Final = re.compile(r"[A-Z]{1,3}")


def read_first_sheet(body: bytes) -> list[list[str | float | None]]:
    """Return the rows of the first sheet, top to bottom; a cell that is not there is None.

    Raises:
        ValueError: It is no workbook.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = set(archive.namelist())
            shared = _part(archive, "xl/sharedStrings.xml") if "xl/sharedStrings.xml" in names else None
            strings = [] if shared is None else [_text(item) for item in shared.iter(f"{_MAIN}si")]
            sheet = _part(archive, "xl/worksheets/sheet1.xml")
    except (zipfile.BadZipFile, KeyError, ParseError, DefusedXmlException) as error:
        raise ValueError("expected a workbook") from error
    return [_row(row, strings) for row in sheet.iter(f"{_MAIN}row")]


def _part(archive: zipfile.ZipFile, name: str) -> Element:
    if archive.getinfo(name).file_size > _MAX_BYTES:
        msg = "a part of the workbook is too large"
        raise ValueError(msg)
    parsed: Element = fromstring(archive.read(name))
    return parsed


def _text(item: Element) -> str:
    return "".join(piece.text or "" for piece in item.iter(f"{_MAIN}t"))


def _row(row: Element, strings: list[str]) -> list[str | float | None]:
    cells: list[str | float | None] = []
    for cell in row.iter(f"{_MAIN}c"):
        found = _COLUMN.match(cell.get("r", ""))
        place = _place(found.group()) if found else len(cells)
        cells += [None] * (place - len(cells)) + [_value(cell, strings)]
    return cells


def _place(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _value(cell: Element, strings: list[str]) -> str | float | None:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v")
    if kind == "inlineStr":
        return _text(cell)
    if value is None:
        return None
    if kind == "s":
        return strings[int(value)]
    return value if kind == "str" else float(value)
