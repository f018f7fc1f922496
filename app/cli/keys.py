"""Keys from the command line: whoever can reach the database may make them."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, PrincipalKind, Role
from app.access.roles import PERMISSIONS
from app.assets.service import lessor_named
from app.audit.notes import COMMAND_LINE, Note, note
from app.audit.writer import writing_as
from app.core.clock import Clock
from app.core.db.database import SERVICE, Database
from app.core.errors import InvalidInput, NotAuthenticated
from app.core.settings import Settings
from app.identity.keys.credentials import authenticate, create_key, principal_for
from app.identity.keys.service import check_scopes
from app.jurisdictions.service import court_by_code
from app.telemetry.feeds.service import must_be_feed_of


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key, shown once, and whose it is."""

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
    """Create a key for a principal of this role and name, which is made if there is none.

    Args:
        settings: Where the database is.
        clock: The time.
        role: What its holder does.
        lessor: A lessor's code, for a lessor's key.
        court: A court's code, for a court's key.
        name: The holder's name; the code, or the kind, when left out.
        feed_id: The lessor's feed whose declarations hold for the key.
        lifetime: How long it is valid; for ever when left out.
        post_only: Whether it opens nothing but the entrances for pings; for a lessor's key.
        scopes: What it is narrowed to; all that the role may when left out.

    Raises:
        InvalidInput: The lessor, court or feed is not named or does not exist, the feed is another lessor's, or a key
            that only posts is asked for somebody who posts nothing.
    """
    if post_only and Permission.PINGS_POST not in PERMISSIONS[role]:
        raise InvalidInput("Only lessors post pings: --post-only is for their keys", field="post_only")
    if post_only and scopes:
        raise InvalidInput("--post-only is a scope by itself: leave out --scope", field="scope")
    scopes = frozenset({Permission.PINGS_POST}) if post_only else scopes
    check_scopes(role, scopes)
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
        return (await lessor_named(session, lessor)).lessor_id
    if role.kind is PrincipalKind.COURT:
        if court is None:
            raise InvalidInput("A court's key needs the court: --court 沪0105", field="court")
        return (await court_by_code(session, court)).court_id
    return None


async def is_valid_key(settings: Settings, clock: Clock, text: str) -> bool:
    """Tell whether the database knows a key that is in force."""
    database = Database(settings)
    try:
        async with database.reading(SERVICE) as session:
            await authenticate(session, text, clock)
    except NotAuthenticated:
        return False
    finally:
        await database.close()
    return True
