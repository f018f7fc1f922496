"""Routes of key administration."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.access.domain import Permission, Principal
from app.core.db.database import as_service
from app.core.web.paging import After, Limit, Page, decode_token
from app.core.web.parameters import InContext
from app.identity.dependencies import ReadSession, RequirePermission, WriteSession
from app.identity.keys import service as keys
from app.identity.schemas import KeyIn, KeyOut, KeyRotationIn, NewKeyOut, Prefix
from app.identity.services import identity_services

router = APIRouter()

MayWriteKeys = Annotated[Principal, Depends(RequirePermission(Permission.KEYS_WRITE))]


@router.get("/keys", summary="List keys")
async def list_keys(
    session: ReadSession, principal: MayWriteKeys, limit: Limit = 100, after: After = None
) -> Page[KeyOut]:
    """List keys in order of creation, including ended ones; a lessor's manager sees its lessor's keys."""
    async with as_service(session):
        return await keys.list_keys(session, principal, decode_token(after), limit)


@router.post("/keys", status_code=201, summary="Make a key")
async def create_key(session: WriteSession, context: InContext, body: KeyIn, principal: MayWriteKeys) -> NewKeyOut:
    """Create a lessor's key; its text is returned only once.

    Keys of courts, dispatchers and crews are created at the command line only. A key with scopes creates only keys
    with no more scopes; a key that ends creates only keys that end no later.
    """
    async with as_service(session):
        return await keys.make_key(session, principal, body, context.clock)


@router.post("/keys/{prefix}/rotate", status_code=201, summary="Rotate a key")
async def rotate_key(
    request: Request,
    session: WriteSession,
    context: InContext,
    prefix: Prefix,
    body: KeyRotationIn,
    principal: MayWriteKeys,
) -> NewKeyOut:
    """Replace a key by one with the same permissions; the old one ends after the overlap. Once for each key."""
    overlap = keys.OVERLAP if body.overlap is None else body.overlap
    async with as_service(session):
        made = await keys.rotate_key(session, principal, prefix, overlap, context.clock)
    identity_services(request).credential_cache.forget_on_commit(session, principal_id=made.principal_id)
    return made


@router.delete("/keys/{prefix}", status_code=204, summary="Revoke a key")
async def revoke_key(
    request: Request, session: WriteSession, context: InContext, prefix: Prefix, principal: MayWriteKeys
) -> None:
    """Revoke a key; it takes effect at once in every process."""
    async with as_service(session):
        holder_id = await keys.revoke_key(session, principal, prefix, context.clock)
    identity_services(request).credential_cache.forget_on_commit(session, principal_id=holder_id)
