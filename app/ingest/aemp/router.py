"""Polled sources over HTTP."""

from fastapi import APIRouter

from app.access.domain import Visibility
from app.core.web.paging import After, Limit, Page, decode_token
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, WriteSession
from app.ingest.aemp import service
from app.ingest.aemp.schemas import AempSourceChangeIn, AempSourceIn, AempSourceOut
from app.telemetry.dependencies import MayReadFeeds, MayWriteFeeds

router = APIRouter(tags=["telemetry"])


@router.post("/aemp-sources", status_code=201, summary="Have a maker's AEMP 2.0 interface polled")
async def create_aemp_source(
    wanted: AempSourceIn, principal: MayWriteFeeds, session: WriteSession, context: InContext
) -> AempSourceOut:
    """Register a maker's interface (ISO 15143-3); its locations are stored as pings of the feed.

    The secret is stored encrypted and never shown again. A machine is known by its PIN, else by its serial number:
    register a device under that identifier.
    """
    now = context.clock.now()
    return await service.create_source(session, Visibility(principal), wanted, context.settings, now)


@router.get("/aemp-sources", summary="List polled interfaces and what came of them last")
async def list_aemp_sources(
    principal: MayReadFeeds, session: ReadSession, after: After = None, limit: Limit = 100
) -> Page[AempSourceOut]:
    """List the polled sources of the caller's lessor, or of all for an administrator."""
    return await service.list_sources(session, Visibility(principal), decode_token(after), limit)


@router.patch("/aemp-sources/{source_id}", summary="Enable, disable or give a new secret")
async def change_aemp_source(
    source_id: Key,
    body: AempSourceChangeIn,
    principal: MayWriteFeeds,
    session: WriteSession,
    context: InContext,
) -> AempSourceOut:
    """Change a polled source; it is polled again as soon as its interval allows."""
    now = context.clock.now()
    return await service.change_source(session, Visibility(principal), source_id, body, context.settings, now)


@router.delete("/aemp-sources/{source_id}", status_code=204, summary="Poll an interface no more")
async def delete_aemp_source(source_id: Key, principal: MayWriteFeeds, session: WriteSession) -> None:
    """Delete a polled source with its secret; its positions stay."""
    await service.delete_source(session, Visibility(principal), source_id)
