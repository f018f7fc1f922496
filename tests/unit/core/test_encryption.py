"""Secrets for other systems stay closed without their key, in another row, or changed by a single bit."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.encryption import Encryptor, NoSecretKey, SecretUnreadable, parse_keys
from tests.factories.settings import settings_for

OLD, NEW = "A" * 43, "B" * 42 + "A"  # the names of tests are the same in every worker
ROW = "aemp_source:7"


@given(secret=st.text(max_size=300).filter(lambda text: text.isascii() or text.isprintable()))
def test_what_was_sealed_is_opened_again_and_is_not_to_be_seen(secret: str) -> None:
    encryptor = Encryptor.of(NEW)
    sealed = encryptor.seal(secret, ROW)
    assert encryptor.open(sealed, ROW) == secret
    assert len(secret) < 4 or secret.encode() not in sealed


def test_the_same_secret_never_looks_the_same() -> None:
    encryptor = Encryptor.of(NEW)
    assert encryptor.seal("s", ROW) != encryptor.seal("s", ROW)


def test_a_secret_copied_into_another_row_stays_closed() -> None:
    encryptor = Encryptor.of(NEW)
    with pytest.raises(SecretUnreadable, match="another row"):
        encryptor.open(encryptor.seal("s", ROW), "aemp_source:8")


@given(place=st.integers(0, 40), bit=st.integers(0, 7))
def test_no_bit_of_a_sealed_secret_can_be_changed(place: int, bit: int) -> None:
    encryptor = Encryptor.of(NEW)
    sealed = bytearray(encryptor.seal("eight ch", ROW))
    sealed[place] ^= 1 << bit
    with pytest.raises(SecretUnreadable):
        encryptor.open(bytes(sealed), ROW)


@given(st.binary(max_size=64))
def test_any_bytes_that_are_no_secret_are_told_as_that(junk: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        Encryptor.of(NEW).open(junk, ROW)


def test_a_wrong_key_says_so_and_shows_neither_key_nor_secret() -> None:
    sealed = Encryptor.of(OLD).seal("hush hush", ROW)
    with pytest.raises(SecretUnreadable, match="LEASETRACE_SECRET_KEYS") as told:
        Encryptor.of(NEW).open(sealed, ROW)
    assert "hush" not in told.value.detail
    assert NEW not in told.value.detail


def test_a_new_first_key_seals_and_the_old_one_still_opens() -> None:
    sealed = Encryptor.of(OLD).seal("s", ROW)
    both = Encryptor.of(f"{NEW}, {OLD}")
    assert both.open(sealed, ROW) == "s"
    assert both.is_outdated(sealed)
    resealed = both.seal("s", ROW)
    assert not both.is_outdated(resealed)
    assert Encryptor.of(NEW).open(resealed, ROW) == "s"


def test_without_a_key_nothing_can_be_sealed_and_the_way_out_is_told() -> None:
    with pytest.raises(NoSecretKey, match="secrets new-key"):
        Encryptor.of(None)


@pytest.mark.parametrize("text", ["", ",", "short", "ü" * 43, NEW + "AA", f"{NEW},x", "!" * 43])
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="key") as told:
        parse_keys(text)
    assert not text.strip(",") or text not in str(told.value)


def test_a_bad_key_stops_the_service_at_the_start_and_is_not_shown() -> None:
    with pytest.raises(ValidationError, match=r"encryption\.secret_keys") as told:
        settings_for(encryption={"secret_keys": "my-passphrase"})
    assert "my-passphrase" not in str(told.value)


def test_an_empty_setting_is_no_key() -> None:
    assert settings_for(encryption={"secret_keys": " "}).encryption.secret_keys is None


def test_the_command_line_prints_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from app.cli.main import run

    monkeypatch.setattr(sys, "argv", ["leasetrace", "secrets", "new-key"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0
    assert len(parse_keys(capsys.readouterr().out)) == 1
