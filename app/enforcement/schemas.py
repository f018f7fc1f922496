"""Request and response models of this room. Requests refuse unknown fields; a response always has every field."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.assets.domain import IdentifierKind
from app.core.web.parameters import BoundedMoment
from app.core.web.schema_types import Day, Id, RequestModel, ResponseModel, Text
from app.enforcement.case_number import EXAMPLE, CaseNumber
from app.enforcement.domain import ClaimMode, EntrustmentKind, Outcome
from app.enforcement.seizable import MeasureKind, Phase, ReasonCode, State

MAX_ROWS: Final = 10_000
"""The largest number of rows of a list in a request."""


def _canonical(text: str) -> str:
    return str(CaseNumber.parse(text))


CaseNumberText = Annotated[
    str,
    StringConstraints(max_length=60),
    AfterValidator(_canonical),
    Field(examples=[EXAMPLE], description="案号; full-width brackets and spaces are accepted."),
]
Term = Annotated[Day, Field(ge=date(1990, 1, 1), le=date(2100, 12, 31), description="A day, Asia/Shanghai.")]
Yuan = Annotated[Decimal, Field(ge=0, max_digits=16, decimal_places=2, description="Yuan, CNY.")]


class CaseIn(RequestModel):
    """A case to record."""

    case_number: CaseNumberText
    court_id: Annotated[Id | None, Field(description="Required for an administrator; a court's key implies it.")] = (
        None
    )
    applicant_lessor_id: Id
    judgment_debtor: Text
    claim_mode: ClaimMode
    claim_yuan: Yuan | None = None
    phase: Phase = Phase.ENFORCEMENT
    basis_number: Text | None = None
    opened_on: Term


class CaseChangeIn(RequestModel):
    """Changes of a case; omitted fields keep their values.

    A phase of ``closed`` or ``concluded_no_property`` begins on ``closed_on``, by default today. An open phase on a
    closed case corrects a mistake; a case that is resumed in law is a new case.
    """

    judgment_debtor: Text = Field(default_factory=str)
    claim_mode: ClaimMode = Field(
        default_factory=lambda: ClaimMode.MONEY
    )  # never read: the router takes only fields that were set
    claim_yuan: Yuan | None = None
    phase: Phase = Field(default_factory=lambda: Phase.ENFORCEMENT)
    basis_number: Text | None = None
    closed_on: Term | None = None


class CaseOut(ResponseModel):
    """A case; ``court_code_differs``: its number has another court code than the register."""

    case_id: int
    case_number: str
    court_id: int
    """The court that handles it."""
    court_code: str
    court_name: str
    court_code_differs: bool
    """Courts keep old codes when divisions change."""
    applicant_lessor_id: int
    judgment_debtor: str
    claim_mode: ClaimMode
    claim_yuan: Decimal | None
    phase: Phase
    basis_number: str | None
    opened_on: date
    """Days are Asia/Shanghai."""
    closed_on: date | None
    """The first day on which the case is closed or concluded."""
    created_at: datetime


class OfferIn(RequestModel):
    """The applicant's own assets, offered to its case."""

    asset_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_ROWS)]


class OfferRowOut(ResponseModel):
    """A row that was not accepted, and why; ``index`` counts from 0."""

    index: int
    asset_id: int
    outcome: Outcome


class OfferOut(ResponseModel):
    """The number of assets offered now, and the rows that were not accepted."""

    offered: int
    results: list[OfferRowOut]


class ConfirmationRowIn(RequestModel):
    """An exact identifier from the case file; spaces, width, case and a plate's dot are ignored."""

    matched_by: IdentifierKind
    value: Text


class ConfirmationIn(RequestModel):
    """Identifiers of the assets to confirm."""

    rows: Annotated[list[ConfirmationRowIn], Field(min_length=1, max_length=MAX_ROWS)]


class ConfirmationRowOut(ResponseModel):
    """The outcome of a row; ``index`` counts from 0. A contract may match several assets."""

    index: int
    matched_by: IdentifierKind
    value: str
    outcome: Outcome
    asset_ids: list[int]


class ConfirmationOut(ResponseModel):
    """The outcome of the rows: the three counts add up to the number of rows."""

    confirmed: int
    already_confirmed: int
    not_found: int
    assets_confirmed: int
    """Assets confirmed now: more than rows where a contract covers several."""
    results: list[ConfirmationRowOut]


class ReasonOut(ResponseModel):
    """One reason against seizing: a code, a sentence, and the legal clause."""

    code: ReasonCode
    text: str
    clause: str | None


class SeizabilityOut(ResponseModel):
    """The result of the seizability rule for an asset today; not a ruling. ``effective_rank`` 1 is first."""

    state: State
    reasons: list[ReasonOut]
    effective_rank: int | None


