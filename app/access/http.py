"""The principal of a request, as a parameter of a route; without one nothing is answered."""

from typing import Annotated, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access import service
from app.access.domain import Principal, PrincipalKind, Visibility
from app.access.keyring import Keyring
from app.core.errors import NotPermitted, PurposeRequired
from app.core.http import InContext
from app.core.wire import Key

bearer = HTTPBearer(auto_error=False, description="A key: `Authorization: Bearer lt_…`.")
"""How a key is sent, for the document of the API."""


def bearer_key(request: Request) -> str | None:
    """Return the key that a request carries in its ``Authorization`` header, or None."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def keyring_of(request: Request) -> Keyring:
    """Return the keys that the application which serves this request has checked a moment ago."""
    return cast("Keyring", request.app.state.keyring)


async def principal_of(
    request: Request,
    context: InContext,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    """Return who makes this request; the reason of a refusal is never told.

    Raises:
        NotAuthenticated: There is no valid key.
        NotPermitted: The key can only post pings; the entrances for those take their principal from the keyring.
    """
    async with context.database.reading() as session:
        principal = await service.authenticate(
            session, credentials.credentials if credentials else None, context.clock
        )
    request.state.principal = principal
    if principal.post_only:
        raise NotPermitted("This key can only post pings.")
    return principal


AnyPrincipal = Annotated[Principal, Depends(principal_of)]
"""Anybody with a valid key."""


class Only:
    """A dependency that lets in some kinds of principal and refuses the rest.

    Args:
        kinds: Who may; an administrator is let in only where named.
    """

    def __init__(self, *kinds: PrincipalKind) -> None:
        self.kinds = frozenset(kinds)

    def __call__(self, principal: AnyPrincipal) -> Principal:
        """Return the principal if it is of a kind that may.

        Raises:
            NotPermitted: It is not.
        """
        if principal.kind not in self.kinds:
            may = ", ".join(sorted(self.kinds))
            raise NotPermitted(f"This needs a key of: {may}. Yours is of: {principal.kind}.")
        return principal


LessorOnly = Annotated[Principal, Depends(Only(PrincipalKind.LESSOR))]
CourtOnly = Annotated[Principal, Depends(Only(PrincipalKind.COURT))]
AdministratorOnly = Annotated[Principal, Depends(Only(PrincipalKind.ADMINISTRATOR))]
LessorOrAdministrator = Annotated[Principal, Depends(Only(PrincipalKind.LESSOR, PrincipalKind.ADMINISTRATOR))]


def sight(principal: AnyPrincipal) -> Visibility:
    """Return what the principal may see of registers."""
    return Visibility(principal)


InSight = Annotated[Visibility, Depends(sight)]
"""The visibility that every read of a register takes."""


def position_sight(
    principal: AnyPrincipal,
    case: Annotated[
        Key | None,
        Query(description="The case for which positions are read; courts and dispatchers must."),
    ] = None,
) -> Visibility:
    """Return what the principal may see of positions.

    Raises:
        PurposeRequired: A court or a dispatcher has not named the case.
    """
    if case is None and principal.kind in {PrincipalKind.COURT, PrincipalKind.DISPATCHER}:
        raise PurposeRequired("case: say for which case you read positions, for example `?case=12`", field="case")
    return Visibility(principal, case_id=case)


PositionSight = Annotated[Visibility, Depends(position_sight)]
"""The visibility that every read of positions takes; it carries the purpose."""
