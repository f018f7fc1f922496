"""A limit of failures: who keeps sending what is refused has to wait. Successes cost and change nothing."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from app.core.errors import TooManyRequests

WINDOW_S: Final = 60.0
_MOST_COUNTED: Final = 20_000


class FailureLimit:
    """Counts failures by client in windows of a minute, in this process.

    Memory is bounded: past 20,000 clients the one that failed longest ago is forgotten.

    Args:
        most: So many failures in a window; past it the client waits for the window's end. 0 counts nothing.
        now_s: Seconds that only go forward.
        capacity: So many clients are counted at most.
    """

    def __init__(
        self, most: int, now_s: Callable[[], float] = time.monotonic, *, capacity: int = _MOST_COUNTED
    ) -> None:
        self._most = most
        self._now_s = now_s
        self._capacity = capacity
        self._latest_end = 0.0
        self._counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def active(self) -> bool:
        """Whether any client failed within its window: as long as none did, there is nothing to check."""
        return self._latest_end > self._now_s()

    def __len__(self) -> int:
        return len(self._counted)

    def count(self, key: str) -> None:
        """Count one failure of a client (``app.core.clients.client_key``)."""
        if not self._most:
            return
        now = self._now_s()
        ends, failures = self._counted.get(key, (0.0, 0))
        if ends <= now:
            ends, failures = now + WINDOW_S, 0
            self._latest_end = ends
        self._counted[key] = (ends, failures + 1)
        self._counted.move_to_end(key)
        while len(self._counted) > self._capacity:
            self._counted.popitem(last=False)

    def check(self, key: str) -> None:
        """Let a client through that has not failed too often.

        Raises:
            TooManyRequests: It has; it waits until its window ends.
        """
        ends, failures = self._counted.get(key, (0.0, 0))
        left = ends - self._now_s()
        if failures >= self._most > 0 and left > 0:
            raise TooManyRequests(
                "Too many requests from this address were refused; wait, and check the key.",
                retry_after_s=max(1, math.ceil(left)),
            )
