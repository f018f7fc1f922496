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
        self._known: dict[Key, tuple[float, Value]] = {}
        self._asking: dict[Key, asyncio.Task[Value]] = {}
        self._forgettings = 0
        self._prune_at = _PRUNE_AT

    async def of(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """Return the cached value of a key, or await ``ask``; raises what ``ask`` raises."""
        known = self._known.get(key)
        if known is not None and known[0] + self._for_s() > time.monotonic():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._remember(key, ask))
            asking.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(asking)

    def forget(self, which: Callable[[Value], bool] | None = None) -> None:
        """Drop the values for which ``which`` is true, or all; results of calls in progress are not cached either."""
        self._forgettings += 1
        self._asking.clear()  # whoever asks from now on does not share a question from before the change
        if which is None:
            self._known.clear()
        else:
            self._known = {key: known for key, known in self._known.items() if not which(known[1])}

    def _asked(self, key: Key, done: asyncio.Task[Value]) -> None:
        if self._asking.get(key) is done:
            del self._asking[key]
        if not done.cancelled():
            done.exception()  # every asker may have gone away; then nobody else looks at it

    async def _remember(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        begun, forgettings = time.monotonic(), self._forgettings  # the answer may be as old as the question
        value = await ask()
        if forgettings == self._forgettings:
            self._prune()
            self._known[key] = (begun, value)
        return value

    def _prune(self) -> None:
        if len(self._known) >= self._prune_at:
            oldest = time.monotonic() - self._for_s()
            self._known = {key: known for key, known in self._known.items() if known[0] > oldest}
            self._prune_at = max(_PRUNE_AT, 2 * len(self._known))
