"""The trail: what was looked at and done, noted while a request is served and written before it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

_NOTES: Final = "leasetrace.trail"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to be written into the trail; who, when and for which request is added when it is written.

    Attributes:
        action: What was done, for example ``position.read`` or ``case.close``: a thing, a dot, a verb.
        case_id: For which case, if for one.
        asset_ids: Which assets were looked at or changed.
        window: From when until when, for a look at the past.
        results: How many rows were answered.
        detail: What else must be known later, without anything secret: a name, an id, a digest.
    """

    action: str
    case_id: int | None = None
    asset_ids: Sequence[int] = ()
    window: tuple[datetime, datetime] | None = None
    results: int | None = None
    detail: str | None = None


def note(session: AsyncSession, entry: Note) -> None:
    """Note something for the trail; whoever opened the session writes it before anything is answered."""
    session.info.setdefault(_NOTES, []).append(entry)


def notes_of(session: AsyncSession) -> list[Note]:
    """Return what was noted in a session."""
    noted: list[Note] = session.info.get(_NOTES, [])
    return noted
