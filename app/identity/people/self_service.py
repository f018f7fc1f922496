"""A signed-in person's own account: change the password, enrol an authenticator."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.notes import Note, author_of, note
from app.audit.writer import writing_as
from app.core.context import Context
from app.core.errors import Conflict, InvalidInput, NotFound
from app.identity.domain import ActiveSession, SignInStep
from app.identity.errors import SignInRefused, TotpRefused
from app.identity.people import queries as people_queries
from app.identity.people import totp
from app.identity.people.passwords import check_new_password, login_digest
from app.identity.schemas import TotpEnrolmentOut
from app.identity.sessions import queries as session_queries
from app.identity.sessions.service import SessionTokens, end_sessions, rotate_session
from app.identity.sessions.sign_in import SignInService, totp_bound_to
from app.identity.tables import AccountRow


@dataclass(frozen=True, slots=True)
class ConfirmedTotp:
    """A confirmed authenticator; each recovery code replaces a TOTP code once, and is shown only now."""

    opened: SessionTokens
    recovery_codes: list[str] = field(repr=False)


class SelfService:
    """The account of a signed-in person."""

    def __init__(self, context: Context, sign_in: SignInService, who: ActiveSession) -> None:
        self._context = context
        self._sign_in = sign_in
        self._who = who

    async def change_password(self, old: str, new: str) -> SessionTokens:
        """Replace the password; other sessions end, this one gets a new token.

        Raises:
            SignInRefused: The old password is wrong.
            SignInPaused: There were too many failures.
            InvalidInput: The new password violates the rules, or equals the old one.
            NotFound: The account has no password: an identity provider signs the person in.
        """
        login = (await self._account()).login
        stored = await self._sign_in.check_password(login, old)
        if new == old:
            raise InvalidInput("new_password: expected another than the old one", field="new_password")
        check_new_password(new, login, field="new_password")
        new_hash = await self._sign_in.passwords.hash(new)
        async with self._writing() as session:
            account = await self._locked(session)
            if account.password_hash != stored:
                raise SignInRefused
            account.password_hash = new_hash
            account.must_change_password, account.password_until = False, None
            await session_queries.clear_failures(session, login_digest(login))
            note(session, Note("password.change", detail=f"principal {account.principal_id}"))
            return await self._renewed(session)

    async def begin_totp(self, password: str | None) -> TotpEnrolmentOut:
        """Create a TOTP secret; it becomes active after a first code is confirmed.

        Args:
            password: Required unless enrolment is a pending step of the session.

        Raises:
            Conflict: There is an active authenticator already.
            SignInRefused: The password is wrong.
            NoSecretKey: The service has no key to encrypt the secret.
        """
        account = await self._account()
        encryptor = self._context.settings.encryption.encryptor()
        if account.totp_sealed is not None:
            raise Conflict("You have an authenticator already; an administrator resets it.")
        if SignInStep.TOTP not in self._who.pending:
            if password is None:
                raise InvalidInput("password: say your password too", field="password")
            await self._sign_in.check_password(account.login, password)
        secret = totp.make_secret()
        async with self._writing() as session:
            row = await self._locked(session)
            row.totp_pending = encryptor.seal(secret, totp_bound_to(row.principal_id))
        return TotpEnrolmentOut(otpauth_uri=totp.otpauth_uri(secret, account.login), secret=secret)

    async def confirm_totp(self, code: str) -> ConfirmedTotp:
        """Activate the authenticator with its first code; other sessions end, this one gets a new token.

        Raises:
            Conflict: None was begun, or one is active already.
            TotpRefused: The code is wrong.
        """
        async with self._writing() as session:
            account = await self._locked(session)
            if account.totp_pending is None or account.totp_sealed is not None:
                raise Conflict(
                    "Begin with POST /v1/session/totp; an authenticator in use is reset by an administrator."
                )
            encryptor, bound_to = self._context.settings.encryption.encryptor(), totp_bound_to(account.principal_id)
            secret = encryptor.open(account.totp_pending, bound_to)
            step = totp.matching_step(secret, "".join(code.split()), self._context.clock.now())
            if step is None:
                raise TotpRefused
            codes = totp.make_recovery_codes()
            account.totp_sealed, account.totp_pending = encryptor.seal(secret, bound_to), None
            account.totp_last_step = step
            account.recovery_sha256 = [totp.recovery_digest(one) for one in codes]
            note(session, Note("totp.enrol", detail=f"principal {account.principal_id}"))
            return ConfirmedTotp(await self._renewed(session), codes)

    def _writing(self) -> AbstractAsyncContextManager[AsyncSession]:
        return writing_as(self._context.database, author_of(self._who.principal), self._context.clock)

    async def _account(self) -> AccountRow:
        async with self._writing() as session:
            return await self._locked(session)

    async def _locked(self, session: AsyncSession) -> AccountRow:
        found = await people_queries.locked_account(session, self._who.principal.principal_id)
        if found is None or found[0].password_hash is None:
            raise NotFound("You sign in elsewhere: password and authenticator are kept there.")
        return found[0]

    async def _renewed(self, session: AsyncSession) -> SessionTokens:
        await session.flush()
        await end_sessions(
            session, self._who.principal.principal_id, self._context.clock.now(), but=self._who.session_id
        )
        return await rotate_session(session, self._who.session_id)
