"""Sign-in with login, password and TOTP code.

An attempt does not reveal whether a login exists. It is counted by the digest of the entered login before it is
checked, and an unknown login costs the same statements and the same argon2id as a wrong password. An attempt uses
two short transactions with the slow hash between them, so that no connection waits for it.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.notes import Author, Note, note
from app.audit.writer import writing_as
from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.errors import AppError
from app.identity import attempts
from app.identity.attempts import LOGINS, Attempt
from app.identity.domain import SignInMethod
from app.identity.errors import SignInPaused, SignInRefused, TotpRefused, TotpRequired
from app.identity.people import queries as people_queries
from app.identity.people import totp
from app.identity.people.passwords import Passwords, Verdict, login_digest, normalise_login
from app.identity.sessions import queries as session_queries
from app.identity.sessions.service import SessionTokens, end_session_of, open_session
from app.identity.tables import AccountRow

_SHOWN_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials as entered; ``code`` is a TOTP code or a recovery code."""

    login: str
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The client of an attempt; ``token`` is of the browser's current session, which ends."""

    user_agent: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _CountedAttempt:
    """An attempt that was counted and must be checked."""

    digest: bytes
    attempt: Attempt
    principal_id: int | None
    password_hash: str | None

    @property
    def subject(self) -> str:
        """The person for the audit trail; for an unknown login a digest only."""
        if self.principal_id is not None:
            return f"principal {self.principal_id}"
        return f"login sha256 {self.digest[:_SHOWN_BYTES].hex()}"


class SignInService:
    """Sign-in of people; one instance for each process."""

    def __init__(self, context: Context, passwords: Passwords) -> None:
        self._context = context
        self.passwords = passwords

    async def open(self, given: Credentials, client_info: ClientInfo) -> SessionTokens:
        """Check credentials and open a session.

        Raises:
            SignInPaused: Too many failures for the login.
            SignInRefused: Wrong login or password, or the account is disabled; the same answer.
            TotpRequired: The password is right, and the account has an authenticator.
            TotpRefused: The code is wrong or used.
            Unavailable: The hashing queue is full; the attempt was not counted.
        """
        with self.passwords.turn():
            begun = await self._begin(normalise_login(given.login))
            async with self._noting(begun):
                verdict = await self.passwords.verify(begun.password_hash, given.password)
                async with self._writing(begun) as session:
                    outcome = await self._judge(session, begun, verdict, given, client_info)
        if isinstance(outcome, AppError):  # count and audit note are committed in any case
            raise outcome
        return outcome

    async def check_password(self, login: str, password: str) -> str:
        """Check the password of a signed-in person, counted and refused like a sign-in attempt; return its hash."""
        with self.passwords.turn():
            begun = await self._begin(login)
            async with self._noting(begun):
                verdict = await self.passwords.verify(begun.password_hash, password)
                if not verdict.right or begun.password_hash is None:
                    raise SignInRefused
                async with self._context.database.writing(SERVICE) as session:
                    await attempts.revert(session, LOGINS, begun.digest, begun.attempt)
        return begun.password_hash

    def _writing(self, begun: _CountedAttempt) -> AbstractAsyncContextManager[AsyncSession]:
        author = Author(begun.principal_id or 0, "signing_in")
        return writing_as(self._context.database, author, self._context.clock)

    @asynccontextmanager
    async def _noting(self, begun: _CountedAttempt) -> AsyncIterator[None]:
        """Write an audit note for any failure, even for an internal error: the attempt was counted."""
        try:
            yield
        except Exception as error:
            why = "asked again" if isinstance(error, SignInRefused) else type(error).__name__
            async with self._writing(begun) as session:
                note(session, Note("sign_in.failed", detail=f"{begun.subject}, {why}"))
            raise

    async def _begin(self, login: str) -> _CountedAttempt:
        digest, now = login_digest(login), self._context.clock.now()
        author = Author(0, "signing_in")
        async with writing_as(self._context.database, author, self._context.clock) as session:
            await session_queries.begin_counting(session, digest, now)
            attempt = await attempts.count(session, LOGINS, digest, now)
            account = await people_queries.account_by_login(session, login)
            begun = _CountedAttempt(
                digest,
                attempt,
                None if account is None else account.principal_id,
                None if account is None else account.password_hash,
            )
            if not attempt.counted:
                note(session, Note("sign_in.locked", detail=begun.subject))
        if not attempt.counted:
            raise SignInPaused(attempt.wait_s(now) or 1)
        return begun

    async def _judge(
        self,
        session: AsyncSession,
        begun: _CountedAttempt,
        verdict: Verdict,
        given: Credentials,
        client_info: ClientInfo,
    ) -> SessionTokens | AppError:
        now = self._context.clock.now()
        person = await people_queries.locked_account(session, begun.principal_id or 0)
        account = person[0] if person else None
        if account is None or not verdict.right or not _is_open(account, begun, now):
            note(session, Note("sign_in.failed", detail=begun.subject))
            return SignInRefused()
        if account.totp_sealed is not None:
            if given.code is None:
                await attempts.revert(session, LOGINS, begun.digest, begun.attempt)
                return TotpRequired()
            if not await self._is_second_factor(session, account, given.code, now):
                note(session, Note("sign_in.failed", detail=f"{begun.subject}, code"))
                return TotpRefused()
        return await self._complete(session, account, begun, verdict, client_info)

    async def _complete(
        self,
        session: AsyncSession,
        account: AccountRow,
        begun: _CountedAttempt,
        verdict: Verdict,
        client_info: ClientInfo,
    ) -> SessionTokens:
        now = self._context.clock.now()
        account.last_sign_in_at = now
        if verdict.new_hash is not None:
            account.password_hash = verdict.new_hash
        await session_queries.clear_failures(session, begun.digest)
        if client_info.token is not None:
            await end_session_of(session, client_info.token, now)
        opened = await open_session(
            session, account.principal_id, self._context, SignInMethod.PASSWORD, user_agent=client_info.user_agent
        )
        note(session, Note("sign_in.ok", detail=begun.subject))
        return opened

    async def _is_second_factor(self, session: AsyncSession, account: AccountRow, code: str, now: datetime) -> bool:
        typed = "".join(code.split())
        if not (typed.isascii() and typed.isdigit()):
            return await people_queries.spend_recovery_code(session, account.principal_id, totp.recovery_digest(code))
        encryptor = self._context.settings.encryption.encryptor()
        secret = encryptor.open(account.totp_sealed or b"", totp_bound_to(account.principal_id))
        step = totp.matching_step(secret, typed, now)
        return step is not None and await people_queries.spend_step(session, account.principal_id, step)


def totp_bound_to(principal_id: int) -> str:
    """Return the row that an encrypted TOTP secret is bound to."""
    return f"account:{principal_id}:totp"


def _is_open(account: AccountRow, begun: _CountedAttempt, now: datetime) -> bool:
    """Return whether an account may sign in: same hash as checked, not disabled, password not expired."""
    in_time = account.password_until is None or account.password_until > now
    return account.password_hash == begun.password_hash and account.disabled_at is None and in_time
