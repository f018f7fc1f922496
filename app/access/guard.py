"""A guard before the check of keys and sessions: who sends too many refused ones from one address has to wait."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from starlette.requests import HTTPConnection

from app.core.errors import NotAuthenticated
from app.core.failures import FailureLimit
from app.core.http import client_key

_MOST_ONCE_VALID: Final = 20_000
Found = TypeVar("Found")


class Guard:
    """Counts refusals by address.

    Keys from an address that sent too many refused ones are not looked up until a minute is over. One that was valid
    here before is looked up all the same: a gateway with one wrong device behind it goes on.
    Sessions are counted apart, and of them only such as never were: neither a wrong device nor people whose sessions
    are over shut out the others of a court.

    Args:
        failures: Counts.
    """

    def __init__(self, failures: FailureLimit) -> None:
        self.failures = failures
        self._once_valid: OrderedDict[bytes, None] = OrderedDict()

    async def ask(
        self,
        connection: HTTPConnection,
        secret: str | None,
        ask: Callable[[], Awaitable[Found]],
        counted: type[NotAuthenticated] = NotAuthenticated,
    ) -> Found:
        """Return whose a key or a session is, as ``ask`` says; raises what it raises, and counts refusals.

        Args:
            connection: With which request it was sent.
            secret: What was sent; without one nothing is counted.
            ask: Looks it up.
            counted: Which refusals count; those of each kind are counted apart.

        Raises:
            TooManyRequests: Its address sent too many that were refused.
        """
        if not secret:
            return await ask()  # nothing was tried: a page whose person has signed out asks like this
        digest = hashlib.sha256(secret.encode()).digest()
        if self.failures.active and digest not in self._once_valid:
            self.failures.check(_whose(connection, counted))
        try:
            found = await ask()
        except NotAuthenticated as refusal:
            self._once_valid.pop(digest, None)
            if isinstance(refusal, counted):
                self.failures.count(_whose(connection, counted))
            raise
        self._once_valid[digest] = None
        self._once_valid.move_to_end(digest)
        if len(self._once_valid) > _MOST_ONCE_VALID:
            self._once_valid.popitem(last=False)
        return found


def _whose(connection: HTTPConnection, counted: type[NotAuthenticated]) -> str:
    return f"{counted.__name__} {client_key(connection)}"
