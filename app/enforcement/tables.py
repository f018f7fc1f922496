"""Tables of this room."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ARRAY, DateTime, ForeignKey, ForeignKeyConstraint, Index, Integer, Numeric, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class CaseRow(Base):
    """An enforcement case."""

    __tablename__ = "enforcement_case"

    case_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    case_number: Mapped[str] = mapped_column(unique=True)
    court_id: Mapped[int] = mapped_column(ForeignKey("court.court_id"), index=True)
    applicant_lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"), index=True)
    judgment_debtor: Mapped[str]
    claim_mode: Mapped[str]
    claim_yuan: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))
    phase: Mapped[str]
    basis_number: Mapped[str | None]
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CaseAssetRow(Base):
    """An asset that the applicant offered to a case, and its confirmation by an officer."""

    __tablename__ = "case_asset"

    case_id: Mapped[int] = mapped_column(ForeignKey("enforcement_case.case_id"), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.asset_id"), primary_key=True, index=True)
    offered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    offered_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("principal.principal_id"))
    matched_by: Mapped[str | None]


class MeasureRow(Base):
    """A seizure measure of a case on one of its confirmed assets."""

    __tablename__ = "seizure_measure"
    __table_args__ = (
        ForeignKeyConstraint(["case_id", "asset_id"], ["case_asset.case_id", "case_asset.asset_id"]),
        ExcludeConstraint(
            ("case_id", "="),
            ("asset_id", "="),
            ("kind", "="),
            (text("daterange(starts_on, ends_on, '[]')"), "&&"),
            name="seizure_measure_overlap_excl",
            using="gist",
            where=text("released_on IS NULL"),
        ),
    )

    measure_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    case_id: Mapped[int] = mapped_column(index=True)
    asset_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str]
    rank: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    released_on: Mapped[date | None]
    effective_on: Mapped[date | None]
    custodian: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))


class RenewalRow(Base):
    """A renewal of a measure's term, with user and time; rows are only added."""

    __tablename__ = "seizure_renewal"

    renewal_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    measure_id: Mapped[int] = mapped_column(ForeignKey("seizure_measure.measure_id"), index=True)
    previous_ends_on: Mapped[date]
    ends_on: Mapped[date]
    renewed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    renewed_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))


class AssignmentRow(Base):
    """A dispatcher's assignment to plan for a case, for a period."""

    __tablename__ = "planning_assignment"

    assignment_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    case_id: Mapped[int] = mapped_column(ForeignKey("enforcement_case.case_id"), index=True)
    dispatcher_id: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"), index=True)
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    given_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    given_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class EntrustmentRow(Base):
    """An entrustment of a court with a case or one matter, for a period or until it is withdrawn."""

    __tablename__ = "entrustment"

    entrustment_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    case_id: Mapped[int] = mapped_column(ForeignKey("enforcement_case.case_id"), index=True)
    court_id: Mapped[int] = mapped_column(ForeignKey("court.court_id"), index=True)
    kind: Mapped[str]
    matters: Mapped[str]
    letter_number: Mapped[str]
    asset_ids: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    given_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    given_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("principal.principal_id"), default=None)


class LegalHoldRow(Base):
    """A hold that prevents deletion of the data of an asset, or of all assets of a case, until it is released."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        Index(
            "legal_hold_case_wide_idx",
            "case_id",
            unique=True,
            postgresql_where=text("asset_id IS NULL AND until_at IS NULL"),
        ),
    )

    hold_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.asset_id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("enforcement_case.case_id"), index=True)
    reason: Mapped[str]
    from_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    placed_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
    until_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
