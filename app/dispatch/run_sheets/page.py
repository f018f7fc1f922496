"""HTML pages of a shared run sheet: the PIN form, the sheet, and the page for an invalid link.

They have no scripts. The Content-Security-Policy allows the inline style by its SHA-256. Templates and style are in
``templates/``.
"""

from typing import Final

from app.core.web.templates import style_policy, templates_of
from app.dispatch.run_sheets.content import COLUMNS, RunSheet
from app.exports.digest import DIGEST_LABEL

_TEMPLATES: Final = templates_of("app.dispatch.run_sheets")
_CLASSES: Final = ("no", "name", "place", "fix", "sure", "state")
"""The CSS class of each of ``COLUMNS``."""
HEADERS: Final = {
    "Content-Security-Policy": style_policy(_TEMPLATES.get_template("run_sheet.css").render()),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every page: no copy is stored, links send no referrer, and no other resource is loaded."""


def pin_page(error: str = "") -> bytes:
    """Return the form for the PIN, with the error of the previous attempt; it reveals nothing about the case."""
    return _rendered("pin.html", error=error)


def not_found_page() -> bytes:
    """Return the page for every invalid link, whatever the reason."""
    return _rendered("not_found.html")


def sheet_page(sheet: RunSheet) -> bytes:
    """Return the sheet, with its digest in the last row of its tables."""
    return _rendered(
        "run_sheet.html",
        case_number=dict(sheet.heading)["案号 Case number"],
        columns=tuple(zip(COLUMNS, _CLASSES, strict=True)),
        sheet=sheet,
        digest_label=DIGEST_LABEL,
    )


def _rendered(template: str, **values: object) -> bytes:
    return _TEMPLATES.get_template(template).render(values).encode()
