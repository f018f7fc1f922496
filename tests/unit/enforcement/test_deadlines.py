"""The clocks of a measure, at their edges."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.enforcement.domain import EntrustmentKind
from app.enforcement.measures import deadlines

days = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def test_a_term_of_movables_runs_two_years_at_most() -> None:
    assert deadlines.latest_end(date(2025, 3, 1)) == date(2027, 3, 1)
    assert deadlines.latest_end(date(2024, 2, 29)) == date(2026, 2, 28)
    assert deadlines.term_fault(date(2025, 3, 1), date(2027, 2, 28)) is None
    assert deadlines.term_fault(date(2025, 3, 1), date(2027, 3, 1)) is None
    assert "2027-03-01 or earlier" in str(deadlines.term_fault(date(2025, 3, 1), date(2027, 3, 2)))
    assert "485" in str(deadlines.term_fault(date(2025, 3, 1), date(2027, 3, 2)))


def test_a_term_may_be_one_day_and_not_less() -> None:
    assert deadlines.term_fault(date(2025, 3, 1), date(2025, 3, 1)) is None
    assert "2025-03-01 or later" in str(deadlines.term_fault(date(2025, 3, 1), date(2025, 2, 28)))


def test_a_renewal_prolongs_by_two_years_at_most() -> None:
    end = date(2027, 2, 28)
    assert deadlines.renewal_fault(end, date(2027, 3, 1)) is None
    assert deadlines.renewal_fault(end, date(2029, 2, 28)) is None
    assert "two years" in str(deadlines.renewal_fault(end, date(2029, 3, 1)))
    assert "after 2027-02-28" in str(deadlines.renewal_fault(end, end))


def test_what_happened_is_not_in_the_future_nor_before_the_beginning() -> None:
    begun, today = date(2026, 1, 10), date(2026, 11, 23)
    assert deadlines.event_day_fault(begun, begun, today) is None
    assert deadlines.event_day_fault(begun, today, today) is None
    assert "2026-11-23 or earlier" in str(deadlines.event_day_fault(begun, date(2026, 11, 24), today))
    assert "began on 2026-01-10" in str(deadlines.event_day_fault(begun, date(2026, 1, 9), today))


def test_a_measure_that_has_not_begun_can_be_withdrawn_today() -> None:
    today = date(2026, 11, 23)
    assert deadlines.event_day_fault(date(2026, 12, 1), today, today) is None


def test_a_measure_is_over_when_it_was_lifted_or_has_lapsed() -> None:
    end = date(2026, 11, 23)
    assert deadlines.ended_reason(end, None, end) is None
    assert "lapsed after 2026-11-23" in str(deadlines.ended_reason(end, None, date(2026, 11, 24)))
    assert "lifted on 2026-05-01" in str(deadlines.ended_reason(end, date(2026, 5, 1), date(2026, 5, 2)))


@given(days, days)
def test_every_day_up_to_the_latest_is_a_term_and_no_other(starts_on: date, ends_on: date) -> None:
    allowed = deadlines.term_fault(starts_on, ends_on) is None
    assert allowed == (starts_on <= ends_on <= deadlines.latest_end(starts_on))
    assert deadlines.latest_end(starts_on).year == starts_on.year + 2


def test_an_entrusted_court_has_its_days() -> None:
    due = {
        d.what: (d.due_on, d.clause) for d in deadlines.entrustment_deadlines(EntrustmentKind.CASE, date(2026, 8, 31))
    }
    assert [day for day, _ in due.values()] == sorted(day for day, _ in due.values())
    assert due["the entrusted court opens a case"] == (
        date(2026, 9, 7),
        "Entrusted enforcement provisions (2020), article 7",
    )
    assert due["enforcement has begun"][0] == date(2026, 9, 15)
    assert due["the applicant may ask the court above"][0] == date(2027, 2, 28)
    (only,) = deadlines.entrustment_deadlines(EntrustmentKind.MATTER, date(2026, 11, 23))
    assert (only.due_on, "unconfirmed" in only.clause) == (date(2026, 12, 7), True)


@given(days)
def test_six_months_on_is_a_day_of_the_sixth_month(day: date) -> None:
    on = deadlines.entrustment_deadlines(EntrustmentKind.CASE, day)[-1].due_on
    assert (on.year * 12 + on.month) - (day.year * 12 + day.month) == 6
    assert on.day == day.day or (on + timedelta(days=1)).day == 1
