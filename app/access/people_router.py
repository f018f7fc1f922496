"""Looking after people over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.access import people
from app.access.domain import Permission, Principal, PrincipalKind, Role
from app.access.http import May, ReadSession, WriteSession
from app.access.keys import keys_made_by
from app.access.schemas import ChangedPersonOut, NewPersonOut, OneTimePasswordOut, PersonChangeIn, PersonIn, PersonOut
from app.access.services import access_services
from app.core.database import as_service
from app.core.errors import InvalidInput
from app.core.http import InContext
from app.core.paging import After, Limit, Page, decode_token, page_of
from app.core.wire import Key

router = APIRouter()

MayWritePeople = Annotated[Principal, Depends(May(Permission.PEOPLE_WRITE))]


def subject_of(role: Role, court_id: int | None, lessor_id: int | None) -> int | None:
    """Return the court or the lessor that was named for somebody in a role; None where none was.

    Raises:
        InvalidInput: One was named for which the role does not act.
    """
    named = {PrincipalKind.COURT: court_id, PrincipalKind.LESSOR: lessor_id}
    for kind, subject_id in named.items():
        if subject_id is not None and kind is not role.kind:
            words = role.replace("_", " ")
            raise InvalidInput(f"{kind}_id: leave it out, a {words} does not act for a {kind}", field=f"{kind}_id")
    return named.get(role.kind)


async def first_password(request: Request, context: InContext, _may: MayWritePeople) -> people.FirstPassword:
    """Return a one-time password and its hash; for whoever looks after people only.

    Raises:
        Unavailable: Too many wait for their hashes.
    """
    return await people.one_time_password(access_services(request).sign_in.passwords, context.clock)


FirstPassword = Annotated[people.FirstPassword, Depends(first_password)]
"""Named before the session of a route: no transaction waits for a hash."""


@router.get("/people", summary="List people")
async def list_people(
    session: ReadSession, context: InContext, principal: MayWritePeople, limit: Limit = 100, after: After = None
) -> Page[PersonOut]:
    """List the people that one looks after, in the order in which their accounts were made."""
    async with as_service(session):
        rows = await people.list_people(session, principal, decode_token(after), limit, context.clock.now())
    return page_of([PersonOut.model_validate(row) for row in rows], limit, lambda row: row.principal_id)


@router.post("/people", status_code=201, summary="Make an account")
async def create_person(
    first: FirstPassword, session: WriteSession, context: InContext, body: PersonIn, principal: MayWritePeople
) -> NewPersonOut:
    """Make an account; its one-time password is told this once and has to be changed at the first sign-in."""
    wanted = people.NewPerson(body.login, body.name, body.role, subject_of(body.role, body.court_id, body.lessor_id))
    async with as_service(session):
        made = await people.create_person(session, principal, wanted, first, context.clock)
    out = PersonOut.model_validate(made)
    return NewPersonOut(**out.model_dump(), password=first.given.password if first.given else "")


@router.patch("/people/{principal_id}", summary="Change an account")
async def change_person(
    request: Request,
    session: WriteSession,
    context: InContext,
    principal_id: Key,
    body: PersonChangeIn,
    principal: MayWritePeople,
) -> ChangedPersonOut:
    """Rename somebody, shut it out, let it in again, or give it another role; all but the name ends its sessions."""
    change = people.Change(body.name, body.role, body.disabled)
    async with as_service(session):
        changed = await people.change_person(session, principal, principal_id, change, context.clock)
        made = await keys_made_by(session, principal_id, context.clock.now())
    access_services(request).keyring.forget_after(session, principal_id=principal_id)
    return ChangedPersonOut(**PersonOut.model_validate(changed).model_dump(), keys_made=made)


@router.post("/people/{principal_id}/password-reset", summary="Give somebody a one-time password")
async def reset_password(
    request: Request,
    first: FirstPassword,
    session: WriteSession,
    context: InContext,
    principal_id: Key,
    principal: MayWritePeople,
) -> OneTimePasswordOut:
    """Replace somebody's password by one that is told this once; its sessions end, a lock after failures too."""
    async with as_service(session):
        await people.reset_password(session, principal, principal_id, first, context.clock)
    access_services(request).keyring.forget_after(session, principal_id=principal_id)
    return OneTimePasswordOut.model_validate(first.given)


@router.post("/people/{principal_id}/totp-reset", status_code=204, summary="Forget somebody's authenticator")
async def reset_totp(
    request: Request, session: WriteSession, context: InContext, principal_id: Key, principal: MayWritePeople
) -> None:
    """Forget somebody's authenticator and recovery codes; its sessions end."""
    async with as_service(session):
        await people.reset_totp(session, principal, principal_id, context.clock)
    access_services(request).keyring.forget_after(session, principal_id=principal_id)
