"""Routes of account administration."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.access.domain import Permission, Principal
from app.core.db.database import as_service
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import ReadSession, RequirePermission, WriteSession
from app.identity.keys.service import keys_made_by
from app.identity.people import service as people
from app.identity.schemas import (
    ChangedPersonOut,
    NewPersonOut,
    OneTimePasswordOut,
    PersonChangeIn,
    PersonIn,
    PersonOut,
)
from app.identity.services import identity_services

router = APIRouter()

MayWritePeople = Annotated[Principal, Depends(RequirePermission(Permission.PEOPLE_WRITE))]


async def first_password(request: Request, context: InContext, _may: MayWritePeople) -> people.FirstPassword:
    """Return a one-time password with its hash."""
    return await people.one_time_password(identity_services(request).sign_in.passwords, context.clock)


FirstPassword = Annotated[people.FirstPassword, Depends(first_password)]
"""Declare before the database session of a route: no transaction waits for a hash."""


@router.get("/people", summary="List people")
async def list_people(
    session: ReadSession, context: InContext, principal: MayWritePeople, limit: Limit = 100, after: After = None
) -> Page[PersonOut]:
    """List the accounts that the caller manages, in order of creation."""
    async with as_service(session):
        rows = await people.list_people(session, principal, decode_token(after), limit, context.clock.now())
    return page_of(rows, limit, lambda row: row.principal_id)


@router.post("/people", status_code=201, summary="Make an account")
async def create_person(
    first: FirstPassword, session: WriteSession, context: InContext, body: PersonIn, principal: MayWritePeople
) -> NewPersonOut:
    """Create an account; its one-time password is returned only once and must be changed at the first sign-in."""
    wanted = people.NewPerson(
        body.login, body.name, body.role, people.subject_of(body.role, body.court_id, body.lessor_id)
    )
    async with as_service(session):
        made = await people.create_person(session, principal, wanted, first, context.clock)
    assert first.given is not None  # noqa: S101 the dependency makes a one-time password
    return NewPersonOut(**dict(made), password=first.given.password)


@router.patch("/people/{principal_id}", summary="Change an account")
async def change_person(
    request: Request,
    session: WriteSession,
    context: InContext,
    principal_id: Key,
    body: PersonChangeIn,
    principal: MayWritePeople,
) -> ChangedPersonOut:
    """Rename, disable, re-enable or change the role of an account; all but the name ends its sessions."""
    async with as_service(session):
        changed = await people.change_person(session, principal, principal_id, body, context.clock)
        made = await keys_made_by(session, principal_id, context.clock.now())
    identity_services(request).credential_cache.forget_on_commit(session, principal_id=principal_id)
    return ChangedPersonOut(**dict(changed), keys_made=made)


@router.post("/people/{principal_id}/password-reset", summary="Set a one-time password")
async def reset_password(
    request: Request,
    first: FirstPassword,
    session: WriteSession,
    context: InContext,
    principal_id: Key,
    principal: MayWritePeople,
) -> OneTimePasswordOut:
    """Set a one-time password, returned only once; sessions end, and a lock after failures is lifted."""
    async with as_service(session):
        await people.reset_password(session, principal, principal_id, first, context.clock)
    identity_services(request).credential_cache.forget_on_commit(session, principal_id=principal_id)
    assert first.given is not None  # noqa: S101 the dependency makes a one-time password
    return first.given


@router.post("/people/{principal_id}/totp-reset", status_code=204, summary="Remove an authenticator")
async def reset_totp(
    request: Request, session: WriteSession, context: InContext, principal_id: Key, principal: MayWritePeople
) -> None:
    """Remove the authenticator and recovery codes of an account; its sessions end."""
    async with as_service(session):
        await people.reset_totp(session, principal, principal_id, context.clock)
    identity_services(request).credential_cache.forget_on_commit(session, principal_id=principal_id)
