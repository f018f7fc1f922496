"""Signed requests: what is taken for signed, and that a reason tells nothing about the secret."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from app.ingest.http.signatures import SIGNATURE_HEADER, TIME_HEADER, NotSigned, check, signature_of

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
TIME = str(round(NOW.timestamp()))
SECRET = "a" * 64
BODY = b'[{"device_id":"1"}]'


def headers(time_s: str | None = TIME, signature: str | None = None) -> dict[str, str]:
    told = {
        TIME_HEADER: time_s,
        SIGNATURE_HEADER: signature_of(SECRET, TIME, BODY) if signature is None else signature,
    }
    return {name: value for name, value in told.items() if value is not None}


def test_the_signature_is_plain_hmac_over_time_point_body() -> None:
    digest = hmac.new(SECRET.encode(), f"{TIME}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert signature_of(SECRET, TIME, BODY) == f"sha256={digest}"


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_what_is_signed_within_the_window_is_taken(off_s: int) -> None:
    check(SECRET, headers(), BODY, NOW + timedelta(seconds=off_s))
    check(SECRET, headers(signature=headers()[SIGNATURE_HEADER].upper()), BODY, NOW)


@pytest.mark.parametrize("off_s", [-301, 301, 10**9])
def test_outside_the_window_it_is_not(off_s: int) -> None:
    with pytest.raises(NotSigned, match="the present time") as refused:
        check(SECRET, headers(), BODY, NOW + timedelta(seconds=off_s))
    assert refused.value.field == TIME_HEADER


@pytest.mark.parametrize(
    "time_s", ["", "now", f"{TIME}.0", f"+{TIME}", f" {TIME}", "-1", "1" * 13, "\u0661" * 10, "NaN"]
)
def test_a_time_that_is_none_is_not_taken(time_s: str) -> None:
    with pytest.raises(NotSigned):
        check(SECRET, headers(time_s=time_s), BODY, NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        signature_of(SECRET, TIME, BODY).removeprefix("sha256="),
        signature_of(SECRET, TIME, BODY)[:-1],
        signature_of("b" * 64, TIME, BODY),
        signature_of(SECRET, TIME, BODY + b" "),
        signature_of(SECRET, str(int(TIME) + 1), BODY),
        "sha256=\u00e9",
    ],
)
def test_another_signature_is_refused_and_the_reason_tells_nothing(signature: str) -> None:
    with pytest.raises(NotSigned) as refused:
        check(SECRET, headers(signature=signature), BODY, NOW)
    assert SECRET not in refused.value.detail
    assert signature_of(SECRET, TIME, BODY)[7:15] not in refused.value.detail


def test_without_headers_the_reason_says_what_to_send() -> None:
    with pytest.raises(NotSigned, match="signed requests only"):
        check(SECRET, {}, BODY, NOW)
