"""Keys that were checked a moment ago, for entrances that see the same key thousands of times a second."""

from collections import OrderedDict
from typing import Final

from starlette.requests import HTTPConnection

from app.access.domain import Principal, hash_secret, split_key
from app.access.service import KEY_REFUSED, authenticate
from app.core.clients import client_key
from app.core.clock import Clock
from app.core.database import SERVICE, Database
from app.core.errors import NotAuthenticated
from app.core.failures import FailureLimit
from app.core.remembered import Remembered

REMEMBERED_S: Final = 0.5
"""A key that was revoked is refused everywhere after this, seconds."""
_MOST_ONCE_VALID: Final = 20_000


class Keyring:
    """Remembers for half a second whose a valid key is; refusals are not remembered but counted by address.

    Keys from an address that sent too many refused ones are not looked up until a minute is over. A key that was
    valid here before is looked up all the same: a gateway with one wrong device behind it goes on.

    Args:
        database: Where the keys are.
        clock: The time, for their expiry.
        failures: Counts refusals.
    """

    def __init__(self, database: Database, clock: Clock, failures: FailureLimit) -> None:
        self._database = database
        self._clock = clock
        self._failures = failures
        self._known: Remembered[bytes, Principal] = Remembered(REMEMBERED_S)
        self._once_valid: OrderedDict[bytes, None] = OrderedDict()

    async def principal(self, key_text: str | None, connection: HTTPConnection) -> Principal:
        """Return who holds a key.

        Args:
            key_text: What was sent.
            connection: With which request.

        Raises:
            NotAuthenticated: There is no key, or it is not in force; the answer never says which.
            TooManyRequests: Its address sent too many that are not.
        """
        if key_text is None or split_key(key_text) is None:
            address = client_key(connection)
            self._failures.check(address)
            self._failures.count(address)
            raise NotAuthenticated(KEY_REFUSED)
        digest = hash_secret(key_text)  # the key itself is not kept
        return await self._known.of(digest, lambda: self._ask(key_text, digest, connection))

    async def _ask(self, key_text: str, digest: bytes, connection: HTTPConnection) -> Principal:
        if digest not in self._once_valid:
            self._failures.check(client_key(connection))
        try:
            async with self._database.reading(SERVICE) as session:
                principal = (await authenticate(session, key_text, self._clock)).principal
        except NotAuthenticated:
            self._once_valid.pop(digest, None)
            self._failures.count(client_key(connection))
            raise
        self._once_valid[digest] = None
        self._once_valid.move_to_end(digest)
        if len(self._once_valid) > _MOST_ONCE_VALID:
            self._once_valid.popitem(last=False)
        return principal
