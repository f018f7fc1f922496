"""Dependencies of routes that read positions: case, visibility, and an audited session.

``PositionRead`` builds visibility and session for each of three ways to name the case.
"""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, PrincipalKind, Visibility
from app.access.row_security import row_security_of
from app.audit.notes import notes_of
from app.core.errors import InvalidInput, PurposeRequired
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.identity.dependencies import RequirePermission, write_trail

_NEED_PURPOSE: Final = frozenset({PrincipalKind.COURT, PrincipalKind.DISPATCHER, PrincipalKind.CREW})

MayReadPositions = Annotated[Principal, Depends(RequirePermission(Permission.POSITIONS_READ))]


class NothingNoted(RuntimeError):
    """Positions were read without an audit note: a programming error, answered with 500."""


class PositionRead:
    """The dependencies of a route that reads positions, for one way to name the case.

    Args:
        case_of: A dependency that returns the case, or None if none is named.

    Attributes:
        visibility: A dependency that returns the principal's visibility of positions, with the case.
        session: A dependency that opens a READ ONLY transaction with access to these positions. The route must note
            what was read (``notes.note``), else it fails with ``NothingNoted``.
    """

    def __init__(self, case_of: Callable[..., int | None]) -> None:
        def visibility(principal: MayReadPositions, case_id: Annotated[int | None, Depends(case_of)]) -> Visibility:
            return Visibility(principal, case_id=case_id)

        async def session(
            request: Request, seen: Annotated[Visibility, Depends(visibility)], context: InContext
        ) -> AsyncIterator[AsyncSession]:
            row_security = row_security_of(seen.principal, context.clock.now(), seen.case_id)
            async with context.database.reading(row_security) as opened:
                yield opened
            if not notes_of(opened):
                msg = f"positions were read and nothing was noted for the trail: {request.url.path}"
                raise NothingNoted(msg)
            await write_trail(request, opened, seen.principal, context)

        self.visibility = visibility
        self.session = session


def _case_if_named(
    principal: MayReadPositions,
    case: Annotated[
        Key | None,
        Query(
            description="The case for which positions are read: courts, dispatchers and crews must, lessors must not."
        ),
    ] = None,
) -> int | None:
    """Return the case of the query.

    Raises:
        PurposeRequired: A court, a dispatcher or a crew has not named the case.
        InvalidInput: A lessor has named one: it cannot be checked, so the audit trail would hold an unchecked
            purpose.
    """
    if case is not None and principal.kind not in _NEED_PURPOSE:
        raise InvalidInput("case: leave it out, a lessor reads its own positions for no case", field="case")
    if case is None and principal.kind in _NEED_PURPOSE:
        raise PurposeRequired("case: say for which case you read positions, for example `?case=12`", field="case")
    return case


def _case_of_path(case_id: Key) -> int:
    return case_id


def _case_of_query(
    case: Annotated[Key, Query(description="The case; it is also the purpose of reading positions.")],
) -> int:
    return case


_OPTIONAL: Final = PositionRead(_case_if_named)
_IN_PATH: Final = PositionRead(_case_of_path)
_IN_QUERY: Final = PositionRead(_case_of_query)

PositionVisibility = Annotated[Visibility, Depends(_OPTIONAL.visibility)]
"""Visibility of positions for the case of ``?case=``; lessors name none."""
PositionSession = Annotated[AsyncSession, Depends(_OPTIONAL.session, scope="function")]
"""See ``PositionRead.session``."""

CasePositionVisibility = Annotated[Visibility, Depends(_IN_PATH.visibility)]
"""The same with the case in the path."""
CasePositionSession = Annotated[AsyncSession, Depends(_IN_PATH.session, scope="function")]
"""The same with the case in the path."""

NamedCaseVisibility = Annotated[Visibility, Depends(_IN_QUERY.visibility)]
"""The same where every principal must name the case in the query."""
NamedCaseSession = Annotated[AsyncSession, Depends(_IN_QUERY.session, scope="function")]
"""The same where every principal must name the case in the query."""
