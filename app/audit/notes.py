"""Audit notes: what a request read or changed, noted in its session and written before the response is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, PrincipalKind, Visibility

_NOTES: Final = "leasetrace.trail"
_GRANTEES: Final = frozenset({PrincipalKind.COURT, PrincipalKind.DISPATCHER, PrincipalKind.CREW})


@dataclass(frozen=True, slots=True)
class Note:
    """One note for the audit trail; author, time and request are added when it is written.

    Attributes:
        window: Start and end of a history read; None for an open side.
    """

    action: str  # what was done, for example ``position.read`` or ``case.close``: noun, dot, verb
    case_id: int | None = None
    asset_ids: Sequence[int] = ()  # the assets that were read or changed
    window: tuple[datetime | None, datetime | None] | None = None
    results: int | None = None  # the number of returned rows
    detail: str | None = None  # other facts for later, without secrets: a name, an id, a digest


@dataclass(frozen=True, slots=True)
class Author:
    """The author of an entry."""

    principal_id: int  # 0 for the operator of the service
    role: str  # the principal's role, or ``command_line`` or ``worker``
    subject_id: int | None = None  # the court or lessor that it acts for
    api_key_id: int | None = None
    session_id: int | None = None


COMMAND_LINE: Final = Author(0, "command_line")
"""The operator who runs ``leasetrace`` with access to the database."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A note with its author, time (aware) and request; ``request_id`` is None outside of requests."""

    note: Note
    author: Author
    at: datetime
    request_id: str | None = None


def author_of(principal: Principal) -> Author:
    """Return a principal as an author."""
    return Author(
        principal.principal_id, principal.role, principal.subject_id, principal.api_key_id, principal.session_id
    )


def note(session: AsyncSession, entry: Note) -> None:
    """Add an audit note to a session; the code that opened the session writes it before the response is sent."""
    session.info.setdefault(_NOTES, []).append(entry)


def note_for_grantee(session: AsyncSession, visibility: Visibility, entry: Note) -> None:
    """Note a read of registers by a court, a dispatcher or a crew, who read the assets of others."""
    if visibility.principal.kind in _GRANTEES:
        note(session, entry)


def note_export(session: AsyncSession, action: str, detail: str) -> None:
    """Mark the last note as an export to a file: replace its action, and set a digest as its detail."""
    noted = notes_of(session)
    noted[-1] = replace(noted[-1], action=action, detail=detail)


def notes_of(session: AsyncSession) -> list[Note]:
    """Return the notes of a session."""
    noted: list[Note] = session.info.get(_NOTES, [])
    return noted
