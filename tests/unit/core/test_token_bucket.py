"""Token buckets: how much is let through, and how long the rest has to wait."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.limits.token_bucket import BURST_S, Bucket, KeyedBuckets


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


def test_asking_for_the_wait_takes_nothing() -> None:
    bucket = Bucket()
    assert [bucket.wait_s(20, 10, 0.0) for _ in range(3)] == [0.0] * 3
    bucket.take(20, 10, 0.0)
    assert [bucket.wait_s(5, 10, 0.0) for _ in range(3)] == [0.5] * 3
    assert bucket.take(5, 10, 0.5) == 0.0


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = KeyedBuckets(burst_s=60)
    assert [buckets.take("a", 0.05, 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]
    assert (buckets.wait_s("a", 0.05, 15.0), buckets.wait_s("b", 0.05, 15.0)) == (5.0, 0.0)
    assert buckets.wait_s("a", 0.05, 20.0) == 0.0


def test_keys_take_no_more_memory_than_they_may() -> None:
    buckets = KeyedBuckets(capacity=100)
    for number in range(1000):
        buckets.take(str(number), 0.5, 0.0)
        assert number == 0 or buckets.take("0", 0.5, 0.0) > 0, "what is counted again is not forgotten"
    assert len(buckets) == 100
    assert buckets.wait_s("1", 0.5, 0.0) == 0
