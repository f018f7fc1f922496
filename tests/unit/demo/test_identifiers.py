"""Numbers that others issue carry check digits: the demo's pass the same tests as real ones."""

import numpy as np
import pytest

from app.demo import identifiers


@pytest.mark.parametrize(("body", "digit"), [("49015420323751", "8"), ("35209900176148", "1"), ("7992739871", "3")])
def test_the_luhn_digit_is_the_published_one(body: str, digit: str) -> None:
    assert identifiers.luhn_digit(body) == digit


@pytest.mark.parametrize("vin", ["1M8GDM9AXKP042788", "11111111111111111", "5GZCZ43D13S812715"])
def test_the_check_digit_of_a_vin_is_the_published_one(vin: str) -> None:
    assert identifiers.vin_check_digit(vin) == vin[8]
    assert identifiers.vin_check_digit(vin[:8] + "0" + vin[9:]) == vin[8]


def test_a_vin_has_seventeen_characters_and_its_check_digit() -> None:
    made = identifiers.vin("LYZ", "HE1B8", 2023, "A", 123456)
    assert len(made) == 17
    assert made[9] == "P"
    assert made[8] == identifiers.vin_check_digit(made)


@pytest.mark.parametrize(("year", "code"), [(2010, "A"), (2022, "N"), (2024, "R"), (2030, "Y"), (2031, "1")])
def test_model_years_skip_letters_that_look_like_digits(year: int, code: str) -> None:
    assert identifiers.model_year_code(year) == code


def test_the_check_character_of_a_credit_code_is_right() -> None:
    # 91350100M000100Y43 is the example of GB 32100-2015.
    assert identifiers.credit_code("91350100M000100Y4") == "91350100M000100Y43"


def test_plates_of_an_office_are_all_different_however_many() -> None:
    drawn = identifiers.plates(np.random.default_rng(1), "皖", "K", 20_000)
    assert len(set(drawn)) == 20_000


def test_imeis_are_all_different() -> None:
    drawn = identifiers.imeis(np.random.default_rng(1), 5_000, ("86045906", "86720305"))
    assert len(set(drawn)) == 5_000
    assert {n[:8] for n in drawn} == {"86045906", "86720305"}
