"""The one rule of what may be seized, told from dated facts only; pure.

It is thickened here as more of the law is modelled and written nowhere else. What it decides, what it leaves out and
why stands in ``docs/decisions/0005-seizable-rule.md``. Nothing it returns is a ruling.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a case stands. A concluded case that is resumed gets a number of its own (type 执恢)."""

    PRESERVATION = "preservation"
    ENFORCEMENT = "enforcement"
    RESUMED = "resumed"
    CONCLUDED_NO_PROPERTY = "concluded_no_property"
    CLOSED = "closed"


ENDED_PHASES: Final = frozenset({Phase.CONCLUDED_NO_PROPERTY, Phase.CLOSED})
"""The phases that begin on the day a case is closed."""


class MeasureKind(StrEnum):
    """How an asset is seized: on paper, in fact, or sealed and left in use."""

    REGISTER_SEIZURE = "register_seizure"
    PHYSICAL_DETENTION = "physical_detention"
    LIVING_SEIZURE = "living_seizure"


class State(StrEnum):
    """What an asset of a case is to a crew; exactly one of three."""

    SEIZABLE = "seizable"
    NOT_SEIZABLE = "not_seizable"
    HELD = "held"


class ReasonCode(StrEnum):
    """Why an asset is not to be seized."""

    HELD_BY_THIS_COURT = "held_by_this_court"
    HELD_BY_ANOTHER_COURT = "held_by_another_court"
    CASE_CLOSED = "case_closed"
    CONCLUDED_NO_PROPERTY = "concluded_no_property"
    NO_MEASURE = "no_measure"
    NOT_YET_IN_FORCE = "not_yet_in_force"
    RELEASED = "released"
    LAPSED = "lapsed"
    LEFT_IN_USE = "left_in_use"
    RANKED_BEHIND = "ranked_behind"
    RANK_SHARED = "rank_shared"


SEIZURE_PROVISIONS: Final = "Seizure provisions (2020), article"
PROCEDURE_INTERPRETATION: Final = "Interpretation of the Civil Procedure Law (2022), article"
INVESTIGATION_PROVISIONS: Final = "Property investigation provisions (2020), article"
CONCLUSION_PROVISIONS: Final = "Provisions on concluding for want of property (2016), article"


@dataclass(frozen=True, slots=True)
class Measure:
    """A seizure measure, as far as the rule needs it; all days are Asia/Shanghai.

    Attributes:
        kind: On paper, in fact, or left in use.
        case_id: The case that it belongs to.
        court_id: The court of that case.
        rank: Its place in the register when it was entered; 1 is first, the rest wait (轮候).
        starts_on: The first day of its term.
        ends_on: The last day of its term.
        released_on: The day from which it is lifted, if it is.
        effective_on: The day on which the register says that a waiting measure took effect as the first, if it has.
        case_closed_on: The day on which its case was closed, if it is; by itself that ends no measure.
    """

    kind: MeasureKind
    case_id: int
    court_id: int
    rank: int
    starts_on: date
    ends_on: date
    released_on: date | None = None
    effective_on: date | None = None
    case_closed_on: date | None = None

    def released_by(self, day: date) -> bool:
        """Tell whether it is lifted on a day."""
        return self.released_on is not None and self.released_on <= day

    def ended_by(self, day: date) -> bool:
        """Tell whether it is lifted or lapsed on a day."""
        return self.released_by(day) or self.ends_on < day

    def in_force(self, day: date) -> bool:
        """Tell whether it has begun and neither lapsed nor been lifted."""
        return self.starts_on <= day and not self.ended_by(day)

    def place(self, day: date) -> tuple[int, date]:
        """Return what it is ordered by on a day, earliest first: recorded rank, then the day of its entry."""
        effective = self.effective_on is not None and self.effective_on <= day
        return (1 if effective else self.rank, self.starts_on)


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """All that the rule looks at, for one asset of one case.

    Attributes:
        case_id: The case that asks.
        court_id: Its court.
        phase: Where the case stands as known now; an ended phase holds from ``closed_on``.
        closed_on: The day on which the case was closed, if it is.
        measures: Every measure on the asset, of this case and of all others, in any order.
        on_day: The day asked about, Asia/Shanghai.
    """

    case_id: int
    court_id: int
    phase: Phase
    closed_on: date | None
    measures: tuple[Measure, ...]
    on_day: date


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a no: its code, a sentence, and the clause that it rests on, where there is one."""

    code: ReasonCode
    text: str
    clause: str | None


@dataclass(frozen=True, slots=True)
class Seizability:
    """What the rule says of an asset.

    Attributes:
        state: Exactly one of three.
        reasons: Why not, the main one first; empty exactly when the asset is seizable.
        effective_rank: The place of the case's best seizure in force among the seizures in force or not known to have
            ended, 1 is first; None without a seizure in force.
    """

    state: State
    reasons: tuple[Reason, ...]
    effective_rank: int | None


def seizable(facts: AssetFacts) -> Seizability:
    """Say whether an asset may be taken on a day: seized by this case, in force, first, not held, not left in use.

    Only days and ranks are compared; another case is never named.
    """
    line = _place_in_line(facts)
    rank = line.effective_rank if line else None
    held = tuple(_held(facts))
    if held:
        return Seizability(State.HELD, held, rank)
    reasons = (*_case_ended(facts), *(_hindered(facts, line) if line else _not_in_force(facts)))
    return Seizability(State.NOT_SEIZABLE if reasons else State.SEIZABLE, reasons, rank)


@dataclass(frozen=True, slots=True, order=True)
class _Line:
    """Where a seizure stands among those of other cases; of two the smaller stands better."""

    effective_rank: int
    shared: bool
    known_ahead: int


def _place_in_line(facts: AssetFacts) -> _Line | None:
    """Return the best place of the case's seizures in force, None when there is none."""
    own = [m for m in _seizures(facts) if m.in_force(facts.on_day)]
    others = [m for m in facts.measures if m.case_id != facts.case_id]
    return min((_line(m, others, facts) for m in own), default=None)


