"""The trail: what was looked at and done, noted while a request is served and written before it is answered."""

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
    """One thing to be written into the trail; who, when and for which request is added when it is written.

    Attributes:
        action: What was done, for example ``position.read`` or ``case.close``: a thing, a dot, a verb.
        case_id: For which case, if for one.
        asset_ids: Which assets were looked at or changed.
        window: From when until when, for a look at the past; None where a side is open.
        results: How many rows were answered.
        detail: What else must be known later, without anything secret: a name, an id, a digest.
    """

    action: str
    case_id: int | None = None
    asset_ids: Sequence[int] = ()
    window: tuple[datetime | None, datetime | None] | None = None
    results: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who did it, as the trail names them.

    Attributes:
        principal_id: The principal; 0 for whoever runs the service.
        role: Its role, or ``command_line`` or ``worker``.
        subject_id: The court or the lessor that it acts for.
        api_key_id: The key that it came with.
        session_id: The session of a person that has signed in.
    """

    principal_id: int
    role: str
    subject_id: int | None = None
    api_key_id: int | None = None
    session_id: int | None = None


COMMAND_LINE: Final = Author(0, "command_line")
"""Whoever can reach the database and runs ``leasetrace``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A note with who, when and for which request: what is written.

    Attributes:
        note: What was done.
        author: Who did it.
        at: When, by the application's clock, aware.
        request_id: For which request; None outside of requests.
    """

    note: Note
    author: Author
    at: datetime
    request_id: str | None = None


def author_of(principal: Principal) -> Author:
    """Return a principal as the trail names it."""
    return Author(
        principal.principal_id, principal.role, principal.subject_id, principal.api_key_id, principal.session_id
    )


def note(session: AsyncSession, entry: Note) -> None:
    """Note something for the trail; whoever opened the session writes it before anything is answered."""
    session.info.setdefault(_NOTES, []).append(entry)


def note_for_grantee(session: AsyncSession, visibility: Visibility, entry: Note) -> None:
    """Note a look at registers where somebody looks at the assets of others: a court, a dispatcher, a crew."""
    if visibility.principal.kind in _GRANTEES:
        note(session, entry)


def note_export(session: AsyncSession, action: str, detail: str) -> None:
    """Say that what was noted last goes out as a file: its action becomes ``action``, with a digest in the detail."""
    noted = notes_of(session)
    noted[-1] = replace(noted[-1], action=action, detail=detail)


def notes_of(session: AsyncSession) -> list[Note]:
    """Return what was noted in a session."""
    noted: list[Note] = session.info.get(_NOTES, [])
    return noted
