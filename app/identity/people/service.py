"""Account administration: accounts, one-time passwords, reset of authenticators.

A court's administrator manages officers and administrators of its own court, a platform administrator all accounts.
``NotFound`` is raised for an account that is not visible, ``NotPermitted`` for the principal's own account and for a
role that it may not assign.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, PrincipalKind, Role
from app.access.roles import ADMINISTERED_BY, PERMISSIONS, ROLES_OF_PEOPLE
from app.access.service import create_principal
from app.access.tables import PrincipalRow
from app.audit.notes import Note, note
from app.core.clock import Clock
from app.core.db.database import violated_constraint
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from app.identity.people import queries
from app.identity.people.passwords import (
    Passwords,
    check_new_password,
    login_digest,
    make_one_time_password,
    normalise_login,
)
from app.identity.schemas import OneTimePasswordOut, PersonChangeIn, PersonOut
from app.identity.sessions import queries as session_queries
from app.identity.sessions.service import end_sessions
from app.identity.tables import AccountRow

ONE_TIME_FOR: Final = timedelta(days=7)
"""Validity of a one-time password."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An account to create; a court administrator's ``subject_id`` defaults to its own court."""

    login: str
    name: str
    role: Role
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A hashed password for an account, computed before a transaction would have to wait for it.

    ``given`` is the one-time password; None if the person chose the password.
    """

    stored: str = field(repr=False)
    given: OneTimePasswordOut | None = None


def scope_of(principal: Principal) -> queries.Scope:
    """Return the accounts that a principal manages."""
    roles = ADMINISTERED_BY.get(principal.role, frozenset())
    return queries.Scope(roles, principal.subject_id if principal.kind is PrincipalKind.COURT else None)


def subject_of(role: Role, court_id: int | None, lessor_id: int | None) -> int | None:
    """Return the court or lessor named for a role, if any; raises ``InvalidInput`` for the other kind."""
    named = {PrincipalKind.COURT: court_id, PrincipalKind.LESSOR: lessor_id}
    for kind, subject_id in named.items():
        if subject_id is not None and kind is not role.kind:
            words = role.replace("_", " ")
            raise InvalidInput(f"{kind}_id: leave it out, a {words} does not act for a {kind}", field=f"{kind}_id")
    return named.get(role.kind)


def must_not_widen(principal: Principal, role: Role) -> None:
    """Raise ``NotPermitted`` if the role has a permission that a key with scopes lacks."""
    narrowed = principal.permissions != PERMISSIONS[principal.role]
    if narrowed and not PERMISSIONS[role] <= principal.permissions:
        raise NotPermitted("A narrowed key cannot open a way in to more than it has itself.")


async def list_people(
    session: AsyncSession, principal: Principal, after: int, limit: int, now: datetime
) -> list[PersonOut]:
    """Return up to ``limit + 1`` accounts that a principal manages, by id."""
    rows = await queries.people(session, scope_of(principal), after, limit, now)
    return [_person(account, holder, locked) for account, holder, locked in rows]


async def one_time_password(passwords: Passwords, clock: Clock) -> FirstPassword:
    """Create a one-time password."""
    given = OneTimePasswordOut(password=make_one_time_password(), until=clock.now() + ONE_TIME_FOR)
    return FirstPassword(await passwords.hash(given.password), given)


async def chosen_password(passwords: Passwords, login: str, password: str) -> FirstPassword:
    """Hash a password chosen at the command line; raises ``InvalidInput`` if it violates the rules."""
    check_new_password(password, normalise_login(login))
    return FirstPassword(await passwords.hash(password))


async def create_person(
    session: AsyncSession, principal: Principal, new: NewPerson, password: FirstPassword, clock: Clock
) -> PersonOut:
    """Create an account with its first password; ``session`` has the service role.

    Raises:
        InvalidInput: The role is not for people, or the court or lessor is missing.
        NotFound: There is no such court or lessor, or it is not visible.
        Conflict: The login is taken.
    """
    subject_id = await _subject_for(session, principal, new)
    given = password.given
    principal_id = await create_principal(session, new.role, new.name, clock, subject_id=subject_id)
    account = AccountRow(
        principal_id=principal_id,
        login=normalise_login(new.login),
        password_hash=password.stored,
        must_change_password=given is not None,
        password_until=given.until if given else None,
        created_at=clock.now(),
    )
    session.add(account)
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) == "account_login_key":
            raise Conflict("login: this login is taken; choose another", field="login") from error
        raise
    note(session, Note("account.create", detail=f"principal {principal_id}, {new.role}"))
    holder = PrincipalRow(role=new.role, subject_id=subject_id, name=new.name, created_at=clock.now())
    return _person(account, holder, None)


async def change_person(
    session: AsyncSession, principal: Principal, principal_id: int, change: PersonChangeIn, clock: Clock
) -> PersonOut:
    """Rename, disable, re-enable, or assign another role of the same kind, which ends every session.

    Raises ``InvalidInput`` for a role of another kind.
    """
    account, holder = await _is_visible(session, principal, principal_id)
    now = clock.now()
    _must_be_another(principal, principal_id)
    if change.name is not None and change.name != holder.name:
        # Exports name their creator: the audit trail must show who had which name when.
        note(session, Note("account.rename", detail=f"principal {principal_id}, {holder.name!r} to {change.name!r}"))
        holder.name = change.name
    if change.role is not None and change.role != holder.role:
        _must_be_given_by(principal, change.role)
        if change.role.kind is not Role(holder.role).kind:
            raise InvalidInput("role: a role of another kind needs a new account", field="role")
        holder.role = change.role
        await end_sessions(session, principal_id, now)
        note(session, Note("account.role", detail=f"principal {principal_id}, {change.role}"))
    if change.disabled is not None and change.disabled != (account.disabled_at is not None):
        account.disabled_at = now if change.disabled else None
        await end_sessions(session, principal_id, now)
        action = "account.disable" if change.disabled else "account.enable"
        note(session, Note(action, detail=f"principal {principal_id}"))
    await session.flush()
    return await _with_lock(session, account, holder, now)


async def reset_password(
    session: AsyncSession, principal: Principal, principal_id: int, password: FirstPassword, clock: Clock
) -> None:
    """Set a one-time password, end the account's sessions, and lift the lock after failures."""
    account, _ = await _is_visible(session, principal, principal_id)
    _must_be_another(principal, principal_id)
    account.password_hash = password.stored
    account.must_change_password = password.given is not None
    account.password_until = password.given.until if password.given else None
    await session_queries.clear_failures(session, login_digest(account.login))
    await end_sessions(session, principal_id, clock.now())
    note(session, Note("password.reset", detail=f"principal {principal_id}"))