def _line(own: Measure, others: Iterable[Measure], facts: AssetFacts) -> _Line:
    """Return where one seizure stands.

    A rank counts measures that this service may never hear of. So a rank of 3 becomes 1 only when two cases before
    it are known to have ended, or when the register says that it took effect (``effective_on``).
    """
    day = facts.on_day
    place = own.place(day)
    running = [m for m in others if m.in_force(day) and not _passed_on(m, facts)]
    ahead = {m.case_id for m in running if m.place(day) < place}
    shared = any(m.place(day) == place for m in running)
    ended = {
        m.case_id
        for m in others
        if (m.ended_by(day) or _passed_on(m, facts))
        and m.in_force(own.starts_on)
        and m.place(own.starts_on) < own.place(own.starts_on)
    }
    return _Line(max(place[0] - len(ended - ahead), len(ahead) + 1), shared, len(ahead))


def _passed_on(measure: Measure, facts: AssetFacts) -> bool:
    """Tell whether a measure belongs to a closed case of the same court: it serves the case that follows.

    So a seizure from preservation, or from a case that is resumed under a new number, does not stand before its own
    successor (property preservation provisions, article 17).
    """
    closed = measure.case_closed_on is not None and measure.case_closed_on <= facts.on_day
    return closed and measure.court_id == facts.court_id


def _seizures(facts: AssetFacts) -> list[Measure]:
    """Return the case's own measures that rank in the register: a detention is a fact and has no place in line."""
    return [m for m in facts.measures if m.case_id == facts.case_id and m.kind is not MeasureKind.PHYSICAL_DETENTION]


def _held(facts: AssetFacts) -> Iterable[Reason]:
    clause = f"{INVESTIGATION_PROVISIONS} 16"
    holders = {
        m.court_id for m in facts.measures if m.kind is MeasureKind.PHYSICAL_DETENTION and m.in_force(facts.on_day)
    }
    if facts.court_id in holders:
        yield Reason(ReasonCode.HELD_BY_THIS_COURT, "This court physically holds the asset already.", clause)
    if holders - {facts.court_id}:
        yield Reason(ReasonCode.HELD_BY_ANOTHER_COURT, "Another court physically holds the asset.", clause)


def _case_ended(facts: AssetFacts) -> Iterable[Reason]:
    if facts.phase not in ENDED_PHASES or (facts.closed_on is not None and facts.on_day < facts.closed_on):
        return
    if facts.phase is Phase.CONCLUDED_NO_PROPERTY:
        yield Reason(
            ReasonCode.CONCLUDED_NO_PROPERTY,
            "The procedure was concluded for want of property; it has to be resumed first.",
            f"{CONCLUSION_PROVISIONS} 9",
        )
    else:
        yield Reason(ReasonCode.CASE_CLOSED, "The case is closed.", None)


def _not_in_force(facts: AssetFacts) -> Iterable[Reason]:
    """Give the one reason why no seizure of this case is in force."""
    day = facts.on_day
    own = [m for m in facts.measures if m.case_id == facts.case_id and not m.in_force(day)]
    coming = [m.starts_on for m in own if not m.ended_by(day)]
    past = [
        (m.released_on, True) if m.released_on is not None and m.released_by(day) else (m.ends_on, False)
        for m in own
        if m.ended_by(day)
    ]
    if coming:
        text = f"The seizure takes effect on {min(coming)}."
        yield Reason(ReasonCode.NOT_YET_IN_FORCE, text, f"{PROCEDURE_INTERPRETATION} 485")
    elif not past:
        text = "This case has no seizure of the asset."
        yield Reason(ReasonCode.NO_MEASURE, text, f"{SEIZURE_PROVISIONS} 7")
    elif max(past)[1]:
        yield Reason(ReasonCode.RELEASED, f"The seizure was lifted on {max(past)[0]}.", f"{SEIZURE_PROVISIONS} 28")
    else:
        text = f"The seizure lapsed after {max(past)[0]}: its term ended without renewal."
        clause = f"{SEIZURE_PROVISIONS} 27; {PROCEDURE_INTERPRETATION} 485"
        yield Reason(ReasonCode.LAPSED, text, clause)


def _hindered(facts: AssetFacts, line: _Line) -> Iterable[Reason]:
    """Give the reasons why a seizure in force does not let the asset be taken."""
    day = facts.on_day
    if any(m.kind is MeasureKind.LIVING_SEIZURE and m.in_force(day) for m in _seizures(facts)):
        yield Reason(
            ReasonCode.LEFT_IN_USE,
            "The court seized the asset and left it in the debtor's use; that has to be lifted before it is taken.",
            f"{SEIZURE_PROVISIONS} 10; Property preservation provisions (2020), article 13",
        )
    clause = f"{SEIZURE_PROVISIONS} 26"
    if line.effective_rank > 1:
        text = (
            "A seizure of another case ranks before this one."
            if line.known_ahead
            else f"The seizure waits at rank {line.effective_rank}; those before it are not known to have ended."
        )
        yield Reason(ReasonCode.RANKED_BEHIND, text, clause)
    if line.shared:
        yield Reason(
            ReasonCode.RANK_SHARED,
            "A seizure of another case has the same rank since the same day; the register must tell which is first.",
            clause,
        )
