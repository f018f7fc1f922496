"""Use cases of this room: feeds, and the receipts of batches."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Visibility
from app.core.clock import Clock
from app.core.datum import CoordSystem
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.paging import Page, page_of
from app.telemetry import queries
from app.telemetry.schemas import Feed, FeedIn
from app.telemetry.tables import FeedRow, PingBatchRow


def _feed(row: FeedRow) -> Feed:
    return Feed(
        feed_id=row.feed_id,
        lessor_id=row.lessor_id,
        name=row.name,
        coord_system=CoordSystem(row.coord_system) if row.coord_system else None,
        created_at=row.created_at,
    )


async def create_feed(session: AsyncSession, principal: Principal, wanted: FeedIn, clock: Clock) -> Feed:
    """Register a feed of the caller's lessor, or of the one that an administrator names.

    Raises:
        InvalidInput: No lessor is named and the key is not a lessor's, or the lessor does not exist.
        Conflict: The lessor has a feed of this name.
    """
    own = Visibility(principal).lessor_id
    lessor_id = own if own is not None else wanted.lessor_id
    if lessor_id is None or (wanted.lessor_id is not None and wanted.lessor_id != lessor_id):
        raise InvalidInput(
            "lessor_id: an administrator names the lessor; a lessor registers its own", field="lessor_id"
        )
    row = FeedRow(lessor_id=lessor_id, name=wanted.name, coord_system=wanted.coord_system, created_at=clock.now())
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        if "feed_lessor_id_fkey" in str(error.orig):
            raise InvalidInput("lessor_id: no such lessor", field="lessor_id") from error
        raise Conflict(f"name: this lessor has a feed named {wanted.name!r} already", field="name") from error
    return _feed(row)


async def list_feeds(session: AsyncSession, visibility: Visibility, after: int, limit: int) -> Page[Feed]:
    """Return a page of the feeds in sight."""
    rows = await queries.feeds_after(session, visibility.lessor_id, after, limit + 1)
    return page_of([_feed(row) for row in rows], limit, lambda feed: feed.feed_id)


async def must_be_feed_of(session: AsyncSession, feed_id: int, lessor_id: int | None) -> None:
    """Make sure that a feed is a lessor's own, before a key is made for it: another's would declare a wrong datum.

    Raises:
        InvalidInput: It does not exist, or is another lessor's.
    """
    row = await queries.feed(session, feed_id)
    if row is None or row.lessor_id != lessor_id:
        raise InvalidInput(f"feed: there is no feed {feed_id} of this lessor", field="feed")


async def feed_by_id(session: AsyncSession, feed_id: int) -> FeedRow | None:
    """Return a feed, None where there is no such one; whether it is in sight is the caller's question."""
    return await queries.feed(session, feed_id)


async def acknowledged_batch(session: AsyncSession, visibility: Visibility, batch_id: int) -> PingBatchRow:
    """Return a batch that was acknowledged.

    Raises:
        NotFound: There is none, or it is another lessor's.
    """
    if visibility.lessor_id is None and not visibility.sees_everything:
        raise NotFound("There is no such batch.")
    row = await queries.batch(session, batch_id, visibility.lessor_id)
    if row is None:
        raise NotFound("There is no such batch.")
    return row


async def territories_of(session: AsyncSession, batch_ids: Sequence[int]) -> tuple[int, int]:
    """Return how many court territories the pings of some batches lie in, and how many of the pings are in no territory.

    For the report of an import; it reads the whole history.
    """
    return await queries.territories_of(session, batch_ids)
