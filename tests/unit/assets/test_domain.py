"""Identifiers are written in one form, and only what can be one is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.assets.domain import (
    AssetIdentity,
    IdentifierKind,
    half_width,
    identifier_fault,
    normalise_identifier,
    read_identifier,
)


@pytest.mark.parametrize(
    ("kind", "written", "stored"),
    [
        (IdentifierKind.PLATE_NO, " 沪a·12345 ", "沪A12345"),
        (IdentifierKind.PLATE_NO, "沪Ａ•Ｄ１２３４５", "沪AD12345"),
        (IdentifierKind.PLATE_NO, "沪A-1234 挂", "沪A1234挂"),
        (IdentifierKind.VIN, "lzz5clvb8la 123456\u200b", "LZZ5CLVB8LA123456"),
        (IdentifierKind.SERIAL_NO, "cat 0320-ab\u00a001", "CAT0320-AB01"),
        (IdentifierKind.LEASE_CONTRACT_NO, "租（２０２４）第 12 号a", "租(2024)第12号A"),
    ],
)
def test_an_identifier_has_one_form(kind: IdentifierKind, written: str, stored: str) -> None:
    assert normalise_identifier(kind, written) == stored
    assert read_identifier(kind)(written) == stored


@given(st.sampled_from(list(IdentifierKind)), st.text(max_size=40))
def test_normalising_twice_changes_nothing_more(kind: IdentifierKind, text: str) -> None:
    once = normalise_identifier(kind, text)
    assert normalise_identifier(kind, once) == once


def test_numbers_in_other_scripts_are_not_turned_into_digits() -> None:
    assert half_width("１２，３４５．６　①½²") == "12,345.6 ①½²"


@pytest.mark.parametrize("vin", ["LZZ5CLVB8LA12345", "LZZ5CLVB8LA1234567", "LZZ5CLVB8LAI23456", "LZZ5CLVB8LAO23456"])
def test_a_vin_has_17_characters_without_i_o_q(vin: str) -> None:
    assert "17" in str(identifier_fault(IdentifierKind.VIN, vin))
    with pytest.raises(ValueError, match="17 letters"):
        read_identifier(IdentifierKind.VIN)(vin)


def test_a_vin_with_a_failing_check_digit_is_taken() -> None:
    assert identifier_fault(IdentifierKind.VIN, "11111111211111111") is None  # its ninth character would have to be 1


@pytest.mark.parametrize(
    "plate", ["沪A12345", "粤B1234挂", "京AD12345", "沪B12345F", "沪AF12345", "川A123学", "粤Z1234港"]
)
def test_plates(plate: str) -> None:
    wrong_length = plate == "川A123学"
    assert (identifier_fault(IdentifierKind.PLATE_NO, plate) is not None) == wrong_length


@pytest.mark.parametrize(
    "plate",
    [
        "A12345",  # no province
        "沪I12345",  # no such authority
        "沪A1234I",  # I and O are not used
        "沪A123456",  # eight characters without a letter of new energy
        "沪AL12345",  # L is not one of them
        "沪A1D2345",  # nor may it stand there
        "美A12345",
        "沪A挂2345",
    ],
)
def test_what_is_no_plate(plate: str) -> None:
    assert "沪A12345" in str(identifier_fault(IdentifierKind.PLATE_NO, plate))


def test_only_spaces_is_no_identifier() -> None:
    assert (
        identifier_fault(IdentifierKind.SERIAL_NO, normalise_identifier(IdentifierKind.SERIAL_NO, " \u3000"))
        is not None
    )


def test_an_identity_gives_each_of_its_identifiers() -> None:
    identity = AssetIdentity(1, 2, "VIN", "PLATE", "SERIAL", "LEASE")
    assert [identity.identifier(kind) for kind in IdentifierKind] == ["VIN", "PLATE", "SERIAL", "LEASE"]
