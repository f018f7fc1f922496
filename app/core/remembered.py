"""Answers that are asked for thousands of times a second and seldom change: each is remembered for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Remembers answers for a while; whoever asks at once shares one question. No error is kept.

    Args:
        for_s: How long, seconds: so much later a change counts at the latest.
    """

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._known: dict[Key, tuple[float, Value]] = {}
        self._asking: dict[Key, asyncio.Task[Value]] = {}

    async def of(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """Return the answer for a key, asked for now if none is remembered; raises what ``ask`` raises."""
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._remember(key, ask))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _remember(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        begun = time.monotonic()  # the answer may be as old as the question
        value = await ask()
        now = time.monotonic()
        self._known = {k: v for k, v in self._known.items() if v[0] > now}
        self._known[key] = (begun + self._for_s, value)
        return value
