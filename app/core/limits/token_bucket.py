"""How fast a sender may be: token buckets, in each process by itself."""

import math
from collections import OrderedDict
from typing import Final

BURST_S: Final = 2.0
"""What was not used in this time may be used at once, seconds."""


class Bucket:
    """Counts what one sender takes; full at the beginning.

    Args:
        burst_s: What was not used in this time may be used at once, seconds.
    """

    __slots__ = ("_at_s", "_burst_s", "_tokens")

    def __init__(self, burst_s: float = BURST_S) -> None:
        self._at_s = 0.0
        self._burst_s = burst_s
        self._tokens = math.inf

    def wait_s(self, n: int, per_s: float, now_s: float) -> float:
        """Return after how many seconds ``take`` would take ``n``; 0.0 where it would now."""
        full = per_s * self._burst_s
        self._tokens = tokens = min(self._tokens + (now_s - self._at_s) * per_s, full)
        self._at_s = now_s
        return max(min(n, full) - tokens, 0.0) / per_s

    def take(self, n: int, per_s: float, now_s: float) -> float:
        """Take ``n`` if so many are there; more than a full bucket holds are lent when it is full.

        Args:
            n: How many rows or requests.
            per_s: The rate; it may change from call to call.
            now_s: Seconds of a clock that never goes back.

        Returns:
            0.0, or nothing was taken and this is after how many seconds it is worth trying again.
        """
        wait_s = self.wait_s(n, per_s, now_s)
        if not wait_s:
            self._tokens -= n
        return wait_s


class KeyedBuckets:
    """A bucket for each key. Memory is bounded: past ``capacity`` the key that took longest ago is forgotten.

    Args:
        burst_s: As of ``Bucket``.
        capacity: How many keys are kept.
    """

    def __init__(self, burst_s: float = BURST_S, capacity: int = 20_000) -> None:
        self._burst_s = burst_s
        self._capacity = capacity
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str, per_s: float, now_s: float) -> float:
        """Return after how many seconds a key may take one; 0.0 where it may now."""
        bucket = self._buckets.get(key)
        return bucket.wait_s(1, per_s, now_s) if bucket else 0.0

    def take(self, key: str, per_s: float, now_s: float) -> float:
        """Take one for a key, as ``Bucket.take`` does."""
        bucket = self._buckets.setdefault(key, Bucket(self._burst_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return bucket.take(1, per_s, now_s)
