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
        action: What was done, for example ``position.read`` or ``case.close``: noun, dot, verb.
        asset_ids: The assets that were read or changed.
        window: Start and end of a history read; None for an open side.
        results: The number of returned rows.
        detail: Other facts for later, without secrets: a name, an id, a digest.
    """

    action: str
    case_id: int | None = None
    asset_ids: Sequence[int] = ()
    window: tuple[datetime | None, datetime | None] | None = None
    results: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """The author of an entry.

    Attributes:
        principal_id: 0 for the operator of the service.
        role: The principal's role, or ``command_line`` or ``worker``.
        subject_id: The court or lessor that it acts for.
    """

    principal_id: int
    role: str
    subject_id: int | None = None
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
