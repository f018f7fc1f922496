"""Key administration: create, list, rotate with an overlap, revoke.

A platform administrator manages all keys, a lessor's manager its lessor's keys. HTTP creates and rotates only
lessors' keys: a key of a court, a dispatcher or a crew would open positions without a second factor, so these are
created at the command line. A key with scopes creates none with more; a key that ends creates none that ends later.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, PrincipalKind, Role
from app.access.roles import PERMISSIONS, permissions_of
from app.access.tables import PrincipalRow
from app.audit.notes import Note, note
from app.core.clock import Clock
from app.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from app.core.web.paging import Page, encode_key
from app.identity.keys import queries
from app.identity.keys.credentials import create_key, principal_for
from app.identity.people.service import existing_subject, subject_of
from app.identity.schemas import KeyIn, KeyOut, NewKeyOut
from app.identity.tables import ApiKeyRow

OVERLAP: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=36_500)
"""Longest life of a rotated key."""
_NO_KEY: Final = "There is no such key."


def lessor_scope(principal: Principal) -> int | None:
    """Return the lessor whose keys a principal manages; None for all."""
    return principal.subject_id if principal.kind is PrincipalKind.LESSOR else None


async def list_keys(session: AsyncSession, principal: Principal, after: int, limit: int) -> Page[KeyOut]:
    """Return a page of the visible keys, including ended ones, in order of creation."""
    rows = await queries.keys(session, lessor_scope(principal), after, limit)
    following = encode_key(rows[limit - 1][0].api_key_id) if len(rows) > limit else None
    return Page(items=[_described(*row) for row in rows[:limit]], next=following)


async def make_key(session: AsyncSession, principal: Principal, new_key: KeyIn, clock: Clock) -> NewKeyOut:
    """Create a key; ``session`` has the service role.

    Raises:
        InvalidInput: Scopes outside the role, a past end, no lessor, or another lessor's feed.
        NotFound: There is no such lessor, or it is not visible.
        NotPermitted: Keys of this role are not created here, or it would have more scopes or last longer than the
            principal's own.
    """
    subject_id = await _subject_for(session, principal, new_key)
    scopes = None if new_key.scopes is None else frozenset(new_key.scopes)
    check_scopes(new_key.role, scopes)
    _must_not_widen(principal, permissions_of(new_key.role, scopes))
    if new_key.expires_at is not None and new_key.expires_at <= clock.now():
        raise InvalidInput("expires_at: expected a time that is still to come", field="expires_at")
    made_by, latest = await _maker(session, principal)
    if latest is not None and new_key.expires_at is not None and new_key.expires_at > latest:
        raise NotPermitted("expires_at: a key makes none that ends later than itself", field="expires_at")
    if new_key.feed_id is not None and await queries.lessor_of_feed(session, new_key.feed_id) != subject_id:
        raise InvalidInput("feed_id: there is no feed with this number of this lessor", field="feed_id")
    holder_id = await principal_for(session, new_key.role, new_key.holder, clock, subject_id=subject_id)
    text = await create_key(
        session,
        holder_id,
        new_key.label,
        clock,
        feed_id=new_key.feed_id,
        expires_at=new_key.expires_at or latest,
        scopes=scopes,
        made_by=made_by,
    )
    return await _made(session, text, "key.create")


async def rotate_key(
    session: AsyncSession,
    principal: Principal,
    prefix: str,
    overlap: timedelta,
    clock: Clock,
    *,
    of_every_role: bool = False,
) -> NewKeyOut:
    """Create a key with the same permissions for the same holder, and end the old one after the overlap.

    The new key has the same lifetime from now on as the old one had, limited by the end of the key that rotates it.

    Args:
        session: A transaction of the service role.
        of_every_role: Also rotate keys of courts, dispatchers and crews: at the command line.

    Raises:
        NotFound: The key is not visible.
        Conflict: The old key is no longer valid, or was rotated already.
        NotPermitted: It would have more scopes than the principal's own key, or is not a lessor's.
    """
    old, holder = await _is_visible(session, principal, prefix)
    now = clock.now()
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict("This key is not in force any more; make a new one.")
    if old.rotated_at is not None:
        raise Conflict("This key was rotated already; rotate the one that was made then.")
    role, scopes = Role(holder.role), None if old.scopes is None else frozenset(map(Permission, old.scopes))
    if not of_every_role:
        _must_be_lessors(role)
    _must_not_widen(principal, permissions_of(role, scopes))
    made_by, latest = await _maker(session, principal)
    until = None if old.expires_at is None else now + min(old.expires_at - old.created_at, _LONGEST)
    text = await create_key(
        session,
        old.principal_id,
        old.label,
        clock,
        feed_id=old.feed_id,
        expires_at=min((end for end in (until, latest) if end is not None), default=None),
        scopes=scopes,
        made_by=made_by,
    )
    await queries.end_key(session, old.api_key_id, now, now + overlap)
    note(session, Note("key.rotate", detail=f"key {prefix}"))
    return await _made(session, text, "key.create")


async def revoke_key(session: AsyncSession, principal: Principal, prefix: str, clock: Clock) -> int:
    """Revoke a key, and return its holder's id; repeatable. Raises ``NotFound`` if the key is not visible."""
    key, holder = await _is_visible(session, principal, prefix)
    await _revoke(session, key, clock)
    return holder.principal_id


