"""Use cases of feeds."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Visibility
from app.assets.service import clear_datum_suspicion, datum_suspects
from app.audit.notes import Note, note
from app.core.context import Context
from app.core.db.database import violated_constraint
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.geo.datum import CoordSystem
from app.core.settings import Settings
from app.core.web.paging import Page, page_of
from app.telemetry.feeds import queries
from app.telemetry.feeds.schemas import FeedIn, FeedOut, FeedSecretOut
from app.telemetry.tables import FeedRow

_SECRET_BYTES: Final = 32


def _feed(row: FeedRow) -> FeedOut:
    return FeedOut(
        feed_id=row.feed_id,
        lessor_id=row.lessor_id,
        name=row.name,
        coord_system=CoordSystem(row.coord_system) if row.coord_system else None,
        rows_per_s=row.rows_per_s,
        requests_per_s=row.requests_per_s,
        silent_after=row.silent_after,
        device_silent_after=row.device_silent_after,
        hmac=row.hmac_secret_sealed is not None,
        created_at=row.created_at,
    )


async def create_feed(session: AsyncSession, principal: Principal, wanted: FeedIn, context: Context) -> FeedOut:
    """Register a feed of the caller's lessor, or of the one that an administrator names.

    Raises ``InvalidInput`` (no or an unknown lessor, a limit above the service's) and ``Conflict`` (name in use).
    """
    own = Visibility(principal).lessor_id
    lessor_id = own if own is not None else wanted.lessor_id
    if lessor_id is None or (wanted.lessor_id is not None and wanted.lessor_id != lessor_id):
        raise InvalidInput(
            "lessor_id: an administrator names the lessor; a lessor registers its own", field="lessor_id"
        )
    values = wanted.model_dump(exclude={"lessor_id"})
    _check_limits(principal, values, context.settings)
    row = FeedRow(**values, lessor_id=lessor_id, created_at=context.clock.now())
    session.add(row)
    await _flush(session, wanted.name)
    note(session, Note("feed.create", detail=f"feed {row.feed_id} of lessor {lessor_id}"))
    return _feed(row)


async def _flush(session: AsyncSession, name: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) == "feed_lessor_id_fkey":
            raise InvalidInput("lessor_id: no such lessor", field="lessor_id") from error
        raise Conflict(f"name: this lessor has a feed named {name!r} already", field="name") from error


def _check_limits(principal: Principal, values: Mapping[str, Any], settings: Settings) -> None:
    """Check that a lessor only lowers its limits: they protect the other lessors."""
    if Visibility(principal).sees_everything:
        return
    for name, most in (("rows_per_s", settings.feeds.rows_per_s), ("requests_per_s", settings.feeds.requests_per_s)):
        if (values.get(name) or 0) > most:
            raise InvalidInput(f"{name}: at most {most:,}; an administrator may set more", field=name)


async def visible_feed(session: AsyncSession, visibility: Visibility, feed_id: int) -> FeedOut:
    """Return a feed; raises ``NotFound`` if it does not exist or is another lessor's."""
    return _feed(await _row_in_sight(session, visibility, feed_id))


async def _row_in_sight(
    session: AsyncSession, visibility: Visibility, feed_id: int, *, for_change: bool = False
) -> FeedRow:
    row = await queries.visible_feed(session, visibility, feed_id, for_change=for_change)
    if row is None:
        raise NotFound("There is no such feed.")
    return row


async def change_feed(
    session: AsyncSession, principal: Principal, feed_id: int, changes: Mapping[str, Any], settings: Settings
) -> FeedOut:
    """Change a feed; every process applies it within half a second.

    A changed datum answers a suspicion: devices that last sent through the feed are no longer suspected.
    Raises ``NotFound`` (none, or another lessor's), ``InvalidInput`` (limit above the service's), ``Conflict`` (name
    in use).
    """
    row = await _row_in_sight(session, Visibility(principal), feed_id, for_change=True)
    _check_limits(principal, changes, settings)
    declared_before = row.coord_system
    _switch_hmac(row, changes.get("hmac"))
    for column, value in changes.items():
        if column != "hmac":
            setattr(row, column, value)
    await _flush(session, row.name)
    if row.coord_system != declared_before:
        suspects = await datum_suspects(session, row.lessor_id)
        await clear_datum_suspicion(
            session, await queries.devices_last_seen_through(session, feed_id, suspects) if suspects else ()
        )
    note(session, Note("feed.change", detail=f"feed {feed_id}: {', '.join(sorted(changes))}"))
    return _feed(row)


async def list_feeds(session: AsyncSession, visibility: Visibility, after: int, limit: int) -> Page[FeedOut]:
    """Return a page of the visible feeds."""
    rows = await queries.feeds_after(session, visibility.lessor_id, after, limit + 1)
    return page_of([_feed(row) for row in rows], limit, lambda feed: feed.feed_id)


async def feeds_with_last_batch(
    session: AsyncSession, lessor_id: int | None
) -> list[tuple[FeedRow, datetime | None]]:
    """Return the feeds of one lessor or of all, each with the arrival of its newest batch."""
    return await queries.feeds_with_last_batch(session, lessor_id)


async def must_be_feed_of(session: AsyncSession, feed_id: int, lessor_id: int | None) -> None:
    """Check that a feed is a lessor's own before a key is made for it; raises ``InvalidInput`` if not."""
    row = await queries.feed(session, feed_id)
    if row is None or row.lessor_id != lessor_id:
        raise InvalidInput(f"feed: there is no feed {feed_id} of this lessor", field="feed")


def _switch_hmac(row: FeedRow, wanted: bool | None) -> None:
    if wanted and row.hmac_secret_sealed is None:
        raise InvalidInput(
            "hmac: POST /v1/feeds/{feed_id}/hmac-secret makes the secret and turns it on", field="hmac"
        )
    if wanted is False:
        row.hmac_secret_sealed = None


def hmac_secret_of(feed: FeedRow, settings: Settings) -> str | None:
    """Return the key of a feed's request signatures, None where requests need not be signed.

    Raises ``NoSecretKey`` (the service has no key to decrypt it) and ``SecretUnreadable`` (none of its keys decrypts
    it).
    """
    sealed = feed.hmac_secret_sealed
    return None if sealed is None else settings.encryption.encryptor().open(sealed, _bound(feed.feed_id))


def _bound(feed_id: int) -> str:
    return f"feed:{feed_id}"


async def make_hmac_secret(
    session: AsyncSession, visibility: Visibility, feed_id: int, settings: Settings
) -> FeedSecretOut:
    """Make a new key for a feed's request signatures, in place of any before.

    Raises ``NotFound`` (none, or another lessor's) and ``NoSecretKey`` (the service has no key to encrypt it).
    """
    row = await _row_in_sight(session, visibility, feed_id, for_change=True)
    secret = secrets.token_hex(_SECRET_BYTES)
    row.hmac_secret_sealed = settings.encryption.encryptor().seal(secret, _bound(feed_id))
    await session.flush()
    note(session, Note("feed.secret", detail=f"feed {feed_id}"))
    return FeedSecretOut(feed_id=feed_id, secret=secret)


async def feed_by_id(session: AsyncSession, feed_id: int) -> FeedRow | None:
    """Return a feed, None if it does not exist; visibility is the caller's task."""
    return await queries.feed(session, feed_id)
