"""Valid identifiers with their check digits: IMEI, VIN, plate, unified social credit code."""

from collections.abc import Sequence
from typing import Final

import numpy as np

PLATE_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Characters of a plate's serial: I and O are excluded (GA 36)."""

_VIN_LETTERS: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_VALUES: Final = _VIN_LETTERS | {str(digit): digit for digit in range(10)}
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_CHECK_PLACE: Final = 8
_VIN_TEN: Final = 10
_CREDIT_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_MODEL_YEARS: Final = "ABCDEFGHJKLMNPRSTVWXY123456789"
_FIRST_MODEL_YEAR: Final = 2010
_IMEI_SERIALS: Final = 1_000_000
_LETTERED_SHARE: Final = 0.6  # most plates of busy offices have one letter among the five


def luhn_digit(digits: str) -> str:
    """Return the Luhn check digit of ``digits`` (IMEI: 3GPP TS 23.003, annex B)."""
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(reversed(digits))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def imeis(rng: np.random.Generator, count: int, type_codes: Sequence[str]) -> list[str]:
    """Return ``count`` different IMEIs of 15 digits, for device types with these eight-digit codes."""
    serials = rng.choice(_IMEI_SERIALS, size=count, replace=False)
    codes = rng.choice(np.array(type_codes), size=count)
    bodies = [f"{code}{serial:06d}" for code, serial in zip(codes.tolist(), serials.tolist(), strict=True)]
    return [body + luhn_digit(body) for body in bodies]


def model_year_code(year: int) -> str:
    """Return the tenth character of a VIN, the model year (repeats every thirty years)."""
    return _MODEL_YEARS[(year - _FIRST_MODEL_YEAR) % len(_MODEL_YEARS)]


def vin_check_digit(vin: str) -> str:
    """Return the check character for the ninth place of a VIN; the character there is ignored (GB 16735)."""
    remainder = sum(_VIN_VALUES[c] * w for c, w in zip(vin, _VIN_WEIGHTS, strict=True)) % 11
    return "X" if remainder == _VIN_TEN else str(remainder)


def vin(maker: str, descriptor: str, year: int, plant: str, serial: int) -> str:
    """Return a VIN: three characters of the maker, five of the type, check digit, year, plant, six digits."""
    draft = f"{maker}{descriptor}0{model_year_code(year)}{plant}{serial:06d}"
    return draft[:_VIN_CHECK_PLACE] + vin_check_digit(draft) + draft[_VIN_CHECK_PLACE + 1 :]


def plates(rng: np.random.Generator, province: str, letter: str, count: int) -> list[str]:
    """Return ``count`` different plates of one registration office: two fixed characters, five drawn.

    Args:
        province: The province's abbreviation, one character.
        letter: The office within the province.
    """
    numbers = rng.choice(100_000, size=count, replace=False).tolist()
    drawn: list[str] = []
    for number in numbers:
        serial = f"{number:05d}"
        if rng.random() < _LETTERED_SHARE:
            place = int(rng.integers(0, 5))
            serial = serial[:place] + PLATE_CHARACTERS[10 + number % 24] + serial[place + 1 :]
        drawn.append(f"{province}{letter}{serial}")
    return _different(drawn, numbers, province, letter)


def _different(drawn: list[str], numbers: list[int], province: str, letter: str) -> list[str]:
    """Use the plain number for a plate that a letter made equal to another. Plain numbers are unique."""
    seen: set[str] = set()
    for place, plate in enumerate(drawn):
        chosen = plate if plate not in seen else f"{province}{letter}{numbers[place]:05d}"
        drawn[place] = chosen
        seen.add(chosen)
    return drawn


def credit_code(body: str) -> str:
    """Return a unified social credit code: 17 characters and their check character (GB 32100)."""
    total = sum(_CREDIT_CHARACTERS.index(c) * w for c, w in zip(body, _CREDIT_WEIGHTS, strict=True))
    return body + _CREDIT_CHARACTERS[-total % 31]