async def revoke_made_by(session: AsyncSession, principal_id: int, clock: Clock) -> list[str]:
    """Revoke every valid key that a principal created, and return their prefixes; for the command line."""
    prefixes = await keys_made_by(session, principal_id, clock.now())
    for prefix in prefixes:
        found = await queries.locked_key(session, prefix)
        if found is not None:
            await _revoke(session, found[0], clock)
    return prefixes


async def _revoke(session: AsyncSession, key: ApiKeyRow, clock: Clock) -> None:
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        note(session, Note("key.revoke", detail=f"key {key.prefix}"))
        await session.flush()


async def keys_made_by(session: AsyncSession, principal_id: int, now: datetime) -> list[str]:
    """Return the prefixes of valid keys that a person created; they stay valid when the account is disabled."""
    return list(await queries.made_in_force(session, principal_id, now))


def check_scopes(role: Role, scopes: frozenset[Permission] | None) -> None:
    """Raise ``InvalidInput`` for an empty set of scopes, or one that the role does not have."""
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


def _must_be_lessors(role: Role) -> None:
    if role not in queries.LESSOR_ROLES:
        allowed = ", ".join(queries.LESSOR_ROLES)
        raise NotPermitted(
            f"role: here keys are made for {allowed}; others at the command line (`leasetrace keys create`)",
            field="role",
        )


async def _maker(session: AsyncSession, principal: Principal) -> tuple[int | None, datetime | None]:
    """Return the creator to record for a principal's new key, and its latest end; None where there is none."""
    if principal.principal_id == 0:  # the command line
        return None, None
    own = None if principal.api_key_id is None else await queries.key_by_id(session, principal.api_key_id)
    if own is None:
        return principal.principal_id, None
    return own.made_by or principal.principal_id, own.expires_at


async def _subject_for(session: AsyncSession, principal: Principal, new_key: KeyIn) -> int:
    named = subject_of(new_key.role, new_key.court_id, new_key.lessor_id)
    _must_be_lessors(new_key.role)
    own = lessor_scope(principal)
    if own is not None:
        if named not in {None, own}:
            raise NotFound("lessor_id: there is no such lessor, or you may not see it", field="lessor_id")
        return own
    return await existing_subject(session, PrincipalKind.LESSOR, named)


async def _is_visible(session: AsyncSession, principal: Principal, prefix: str) -> tuple[ApiKeyRow, PrincipalRow]:
    found = await queries.locked_key(session, prefix)
    own = lessor_scope(principal)
    if found is None or (
        own is not None and (found[1].role not in queries.LESSOR_ROLES or found[1].subject_id != own)
    ):
        raise NotFound(_NO_KEY)
    return found


async def _made(session: AsyncSession, text: str, action: str) -> NewKeyOut:
    prefix = text.split("_")[1]
    found = await queries.locked_key(session, prefix)
    if found is None:
        raise NotFound(_NO_KEY)
    note(session, Note(action, detail=f"key {prefix} of principal {found[1].principal_id}"))
    return NewKeyOut(**dict(_described(*found)), key=text)


def _described(key: ApiKeyRow, holder: PrincipalRow) -> KeyOut:
    role = Role(holder.role)
    return KeyOut(
        prefix=key.prefix,
        principal_id=holder.principal_id,
        holder=holder.name,
        role=role,
        court_id=holder.subject_id if role.kind is PrincipalKind.COURT else None,
        lessor_id=holder.subject_id if role.kind is PrincipalKind.LESSOR else None,
        label=key.label,
        scopes=None if key.scopes is None else [Permission(scope) for scope in key.scopes],
        feed_id=key.feed_id,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
        rotated_at=key.rotated_at,
        made_by=key.made_by,
    )
