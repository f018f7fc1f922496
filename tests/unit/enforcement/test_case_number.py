"""The case number: what people write is read, what is no number is told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enforcement.case_number import LAST_SERIAL, SHORT_NAMES, SUPREME_COURT, TYPES, CaseNumber, CaseNumberFault

court_codes = st.one_of(
    st.just(SUPREME_COURT),
    st.builds(
        "{}{}".format,
        st.sampled_from(sorted(SHORT_NAMES)),
        st.sampled_from([0, 2, 4]).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n)),
    ),
)
numbers = st.builds(
    CaseNumber,
    year=st.integers(1990, 2099),
    court_code=court_codes,
    type_code=st.sampled_from(sorted(TYPES)),
    serial=st.integers(1, LAST_SERIAL),
)
FULL_WIDTH = str.maketrans("()0123456789", "（）０１２３４５６７８９")


@given(numbers)
def test_what_is_written_is_read_back(number: CaseNumber) -> None:
    assert CaseNumber.parse(str(number)) == number


@given(numbers, st.data())
def test_width_and_spaces_do_not_matter(number: CaseNumber, data: st.DataObject) -> None:
    text = str(number).translate(FULL_WIDTH)
    at = data.draw(st.integers(0, len(text)))
    spaces = data.draw(st.text(" \t\u3000", max_size=3))
    assert CaseNumber.parse(text[:at] + spaces + text[at:]) == number


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_what_is_read_is_canonical(text: str) -> None:
    try:
        number = CaseNumber.parse(text)
    except CaseNumberFault:
        return
    assert CaseNumber.parse(str(number)) == number


@given(numbers, numbers)
def test_two_numbers_are_written_alike_only_if_they_are_equal(one: CaseNumber, other: CaseNumber) -> None:
    assert (str(one) == str(other)) == (one == other)


def test_the_parts_of_the_demo_case() -> None:
    assert CaseNumber.parse("（2025）沪0105执4321号") == CaseNumber(2025, "沪0105", "执", 4321)
    assert CaseNumber.parse("(2024)内01执恢0012号") == CaseNumber(2024, "内01", "执恢", 12)
    assert CaseNumber.parse("(2024)沪执监7号") == CaseNumber(2024, "沪", "执监", 7)
    assert CaseNumber.parse("(2019)最高法执复7号") == CaseNumber(2019, SUPREME_COURT, "执复", 7)
    assert CaseNumber.parse("(2023)兵0101财保7号").court_code == "兵0101"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "year in brackets"),
        ("2025沪0105执4321号", "year in brackets"),
        ("(2025)沪0105执4321", "号"),
        ("(2025)沪0105执4321号之一", "号"),
        ("(2025)沪0105执号", "year in brackets"),
        ("(25)沪0105执4321号", "four digits"),
        ("(１９８９)沪0105执4321号", "from 1990"),
        ("(2100)沪0105执4321号", "2099"),
        ("(2025)蒙0105执4321号", "蒙0105 is not a court code; it begins"),
        ("(2025)沪010执4321号", "沪010 is not a court code"),
        ("(2025)沪01051执4321号", "two or four digits"),
        ("(2025)最高法01执1号", "最高法01 is not a court code"),
        ("(2025)沪0105民初4321号", "民初 is not a type"),
        ("(2025)沪0105执0号", "serial from 1"),
        ("(2025)沪0105执12345678号", "serial from 1"),
        ("(2025)沪٠١٠٥执4321号", "year in brackets"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(CaseNumberFault, match=r".") as refused:
        CaseNumber.parse(text)
    assert told in str(refused.value)


def test_a_number_cannot_be_made_of_impossible_parts() -> None:
    with pytest.raises(CaseNumberFault):
        CaseNumber(2025, "沪0105", "执", 0)
    with pytest.raises(CaseNumberFault):
        CaseNumber(2025, "0105", "执", 1)
    with pytest.raises(CaseNumberFault):
        CaseNumber(2025, "", "执", 1)