class CaseAssetOut(ResponseModel):
    """An asset in a case; ``seizability`` is null until it is confirmed."""

    asset_id: int
    vin: str | None
    plate_no: str | None
    serial_no: str | None
    lease_contract_no: str
    offered_at: datetime
    confirmed_at: datetime | None
    matched_by: IdentifierKind | None
    seizability: SeizabilityOut | None


class MeasureIn(RequestModel):
    """A measure to record; ``ends_on`` is the last day in force."""

    asset_id: Id
    kind: MeasureKind
    rank: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """Its place in the register when it was entered: 1 is first, the rest wait (轮候查封)."""
    starts_on: Term
    ends_on: Term
    effective_on: Term | None = None
    """The day on which a waiting measure took effect as the first, according to the register."""
    custodian: Text | None = None


class MeasuresIn(RequestModel):
    """Measures to record, all or none."""

    measures: Annotated[list[MeasureIn], Field(min_length=1, max_length=MAX_ROWS)]


class MeasuresOut(ResponseModel):
    """The measures that were recorded, in the order sent."""

    measure_ids: list[int]


class MeasureChangeIn(RequestModel):
    """Changes of a measure in force; omitted fields keep their values.

    ``ends_on`` renews it, ``released_on`` lifts it, ``effective_on`` is the day from which a waiting one is the
    first.
    """

    ends_on: Term = Field(default_factory=lambda: date.max)  # never read: the router takes only fields that were set
    released_on: Term = Field(default_factory=lambda: date.max)
    effective_on: Term = Field(default_factory=lambda: date.max)
    custodian: Text | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if {"ends_on", "released_on"} <= self.model_fields_set:
            msg = "a measure is renewed (ends_on) or lifted (released_on), not both at once"
            raise ValueError(msg)
        return self


class RenewalOut(ResponseModel):
    """A renewal of a term."""

    previous_ends_on: date
    ends_on: date
    renewed_at: datetime


class MeasureOut(ResponseModel):
    """A seizure measure; ``ends_on`` is the last day in force, ``released_on`` the first day without it."""

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
    renewals: list[RenewalOut]


class AssignmentIn(RequestModel):
    """The dispatcher who plans for the case, and the period."""

    dispatcher_id: Id
    starts_at: BoundedMoment | None = None
    """Default: now."""
    ends_at: BoundedMoment


class AssignmentOut(ResponseModel):
    """A dispatcher's assignment to plan for a case."""

    assignment_id: int
    case_id: int
    dispatcher_id: int
    starts_at: datetime
    ends_at: datetime
    given_at: datetime


class EntrustmentIn(RequestModel):
    """The court that is entrusted, the subject and the period."""

    court_id: Id
    kind: EntrustmentKind
    matters: Text
    """The task: to seize, to investigate, to serve."""
    letter_number: Text
    asset_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_ROWS)] | None = None
    """Confirmed assets of the case; by default all, also those confirmed later."""
    starts_at: BoundedMoment | None = None
    """Default: now."""
    ends_at: BoundedMoment


class DeadlineOut(ResponseModel):
    """A day by which something is due, Asia/Shanghai, and its legal clause; not a ruling."""

    what: str
    due_on: date
    clause: str


class EntrustmentOut(ResponseModel):
    """An entrustment; ``asset_ids`` is null where all assets of the case are entrusted."""

    entrustment_id: int
    case_id: int
    court_id: int
    court_code: str
    court_name: str
    kind: EntrustmentKind
    matters: str
    letter_number: str
    asset_ids: list[int] | None
    starts_at: datetime
    ends_at: datetime
    given_at: datetime
    withdrawn_at: datetime | None
    deadlines: list[DeadlineOut]


class SeizureOut(ResponseModel):
    """A seizure of an asset; number and court are null for a case that the caller does not see."""

    measure_id: int
    kind: MeasureKind
    rank: int
    starts_on: date
    ends_on: date
    released_on: date | None
    effective_on: date | None
    in_force: bool
    """In force today, Asia/Shanghai."""
    case_number: str | None
    """Null for a court or a dispatcher that does not see the case."""
    court_name: str | None


class CaseHoldIn(RequestModel):
    """The reason for a hold on all assets of the case."""

    reason: Text


class HoldIn(RequestModel):
    """A legal hold: no data of an asset is deleted until it is released."""

    asset_id: Id
    case_id: Id | None = None
    """A court must name its own open case in which the asset is confirmed."""
    reason: Text


class HoldOut(ResponseModel):
    """A legal hold, in force until ``until_at``. Without ``asset_id`` it is on the whole case."""

    hold_id: int
    asset_id: int | None
    case_id: int | None
    reason: str
    from_at: datetime
    until_at: datetime | None
    placed_by: int
