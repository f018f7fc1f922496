"""Looking after keys: made, listed, rotated with an overlap, revoked.

A platform administrator looks after all, a lessor's manager after its lessor's. A narrowed key makes no wider one.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import key_queries as queries
from app.access.domain import KINDS_WITH_SUBJECT, Permission, Principal, PrincipalKind, Role
from app.access.people import existing_subject
from app.access.roles import PERMISSIONS, permissions_of
from app.access.service import create_key, principal_for
from app.access.tables import ApiKeyRow, PrincipalRow
from app.access.trail import Note, note
from app.core.clock import Clock
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted

OVERLAP: Final = timedelta(days=7)
_NO_KEY: Final = "There is no such key."


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key, without its secret.

    Attributes:
        api_key_id: Its row.
        prefix: Its name: the middle part of what its holder sends.
        principal_id: Whose it is.
        holder: What that one is called.
        role: What that one does.
        subject_id: The lessor or court that it acts for, if any.
        label: What the key is for.
        scopes: What it is narrowed to; None where it opens all that its holder's role may.
        feed_id: The feed whose declarations hold for it, if any.
        created_at: When it was made, UTC.
        expires_at: When it ends by itself, UTC.
        last_used_at: When it was used last, to the minute, UTC.
        revoked_at: When it was revoked, UTC.
    """

    api_key_id: int
    prefix: str
    principal_id: int
    holder: str
    role: Role
    subject_id: int | None
    label: str
    scopes: list[Permission] | None
    feed_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def court_id(self) -> int | None:
        """The court that its holder acts for, if for one."""
        return self.subject_id if self.role.kind is PrincipalKind.COURT else None

    @property
    def lessor_id(self) -> int | None:
        """The lessor that its holder acts for, if for one."""
        return self.subject_id if self.role.kind is PrincipalKind.LESSOR else None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key at the only moment when its text is known."""

    facts: KeyFacts
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKeyWanted:
    """A key that is to be made.

    Attributes:
        role: What its holder does.
        holder: What its holder is called; made if there is none.
        label: What the key is for.
        subject_id: The lessor or court of its holder; for a lessor's manager its own when left out.
        scopes: What it is narrowed to; all that the role may when left out.
        feed_id: The lessor's feed whose declarations hold for it.
        expires_at: When it ends by itself, UTC.
    """

    role: Role
    holder: str
    label: str
    subject_id: int | None = None
    scopes: frozenset[Permission] | None = None
    feed_id: int | None = None
    expires_at: datetime | None = None


def lessor_scope(principal: Principal) -> int | None:
    """Return the lessor whose keys are in a principal's sight; None where all are."""
    return principal.subject_id if principal.kind is PrincipalKind.LESSOR else None


async def list_keys(session: AsyncSession, principal: Principal, after: int, limit: int) -> list[KeyFacts]:
    """Return one more than a page of the keys in sight, ended ones too, in the order of their making."""
    return [_facts(*row) for row in await queries.keys(session, lessor_scope(principal), after, limit)]


async def make_key(session: AsyncSession, principal: Principal, wanted: NewKeyWanted, clock: Clock) -> MadeKey:
    """Make a key.

    Args:
        session: A transaction of the service itself.
        principal: Who makes it.
        wanted: The key.
        clock: The time.

    Raises:
        InvalidInput: Scopes that the role does not have, an end that is past, no lessor or court, another's feed.
        NotFound: There is no such lessor or court in sight.
        NotPermitted: The role is not the principal's to give a key for, or the key would open more than its own.
    """
    subject_id = await _subject_for(session, principal, wanted)
    check_scopes(wanted.role, wanted.scopes)
    _must_not_widen(principal, permissions_of(wanted.role, wanted.scopes))
    if wanted.expires_at is not None and wanted.expires_at <= clock.now():
        raise InvalidInput("expires_at: expected a time that is still to come", field="expires_at")
    if wanted.feed_id is not None and (
        wanted.role.kind is not PrincipalKind.LESSOR
        or await queries.lessor_of_feed(session, wanted.feed_id) != subject_id
    ):
        raise InvalidInput("feed_id: there is no feed with this number of this lessor", field="feed_id")
    holder_id = await principal_for(session, wanted.role, wanted.holder, clock, subject_id=subject_id)
    text = await create_key(
        session,
        holder_id,
        wanted.label,
        clock,
        feed_id=wanted.feed_id,
        expires_at=wanted.expires_at,
        scopes=wanted.scopes,
    )
    return await _made(session, text, "key.create")


