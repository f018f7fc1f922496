"""Use cases of polled sources: for lessors, and for the poller."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.audit.notes import Note, note
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.settings import Settings
from app.core.web.outbound import check_url
from app.core.web.paging import Page, page_of
from app.ingest.aemp import queries as aemp_queries
from app.ingest.aemp.domain import AempAuth, Cursor, DueSource, Tally, bound_to, next_poll_at
from app.ingest.aemp.schemas import AempSourceChangeIn, AempSourceIn, AempSourceOut
from app.ingest.tables import AempSourceRow
from app.telemetry.feeds.service import feed_by_id

MAX_SOURCES = 50  # per lessor; each of them is polled from here

_MAX_ERROR = 300


async def create_source(
    session: AsyncSession, visibility: Visibility, wanted: AempSourceIn, settings: Settings, now: datetime
) -> AempSourceOut:
    """Register a source; it is polled from now on.

    Raises:
        NoSecretKey: The service has no key to encrypt the secret.
        InvalidInput: The feed is not visible or declares no datum, an address may not be called, or a member that the
            authentication needs is missing.
        Conflict: The lessor has a source of this name, or too many sources.
    """
    encryptor = settings.encryption.encryptor()
    lessor_id = await _lessor_of_feed(session, visibility, wanted.feed_id)
    _must_suit_its_auth(wanted)
    allow_private = settings.aemp.allow_private
    if await aemp_queries.count_aemp_sources(session, lessor_id) >= MAX_SOURCES:
        raise Conflict(f"A lessor has at most {MAX_SOURCES} polled sources; delete one that is not needed.")
    row = AempSourceRow(
        lessor_id=lessor_id,
        feed_id=wanted.feed_id,
        name=wanted.name,
        base_url=_address("base_url", wanted.base_url, allow_private=allow_private),
        auth=wanted.auth,
        client_id=wanted.client_id,
        token_url=_address("token_url", wanted.token_url, allow_private=allow_private) if wanted.token_url else None,
        scope=wanted.scope,
        secret_sealed=b"",
        min_interval=wanted.min_interval,
        enabled=True,
        next_poll_at=now,
        created_at=now,
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"name: this lessor has a source named {wanted.name!r} already", field="name") from error
    row.secret_sealed = encryptor.seal(wanted.secret.get_secret_value(), bound_to(row.source_id))
    await session.flush()
    note(session, Note("source.create", detail=f"source {row.source_id} of feed {row.feed_id}"))
    return AempSourceOut.model_validate(row)


async def _lessor_of_feed(session: AsyncSession, visibility: Visibility, feed_id: int) -> int:
    feed = await feed_by_id(session, feed_id)
    if feed is None or (visibility.lessor_id is not None and feed.lessor_id != visibility.lessor_id):
        raise InvalidInput(f"feed_id: there is no feed {feed_id} of this lessor", field="feed_id")
    if feed.coord_system is None:
        raise InvalidInput(
            "feed_id: the feed declares no coord_system, and makers' locations mostly name none; use one that does",
            field="feed_id",
        )
    return feed.lessor_id


def _must_suit_its_auth(wanted: AempSourceIn) -> None:
    for name, value, needed in (
        ("client_id", wanted.client_id, True),
        ("token_url", wanted.token_url, True),
        ("scope", wanted.scope, False),
    ):
        if wanted.auth is AempAuth.OAUTH2 and needed and value is None:
            raise InvalidInput(f"{name}: oauth2 needs it", field=name)
        if wanted.auth is AempAuth.BEARER and value is not None:
            raise InvalidInput(f"{name}: bearer has none", field=name)
    if wanted.auth is AempAuth.BEARER and " " in wanted.secret.get_secret_value():
        raise InvalidInput("secret: a bearer token has no spaces", field="secret")


def _address(name: str, text: str, *, allow_private: bool) -> str:
    try:
        return check_url(text, allow_private=allow_private)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}", field=name) from error


async def list_sources(session: AsyncSession, visibility: Visibility, after: int, limit: int) -> Page[AempSourceOut]:
    """Return a page of the visible sources."""
    rows = await aemp_queries.aemp_sources_after(session, visibility.lessor_id, after, limit + 1)
    return page_of([AempSourceOut.model_validate(row) for row in rows], limit, lambda source: source.source_id)


async def change_source(
    session: AsyncSession,
    visibility: Visibility,
    source_id: int,
    change: AempSourceChangeIn,
    settings: Settings,
    now: datetime,
) -> AempSourceOut:
    """Enable, disable, or set a new secret or interval; the source is polled as soon as its interval allows.

    Raises:
        NotFound: It does not exist or is another lessor's.
        NoSecretKey: The service has no key to encrypt the secret.
        InvalidInput: A bearer token with spaces.
    """
    row = await _is_visible(session, visibility, source_id)
    if change.secret is not None:
        secret = change.secret.get_secret_value()
        if row.auth == AempAuth.BEARER and " " in secret:
            raise InvalidInput("secret: a bearer token has no spaces", field="secret")
        row.secret_sealed = settings.encryption.encryptor().seal(secret, bound_to(source_id))
        row.consecutive_failures, row.last_error = 0, None
    if change.min_interval is not None:
        row.min_interval = change.min_interval
    if change.enabled is not None:
        row.enabled = change.enabled
    if change.model_fields_set:
        row.revision += 1
        row.next_poll_at = now if row.last_polled_at is None else max(now, row.last_polled_at + row.min_interval)
    await session.flush()
    note(session, Note("source.change", detail=f"source {source_id}: {', '.join(sorted(change.model_fields_set))}"))
    return AempSourceOut.model_validate(row)


async def delete_source(session: AsyncSession, visibility: Visibility, source_id: int) -> None:
    """Delete a source, its secret and its cursors; its pings stay. Raises ``NotFound`` as ``change_source``."""
    await _is_visible(session, visibility, source_id)
    await aemp_queries.delete_aemp_source(session, source_id)
    note(session, Note("source.delete", detail=f"source {source_id}"))


async def _is_visible(session: AsyncSession, visibility: Visibility, source_id: int) -> AempSourceRow:
    row = await aemp_queries.aemp_source_to_change(session, source_id, visibility.lessor_id)
    if row is None:
        raise NotFound("There is no such source.")
    return row


async def claim_due(session: AsyncSession, now: datetime, lease: timedelta) -> DueSource | None:
    """Lease the source that is due longest, so that no other worker polls it until the lease ends."""
    row = await aemp_queries.due_aemp_source(session, now)
    if row is None:
        return None
    row.last_polled_at, row.next_poll_at = now, now + lease
    row.revision += 1
    await session.flush()
    return DueSource(
        source_id=row.source_id,
        lessor_id=row.lessor_id,
        feed_id=row.feed_id,
        base_url=row.base_url,
        auth=AempAuth(row.auth),
        client_id=row.client_id,
        token_url=row.token_url,
        scope=row.scope,
        secret_sealed=row.secret_sealed,
        min_interval=row.min_interval,
        failures=row.consecutive_failures,
        polled_at=now,
        revision=row.revision,
    )


async def cursors_of(session: AsyncSession, source_id: int, identifiers: Sequence[str]) -> Mapping[str, Cursor]:
    """Return the cursors of the machines that have one."""
    rows = await aemp_queries.aemp_cursors(session, source_id, identifiers)
    return {identifier: Cursor(fixed_at, refused_at) for identifier, fixed_at, refused_at in rows}


async def move_cursors(session: AsyncSession, source_id: int, cursors: Mapping[str, Cursor]) -> None:
    """Move the cursors of machines whose locations were acknowledged."""
    rows = [
        {
            "source_id": source_id,
            "identifier": identifier,
            "last_fixed_at": cursor.last_fixed_at,
            "refused_at": cursor.refused_at,
        }
        for identifier, cursor in sorted(cursors.items())  # one order for all workers: no deadlock
    ]
    await aemp_queries.put_aemp_cursors(session, rows)


async def poll_succeeded(session: AsyncSession, source: DueSource, tally: Tally, now: datetime) -> None:
    """Record a successful poll."""
    values = {
        "last_ok_at": now,
        "last_error": None,
        "consecutive_failures": 0,
        "last_machines": tally.machines,
        "last_new": tally.new,
        "last_rejected": tally.rejected,
        "last_unlocated": tally.unlocated,
        "next_poll_at": next_poll_at(source, failures=0, now=now, retry_after=timedelta(0)),
    }
    await aemp_queries.finish_aemp_poll(session, source.source_id, source.revision, values)


async def poll_failed(
    session: AsyncSession, source: DueSource, reason: str, now: datetime, *, retry_after: timedelta
) -> None:
    """Record a failed poll, the reason without secrets; the next one waits longer, at least ``retry_after``."""
    failures = source.failures + 1
    values = {
        "last_error": reason[:_MAX_ERROR],
        "consecutive_failures": failures,
        "next_poll_at": next_poll_at(source, failures=failures, now=now, retry_after=retry_after),
    }
    await aemp_queries.finish_aemp_poll(session, source.source_id, source.revision, values)


async def reseal(session: AsyncSession, source: DueSource, sealed: bytes) -> None:
    """Replace the encrypted secret by the same secret encrypted with a newer key."""
    await aemp_queries.reseal_aemp_secret(session, source.source_id, source.secret_sealed, sealed)
