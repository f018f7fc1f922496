"""The rule of what may be seized, computed from dated facts only; pure.

The rule is defined only here. ``docs/decisions/0005-seizable-rule.md`` says what it decides, what it leaves out and
why. No result is a ruling.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """The phase of a case. A concluded case that is resumed gets its own number (type 执恢)."""

    PRESERVATION = "preservation"
    ENFORCEMENT = "enforcement"
    RESUMED = "resumed"
    CONCLUDED_NO_PROPERTY = "concluded_no_property"
    CLOSED = "closed"


ENDED_PHASES: Final = frozenset({Phase.CONCLUDED_NO_PROPERTY, Phase.CLOSED})
"""The phases that begin on the day a case is closed."""


class MeasureKind(StrEnum):
    """How an asset is seized: in the register, physically, or sealed and left in use."""

    REGISTER_SEIZURE = "register_seizure"
    PHYSICAL_DETENTION = "physical_detention"
    LIVING_SEIZURE = "living_seizure"


class State(StrEnum):
    """What a crew may do with an asset of a case."""

    SEIZABLE = "seizable"
    NOT_SEIZABLE = "not_seizable"
    HELD = "held"


class ReasonCode(StrEnum):
    """Why an asset may not be seized."""

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
    """A seizure measure, reduced to what the rule needs; all days are Asia/Shanghai."""

    kind: MeasureKind
    case_id: int
    court_id: int  # the court of its case
    rank: int  # its order_key in the register when it was entered; 1 is first, the rest wait (轮候)
    starts_on: date  # the first day of its term
    ends_on: date  # the last day of its term
    released_on: date | None = None  # the first day on which it is lifted, if any
    # the day on which a waiting measure took effect as the first, according to the register, if it has
    effective_on: date | None = None
    case_closed_on: date | None = None  # the day on which its case was closed, if it is; this alone ends no measure

    def released_by(self, day: date) -> bool:
        """Return whether it is lifted on a day."""
        return self.released_on is not None and self.released_on <= day

    def ended_by(self, day: date) -> bool:
        """Return whether it is lifted or lapsed on a day."""
        return self.released_by(day) or self.ends_on < day

    def in_force(self, day: date) -> bool:
        """Return whether it has begun and neither lapsed nor been lifted."""
        return self.starts_on <= day and not self.ended_by(day)

    def order_key(self, day: date) -> tuple[int, date]:
        """Return its sort key on a day, earliest first: recorded rank, then the day of its entry."""
        effective = self.effective_on is not None and self.effective_on <= day
        return (1 if effective else self.rank, self.starts_on)


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """All facts that the rule uses for one asset of one case."""

    case_id: int  # the case that asks
    court_id: int  # its court
    phase: Phase  # the current phase of the case; an ended phase holds from `closed_on`
    closed_on: date | None
    measures: tuple[Measure, ...]  # every measure on the asset, of this case and of all others, in any order
    on_day: date  # the day asked about, Asia/Shanghai


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against seizing: its code, a sentence, and the legal clause, if any."""

    code: ReasonCode
    text: str
    clause: str | None


@dataclass(frozen=True, slots=True)
class Seizability:
    """The result of the rule for an asset."""

    state: State
    reasons: tuple[Reason, ...]  # why not, the main one first; empty exactly when the asset is seizable
    # rank of the case's best seizure in force among the seizures in force or not known to have ended, 1 is first;
    # None without a seizure in force
    effective_rank: int | None


def seizable(facts: AssetFacts) -> Seizability:
    """Decide whether an asset may be taken on a day: seized by this case, in force, first, not held, not left in use.

    Only days and ranks are compared; another case is never identified.
    """
    ranking = _best_ranking(facts)
    rank = ranking.effective_rank if ranking else None
    held = tuple(_held_reasons(facts))
    if held:
        return Seizability(State.HELD, held, rank)
    reasons = (*_case_ended(facts), *(_blocking_reasons(facts, ranking) if ranking else _not_in_force(facts)))
    return Seizability(State.NOT_SEIZABLE if reasons else State.SEIZABLE, reasons, rank)


@dataclass(frozen=True, slots=True, order=True)
class _Ranking:
    """The rank of a seizure among those of other cases; smaller is better."""

    effective_rank: int
    shared: bool
    known_ahead: int


def _best_ranking(facts: AssetFacts) -> _Ranking | None:
    """Return the best rank of the case's seizures in force, None where there is none."""
    own = [m for m in _seizures(facts) if m.in_force(facts.on_day)]
    others = [m for m in facts.measures if m.case_id != facts.case_id]
    return min((_ranking(m, others, facts) for m in own), default=None)


def _ranking(own: Measure, others: Iterable[Measure], facts: AssetFacts) -> _Ranking:
    """Return the rank of one seizure.

    A recorded rank counts measures that this service may not know. So rank 3 becomes 1 only when two cases before it
    are known to have ended, or when the register records that it took effect (``effective_on``).
    """
    day = facts.on_day
    own_key = own.order_key(day)
    running = [m for m in others if m.in_force(day) and not _inherited(m, facts)]
    ahead = {m.case_id for m in running if m.order_key(day) < own_key}
    shared = any(m.order_key(day) == own_key for m in running)
    ended = {
        m.case_id
        for m in others
        if (m.ended_by(day) or _inherited(m, facts))
        and m.in_force(own.starts_on)
        and m.order_key(own.starts_on) < own.order_key(own.starts_on)
    }
    return _Ranking(max(own_key[0] - len(ended - ahead), len(ahead) + 1), shared, len(ahead))


def _inherited(measure: Measure, facts: AssetFacts) -> bool:
    """Return whether a measure belongs to a closed case of the same court: it then serves the following case.

    So a seizure from preservation, or from a case resumed under a new number, does not rank before its own successor
    (property preservation provisions, article 17).
    """
    closed = measure.case_closed_on is not None and measure.case_closed_on <= facts.on_day
    return closed and measure.court_id == facts.court_id


def _seizures(facts: AssetFacts) -> list[Measure]:
    """Return the case's own measures that rank in the register; a physical detention has no rank."""
    return [m for m in facts.measures if m.case_id == facts.case_id and m.kind is not MeasureKind.PHYSICAL_DETENTION]


def _held_reasons(facts: AssetFacts) -> Iterable[Reason]:
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
    """Return the one reason why no seizure of this case is in force."""
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


def _blocking_reasons(facts: AssetFacts, ranking: _Ranking) -> Iterable[Reason]:
    """Return the reasons why an asset under a seizure in force may not be taken."""
    day = facts.on_day
    if any(m.kind is MeasureKind.LIVING_SEIZURE and m.in_force(day) for m in _seizures(facts)):
        yield Reason(
            ReasonCode.LEFT_IN_USE,
            "The court seized the asset and left it in the debtor's use; lift that measure before it is taken.",
            f"{SEIZURE_PROVISIONS} 10; Property preservation provisions (2020), article 13",
        )
    clause = f"{SEIZURE_PROVISIONS} 26"
    if ranking.effective_rank > 1:
        text = (
            "A seizure of another case ranks before this one."
            if ranking.known_ahead
            else f"The seizure waits at rank {ranking.effective_rank}; those before it are not known to have ended."
        )
        yield Reason(ReasonCode.RANKED_BEHIND, text, clause)
    if ranking.shared:
        yield Reason(
            ReasonCode.RANK_SHARED,
            "A seizure of another case has the same rank since the same day; the register must show which is first.",
            clause,
        )
