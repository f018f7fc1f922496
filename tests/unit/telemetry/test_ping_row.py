from typing import Any

import pytest

from app.telemetry.formats.ping_row import MAX_EXTRA_BYTES, within_size

OVERHEAD = len('{"a":""}')


def nested(levels: int) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for _ in range(levels):
        extra = {"a": extra}
    return extra


def test_extra_is_kept_up_to_its_size_in_bytes_of_json() -> None:
    fits = {"a": "x" * (MAX_EXTRA_BYTES - OVERHEAD)}
    assert within_size(fits) == fits
    assert within_size({"a": "x" * (MAX_EXTRA_BYTES - OVERHEAD + 1)}) is None
    assert within_size({"a": "沪" * (MAX_EXTRA_BYTES // 2)}) is None


@pytest.mark.parametrize(
    "extra", [{}, {"a": "\0"}, {"\0": 1}, {"a": "\\\0"}, {"a": "\ud800"}, {"a": object()}, nested(5_000)]
)
def test_what_is_empty_or_cannot_be_stored_is_left_out(extra: dict[str, Any]) -> None:
    assert within_size(extra) is None


def test_text_that_only_looks_like_the_escape_of_u_0000_is_kept() -> None:
    assert within_size({"a": "\\u0000"}) == {"a": "\\u0000"}
