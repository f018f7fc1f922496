"""Rate limits by client address, in this process's memory: refused keys, unknown sessions, sign-in attempts."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from starlette.requests import HTTPConnection

from app.core.errors import NotAuthenticated, TooManyRequests
from app.core.limits.token_bucket import KeyedBuckets
from app.core.settings import Settings
from app.core.web.parameters import client_key
from app.identity.errors import SignInPaused

_MINUTE_S: Final = 60.0
_MAX_ONCE_VALID: Final = 20_000
Credential = TypeVar("Credential")


class AuthThrottle:
    """Counts by client address, one token bucket for each kind and address; a full one holds a minute's tokens.

    Keys from an address that sent too many invalid ones are not checked until its bucket refills. A key that was
    valid here before is checked all the same: one misconfigured device does not block the others behind its gateway.
    Sessions are counted separately, and only unknown ones: expired sessions do not block other people of a court.
    Every sign-in attempt counts, also a successful one.

    Args:
        settings: ``failures_per_minute`` and ``sign_in_attempts_per_minute``, read at each request.
        now_s: Seconds of a monotonic clock.
    """

    def __init__(self, settings: Settings, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now_s = now_s
        self._buckets = KeyedBuckets(_MINUTE_S)
        self._once_valid: OrderedDict[bytes, None] = OrderedDict()

    async def ask(
        self,
        connection: HTTPConnection,
        secret: str | None,
        ask: Callable[[], Awaitable[Credential]],
        counted: type[NotAuthenticated] = NotAuthenticated,
    ) -> Credential:
        """Return the result of ``ask``, which checks a credential; raises what it raises, and counts refusals.

        Args:
            secret: The credential; without one nothing is counted.
            counted: The class of refusals that counts; each class has its own bucket.

        Raises:
            TooManyRequests: The client address sent too many refused credentials.
        """
        if not secret:
            return await ask()  # no credential, no attempt: the page of a signed-out person sends such requests
        digest = hashlib.sha256(secret.encode()).digest()
        per_s = self._settings.auth_throttle.failures_per_minute / _MINUTE_S
        if per_s and self._buckets and digest not in self._once_valid:
            wait_s = self._buckets.wait_s(_key(counted.__name__, connection), per_s, self._now_s())
            if wait_s:
                raise TooManyRequests(
                    "Too many requests from this address were refused; wait, and check the key.",
                    retry_after_s=math.ceil(wait_s),
                )
        try:
            credential = await ask()
        except NotAuthenticated as refusal:
            self._once_valid.pop(digest, None)
            if per_s and isinstance(refusal, counted):
                self._buckets.take(_key(counted.__name__, connection), per_s, self._now_s())
            raise
        self._once_valid[digest] = None
        self._once_valid.move_to_end(digest)
        if len(self._once_valid) > _MAX_ONCE_VALID:
            self._once_valid.popitem(last=False)
        return credential

    def count_sign_in(self, connection: HTTPConnection) -> None:
        """Count a sign-in attempt of any method. Raises ``SignInPaused`` after too many from the client's address."""
        per_s = self._settings.auth_throttle.sign_in_attempts_per_minute / _MINUTE_S
        wait_s = self._buckets.take(_key("sign-in", connection), per_s, self._now_s())
        if wait_s:
            raise SignInPaused(math.ceil(wait_s))


def _key(kind: str, connection: HTTPConnection) -> str:
    return f"{kind} {client_key(connection)}"
