"""Terms of the retention classes under the settings of an installation, and what was deleted last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.compliance.register import RULES, RetentionClass, is_held
from app.core.settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class Term:
    """How long a class of data is kept."""

    kind: RetentionClass
    what: str  # what belongs to the class
    days: int | None  # counted from ``since``; None: without end
    since: str  # the start of the term; where ``deletable`` is false, why the class is kept
    deletable: bool  # whether a setting can give the class a term
    held: bool  # whether a legal hold on the asset keeps it longer

    def limit(self, now: datetime) -> datetime | None:
        """Return the moment before which data of the class are deleted; None: nothing is deleted."""
        return None if self.days is None else now - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The last deletion of a class: its time (UTC), and the rows deleted and held in that run of the job."""

    at: datetime
    rows: int
    held_rows: int


def term_of(kind: RetentionClass, settings: RetentionSettings) -> Term:
    """Return the term of a class; 0 days in the settings mean without end."""
    rule = RULES[kind]
    days = None if rule.days is None else rule.days(settings) or None
    return Term(kind, rule.what, days, rule.since, deletable=rule.days is not None, held=is_held(kind))


def terms_of(settings: RetentionSettings) -> tuple[Term, ...]:
    """Return the terms of all classes, in the order of the register."""
    return tuple(term_of(kind, settings) for kind in RULES)
