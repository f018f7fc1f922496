"""Which locations are new, how far cursors go, and when a source is polled again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.aemp.domain import (
    LONGEST_BACKOFF,
    OFFER_AGAIN_AFTER,
    AempAuth,
    Cursor,
    DueSource,
    cursors_after,
    is_new,
    next_poll_at,
)
from app.telemetry.formats.ping_row import PingRow

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(at: datetime, device: str = "P1") -> PingRow:
    return PingRow(device_id=device, fixed_at=at, lat=31.2, lon=121.4)


def source(interval: timedelta = timedelta(minutes=15)) -> DueSource:
    return DueSource(
        source_id=1,
        lessor_id=1,
        feed_id=1,
        base_url="https://maker.example",
        auth=AempAuth.BEARER,
        client_id=None,
        token_url=None,
        scope=None,
        secret_sealed=b"sealed",
        min_interval=interval,
        failures=0,
        polled_at=NOW,
        revision=1,
    )


@pytest.mark.parametrize(
    ("cursor", "new"),
    [
        (None, True),
        (Cursor(NOW - 2 * HOUR), True),
        (Cursor(NOW - HOUR), False),
        (Cursor(NOW - HOUR / 2), False),
        (Cursor(NOW + HOUR), True),  # the machine's clock was wrong then
        (Cursor(NOW - HOUR, NOW - OFFER_AGAIN_AFTER), True),
        (Cursor(NOW - HOUR, NOW - OFFER_AGAIN_AFTER / 2), False),
    ],
)
def test_a_location_is_new_when_it_is_later_than_the_machines_last_one(cursor: Cursor | None, new: bool) -> None:
    assert is_new(row(NOW - HOUR), cursor, NOW) is new


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-1000, 1000)), max_size=20))
def test_after_a_batch_nothing_of_it_is_new(batch: list[tuple[str, int]]) -> None:
    rows = [(i, row(NOW - timedelta(days=1, minutes=m), device)) for i, (device, m) in enumerate(batch)]
    cursors = cursors_after(rows, frozenset(), NOW)
    assert set(cursors) == {device for device, _ in batch}
    assert not [one for _, one in rows if is_new(one, cursors[one.device_id], NOW)]


def test_only_the_machine_whose_latest_location_was_refused_is_offered_again() -> None:
    rows = [(0, row(NOW - HOUR, "A")), (1, row(NOW, "A")), (2, row(NOW, "B"))]
    cursors = cursors_after(rows, frozenset({0, 2}), NOW)
    assert cursors == {"A": Cursor(NOW), "B": Cursor(NOW, NOW)}


@given(failures=st.integers(0, 10_000), minutes=st.integers(5, 1440), asked=st.integers(0, 86_400))
def test_a_source_is_never_polled_before_its_interval_nor_before_it_was_asked(
    failures: int, minutes: int, asked: int
) -> None:
    interval, retry_after = timedelta(minutes=minutes), timedelta(seconds=asked)
    at = next_poll_at(source(interval), failures=failures, now=NOW, retry_after=retry_after)
    assert at >= NOW + max(interval, retry_after)
    assert at <= NOW + max(interval, retry_after, LONGEST_BACKOFF)


def test_a_source_never_shows_its_sealed_secret() -> None:
    assert "sealed" not in repr(source())
