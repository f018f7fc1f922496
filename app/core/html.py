"""Pages for people, small enough to need no template language: text is escaped unless it was made here."""

import base64
import hashlib
from html import escape
from html.parser import HTMLParser


class Html(str):
    """A piece of HTML: what ``element`` made, or a constant of the code; never what anybody sent."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str) -> Html:
    """Return an element; text in it and in its attributes is escaped.

    Args:
        tag: Its name.
        content: Text, or ``Html``.
        attributes: By name; a trailing underscore is dropped, others become hyphens.
    """
    told = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{told}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Html:
    """Return pieces one after the other; text is escaped."""
    return Html("".join(piece if isinstance(piece, Html) else escape(piece) for piece in content))


def page(title: str, style: str, *content: str) -> bytes:
    """Return a whole page with one style and no script, to be sent with ``page_policy`` of the same style."""
    head = (
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="robots" content="noindex">'),
        element("title", title),
        Html(f"<style>{style}</style>"),
    )
    whole = element("html", element("head", *head), element("body", *content), lang="zh")
    return f"<!DOCTYPE html>\n{whole}\n".encode()


def page_policy(style: str) -> str:
    """Return the Content-Security-Policy of a page: its own style, its own form, and nothing else at all."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    own = f"style-src 'sha256-{digest}'; form-action 'self'"
    return f"default-src 'none'; {own}; base-uri 'none'; frame-ancestors 'none'"


class _Rows(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None and self.rows:
            self.rows[-1].append(one_line("".join(self._cell)))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


def read_rows(text: str) -> list[list[str]]:
    """Return the text of every row of every table of a page, cell by cell, as it is read on the screen."""
    parser = _Rows()
    parser.feed(text)
    parser.close()
    return parser.rows


def one_line(text: str) -> str:
    """Return a text with every run of white space as one space, as a page shows it."""
    return " ".join(text.split())
