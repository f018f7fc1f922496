"""Keys that were checked a moment ago, for entrances that see the same key thousands of times a second."""

from typing import Final

from app.access.domain import Principal, hash_secret, split_key
from app.access.service import authenticate
from app.core.clock import Clock
from app.core.database import SERVICE, Database
from app.core.remembered import Remembered

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
        self._known: Remembered[bytes, Principal] = Remembered(REMEMBERED_S)

    async def principal(self, key_text: str | None) -> Principal:
        """Return who holds a key.

        Raises:
            NotAuthenticated: There is no key, or it is not in force; the answer never says which.
        """
        if key_text is None or split_key(key_text) is None:
            return await self._ask(key_text)
        return await self._known.of(hash_secret(key_text), lambda: self._ask(key_text))  # the key itself is not kept

    async def _ask(self, key_text: str | None) -> Principal:
        async with self._database.reading(SERVICE) as session:
            return (await authenticate(session, key_text, self._clock)).principal
