"""``leasetrace keys``: operators create, list, rotate and revoke keys."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, PrincipalKind, Role
from app.access.roles import PERMISSIONS
from app.assets.service import lessor_by_code
from app.audit.notes import COMMAND_LINE, Note, note
from app.audit.writer import writing_as
from app.cli.service_session import OPERATOR, console, moment, run_as_service
from app.core.clock import Clock
from app.core.context import Context
from app.core.db.database import SERVICE, Database
from app.core.errors import InvalidInput, NotAuthenticated
from app.core.settings import Settings
from app.core.web.paging import MAX_LIMIT, decode_token
from app.identity.keys import service as keys
from app.identity.keys.credentials import authenticate, create_key, principal_for
from app.identity.people.service import person_with_login
from app.identity.schemas import NewKeyOut
from app.jurisdictions.service import court_by_code
from app.telemetry.feeds.service import must_be_feed_of

Prefix = Annotated[str, typer.Argument(help="The middle part of the key, as `keys list` shows it.")]
_DURATION: Final = re.compile(r"(\d{1,5})(d|h|min|s)")
_UNIT_S: Final = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key with its secret, shown once."""

    text: str
    principal_id: int


async def make_key(
    settings: Settings,
    clock: Clock,
    role: Role,
    *,
    lessor: str | None = None,
    court: str | None = None,
    name: str | None = None,
    feed_id: int | None = None,
    lifetime: timedelta | None = None,
    post_only: bool = False,
    scopes: frozenset[Permission] | None = None,
) -> MadeKey:
    """Create a key for a principal of this role and name; creates the principal if there is none.

    Args:
        lessor: A lessor's code, for a lessor's key.
        court: A court's code, for a court's key.
        name: The holder's name; by default the code, or the role.
        feed_id: The lessor's feed whose declarations hold for the key.
        lifetime: None: without end.
        post_only: It can post pings and nothing else; for a lessor's key.
        scopes: None: all that the role permits.

    Raises:
        InvalidInput: The lessor, court or feed is not named or does not exist, the feed is another lessor's, or
            ``post_only`` is set for a role that posts no pings.
    """
    if post_only and Permission.PINGS_POST not in PERMISSIONS[role]:
        raise InvalidInput("Only lessors post pings: --post-only is for their keys", field="post_only")
    if post_only and scopes:
        raise InvalidInput("--post-only is a scope by itself: leave out --scope", field="scope")
    scopes = frozenset({Permission.PINGS_POST}) if post_only else scopes
    keys.check_scopes(role, scopes)
    database = Database(settings)
    try:
        async with writing_as(database, COMMAND_LINE, clock) as session:
            subject_id = await _subject_of(session, role, lessor, court)
            if feed_id is not None:
                await must_be_feed_of(session, feed_id, subject_id if role.kind is PrincipalKind.LESSOR else None)
            holder = name or lessor or court or str(role)
            principal_id = await principal_for(session, role, holder, clock, subject_id=subject_id)
            expires_at = None if lifetime is None else clock.now() + lifetime
            text = await create_key(
                session,
                principal_id,
                "command line",
                clock,
                feed_id=feed_id,
                expires_at=expires_at,
                scopes=scopes,
            )
            note(session, Note("key.create", detail=f"key of principal {principal_id}, {role}"))
        return MadeKey(text, principal_id)
    finally:
        await database.close()


async def _subject_of(session: AsyncSession, role: Role, lessor: str | None, court: str | None) -> int | None:
    if role.kind is PrincipalKind.LESSOR:
        if lessor is None:
            raise InvalidInput("A lessor's key needs the lessor: --lessor CODE", field="lessor")
        return (await lessor_by_code(session, lessor)).lessor_id
    if role.kind is PrincipalKind.COURT:
        if court is None:
            raise InvalidInput("A court's key needs the court: --court 沪0105", field="court")
        return (await court_by_code(session, court)).court_id
    return None


async def is_valid_key(settings: Settings, clock: Clock, text: str) -> bool:
    """Return whether a key is in force."""
    database = Database(settings)
    try:
        async with database.reading(SERVICE) as session:
            await authenticate(session, text, clock)
    except NotAuthenticated:
        return False
    finally:
        await database.close()
    return True


def duration(text: str) -> timedelta:
    """Return a duration such as ``7d``, ``12h``, ``30min`` or ``0s``.

    Raises:
        BadParameter: It has another form.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: expected a duration such as 7d, 12h or 30min")
    return timedelta(seconds=int(found[1]) * _UNIT_S[found[2]])


def list_all() -> None:
    """List keys, also those that ended."""

    async def use(session: AsyncSession, context: Context) -> Table:
        del context
        table = Table(
            "prefix", "holder", "role", "label", "scopes", "created", "expires", "last used", "revoked", "made by"
        )
        after = 0
        while True:
            page = await keys.list_keys(session, OPERATOR, after, MAX_LIMIT)
            for key in page.items:
                scopes = "all" if key.scopes is None else " ".join(key.scopes)
                times = map(moment, (key.created_at, key.expires_at, key.last_used_at, key.revoked_at))
                maker = "–" if key.made_by is None else str(key.made_by)
                table.add_row(*map(escape, (key.prefix, key.holder, key.role, key.label, scopes, *times, maker)))
            if page.next is None:
                return table
            after = decode_token(page.next)

    console.print(run_as_service(use))


def rotate(
    prefix: Prefix,
    overlap: Annotated[str, typer.Option(help="How long both keys are in force: 7d, 12h, 30min, 0s.")] = "7d",
) -> None:
    """Print a new key with the same rights for the same holder; the old one ends after the overlap."""
    both_for = duration(overlap)

    async def use(session: AsyncSession, context: Context) -> NewKeyOut:
        return await keys.rotate_key(session, OPERATOR, prefix, both_for, context.clock, of_every_role=True)

    console.print(run_as_service(use).key, markup=False, soft_wrap=True)


def revoke(
    prefix: Annotated[str | None, typer.Argument(help="The middle part of the key, as `keys list` shows it.")] = None,
    made_by: Annotated[
        str | None, typer.Option(help="In place of one key: all keys that the person with this login made.")
    ] = None,
) -> None:
    """Revoke a key, or all keys that a person made; every process applies it within a second."""
    if (prefix is None) == (made_by is None):
        raise typer.BadParameter("name a key, or who made them: --made-by LOGIN")

    async def use(session: AsyncSession, context: Context) -> list[str]:
        if prefix is not None:
            await keys.revoke_key(session, OPERATOR, prefix, context.clock)
            return [prefix]
        maker = await person_with_login(session, made_by or "")
        return await keys.revoke_made_by(session, maker, context.clock)

    for ended in run_as_service(use):
        console.print(f"{ended} is revoked.", markup=False)


def add_to(group: typer.Typer) -> None:
    """Add these commands to the group ``keys``."""
    group.command("list")(list_all)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
