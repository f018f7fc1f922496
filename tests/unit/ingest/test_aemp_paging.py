"""Which page comes next, for every habit of makers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.aemp.paging import LeavesOrigin, Step, first_step, next_step, page_url
from app.telemetry.formats.aemp import AempPage

BASE = "https://maker.example/iso15143"


def page(following: str | None = None, last: str | None = None, machines: int = 3) -> AempPage:
    return AempPage([], [], (), machines, 0, (), following, last)


def after(one: AempPage, number: int = 1, *, brought_new: bool = True) -> Step | None:
    return next_step(BASE, Step(page_url(BASE, number), number), one, brought_new=brought_new)


@pytest.mark.parametrize(
    ("base_url", "first"),
    [
        (BASE, f"{BASE}/Fleet/1"),
        (f"{BASE}/fleet", f"{BASE}/fleet/1"),
        (f"{BASE}/Fleet/", f"{BASE}/Fleet/1"),
        ("https://maker.example/myfleet", "https://maker.example/myfleet/Fleet/1"),
    ],
)
def test_pages_are_where_makers_have_them(base_url: str, first: str) -> None:
    assert first_step(base_url) == Step(first, 1)


@pytest.mark.parametrize(
    ("one", "number", "following"),
    [
        (page(f"{BASE}/Fleet/2"), 1, 2),
        (page("/f/Fleet/2/"), 1, 2),
        (page("https://other.example/Fleet/2"), 1, 2),
        (page(f"{BASE}/Fleet/1"), 1, None),  # Rexroth
        (page(f"{BASE}/Fleet/0", f"{BASE}/Fleet/0"), 1, None),  # Takeuchi
        (page(None, f"{BASE}/Fleet/3"), 2, 3),
        (page(None, f"{BASE}/Fleet/3"), 3, None),
        (page(), 1, None),
        (page(machines=100), 1, 2),
        (page("", None), 1, None),
    ],
)
def test_a_link_is_read_as_a_number(one: AempPage, number: int, following: int | None) -> None:
    step = after(one, number)
    assert (step.url if step else None) == (page_url(BASE, following) if following else None)


def test_a_full_page_that_brought_nothing_new_is_the_last() -> None:
    assert after(page(machines=100), brought_new=False) is None


def test_a_link_without_a_number_is_followed_at_the_same_origin_only() -> None:
    assert after(page("?cursor=a#x")) == Step(f"{BASE}/Fleet/1?cursor=a", 2)
    assert after(page("/other?page=2")) == Step("https://maker.example/other?page=2", 2)
    for href in (
        "https://other.example/x?c=1",
        "//other.example/x",
        "http://maker.example/x",
        "https://maker.example:8443/x",
        "https://user:pass@maker.example/x",
        "https://maker.example.other.example/x",
        "file:///etc/passwd",
    ):
        with pytest.raises(LeavesOrigin):
            after(page(href))


@given(st.text(max_size=60))
def test_no_link_ever_leads_elsewhere(href: str) -> None:
    try:
        step = after(page(href))
    except LeavesOrigin:
        return
    assert step is None or step.url.startswith("https://maker.example/")
