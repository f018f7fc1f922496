"""Terms and deadlines of seizure measures and entrustments; pure, days in Asia/Shanghai.

Each ``…_fault`` and ``…_reason`` function returns a sentence for users, or None.
"""

from datetime import date, timedelta
from typing import Final

from app.enforcement.domain import EntrustmentKind
from app.enforcement.schemas import DeadlineOut

MAX_TERM_YEARS: Final = 2
"""Longest term of a seizure of movables, and of each renewal (interpretation of the CPL, article 485)."""


ENTRUSTMENT_PROVISIONS: Final = "Entrusted enforcement provisions (2020), article"
MATTER_WITHIN_DAYS: Final = 14
"""Ten working days as calendar days; for a single matter, from a notice that was not confirmed (法发〔2017〕27号)."""


def latest_end(begins_on: date) -> date:
    """Return the last day that a term starting on a day may have.

    It is the same day two years later (28 February after 29 February). A period in years does not count its first
    day, so an order that ends a day earlier is valid too.
    """
    year = begins_on.year + MAX_TERM_YEARS
    try:
        return begins_on.replace(year=year)
    except ValueError:
        return begins_on.replace(year=year, day=28)


def term_fault(starts_on: date, ends_on: date) -> str | None:
    """Check the last day of a new measure's term."""
    if ends_on < starts_on:
        return f"expected the last day in force, {starts_on} or later"
    if ends_on > latest_end(starts_on):
        return (
            f"a seizure of movables runs two years at most: expected {latest_end(starts_on)} or earlier "
            "(interpretation of the CPL, article 485)"
        )
    return None


def renewal_fault(ends_on: date, new_ends_on: date) -> str | None:
    """Check the new last day of a measure in force until ``ends_on``."""
    if new_ends_on <= ends_on:
        return f"a renewal prolongs the term: expected a day after {ends_on}"
    if new_ends_on > latest_end(ends_on):
        return (
            f"a renewal adds two years at most: expected {latest_end(ends_on)} or earlier "
            "(interpretation of the CPL, article 485)"
        )
    return None


def event_day_fault(starts_on: date, day: date, today: date) -> str | None:
    """Check the day on which a measure was lifted, or took effect as the first."""
    if day > today:
        return f"must not be in the future: expected {today} or earlier"
    if day < min(starts_on, today):
        return f"the measure began on {starts_on}: expected that day or later"
    return None


def ended_reason(ends_on: date, released_on: date | None, today: date) -> str | None:
    """Return why a measure is over and can be neither renewed nor released."""
    if released_on is not None:
        return f"The measure was lifted on {released_on}; record a new one instead."
    if ends_on < today:
        return (
            f"The measure lapsed after {ends_on}: a lapsed measure cannot be renewed or lifted; record a new one "
            "instead (seizure provisions, article 27)."
        )
    return None


def entrustment_deadlines(kind: EntrustmentKind, given_on: date) -> list[DeadlineOut]:
    """Return what is due after an entrustment, earliest first.

    Days count from the day on which the letter was recorded here; the service does not know when it arrived.
    """
    if kind is EntrustmentKind.MATTER:
        due = given_on + timedelta(days=MATTER_WITHIN_DAYS)
        return [_due("the matter is done and answered", due, "法发〔2017〕27号 (unconfirmed: 10 working days)")]
    return [
        _due("the entrusted court opens a case", given_on + timedelta(days=7), f"{ENTRUSTMENT_PROVISIONS} 7"),
        _due("enforcement has begun", given_on + timedelta(days=15), "Civil Procedure Law (2023), article 240"),
        _due("missing papers are supplied", given_on + timedelta(days=30), f"{ENTRUSTMENT_PROVISIONS} 8"),
        _due(
            "enforcement is done, or its progress is reported",
            given_on + timedelta(days=30),
            f"{ENTRUSTMENT_PROVISIONS} 7",
        ),
        _due("the applicant may ask the court above", _months_on(given_on, 6), f"{ENTRUSTMENT_PROVISIONS} 11"),
    ]


def _due(what: str, due_on: date, clause: str) -> DeadlineOut:
    return DeadlineOut(what=what, due_on=due_on, clause=clause)


def _months_on(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))
