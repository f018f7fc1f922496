"""The HTML pages of a shared run sheet: one style, allowed by its digest, and every value is text."""

import base64
import hashlib
import re
from html import unescape

import jinja2
import pytest

from app.core.web.templates import templates_of
from app.dispatch.run_sheets.content import NOTES, MapLink, RunSheet, SheetEntry
from app.dispatch.run_sheets.page import HEADERS, not_found_page, pin_page, sheet_page
from app.enforcement.seizable import State
from app.exports.digest import check_rows
from app.exports.html_reader import read_rows

EVIL = "<script>alert('1')</script> \"><b onclick=x> &amp; {{ 7 * 7 }}"
LINK = MapLink("高德 & Amap", "https://uri.amap.com/navigation?to=1,2&mode=car\"onclick='x'")
SHEET = RunSheet(
    heading=(("案号 Case number", EVIL), ("接收人 For", EVIL), ("租赁物 Assets", 2)),
    entries=(
        SheetEntry(
            State.SEIZABLE, (("1",), (EVIL, "a  b\n c"), ("昆山",), ("now",), ("—",), ("可扣押", EVIL)), (LINK,)
        ),
        SheetEntry(State.NOT_SEIZABLE, (("2",), (EVIL,), ("—",), ("—",), ("—",), ("不可扣押",)), ()),
    ),
    notes=(*NOTES, EVIL),
    asset_ids=(1, 2),
)
PAGES = {
    "pin": pin_page(),
    "wrong": pin_page(EVIL),
    "not found": not_found_page(),
    "sheet": sheet_page(SHEET),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_allows_the_style_of_the_page_and_nothing_else(name: str) -> None:
    page = PAGES[name].decode()
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"style-src 'sha256-{digest}'; form-action 'self'"
    assert HEADERS["Content-Security-Policy"] == (
        f"default-src 'none'; {allowed}; base-uri 'none'; frame-ancestors 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", PAGES)
def test_no_value_becomes_an_element_or_an_attribute(name: str) -> None:
    page = PAGES[name].decode()
    elements = set(re.findall(r"<(\w+)", page))
    assert not elements & {"script", "b", "link", "img", "iframe", "object"}
    assert not re.findall(r"<[^>]*\son\w+=", page)
    assert EVIL in unescape(page) or name in {"pin", "not found"}


def test_a_link_keeps_its_address_and_sends_no_referrer() -> None:
    (link,) = re.findall(r"<a ([^>]*)>([^<]*)</a>", PAGES["sheet"].decode())
    attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', link[0]))
    assert unescape(attributes["href"]) == LINK.href
    assert attributes["rel"] == "noreferrer noopener"
    assert unescape(link[1]) == LINK.label


def test_the_rows_of_the_page_are_those_of_the_digest() -> None:
    rows = read_rows(PAGES["sheet"].decode())
    checked = check_rows(rows)
    assert checked is not None
    assert checked.matches
    assert checked.claimed == SHEET.digest
    assert [row[1] for row in rows if len(row) == 6][1:] == [f"{EVIL} a b c", EVIL]


def test_the_class_of_a_row_is_the_state_of_its_asset() -> None:
    assert re.findall(r'<tr class="(\w+)">', PAGES["sheet"].decode()) == ["seizable", "not_seizable", "digest"]


def test_the_page_after_the_sign_in_keeps_its_path_one_attribute() -> None:
    path = '/x?a="1"&b=<2>\''
    page = templates_of("app.identity.oidc").get_template("signed_in.html").render(path=path)
    assert unescape(re.findall(r'content="0;url=([^"]*)"', page)[0]) == path
    assert unescape(re.findall(r'href="([^"]*)"', page)[0]) == path


def test_a_template_that_lacks_a_value_fails() -> None:
    with pytest.raises(jinja2.UndefinedError, match="path"):
        templates_of("app.identity.oidc").get_template("signed_in.html").render()
