"""Codes of an authenticator are those of RFC 6238."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from app.identity.people import totp

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_the_rfc(second: int, code: str) -> None:
    assert totp.code_of(RFC_SECRET, totp.step_at(datetime.fromtimestamp(second, UTC))) == code[-6:]


def test_one_step_around_is_taken() -> None:
    now = datetime(2026, 11, 23, 4, 0, 10, tzinfo=UTC)
    code = totp.code_of(RFC_SECRET, totp.step_at(now))
    for seconds, taken in ((-41, False), (-40, True), (0, True), (49, True), (50, False)):
        found = totp.matching_step(RFC_SECRET, code, now + timedelta(seconds=seconds))
        assert (found == totp.step_at(now)) is taken, seconds
    for wrong in ("", "000000", code + "0", "١٢٣٤٥٦"):
        assert totp.matching_step(RFC_SECRET, wrong, now) is None


def test_recovery_codes_are_many_random_and_read_in_any_writing() -> None:
    codes = totp.make_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    assert totp.recovery_digest(codes[0]) == totp.recovery_digest(codes[0].upper().replace("-", " "))
    assert totp.recovery_digest(codes[0]) != totp.recovery_digest(codes[1])
