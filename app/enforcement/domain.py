"""The frozen types and pure rules of this room; what may be seized is told in ``seizable`` and nowhere else."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.core.clock import in_shanghai


class ClaimMode(StrEnum):
    """What the applicant is owed: money, or the leased asset itself."""

    MONEY = "money"
    DELIVERY = "delivery"


class Outcome(StrEnum):
    """What became of one row of an offer or a confirmation."""

    CONFIRMED = "confirmed"
    ALREADY_CONFIRMED = "already_confirmed"
    ALREADY_OFFERED = "already_offered"
    NOT_FOUND = "not_found"


class EntrustmentKind(StrEnum):
    """What another court is asked for: to enforce (委托执行), or to do one thing in the case (事项委托)."""

    CASE = "case"
    MATTER = "matter"


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row of a list: its index from 0, the member at fault, and a sentence."""

    index: int
    field: str
    message: str


def day_in_shanghai(at: datetime) -> date:
    """Return the day that a clerk's calendar shows at a moment (aware)."""
    return in_shanghai(at).date()