async def rotate_key(
    session: AsyncSession, principal: Principal, prefix: str, overlap: timedelta, clock: Clock
) -> MadeKey:
    """Make a key that opens the same for the same holder, and let the old one end after the overlap.

    The new one lasts as long from now on as the old one did from its making.

    Args:
        session: A transaction of the service itself.
        principal: Who rotates it.
        prefix: Of the old key.
        overlap: So long both are in force.
        clock: The time.

    Raises:
        NotFound: Out of sight.
        Conflict: The old one is not in force any more.
        NotPermitted: The new one would open more than the principal's own key.
    """
    old, holder = await _in_sight(session, principal, prefix)
    now = clock.now()
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict("This key is not in force any more; make a new one.")
    scopes = None if old.scopes is None else frozenset(map(Permission, old.scopes))
    _must_not_widen(principal, permissions_of(Role(holder.role), scopes))
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    text = await create_key(
        session,
        old.principal_id,
        old.label,
        clock,
        feed_id=old.feed_id,
        expires_at=None if lifetime is None else now + lifetime,
        scopes=scopes,
    )
    await queries.end_key(session, old.api_key_id, now + overlap)
    note(session, Note("key.rotate", detail=f"key {prefix}"))
    return await _made(session, text, "key.create")


async def revoke_key(session: AsyncSession, principal: Principal, prefix: str, clock: Clock) -> int:
    """End a key at once, and return whose it was; one that was revoked stays so.

    Raises:
        NotFound: Out of sight.
    """
    key, holder = await _in_sight(session, principal, prefix)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        note(session, Note("key.revoke", detail=f"key {prefix}"))
        await session.flush()
    return holder.principal_id


def check_scopes(role: Role, scopes: frozenset[Permission] | None) -> None:
    """Refuse scopes that a role does not have: the key would open less than it says.

    Raises:
        InvalidInput: There is such a scope, or none at all.
    """
    if scopes is None:
        return
    foreign = scopes - PERMISSIONS[role]
    if foreign or not scopes:
        allowed = ", ".join(sorted(PERMISSIONS[role]))
        raise InvalidInput(f"scopes: expected some of what {role} may: {allowed}", field="scopes")


def _must_not_widen(principal: Principal, opens: frozenset[Permission]) -> None:
    narrowed = principal.permissions != PERMISSIONS[principal.role]
    if narrowed and not opens <= principal.permissions:
        raise NotPermitted("A narrowed key cannot make one that opens more; name fewer scopes.", field="scopes")


async def _subject_for(session: AsyncSession, principal: Principal, wanted: NewKeyWanted) -> int | None:
    own = lessor_scope(principal)
    if own is not None:
        if wanted.role not in queries.LESSOR_ROLES:
            raise NotPermitted(f"role: you may make keys for {', '.join(queries.LESSOR_ROLES)}", field="role")
        if wanted.subject_id not in {None, own}:
            raise NotFound("lessor_id: there is no such lessor in your sight", field="lessor_id")
        return own
    kind = wanted.role.kind
    return await existing_subject(session, kind, wanted.subject_id) if kind in KINDS_WITH_SUBJECT else None


async def _in_sight(session: AsyncSession, principal: Principal, prefix: str) -> tuple[ApiKeyRow, PrincipalRow]:
    found = await queries.locked_key(session, prefix)
    own = lessor_scope(principal)
    if found is None or (
        own is not None and (found[1].role not in queries.LESSOR_ROLES or found[1].subject_id != own)
    ):
        raise NotFound(_NO_KEY)
    return found


async def _made(session: AsyncSession, text: str, action: str) -> MadeKey:
    prefix = text.split("_")[1]
    found = await queries.locked_key(session, prefix)
    if found is None:
        raise NotFound(_NO_KEY)
    note(session, Note(action, detail=f"key {prefix} of principal {found[1].principal_id}"))
    return MadeKey(_facts(*found), text)


def _facts(key: ApiKeyRow, holder: PrincipalRow) -> KeyFacts:
    return KeyFacts(
        api_key_id=key.api_key_id,
        prefix=key.prefix,
        principal_id=holder.principal_id,
        holder=holder.name,
        role=Role(holder.role),
        subject_id=holder.subject_id,
        label=key.label,
        scopes=None if key.scopes is None else [Permission(scope) for scope in key.scopes],
        feed_id=key.feed_id,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
