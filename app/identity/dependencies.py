"""FastAPI dependencies of routes: principal, visibility, and a database session with row-level security.

Their errors: ``NotAuthenticated`` without a valid key or session, ``TooManyRequests`` after too many refused ones
from the client's address, ``CrossSite`` for a changing request with a session that does not come from our own page,
``SignInIncomplete`` with pending sign-in steps, ``NotPermitted`` without the permission.
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
from app.identity.sessions.cookies import COOKIE, check_csrf, session_token
from app.identity.sessions.service import SESSION_REFUSED, SessionUnknown

bearer = HTTPBearer(auto_error=False, description="A key: `Authorization: Bearer lt_…`.")
"""The key's header in the OpenAPI document."""
cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, description="The session of a person: `POST /v1/session` sets it."
)
"""The session's cookie in the OpenAPI document."""


def bearer_key(request: Request) -> str | None:
    """Return the key of the ``Authorization`` header, or None."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


async def key_holder(request: Request, key: str | None) -> Principal:
    """Return the holder of a request's key; all ways in which keys are sent use this."""
    services = identity_services(request)
    return await services.auth_throttle.ask(request, key, lambda: services.credential_cache.principal(key))


async def _signed_in(request: Request, token: str) -> ActiveSession:
    services = identity_services(request)
    signed_in = await services.auth_throttle.ask(
        request, token, lambda: services.credential_cache.signed_in(token), SessionUnknown
    )
    request.state.principal = signed_in.principal
    check_csrf(request, token)
    return signed_in


async def signed_in_of(request: Request, _document: Annotated[str | None, Depends(cookie)]) -> ActiveSession:
    """Return the session of this request, even with pending sign-in steps: for routes about the session itself."""
    token = session_token(request)
    if token is None or bearer_key(request) is not None:
        raise NotAuthenticated(SESSION_REFUSED)
    return await _signed_in(request, token)


InSession = Annotated[ActiveSession, Depends(signed_in_of)]
"""The session of a signed-in person, with or without pending steps."""


async def principal_of(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    _document: Annotated[str | None, Depends(cookie)],
) -> Principal:
    """Return the principal by its key or session, never both; a refusal does not say its reason."""
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
"""Any authenticated principal; its permissions are not yet checked."""


class RequirePermission:
    """A dependency that requires a permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, principal: AnyPrincipal) -> Principal:
        """Return the principal if it has the permission."""
        if not principal.may(self.permission):
            if principal.post_only:
                raise NotPermitted("This key can only post pings.")
            role = principal.role.replace("_", " ")
            raise NotPermitted(f"This needs the permission {self.permission}; you ({role}) do not have it.")
        return principal


async def write_trail(request: Request, session: AsyncSession, principal: Principal, context: Context) -> None:
    """Commit the audit notes of a READ ONLY session; if it raises ``Unavailable``, the request must be refused."""
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
"""A READ ONLY transaction with the principal's row-level security, ended before the response is sent.

Its audit notes are committed at the same point: without the audit entry there is no response."""

WriteSession = Annotated[AsyncSession, Depends(_writing, scope="function")]
"""A transaction with the principal's row-level security, committed before the response is sent.

Its last statement writes its audit notes, so that a change and its audit entry commit together."""


class VisibilityFor:
    """A dependency that requires a permission and returns the principal's visibility of registers."""

    def __init__(self, permission: Permission) -> None:
        self._may = RequirePermission(permission)

    def __call__(self, principal: AnyPrincipal) -> Visibility:
        """Return the visibility if the principal has the permission."""
        return Visibility(self._may(principal))
