"""Keys that were checked a moment ago, for entrances that see the same key thousands of times a second."""

import asyncio
import time
from typing import Final

from app.access.domain import Principal, hash_secret, split_key
from app.access.service import authenticate
from app.core.clock import Clock
from app.core.database import Database

REMEMBERED_S: Final = 0.5
"""A key that was revoked is refused everywhere after this, seconds."""


class Keyring:
    """Remembers for half a second whose a valid key is; refusals are not remembered.

    Args:
        database: Where the keys are.
        clock: The time, for their expiry.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._asking: dict[bytes, asyncio.Task[Principal]] = {}

    async def principal(self, key_text: str | None) -> Principal:
        """Return who holds a key.

        Raises:
            NotAuthenticated: There is no key, or it is not in force; the answer never says which.
        """
        if key_text is None or split_key(key_text) is None:
            return await self._ask(key_text)
        digest = hash_secret(key_text)  # the key itself is not kept in memory
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._remember(digest, key_text))
            asking.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(asking)

    async def _remember(self, digest: bytes, key_text: str) -> Principal:
        principal = await self._ask(key_text)
        now = time.monotonic()
        self._known = {k: v for k, v in self._known.items() if v[0] > now}
        self._known[digest] = (now + REMEMBERED_S, principal)
        return principal

    async def _ask(self, key_text: str | None) -> Principal:
        async with self._database.reading() as session:
            return await authenticate(session, key_text, self._clock)
