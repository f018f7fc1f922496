"""The rule, state by state, and what must hold of it whatever the facts are."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from hypothesis import Phase as HypothesisPhase
from hypothesis import assume, find, given, settings
from hypothesis import strategies as st

from app.enforcement.seizable import (
    AssetFacts,
    Measure,
    MeasureKind,
    Phase,
    ReasonCode,
    Seizability,
    State,
    seizable,
)

TODAY = date(2026, 11, 23)
CASE, COURT, OTHER_CASE, OTHER_COURT, THIRD_CASE = 1, 10, 2, 20, 3
START, END = date(2025, 3, 20), date(2027, 3, 19)
OWN = Measure(MeasureKind.REGISTER_SEIZURE, CASE, COURT, 1, START, END)
THEIRS = Measure(MeasureKind.REGISTER_SEIZURE, OTHER_CASE, OTHER_COURT, 1, date(2025, 1, 5), date(2027, 1, 4))


def ask(
    *measures: Measure, on: date = TODAY, phase: Phase = Phase.ENFORCEMENT, closed: date | None = None
) -> Seizability:
    return seizable(AssetFacts(CASE, COURT, phase, closed, measures, on))


def codes(answer: Seizability) -> list[ReasonCode]:
    return [reason.code for reason in answer.reasons]


def refused(*measures: Measure, **asked: object) -> list[ReasonCode]:
    answer = ask(*measures, **asked)  # type: ignore[arg-type] # passed through as it came
    assert answer.state is State.NOT_SEIZABLE
    return codes(answer)


def test_a_register_seizure_in_force_and_first_is_seizable() -> None:
    assert ask(OWN) == Seizability(State.SEIZABLE, (), 1)


@pytest.mark.parametrize("phase", [Phase.PRESERVATION, Phase.ENFORCEMENT, Phase.RESUMED])
def test_open_phases_let_it_be_seized(phase: Phase) -> None:
    assert ask(OWN, phase=phase).state is State.SEIZABLE


def test_both_ends_of_the_term_are_in_force() -> None:
    assert ask(OWN, on=START).state is State.SEIZABLE
    assert ask(OWN, on=END).state is State.SEIZABLE
    assert refused(OWN, on=START - timedelta(1)) == [ReasonCode.NOT_YET_IN_FORCE]
    assert refused(OWN, on=END + timedelta(1)) == [ReasonCode.LAPSED]


def test_no_seizure_of_this_case() -> None:
    assert refused() == [ReasonCode.NO_MEASURE]
    assert refused(THEIRS) == [ReasonCode.NO_MEASURE]


def test_a_release_counts_from_its_day() -> None:
    lifted = replace(OWN, released_on=date(2026, 5, 4))
    assert ask(lifted, on=date(2026, 5, 3)).state is State.SEIZABLE
    answer = ask(lifted, on=date(2026, 5, 4))
    assert codes(answer) == [ReasonCode.RELEASED]
    assert "2026-05-04" in answer.reasons[0].text


def test_of_several_that_ended_the_last_one_tells_why() -> None:
    lapsed = replace(OWN, starts_on=date(2021, 1, 1), ends_on=date(2022, 12, 31))
    lifted = replace(OWN, released_on=date(2026, 5, 4))
    assert refused(lapsed, lifted) == [ReasonCode.RELEASED]
    assert refused(replace(lapsed, released_on=date(2021, 6, 1)), replace(OWN, ends_on=date(2026, 6, 1))) == [
        ReasonCode.LAPSED
    ]


def test_a_new_seizure_after_a_lapsed_one_counts() -> None:
    lapsed = replace(OWN, starts_on=date(2021, 1, 1), ends_on=date(2022, 12, 31))
    assert ask(lapsed, OWN).state is State.SEIZABLE
    coming = replace(OWN, starts_on=date(2026, 12, 1), ends_on=date(2028, 11, 30))
    assert refused(lapsed, coming) == [ReasonCode.NOT_YET_IN_FORCE]
    later = replace(coming, starts_on=date(2026, 12, 9))
    assert "2026-12-01" in ask(later, coming).reasons[0].text


def test_what_a_court_holds_is_held_and_by_whom_is_told() -> None:
    taken = replace(OWN, kind=MeasureKind.PHYSICAL_DETENTION, starts_on=date(2026, 9, 1))
    assert (ask(OWN, taken).state, codes(ask(OWN, taken))) == (State.HELD, [ReasonCode.HELD_BY_THIS_COURT])
    theirs = replace(THEIRS, kind=MeasureKind.PHYSICAL_DETENTION, rank=9)
    assert (ask(OWN, theirs).state, codes(ask(OWN, theirs))) == (State.HELD, [ReasonCode.HELD_BY_ANOTHER_COURT])
    sister = replace(theirs, court_id=COURT)
    assert codes(ask(OWN, sister)) == [ReasonCode.HELD_BY_THIS_COURT]


def test_what_is_held_stays_held_when_the_case_is_closed() -> None:
    taken = replace(OWN, kind=MeasureKind.PHYSICAL_DETENTION)
    assert ask(OWN, taken, phase=Phase.CLOSED, closed=date(2026, 6, 1)).state is State.HELD


def test_what_was_given_back_is_seizable_again_on_the_register_seizure() -> None:
    given_back = replace(OWN, kind=MeasureKind.PHYSICAL_DETENTION, released_on=date(2026, 10, 1))
    assert ask(OWN, given_back).state is State.SEIZABLE
    assert refused(given_back) == [ReasonCode.RELEASED]


def test_what_the_court_left_in_use_is_not_for_a_crew() -> None:
    living = replace(OWN, kind=MeasureKind.LIVING_SEIZURE)
    answer = ask(OWN, living)
    assert (answer.state, codes(answer)) == (State.NOT_SEIZABLE, [ReasonCode.LEFT_IN_USE])
    assert "10" in str(answer.reasons[0].clause)
    assert ask(OWN, replace(living, released_on=date(2026, 10, 1))).state is State.SEIZABLE


def test_a_case_that_has_ended_seizes_nothing_from_that_day_on() -> None:
    closed = date(2026, 6, 1)
    assert refused(OWN, phase=Phase.CLOSED, closed=closed) == [ReasonCode.CASE_CLOSED]
    assert refused(OWN, phase=Phase.CONCLUDED_NO_PROPERTY, closed=closed) == [ReasonCode.CONCLUDED_NO_PROPERTY]
    assert ask(OWN, phase=Phase.CLOSED, closed=closed, on=date(2026, 5, 31)).state is State.SEIZABLE
    assert refused(phase=Phase.CLOSED, closed=closed) == [ReasonCode.CASE_CLOSED, ReasonCode.NO_MEASURE]


def test_a_seizure_of_another_case_that_was_registered_first_goes_before() -> None:
    waiting = replace(OWN, rank=2)
    answer = ask(waiting, THEIRS)
    assert (answer.state, codes(answer), answer.effective_rank) == (State.NOT_SEIZABLE, [ReasonCode.RANKED_BEHIND], 2)


def test_a_waiting_seizure_of_another_case_does_not_hinder() -> None:
    waiting = replace(THEIRS, rank=2, starts_on=date(2026, 1, 1))
    assert ask(OWN, waiting) == Seizability(State.SEIZABLE, (), 1)


def test_a_waiting_seizure_becomes_the_first_when_the_one_before_it_ends() -> None:
    waiting = replace(OWN, rank=2)
    assert ask(waiting, replace(THEIRS, released_on=date(2026, 10, 1))) == Seizability(State.SEIZABLE, (), 1)
    assert ask(waiting, THEIRS, on=date(2027, 1, 4)).state is State.NOT_SEIZABLE
    assert ask(waiting, THEIRS, on=date(2027, 1, 5)).state is State.SEIZABLE


def test_all_that_went_before_must_have_ended() -> None:
    third = replace(OWN, rank=3)
    second = replace(THEIRS, case_id=THIRD_CASE, rank=2)
    lifted = date(2026, 10, 1)
    assert ask(third, THEIRS, second).effective_rank == 3
    assert ask(third, replace(THEIRS, released_on=lifted), second).effective_rank == 2
    assert ask(third, replace(THEIRS, released_on=lifted), replace(second, released_on=lifted)).effective_rank == 1


def test_a_waiting_seizure_whose_forerunner_is_not_recorded_here_keeps_waiting() -> None:
    waiting = replace(OWN, rank=2)
    answer = ask(waiting)
    assert (codes(answer), answer.effective_rank) == ([ReasonCode.RANKED_BEHIND], 2)
    assert "not known to have ended" in answer.reasons[0].text


def test_until_the_register_says_that_it_took_effect() -> None:
    waiting = replace(OWN, rank=2, effective_on=date(2026, 8, 1))
    assert refused(waiting, on=date(2026, 7, 31)) == [ReasonCode.RANKED_BEHIND]
    assert ask(waiting, on=date(2026, 8, 1)) == Seizability(State.SEIZABLE, (), 1)


def test_one_that_ended_before_ours_was_entered_was_never_before_it() -> None:
    gone = replace(THEIRS, starts_on=date(2020, 1, 1), ends_on=date(2021, 12, 31))
    assert refused(replace(OWN, rank=2), gone) == [ReasonCode.RANKED_BEHIND]


def test_one_that_stood_behind_ours_frees_nothing_when_it_ends() -> None:
    behind = replace(THEIRS, rank=3, released_on=date(2026, 10, 1))
    assert ask(replace(OWN, rank=2), behind).effective_rank == 2


def test_a_case_that_still_stands_before_ours_is_not_counted_as_ended_too() -> None:
    lifted = replace(THEIRS, kind=MeasureKind.LIVING_SEIZURE, released_on=date(2026, 10, 1))
    assert ask(replace(OWN, rank=3), THEIRS, lifted).effective_rank == 3


def test_of_equal_ranks_the_earlier_entry_goes_before_and_equal_days_are_in_doubt() -> None:
    assert refused(OWN, replace(THEIRS, starts_on=START - timedelta(1))) == [ReasonCode.RANKED_BEHIND]
    assert refused(OWN, replace(THEIRS, starts_on=START)) == [ReasonCode.RANK_SHARED]
    assert ask(OWN, replace(THEIRS, starts_on=START + timedelta(1))).state is State.SEIZABLE


def test_another_case_of_the_same_court_ranks_like_any_other() -> None:
    assert refused(replace(OWN, rank=2), replace(THEIRS, court_id=COURT)) == [ReasonCode.RANKED_BEHIND]


def test_a_seizure_does_not_stand_before_the_case_that_follows_its_own_at_the_same_court() -> None:
    closed = date(2026, 6, 1)
    preserved = replace(THEIRS, court_id=COURT, case_closed_on=closed)
    for follower in (OWN, replace(OWN, rank=2)):
        assert ask(follower, preserved, on=closed) == Seizability(State.SEIZABLE, (), 1)
        assert refused(follower, preserved, on=closed - timedelta(1)) == [ReasonCode.RANKED_BEHIND]
        assert refused(follower, replace(preserved, court_id=OTHER_COURT)) == [ReasonCode.RANKED_BEHIND]
    assert refused(preserved) == [ReasonCode.NO_MEASURE]


def test_no_reason_names_the_other_case() -> None:
    theirs = replace(THEIRS, case_id=987654, court_id=876543)
    held = replace(theirs, kind=MeasureKind.PHYSICAL_DETENTION)
    for answer in (ask(replace(OWN, rank=2), theirs), ask(OWN, held), ask(OWN, replace(theirs, starts_on=START))):
        for reason in answer.reasons:
            assert "987654" not in reason.text
            assert "876543" not in reason.text


# What must hold whatever the facts are.


def days_around(before: int, after: int) -> st.SearchStrategy[date]:
    return st.integers(-before, after).map(lambda n: TODAY + timedelta(n))


def mostly_none(values: st.SearchStrategy[date]) -> st.SearchStrategy[date | None]:
    return st.one_of(st.none(), st.none(), st.none(), values)


COURTS = {CASE: COURT, OTHER_CASE: OTHER_COURT, THIRD_CASE: COURT}
kinds = st.sampled_from([MeasureKind.REGISTER_SEIZURE] * 6 + list(MeasureKind))


def measures_of(*cases: int) -> st.SearchStrategy[Measure]:
    """Measures that are mostly in force, and often at the edge of it."""
    return st.builds(
        lambda kind, case, rank, start, end, lifted, effective, closed: Measure(
            kind, case, COURTS[case], rank, min(start, end), max(start, end), lifted, effective, closed
        ),
        kinds,
        st.sampled_from(cases),
        st.integers(1, 3),
        days_around(12, 1),
        days_around(1, 12),
        mostly_none(days_around(6, 3)),
        mostly_none(days_around(6, 3)),
        mostly_none(days_around(6, 3)),
    )


facts = st.builds(
    AssetFacts,
    case_id=st.just(CASE),
    court_id=st.just(COURT),
    phase=st.sampled_from([Phase.ENFORCEMENT] * 6 + list(Phase)),
    closed_on=mostly_none(days_around(3, 3)),
    measures=st.lists(measures_of(CASE, CASE, OTHER_CASE, THIRD_CASE), min_size=1, max_size=5).map(tuple),
    on_day=days_around(1, 1),
)


def test_the_facts_made_up_here_reach_every_answer() -> None:
    without_shrinking = settings(phases=[HypothesisPhase.generate], max_examples=5000, database=None)
    for state in State:
        find(facts, partial(_answers, state), settings=without_shrinking)
    for code in ReasonCode:
        find(facts, partial(_answers, code), settings=without_shrinking)


def _answers(wanted: State | ReasonCode, made: AssetFacts) -> bool:
    answer = seizable(made)
    return wanted in {answer.state, *codes(answer)}


@given(facts)
def test_one_state_and_reasons_exactly_when_it_is_a_no(given_facts: AssetFacts) -> None:
    answer = seizable(given_facts)
    assert answer.state in set(State)
    assert bool(answer.reasons) == (answer.state is not State.SEIZABLE)
    assert len(set(codes(answer))) == len(answer.reasons)


@given(facts, st.randoms(use_true_random=False))
def test_the_order_of_measures_does_not_matter(given_facts: AssetFacts, random: object) -> None:
    shuffled = list(given_facts.measures)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis's own Random
    assert seizable(replace(given_facts, measures=tuple(shuffled))) == seizable(given_facts)


def passed_on(measure: Measure, day: date) -> bool:
    return measure.court_id == COURT and measure.case_closed_on is not None and measure.case_closed_on <= day


@given(facts)
def test_seizable_means_in_force_first_and_not_held(given_facts: AssetFacts) -> None:
    answer = seizable(given_facts)
    if answer.state is not State.SEIZABLE:
        return
    day = given_facts.on_day
    running = [m for m in given_facts.measures if m.in_force(day)]
    assert any(m.kind is MeasureKind.REGISTER_SEIZURE and m.case_id == CASE for m in running)
    assert not any(m.kind is MeasureKind.PHYSICAL_DETENTION for m in running)
    assert not any(m.kind is MeasureKind.LIVING_SEIZURE and m.case_id == CASE for m in running)
    best = min(m.order_key(day) for m in running if m.case_id == CASE)
    assert all(m.order_key(day) > best for m in running if m.case_id != CASE and not passed_on(m, day))
    assert answer.effective_rank == 1


@given(facts, st.data())
def test_lifting_or_lapsing_a_register_seizure_never_makes_it_seizable(
    given_facts: AssetFacts, data: st.DataObject
) -> None:
    own = [
        i for i, m in enumerate(given_facts.measures) if m.case_id == CASE and m.kind is MeasureKind.REGISTER_SEIZURE
    ]
    assume(own)
    chosen = data.draw(st.sampled_from(own))
    day = given_facts.on_day
    ended = data.draw(
        st.sampled_from(
            [
                replace(given_facts.measures[chosen], released_on=day),
                replace(given_facts.measures[chosen], ends_on=day - timedelta(1)),
            ]
        )
    )
    changed = tuple(ended if i == chosen else m for i, m in enumerate(given_facts.measures))
    if seizable(replace(given_facts, measures=changed)).state is State.SEIZABLE:
        assert seizable(given_facts).state is State.SEIZABLE


@given(facts)
def test_nothing_is_seizable_when_all_of_the_case_is_lifted(given_facts: AssetFacts) -> None:
    lifted = tuple(
        replace(m, released_on=given_facts.on_day) if m.case_id == CASE else m for m in given_facts.measures
    )
    assert seizable(replace(given_facts, measures=lifted)).state is not State.SEIZABLE


@given(facts, measures_of(OTHER_CASE, THIRD_CASE))
def test_one_more_seizure_in_force_of_another_case_never_turns_a_no_into_a_yes(
    given_facts: AssetFacts, more: Measure
) -> None:
    assume(more.in_force(given_facts.on_day) and not passed_on(more, given_facts.on_day))
    after = seizable(replace(given_facts, measures=(*given_facts.measures, more)))
    if after.state is State.SEIZABLE:
        assert seizable(given_facts).state is State.SEIZABLE


@given(facts)
def test_closing_the_case_never_makes_it_seizable(given_facts: AssetFacts) -> None:
    closed = replace(given_facts, phase=Phase.CLOSED, closed_on=given_facts.on_day)
    assert seizable(closed).state is not State.SEIZABLE
    assert (seizable(closed).state is State.HELD) == (seizable(given_facts).state is State.HELD)


@given(facts)
def test_a_detention_in_force_is_held_and_nothing_else_is(given_facts: AssetFacts) -> None:
    detained = any(
        m.kind is MeasureKind.PHYSICAL_DETENTION and m.in_force(given_facts.on_day) for m in given_facts.measures
    )
    assert (seizable(given_facts).state is State.HELD) == detained
