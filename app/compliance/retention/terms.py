"""The classes of what is stored, how long each is kept, and what was deleted last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class Term:
    """How long a class of data is kept.

    Attributes:
        kind: The class, as ``retention_log`` names it.
        what: What belongs to it.
        days: So long, counted as ``since`` says; None: never deleted by the service.
        since: From when it counts.
        held: Whether a legal hold on the asset keeps it longer.
    """

    kind: str
    what: str
    days: int | None
    since: str
    held: bool


@dataclass(frozen=True, slots=True)
class Deletion:
    """The last time that something of a class was deleted (UTC), and how much in the run's hour."""

    at: datetime
    rows: int
    held_rows: int


KEPT: Final = (
    Term("grant", "to whom assets were opened", None, "kept: three years at least (PIPL, data regulation)", False),
    Term("trail", "who looked and who changed what", None, "kept: three years at least; append-only", False),
    Term("key", "keys that ended, without their secrets", None, "kept: the trail names them", False),
)
"""What the service never deletes by itself.

Records of handing personal information to others are kept for three years at least (regulation on network data
security, article 12), network logs for six months (Cybersecurity Law, article 21).
"""


def terms_of(settings: RetentionSettings) -> tuple[Term, ...]:
    """Return the classes with the terms that the settings give them; 0 days there mean for ever."""
    return (
        Term("raw", "bodies of batches as they came", settings.raw_days or None, "arrival", True),
        Term("ping", "pings", settings.ping_days or None, "the younger of fix and arrival", True),
        Term("derived", "the last position of each day", settings.derived_days or None, "the day", True),
        Term("session", "sessions of people that ended", settings.session_days or None, "their end", False),
        Term("share", "shared run sheets that ended", settings.share_days or None, "their expiry", False),
        *KEPT,
    )


_LAST: Final = text("""
    SELECT DISTINCT ON (class) class, at, sum(rows) OVER run, sum(held_rows) OVER run
    FROM retention_log WINDOW run AS (PARTITION BY class, at) ORDER BY class, at DESC""")


async def last_deletions(session: AsyncSession) -> dict[str, Deletion]:
    """Return for each class that something was deleted of what was deleted last.

    Args:
        session: A transaction of the service itself or of a platform administrator.
    """
    rows = (await session.execute(_LAST)).all()
    return {kind: Deletion(at, int(rows), int(held)) for kind, at, rows, held in rows}
