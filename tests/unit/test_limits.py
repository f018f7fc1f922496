"""Token buckets: how much is let through, and how long the rest has to wait."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.limits import BURST_S, Bucket


def test_a_full_bucket_is_let_through_at_once_and_then_the_rate() -> None:
    bucket = Bucket()
    assert [bucket.take(10, 10, 100.0) for _ in range(2)] == [0.0, 0.0]
    assert bucket.take(10, 10, 100.0) == 1.0
    assert bucket.take(10, 10, 100.5) == 0.5
    assert bucket.take(10, 10, 101.0) == 0.0


def test_what_is_refused_takes_nothing() -> None:
    bucket = Bucket()
    bucket.take(20, 10, 0.0)
    assert all(bucket.take(20, 10, 1.0) for _ in range(5))
    assert bucket.take(10, 10, 1.0) == 0.0


def test_a_batch_larger_than_the_bucket_is_taken_when_it_is_full_and_paid_back() -> None:
    bucket = Bucket()
    assert bucket.take(100, 10, 0.0) == 0.0
    assert bucket.take(1, 10, 1.0) == 7.1
    assert bucket.take(1, 10, 8.1) == 0.0


def test_a_new_rate_counts_at_once() -> None:
    bucket = Bucket()
    bucket.take(2_000, 1_000, 0.0)
    assert bucket.take(1, 1, 0.0) > 0
    assert bucket.take(1, 1, 1.0) == 0.0
    assert bucket.take(2, 1, 100.0) == 0.0


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 3)), max_size=60), st.integers(1, 40))
def test_in_no_time_more_is_let_through_than_rate_and_burst(asked: list[tuple[int, float]], per_s: int) -> None:
    bucket, now_s, taken, largest = Bucket(), 0.0, 0, 0
    for n, pause_s in asked:
        now_s += pause_s
        if bucket.take(n, per_s, now_s) == 0.0:
            taken, largest = taken + n, max(largest, n)
    assert taken <= per_s * (now_s + BURST_S) + largest
