"""Who makes a request, as parameters of a route: principal, visibility, and the session that shows it its rows.

A route says what one must be permitted to do; without a valid key or session, or without the permission, nothing is
answered.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, Visibility
from app.access.row_security import row_security_of
from app.audit.notes import author_of
from app.audit.writer import append, entries_of
from app.core.context import Context
from app.core.errors import NotAuthenticated, NotPermitted
from app.core.web.parameters import InContext
from app.identity.domain import ActiveSession
from app.identity.errors import SignInIncomplete
from app.identity.services import identity_services
from app.identity.sessions.cookies import COOKIE, must_be_ours, session_token
from app.identity.sessions.service import SESSION_REFUSED, SessionUnknown

bearer = HTTPBearer(auto_error=False, description="A key: `Authorization: Bearer lt_…`.")
"""How a key is sent, for the document of the API."""
cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, description="The session of a person: `POST /v1/session` sets it."
)
"""How a session is sent, for the document of the API."""


def bearer_key(request: Request) -> str | None:
    """Return the key that a request carries in its ``Authorization`` header, or None."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


async def key_holder(request: Request, key: str | None) -> Principal:
    """Return who holds a key that a request carries; every entrance with keys asks here.

    Raises:
        NotAuthenticated: There is none, or it is not in force.
        TooManyRequests: Too many keys from this address were refused.
    """
    services = identity_services(request)
    return await services.auth_throttle.ask(request, key, lambda: services.credential_cache.principal(key))


async def _signed_in(request: Request, token: str) -> ActiveSession:
    services = identity_services(request)
    signed_in = await services.auth_throttle.ask(
        request, token, lambda: services.credential_cache.signed_in(token), SessionUnknown
    )
    request.state.principal = signed_in.principal
    must_be_ours(request, token)
    return signed_in


async def signed_in_of(request: Request, _document: Annotated[str | None, Depends(cookie)]) -> ActiveSession:
    """Return the session of this request, whatever its person must still do: for routes about the session itself.

    Raises:
        NotAuthenticated: There is none in force.
        CrossSite: It would change something and does not come from our own page.
        TooManyRequests: Too many sessions that never were came from this address.
    """
    token = session_token(request)
    if token is None or bearer_key(request) is not None:
        raise NotAuthenticated(SESSION_REFUSED)
    return await _signed_in(request, token)


InSession = Annotated[ActiveSession, Depends(signed_in_of)]
"""Somebody who has signed in, with something to do first or not."""


async def principal_of(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    _document: Annotated[str | None, Depends(cookie)],
) -> Principal:
    """Return who makes this request, by its key or its session; the reason of a refusal is never told.

    Raises:
        NotAuthenticated: There is neither a valid key nor a session in force, or there are both.
        CrossSite: It came with a session, would change something and does not come from our own page.
        SignInIncomplete: The person must do something else first.
        TooManyRequests: Too many keys from this address were refused, or sessions that never were.
    """
    token = session_token(request)
    if token is None or credentials is not None:
        if token is not None:
            raise NotAuthenticated("Send a key or the cookie of a session, not both.")
        principal = await key_holder(request, credentials.credentials if credentials else None)
        request.state.principal = principal
        return principal
    signed_in = await _signed_in(request, token)
    if signed_in.pending:
        raise SignInIncomplete(signed_in.pending)
    return signed_in.principal


AnyPrincipal = Annotated[Principal, Depends(principal_of)]
"""Anybody with a valid key or session; what it may do is still to be asked."""


class May:
    """A dependency that lets in who may do something and refuses the rest.

    Args:
        permission: What one must be permitted to do.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, principal: AnyPrincipal) -> Principal:
        """Return the principal if it may.

        Raises:
            NotPermitted: It may not.
        """
        if not principal.may(self.permission):
            if principal.post_only:
                raise NotPermitted("This key can only post pings.")
            role = principal.role.replace("_", " ")
            raise NotPermitted(f"This needs the permission {self.permission}; you ({role}) do not have it.")
        return principal


async def write_trail(request: Request, session: AsyncSession, principal: Principal, context: Context) -> None:
    """Write what was noted in a session that only read, and return when it is committed.

    Raises:
        Unavailable: It could not be written; nothing may be answered.
    """
    writer = identity_services(request).trail
    await writer.write(entries_of(session, author_of(principal), context.clock, request.state.request_id))


async def _reading(request: Request, principal: AnyPrincipal, context: InContext) -> AsyncIterator[AsyncSession]:
    async with context.database.reading(row_security_of(principal, context.clock.now())) as session:
        yield session
    await write_trail(request, session, principal, context)


async def _writing(request: Request, principal: AnyPrincipal, context: InContext) -> AsyncIterator[AsyncSession]:
    async with context.database.writing(row_security_of(principal, context.clock.now())) as session:
        yield session
        await append(session, entries_of(session, author_of(principal), context.clock, request.state.request_id))


ReadSession = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""A READ ONLY transaction that sees what the principal sees of registers, ended before the answer is sent.

What was noted in it for the trail is committed then, too: no trail, no answer."""

WriteSession = Annotated[AsyncSession, Depends(_writing, scope="function")]
"""A transaction with the principal's sight, committed before the answer is sent: what fails then is no 201.

What was noted in it for the trail is its last statement: a change and its entry are one."""


class VisibilityFor:
    """A dependency that returns what somebody who may do something sees of registers.

    Args:
        permission: What one must be permitted to do.
    """

    def __init__(self, permission: Permission) -> None:
        self._may = May(permission)

    def __call__(self, principal: AnyPrincipal) -> Visibility:
        """Return the visibility that every read of a register takes.

        Raises:
            NotPermitted: The principal may not.
        """
        return Visibility(self._may(principal))
