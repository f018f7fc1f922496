"""Rate limits by token bucket, in the memory of each process."""

import math
from collections import OrderedDict
from typing import Final

BURST_S: Final = 2.0
"""Default capacity of a bucket, seconds of its rate."""


class Bucket:
    """A token bucket, full at the beginning; its capacity is ``burst_s`` seconds of the rate."""

    __slots__ = ("_at_s", "_burst_s", "_tokens")

    def __init__(self, burst_s: float = BURST_S) -> None:
        self._at_s = 0.0
        self._burst_s = burst_s
        self._tokens = math.inf

    def wait_s(self, n: int, per_s: float, now_s: float) -> float:
        """Return the seconds after which ``take`` would succeed; 0.0 if it would now."""
        full = per_s * self._burst_s
        self._tokens = tokens = min(self._tokens + (now_s - self._at_s) * per_s, full)
        self._at_s = now_s
        return max(min(n, full) - tokens, 0.0) / per_s

    def take(self, n: int, per_s: float, now_s: float) -> float:
        """Take ``n`` tokens at ``per_s`` a second; a full bucket also grants a larger ``n`` and goes negative.

        Returns 0.0 on success; otherwise nothing is taken, and this is the time in seconds until a retry can succeed.
        ``now_s`` is of a monotonic clock.
        """
        wait_s = self.wait_s(n, per_s, now_s)
        if not wait_s:
            self._tokens -= n
        return wait_s


class KeyedBuckets:
    """One bucket for each key. Memory is bounded: above ``capacity`` keys the least recently used key is dropped."""

    def __init__(self, burst_s: float = BURST_S, capacity: int = 20_000) -> None:
        self._burst_s = burst_s
        self._capacity = capacity
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str, per_s: float, now_s: float) -> float:
        """Return the seconds after which a key may take one token; 0.0 if it may now."""
        bucket = self._buckets.get(key)
        return bucket.wait_s(1, per_s, now_s) if bucket else 0.0

    def take(self, key: str, per_s: float, now_s: float) -> float:
        """Take one token for a key, as ``Bucket.take`` does."""
        bucket = self._buckets.setdefault(key, Bucket(self._burst_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return bucket.take(1, per_s, now_s)
