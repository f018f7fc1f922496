"""Frozen types of this room; the rule of what may be seized is in ``seizable``."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.core.clock import in_shanghai


class ClaimMode(StrEnum):
    """What the applicant claims: money, or the leased asset itself."""

    MONEY = "money"
    DELIVERY = "delivery"


class Outcome(StrEnum):
    """The outcome of one row of an offer or a confirmation."""

    CONFIRMED = "confirmed"
    ALREADY_CONFIRMED = "already_confirmed"
    ALREADY_OFFERED = "already_offered"
    NOT_FOUND = "not_found"


class EntrustmentKind(StrEnum):
    """To enforce the case (委托执行), or to do one thing in it (事项委托)."""

    CASE = "case"
    MATTER = "matter"


@dataclass(frozen=True, slots=True)
class RowFault:
    """A fault in one row of a list: its index from 0, the field, and a sentence."""

    index: int
    field: str
    message: str


def day_in_shanghai(at: datetime) -> date:
    """Return the calendar day in Asia/Shanghai of an aware time."""
    return in_shanghai(at).date()
