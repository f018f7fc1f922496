"""How fast a sender may be: token buckets, in each process by itself."""

import math
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

    def take(self, n: int, per_s: float, now_s: float) -> float:
        """Take ``n`` if so many are there; more than a full bucket holds are lent when it is full.

        Args:
            n: How many rows or requests.
            per_s: The rate; it may change from call to call.
            now_s: Seconds of a clock that never goes back.

        Returns:
            0.0, or nothing was taken and this is after how many seconds it is worth trying again.
        """
        full = per_s * self._burst_s
        tokens = self._tokens + (now_s - self._at_s) * per_s
        self._at_s = now_s
        self._tokens = tokens = min(tokens, full)
        wanted = min(n, full)
        if tokens < wanted:
            return (wanted - tokens) / per_s
        self._tokens = tokens - n
        return 0.0
