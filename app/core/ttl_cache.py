"""Asynchronous cache with a time to live, for values read thousands of times a second that seldom change."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
_PRUNE_AT: Final = 1000


class TtlCache(Generic[Key, Value]):
    """Caches results; concurrent callers of a key share one call. Errors are not cached.

    The time to live is in seconds; a function is called at each use.
    """

    def __init__(self, for_s: float | Callable[[], float]) -> None:
        self._for_s: Callable[[], float] = for_s if callable(for_s) else lambda: for_s
        self._cached: dict[Key, tuple[float, Value]] = {}
        self._pending: dict[Key, asyncio.Task[Value]] = {}
        self._invalidations = 0
        self._prune_at = _PRUNE_AT

    async def of(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """Return the cached value of a key, or await ``ask``; raises what ``ask`` raises."""
        cached = self._cached.get(key)
        if cached is not None and cached[0] + self._for_s() > time.monotonic():
            return cached[1]
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = asyncio.create_task(self._load(key, ask))
            pending.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(pending)

    def forget(self, which: Callable[[Value], bool] | None = None) -> None:
        """Drop the values for which ``which`` is true, or all; results of calls in progress are not cached either."""
        self._invalidations += 1
        self._pending.clear()  # later callers must not share a call from before the change
        if which is None:
            self._cached.clear()
        else:
            self._cached = {key: cached for key, cached in self._cached.items() if not which(cached[1])}

    def _finished(self, key: Key, done: asyncio.Task[Value]) -> None:
        if self._pending.get(key) is done:
            del self._pending[key]
        if not done.cancelled():
            done.exception()  # all callers may be cancelled; marks the exception as retrieved

    async def _load(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        started, invalidations = time.monotonic(), self._invalidations  # the age counts from the start
        value = await ask()
        if invalidations == self._invalidations:
            self._prune()
            self._cached[key] = (started, value)
        return value

    def _prune(self) -> None:
        if len(self._cached) >= self._prune_at:
            oldest = time.monotonic() - self._for_s()
            self._cached = {key: cached for key, cached in self._cached.items() if cached[0] > oldest}
            self._prune_at = max(_PRUNE_AT, 2 * len(self._cached))
