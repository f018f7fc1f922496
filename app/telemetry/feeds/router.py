"""Feeds over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.access.domain import Visibility
from app.core.web.paging import After, Limit, Page, decode_token
from app.core.web.parameters import InContext, Moment
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, WriteSession
from app.telemetry.dependencies import MayReadFeeds, MayWriteFeeds
from app.telemetry.feeds import quality, service, silence
from app.telemetry.feeds.schemas import FeedAlertOut, FeedChangeIn, FeedIn, FeedOut, FeedQualityOut, FeedSecretOut

router = APIRouter(tags=["telemetry"])


@router.post("/feeds", status_code=201, summary="Register a source of pings")
async def create_feed(wanted: FeedIn, principal: MayWriteFeeds, session: WriteSession, context: InContext) -> FeedOut:
    """Register a feed; its datum holds for rows that declare none, once a key is made for it."""
    return await service.create_feed(session, principal, wanted, context)


@router.get("/feeds", summary="List sources of pings")
async def list_feeds(
    principal: MayReadFeeds, session: ReadSession, after: After = None, limit: Limit = 100
) -> Page[FeedOut]:
    """List the feeds of the caller's lessor, or of all for an administrator."""
    return await service.list_feeds(session, Visibility(principal), decode_token(after), limit)


@router.get("/feeds/{feed_id}", summary="Read a source of pings")
async def read_feed(feed_id: Key, principal: MayReadFeeds, session: ReadSession) -> FeedOut:
    """Read a feed; a lessor reads its own only."""
    return await service.visible_feed(session, Visibility(principal), feed_id)


@router.patch("/feeds/{feed_id}", summary="Change a source of pings")
async def change_feed(
    feed_id: Key, changes: FeedChangeIn, principal: MayWriteFeeds, session: WriteSession, context: InContext
) -> FeedOut:
    """Change the members that are sent; every process applies them within half a second.

    Another datum clears the suspicion that devices of this feed send another datum than declared.
    """
    wanted = changes.model_dump(exclude_unset=True)
    return await service.change_feed(session, principal, feed_id, wanted, context.settings)


@router.post("/feeds/{feed_id}/hmac-secret", status_code=201, summary="Make the secret that requests are signed with")
async def make_hmac_secret(
    feed_id: Key, principal: MayWriteFeeds, session: WriteSession, context: InContext
) -> FeedSecretOut:
    """Make a new secret, shown only now; after half a second the feed accepts only requests signed with it."""
    return await service.make_hmac_secret(session, Visibility(principal), feed_id, context.settings)


@router.get("/feeds/{feed_id}/quality", summary="How well does this source of pings work?")
async def read_feed_quality(
    feed_id: Key,
    principal: MayReadFeeds,
    session: ReadSession,
    context: InContext,
    from_: Annotated[
        Moment | None, Query(alias="from", description="First moment; a day before `to` when left out.")
    ] = None,
    to: Annotated[
        Moment | None, Query(description="First moment after the window, at most 31 days; now when left out.")
    ] = None,
) -> FeedQualityOut:
    """Count the pings of a feed in the whole hours of a window, with doubts, rejections and silent devices."""
    window = quality.hours_of(from_, to, context.clock.now())
    return await quality.quality_of(session, Visibility(principal), feed_id, window, context)


@router.get("/alerts", summary="Which sources of pings have fallen silent?")
async def list_alerts(
    principal: MayReadFeeds,
    session: ReadSession,
    all_: Annotated[bool, Query(alias="all", description="Cleared alerts too.")] = False,
    after: After = None,
    limit: Limit = 100,
) -> Page[FeedAlertOut]:
    """List the open alerts of the caller's feeds, or of all for an administrator, until batches come again."""
    return await silence.list_alerts(session, Visibility(principal), decode_token(after), limit, cleared_too=all_)
