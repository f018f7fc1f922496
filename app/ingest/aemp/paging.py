"""The next page of a fleet snapshot; pure.

Makers agree on numbered pages and on ``Links``, but use links differently (seen in public samples). ``next`` of the
last page points to that page itself (Takeuchi) or to the first one (Rexroth). Links are relative to no clear base
(Rexroth), or name another host or path than the one that answered (Samsara). So a link is read as a NUMBER, and the
page is requested at our own address. A link without a number is followed only to the same origin, because the request
carries a secret.

References:
    ISO/TS 15143-3:2020, clauses 7 (100 a page, the first is 1) and 8.4 (links).
"""

from dataclasses import dataclass
from typing import Final

import httpx

from app.core.web.outbound import same_origin
from app.telemetry.formats.aemp import AempPage

FULL_PAGE: Final = 100  # machines on a full page; a full page without any links may have a successor

_MAX_DIGITS: Final = 6


class LeavesOrigin(Exception):
    """The only link to the next page leads to another host; it is not followed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A page to request; ``number`` is from 1, or a count for links without numbers."""

    url: str
    number: int  # from 1; for pages behind links without numbers, their count so far


def page_url(base_url: str, number: int) -> str:
    """Return the address of a page: makers write ``Fleet`` or ``fleet``, and the base address may end in it."""
    base = base_url.rstrip("/")
    return f"{base}/{number}" if base.rpartition("/")[2].lower() == "fleet" else f"{base}/Fleet/{number}"


def first_step(base_url: str) -> Step:
    """Return the first page."""
    return Step(page_url(base_url, 1), 1)


def next_step(base_url: str, at: Step, page: AempPage, *, brought_new: bool) -> Step | None:
    """Return the page after this one, None after the last.

    Args:
        brought_new: Whether the page had a machine that no page before it had.

    Raises:
        LeavesOrigin: The link to the next page has no number and leads to another host.
    """
    number = at.number + 1
    linked = _number_in(page.next_href)
    if page.next_href is not None and linked is None:
        return _followed(base_url, at, page.next_href)
    if linked is not None:
        return Step(page_url(base_url, linked), linked) if linked > at.number else None
    last = _number_in(page.last_href)
    if last is not None:
        return Step(page_url(base_url, number), number) if last > at.number else None
    if page.last_href is None and page.machines >= FULL_PAGE and brought_new:
        return Step(page_url(base_url, number), number)  # a guess: its 404 ends the fleet
    return None


def _followed(base_url: str, at: Step, href: str) -> Step | None:
    try:
        url = httpx.URL(at.url).join(href)
    except (httpx.InvalidURL, ValueError):
        return None
    if not same_origin(url, httpx.URL(base_url)) or url.userinfo:
        raise LeavesOrigin
    url = url.copy_with(fragment=None)
    return None if str(url) == at.url else Step(str(url), at.number + 1)


def _number_in(href: str | None) -> int | None:
    """Return the number that a link ends in, None where it ends in none or has a query."""
    if href is None:
        return None
    last = href.rstrip("/").rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) <= _MAX_DIGITS else None
