"""Cache of valid keys and sessions: the same one can come thousands of times a second."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal
from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.errors import NotAuthenticated
from app.core.ttl_cache import TtlCache
from app.identity.domain import ActiveSession, hash_secret, split_key
from app.identity.keys import credential_queries
from app.identity.keys.credential_queries import FoundKey
from app.identity.keys.credentials import KEY_REFUSED, authenticate
from app.identity.revocation_listener import RevocationListener, cancel_and_wait
from app.identity.sessions import queries as session_queries
from app.identity.sessions.service import authenticate_session, token_digest

TTL_S: Final = 0.5
"""Time to live in seconds while the process does not receive revocations; they take effect after this at the
latest."""
LISTENING_TTL_S: Final = 30.0
"""Time to live in seconds while the process receives every revocation."""
LAST_SEEN_RESOLUTION: Final = timedelta(minutes=1)
"""Resolution of the stored time of last use."""
_WRITE_USES_S: Final = 30.0
_log = structlog.get_logger("leasetrace.access")


class CredentialCache:
    """Caches valid keys and sessions. Refusals are not cached; expiry is checked at each use."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._idle_after = context.settings.session.idle
        self._listener = RevocationListener(context.database, self._on_notification, self.forget)
        self._keys: TtlCache[bytes, FoundKey] = TtlCache(self._ttl_s)
        self._sessions: TtlCache[bytes, ActiveSession] = TtlCache(self._ttl_s)
        self._uses: dict[int, datetime] = {}

    async def principal(self, key_text: str | None) -> Principal:
        """Return a key's holder; raises ``NotAuthenticated`` without a valid key, without saying why."""
        if key_text is None or split_key(key_text) is None:
            raise NotAuthenticated(KEY_REFUSED)
        digest = hash_secret(key_text)  # the cache does not hold the key itself
        found = await self._keys.of(digest, lambda: self._ask(key_text))
        now = self._clock.now()
        if found.expires_at is not None and found.expires_at <= now:
            raise NotAuthenticated(KEY_REFUSED)
        if found.principal.api_key_id is not None:
            self._uses[found.principal.api_key_id] = now
        return found.principal

    async def signed_in(self, token: str) -> ActiveSession:
        """Return a token's session, and record its use once a minute; raises ``NotAuthenticated``."""
        digest, now = token_digest(token), self._clock.now()
        found = await self._sessions.of(digest, lambda: self._ask_session(token))
        if found.is_over(now, self._idle_after):  # another process may have recorded a later use
            self._forget_sessions(lambda one: one.session_id == found.session_id)
            found = await self._sessions.of(digest, lambda: self._ask_session(token))
        if now - found.last_seen_at >= LAST_SEEN_RESOLUTION:
            await self._touch(found, now)
        return found

    def forget(self) -> None:
        """Drop everything."""
        self._keys.forget()
        self._sessions.forget()

    def forget_principal(self, principal_id: int) -> None:
        """Drop the keys and sessions of a principal."""
        self._keys.forget(lambda one: one.principal.principal_id == principal_id)
        self._forget_sessions(lambda one: one.principal.principal_id == principal_id)

    def forget_on_commit(self, session: AsyncSession, *, principal_id: int) -> None:
        """Drop the keys and sessions of a principal when a transaction commits.

        Other processes receive the database's notification; in this process it applies before the request is
        answered.
        """

        def forget(*_: object) -> None:
            self.forget_principal(principal_id)

        event.listen(session.sync_session, "after_commit", forget)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Listen for revocations, and write times of last use of keys, while the block runs."""
        tasks = [
            asyncio.create_task(self._listener.run(), name="access-listener"),
            asyncio.create_task(self._write_uses(), name="access-uses"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                await cancel_and_wait(task)
            await self._try_to_write_uses()

    async def write_uses(self) -> None:
        """Write the times of last use of keys, in one statement."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with self._database.writing(SERVICE) as session:
                await credential_queries.note_uses(session, uses)
        except BaseException:
            self._uses = uses | self._uses
            raise

    @property
    def is_listening(self) -> bool:
        """Whether this process receives every revocation."""
        return self._listener.is_listening

    def _ttl_s(self) -> float:
        return LISTENING_TTL_S if self._listener.is_listening else TTL_S

    async def _ask(self, key_text: str | None) -> FoundKey:
        async with self._database.reading(SERVICE) as session:
            return await authenticate(session, key_text, self._clock)

    async def _ask_session(self, token: str) -> ActiveSession:
        async with self._database.reading(SERVICE) as session:
            return await authenticate_session(session, token, self._clock.now(), self._idle_after)

    async def _touch(self, found: ActiveSession, now: datetime) -> None:
        async with self._database.writing(SERVICE) as session:
            await session_queries.touch_session(session, found.session_id, now, now - LAST_SEEN_RESOLUTION)
        self._forget_sessions(lambda one: one.session_id == found.session_id)

    def _on_notification(self, payload: str) -> None:
        table, _, text = payload.partition(":")
        row_id = int(text) if text.isascii() and text.isdigit() else None
        if row_id is None:
            self.forget()  # unknown payload: drop everything
        elif table == "api_key":
            self._keys.forget(lambda one: one.principal.api_key_id == row_id)
        elif table == "session":
            self._forget_sessions(lambda one: one.session_id == row_id)
        else:
            self.forget_principal(row_id)

    def _forget_sessions(self, which: Callable[[ActiveSession], bool]) -> None:
        self._sessions.forget(which)

    async def _write_uses(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_USES_S)
            await self._try_to_write_uses()

    async def _try_to_write_uses(self) -> None:
        try:
            await self.write_uses()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("uses_not_written", error=type(error).__name__)