async def reset_totp(session: AsyncSession, principal: Principal, principal_id: int, clock: Clock) -> None:
    """Remove the authenticator and end the account's sessions; a role that needs one must enrol again."""
    account, _ = await _is_visible(session, principal, principal_id)
    _must_be_another(principal, principal_id)
    account.totp_sealed = account.totp_pending = account.totp_last_step = None
    account.recovery_sha256 = []
    await end_sessions(session, principal_id, clock.now())
    note(session, Note("totp.reset", detail=f"principal {principal_id}"))


async def person_with_login(session: AsyncSession, login: str) -> int:
    """Return the principal of a login, for the command line. Raises ``NotFound`` if no account has it."""
    account = await queries.account_by_login(session, normalise_login(login))
    if account is None:
        raise NotFound(f"no account has the login {login!r}", field="login")
    return account.principal_id


async def subject_codes(session: AsyncSession, holders: Sequence[tuple[Role, int | None]]) -> list[str]:
    """Return the code of the court or lessor of each role and subject; empty where there is none."""
    return [await queries.subject_code(session, role.kind, subject_id) or "" for role, subject_id in holders]


async def _is_visible(session: AsyncSession, principal: Principal, principal_id: int) -> queries.Person:
    found = await queries.locked_account(session, principal_id)
    scope = scope_of(principal)
    if found is None or Role(found[1].role) not in scope.roles:
        raise NotFound("There is no such person.")
    if scope.subject_id is not None and found[1].subject_id != scope.subject_id:
        raise NotFound("There is no such person.")
    must_not_widen(principal, Role(found[1].role))
    return found


def _must_be_another(principal: Principal, principal_id: int) -> None:
    if principal.principal_id == principal_id:
        raise NotPermitted("This is your own account; another administrator does this for you.")


def _must_be_given_by(principal: Principal, role: Role) -> None:
    if role not in ADMINISTERED_BY.get(principal.role, frozenset()):
        allowed = ", ".join(sorted(ADMINISTERED_BY.get(principal.role, frozenset()))) or "none"
        raise NotPermitted(f"role: you may give {allowed}", field="role")
    must_not_widen(principal, role)


async def _subject_for(session: AsyncSession, principal: Principal, new: NewPerson) -> int | None:
    if new.role not in ROLES_OF_PEOPLE:
        raise InvalidInput("role: a feed is a machine; make a key for it", field="role")
    _must_be_given_by(principal, new.role)
    if principal.kind is PrincipalKind.COURT:
        if new.subject_id not in {None, principal.subject_id}:
            raise NotFound("court_id: there is no such court, or you may not see it", field="court_id")
        return principal.subject_id
    kind = new.role.kind
    if kind not in {PrincipalKind.COURT, PrincipalKind.LESSOR}:
        return None
    return await existing_subject(session, kind, new.subject_id)


async def existing_subject(session: AsyncSession, kind: PrincipalKind, subject_id: int | None) -> int:
    """Return the id if there is such a court or lessor, else raise ``NotFound``; ``InvalidInput`` without an id."""
    field = f"{kind}_id"
    if subject_id is None:
        raise InvalidInput(f"{field}: say for which {kind}", field=field)
    if not await queries.subject_exists(session, kind, subject_id):
        raise NotFound(f"{field}: there is no such {kind}", field=field)
    return subject_id


async def _with_lock(session: AsyncSession, account: AccountRow, holder: PrincipalRow, now: datetime) -> PersonOut:
    until = await session_queries.locked_until(session, login_digest(account.login))
    return _person(account, holder, until if until is not None and until > now else None)


def _person(account: AccountRow, holder: PrincipalRow, locked_until: datetime | None) -> PersonOut:
    role = Role(holder.role)
    return PersonOut(
        principal_id=account.principal_id,
        login=account.login,
        name=holder.name,
        role=role,
        court_id=holder.subject_id if role.kind is PrincipalKind.COURT else None,
        lessor_id=holder.subject_id if role.kind is PrincipalKind.LESSOR else None,
        totp_enrolled=account.totp_sealed is not None,
        must_change_password=account.must_change_password,
        password_until=account.password_until,
        last_sign_in_at=account.last_sign_in_at,
        disabled_at=account.disabled_at,
        created_at=account.created_at,
        locked_until=locked_until,
    )
