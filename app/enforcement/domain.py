"""The frozen types and pure rules of this room; what may be seized is told in ``seizable`` and nowhere else."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from app.assets.domain import IdentifierKind
from app.core.clock import in_shanghai
from app.enforcement.case_number import CaseNumber, CaseNumberFault
from app.enforcement.seizable import (
    ENDED_PHASES,
    AssetFacts,
    Measure,
    MeasureKind,
    Phase,
    Reason,
    ReasonCode,
    Seizability,
    State,
    seizable,
)

__all__ = [
    "ENDED_PHASES",
    "AssetFacts",
    "AssignmentView",
    "CaseAssetView",
    "CaseNumber",
    "CaseNumberFault",
    "CaseView",
    "ClaimMode",
    "ConfirmationReport",
    "Deadline",
    "EntrustmentKind",
    "EntrustmentView",
    "Measure",
    "MeasureKind",
    "MeasureView",
    "NewCase",
    "NewEntrustment",
    "NewMeasure",
    "OfferReport",
    "Outcome",
    "Phase",
    "Reason",
    "ReasonCode",
    "Renewal",
    "RowFault",
    "RowResult",
    "Seizability",
    "SeizureView",
    "State",
    "day_in_shanghai",
    "seizable",
]


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


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be recorded; days are Asia/Shanghai."""

    number: CaseNumber
    court_id: int
    applicant_lessor_id: int
    judgment_debtor: str
    claim_mode: ClaimMode
    claim_yuan: Decimal | None
    phase: Phase
    basis_number: str | None
    opened_on: date


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as it stands.

    Attributes:
        case_id: Its row.
        case_number: In the canonical form of ``CaseNumber``.
        court_id: The court that handles it.
        court_code: That court's code, as the register of courts has it.
        court_name: That court's name.
        court_code_differs: Whether the number bears another code: courts keep old codes when divisions change.
        applicant_lessor_id: The lessor that applied for enforcement.
        judgment_debtor: Against whom.
        claim_mode: What is owed.
        claim_yuan: The amount of the claim with costs, where it is one of money.
        phase: Where it stands.
        basis_number: The number of the judgment, award or deed that is enforced.
        opened_on: The day it was opened, Asia/Shanghai.
        closed_on: The day from which it is closed or concluded, if it is.
        created_at: When it was recorded here, UTC.
    """

    case_id: int
    case_number: str
    court_id: int
    court_code: str
    court_name: str
    court_code_differs: bool
    applicant_lessor_id: int
    judgment_debtor: str
    claim_mode: ClaimMode
    claim_yuan: Decimal | None
    phase: Phase
    basis_number: str | None
    opened_on: date
    closed_on: date | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CaseAssetView:
    """An asset in a case: offered, perhaps confirmed, and then with what the rule says of it now."""

    asset_id: int
    vin: str | None
    plate_no: str | None
    serial_no: str | None
    lease_contract_no: str
    offered_at: datetime
    confirmed_at: datetime | None
    matched_by: IdentifierKind | None
    seizability: Seizability | None


@dataclass(frozen=True, slots=True)
class NewMeasure:
    """A seizure measure to be recorded; days are Asia/Shanghai, ``ends_on`` is the last day in force."""

    asset_id: int
    kind: MeasureKind
    rank: int
    starts_on: date
    ends_on: date
    effective_on: date | None
    custodian: str | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """That a term was prolonged: its last day before and after, and when that was recorded (UTC)."""

    previous_ends_on: date
    ends_on: date
    renewed_at: datetime


@dataclass(frozen=True, slots=True)
class MeasureView:
    """A seizure measure as it stands; days are Asia/Shanghai, ``ends_on`` is the last day in force."""

    measure_id: int
    case_id: int
    asset_id: int
    kind: MeasureKind
    rank: int
    starts_on: date
    ends_on: date
    released_on: date | None
    effective_on: date | None
    custodian: str | None
    created_at: datetime
    renewals: tuple[Renewal, ...]


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """That a dispatcher plans for a case, from a moment until another (UTC)."""

    assignment_id: int
    case_id: int
    dispatcher_id: int
    starts_at: datetime
    ends_at: datetime
    given_at: datetime


class EntrustmentKind(StrEnum):
    """What another court is asked for: to enforce (委托执行), or to do one thing in the case (事项委托)."""

    CASE = "case"
    MATTER = "matter"


@dataclass(frozen=True, slots=True)
class NewEntrustment:
    """An entrustment to be given; without ``asset_ids`` all assets of the case, also those confirmed later.

    Moments are UTC; it begins now where ``starts_at`` is left out.
    """

    court_id: int
    kind: EntrustmentKind
    matters: str
    letter_number: str
    asset_ids: tuple[int, ...] | None
    starts_at: datetime | None
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day by which something is due, Asia/Shanghai, and the clause that says so."""

    what: str
    due_on: date
    clause: str


@dataclass(frozen=True, slots=True)
class EntrustmentView:
    """An entrustment as it stands; moments are UTC.

    Attributes:
        entrustment_id: Its row.
        case_id: The case.
        court_id: The court that is entrusted ...
        court_code: ... its code ...
        court_name: ... and its name.
        kind: The whole case, or one matter.
        matters: What for, in words.
        letter_number: The number of the letter.
        asset_ids: The assets entrusted; None for all of the case, also those confirmed later.
        starts_at: From when on the assets are in its sight ...
        ends_at: ... and until when, unless it is withdrawn, the case closes or an asset is released.
        given_at: When it was recorded.
        withdrawn_at: When it was withdrawn, if it was.
        deadlines: What the law asks of the entrusted court and when; no ruling.
    """

    entrustment_id: int
    case_id: int
    court_id: int
    court_code: str
    court_name: str
    kind: EntrustmentKind
    matters: str
    letter_number: str
    asset_ids: tuple[int, ...] | None
    starts_at: datetime
    ends_at: datetime
    given_at: datetime
    withdrawn_at: datetime | None
    deadlines: tuple[Deadline, ...]


@dataclass(frozen=True, slots=True)
class SeizureView:
    """That an asset is or was seized, as somebody hears of it who may not see the whole case.

    Attributes:
        measure_id: The measure.
        kind: On paper, in fact, or left in use.
        rank: Its place in the register when it was entered; 1 is first.
        starts_on: The first day of its term, Asia/Shanghai ...
        ends_on: ... and the last.
        released_on: The day from which it is lifted, if it is.
        effective_on: The day on which a waiting measure took effect as the first, if it has.
        in_force: Whether it is in force today.
        case_number: The case; None for a court or a dispatcher that does not see it: another case.
        court_name: Its court; None likewise.
    """

    measure_id: int
    kind: MeasureKind
    rank: int
    starts_on: date
    ends_on: date
    released_on: date | None
    effective_on: date | None
    in_force: bool
    case_number: str | None
    court_name: str | None


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row of a list: its index from 0, the member at fault, and a sentence."""

    index: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of a list, by its index from 0, and which assets it was about."""

    index: int
    outcome: Outcome
    asset_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OfferReport:
    """How many assets were offered now, and each row that was not."""

    offered: int
    results: tuple[RowResult, ...]


@dataclass(frozen=True, slots=True)
class ConfirmationReport:
    """What became of each row, and how many assets were confirmed now (a contract may cover several)."""

    assets_confirmed: int
    results: tuple[RowResult, ...]

    def count(self, outcome: Outcome) -> int:
        """Return how many rows came out so."""
        return sum(r.outcome is outcome for r in self.results)


def day_in_shanghai(at: datetime) -> date:
    """Return the day that a clerk's calendar shows at a moment (aware)."""
    return in_shanghai(at).date()
