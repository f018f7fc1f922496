"""The pages of a shared run sheet: the form for the PIN, the sheet, and the answer to every link that opens nothing.

No scripts; one style, allowed by its digest. On a phone each asset is a card; on paper the sheet is a table again.
"""

from typing import Final

from app.clusters.run_sheet import COLUMNS, Entry, RunSheet
from app.core.exports import DIGEST_LABEL
from app.core.html import Html, element, page, page_policy

STYLE: Final = """
:root{color-scheme:light;--ink:#16202b;--soft:#5b6875;--line:#d5dce3;--ground:#f3f5f7;--act:#0b5cad}
*{box-sizing:border-box}
body{margin:0 auto;padding:16px;max-width:1080px;color:var(--ink);background:var(--ground);
 font:16px/1.45 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.25rem;line-height:1.3;margin:.2em 0 .6em}
h1 small{display:block;font-size:.9rem;font-weight:400;color:var(--soft)}
table{border-collapse:collapse;width:100%;background:#fff;border:1px solid var(--line);border-radius:8px}
th,td{text-align:left;vertical-align:top;padding:8px 12px;border-bottom:1px solid var(--line)}
td span{display:block}
td span+span{color:var(--soft);font-size:.92em}
.head th{font-weight:400;color:var(--soft);width:42%}
.head td{font-weight:600}
.sheet{margin:16px 0}
.sheet thead th{font-size:.85rem;color:var(--soft);font-weight:600}
.name span:first-child{font-weight:700;font-size:1.1em}
.act{display:inline-block;margin:6px 8px 0 0;padding:9px 16px;border-radius:6px;background:var(--act);color:#fff;
 text-decoration:none;font-weight:600}
.seizable .state span:first-child{color:#12703a;font-weight:700}
.held .state span:first-child{color:#6b4b00;font-weight:700}
.not_seizable .state span:first-child{color:#a3161f;font-weight:700}
.notes td,.notes th{font-size:.88rem;color:var(--soft);font-weight:400}
.digest td{font-family:ui-monospace,monospace;font-size:.8rem}
.pin{max-width:24rem;margin:12vh auto 0;background:#fff;padding:24px;border:1px solid var(--line);border-radius:10px}
.pin label{display:block;margin-bottom:8px}
.pin input{width:100%;font:600 1.6rem/1.2 ui-monospace,monospace;letter-spacing:.3em;text-align:center;padding:10px;
 border:1px solid var(--soft);border-radius:6px}
.pin button{width:100%;margin-top:14px;padding:12px;font:inherit;font-weight:600;color:#fff;background:var(--act);
 border:0;border-radius:6px}
.wrong{color:#a3161f;font-weight:600}
.sheet tfoot{display:none}
@media screen and (max-width:760px){
 .sheet,.sheet tbody{display:block;border:0;background:none}
 .sheet thead{display:none}
 .sheet tr{display:block;background:#fff;border:1px solid var(--line);border-radius:8px;margin-bottom:12px;
  padding:6px 0}
 .sheet td{display:block;border:0;padding:5px 14px}
 .sheet td::before{content:attr(data-label);display:block;font-size:.75rem;color:var(--soft)}
 .sheet .no{float:right;color:var(--soft)}
 .sheet .no::before,.sheet .name::before{display:none}
 .head tbody{display:grid;grid-template-columns:1fr 1fr}
 .head tr{display:block;border-bottom:1px solid var(--line)}
 .head th,.head td{display:block;width:auto;border:0;padding:2px 12px 6px}
 .head th{padding:6px 12px 0;font-size:.75rem}
 .head td{font-size:.92rem}
 .head tr:last-child{grid-column:1/-1}
}
@media print{
 body{background:#fff;padding:0;font-size:9.5pt;max-width:none}
 table{border-radius:0}
 th,td{padding:3px 6px}
 tr{break-inside:avoid}
 .act{display:none}
 .head th{width:30%}
 .sheet tfoot{display:table-footer-group}
 .sheet tfoot td{text-align:center;font-size:8pt;color:#666}
 @page{size:A4 landscape;margin:10mm}
}
""".replace("\n", "")
HEADERS: Final = {
    "Content-Security-Policy": page_policy(STYLE),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Of every page: nothing is kept, nothing is told to where a link leads, nothing is loaded from anywhere."""
MEDIA_TYPE: Final = "text/html; charset=utf-8"
_TITLE: Final = "LeaseTrace"


def pin_page(said: str = "") -> bytes:
    """Return the form for the PIN; it tells nothing of what the link leads to.

    Args:
        said: What is wrong with the attempt before, if there was one.
    """
    form = element(
        "form",
        element("label", "请输入六位 PIN 码 Enter the six-digit PIN", for_="pin"),
        element("p", said, class_="wrong", role="alert") if said else Html(""),
        Html(
            '<input id="pin" name="pin" type="text" inputmode="numeric" autocomplete="off" maxlength="12"'
            " required autofocus>"
        ),
        Html('<button type="submit">打开 Open</button>'),
        method="post",
        class_="pin",
    )
    return page(_TITLE, STYLE, element("main", form))


def gone_page() -> bytes:
    """Return what every link is answered that opens nothing, for whatever reason."""
    words = (
        element("h1", "没有这份清单", element("small", "There is nothing here")),
        element("p", "链接不存在、已过期或已被收回。请联系发送链接的人。"),
        element("p", "The link is unknown, expired or taken back. Ask whoever sent it."),
    )
    return page(_TITLE, STYLE, element("main", *words, class_="pin"))


def sheet_page(sheet: RunSheet) -> bytes:
    """Return the sheet, with its digest in the last row of its tables."""
    told = dict(sheet.heading)
    return page(
        f"{told['案号 Case number']} 现场清单",
        STYLE,
        element("h1", "扣押现场清单", element("small", "Run sheet: where the assets of the case were last")),
        element("table", element("tbody", *(_line(k, str(v)) for k, v in sheet.heading)), class_="head"),
        element(
            "table",
            element("thead", element("tr", *(element("th", column, scope="col") for column in COLUMNS))),
            element("tbody", *(_entry(entry) for entry in sheet.entries)),
            element("tfoot", element("tr", element("td", sheet.mark, colspan=str(len(COLUMNS))))),
            class_="sheet",
        ),
        element(
            "table",
            element(
                "tbody",
                *(element("tr", element("td", note, colspan="2")) for note in sheet.notes),
                element("tr", element("th", DIGEST_LABEL, scope="row"), element("td", sheet.digest), class_="digest"),
            ),
            class_="notes",
        ),
    )


def _line(label: str, value: str) -> Html:
    return element("tr", element("th", label, scope="row"), element("td", value))


_CLASSES: Final = ("no", "name", "place", "fix", "sure", "state")


def _entry(entry: Entry) -> Html:
    cells = []
    for column, name, pieces in zip(COLUMNS, _CLASSES, entry.cells, strict=True):
        shown = [element("span", piece) for piece in pieces]
        if name == "place":
            shown += [
                element("a", link.label, href=link.href, class_="act", rel="noreferrer noopener", target="_blank")
                for link in entry.links
            ]
        cells.append(element("td", Html(" ".join(shown)), class_=name, data_label=column))
    return element("tr", *cells, class_=str(entry.state))
