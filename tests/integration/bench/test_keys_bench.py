"""The benchmark of keys on a real database: function only, no time is asserted."""

import pytest
from fastapi import FastAPI

from app.bench import keys
from app.cli.cluster import ClusterUrls


async def test_it_prints_what_the_page_tells(
    application: FastAPI, urls: ClusterUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, times in (("REMEMBERED_CHECKS", 50), ("COLD_CHECKS", 3), ("SIGN_INS", 2)):
        monkeypatch.setattr(keys, name, times)
    numbers = await keys.measure(urls.app_url)
    for key in ("key_check_ms", "session_check_ms", "key_check_cold_ms", "sign_in_ms"):
        assert 0 < numbers[key]["p50"] <= numbers[key]["p99"]
    assert numbers["key_check_ms"]["p50"] < numbers["key_check_cold_ms"]["p50"], "it is remembered"
