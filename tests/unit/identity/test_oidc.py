"""What is agreed with a provider and with the browser, without either."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authlib.oidc.core.util import create_half_hash
from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry
from pydantic import ValidationError

from app.core.encryption import new_key
from app.core.errors import InvalidInput
from app.core.settings import Settings
from app.identity.oidc.domain import Flow, Registration, begin_flow, identity_in_claims, local_path, registration_of
from app.identity.oidc.id_tokens import TokenRefused, UnknownKey, check_id_token, keys_of
from tests.factories.settings import NO_DATABASE

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
FLOW = begin_flow("/", NOW - timedelta(minutes=1))
OURS = Registration(
    issuer="https://id.example/realm/",
    client_id="leasetrace",
    client_secret="secret",
    scope="openid",
    name="the court",
    redirect_uri="https://leasetrace.example/v1/session/oidc/callback",
    ca_file=None,
    allow_private=False,
)
KEY = jwk.RSAKey.generate_key(2048, {"kid": "a", "use": "sig", "alg": "RS256"})
CURVE = jwk.ECKey.generate_key("P-256", {"kid": "b", "use": "sig"})
PUBLISHED = keys_of([KEY.as_dict(private=False), CURVE.as_dict(private=False)])


def claims(**changed: Any) -> dict[str, Any]:
    seconds = int(NOW.timestamp())
    good = {
        "iss": OURS.issuer,
        "aud": OURS.client_id,
        "sub": "p-1",
        "exp": seconds + 300,
        "iat": seconds,
        "nonce": FLOW.nonce,
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(header: dict[str, Any] | None = None, key: Any = KEY, **changed: Any) -> str:
    head = {name: value for name, value in ({"alg": "RS256", "kid": "a"} | (header or {})).items() if value}
    registry = JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jwt.encode(head, claims(**changed), key, registry=registry)


def checked(token: str, access_token: str | None = None, now: datetime = NOW) -> dict[str, object]:
    return check_id_token(token, access_token, PUBLISHED, FLOW, OURS, now)


def at(**ago: float) -> int:
    return int((NOW - timedelta(**ago)).timestamp())


@pytest.mark.parametrize(
    "path", ["/", "/map", "/map?case=12&x=%2F#here", "/a//b", "/@evil.example", "/%2f%2fevil.example"]
)
def test_a_browser_may_be_sent_back_to_a_path_of_ours(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "map",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "/路径",
        "/" + "a" * 500,
    ],
)
def test_a_browser_is_never_sent_elsewhere(path: str) -> None:
    with pytest.raises(InvalidInput):
        local_path(path)


def test_an_attempt_has_secrets_of_its_own_and_ends_after_ten_minutes() -> None:
    one, other = begin_flow("/", NOW), begin_flow("/", NOW)
    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6
    assert not one.is_over(NOW + timedelta(minutes=9, seconds=59))
    assert one.is_over(NOW + timedelta(minutes=10))
    assert one.is_over(NOW - timedelta(seconds=1))


def test_only_a_verified_address_or_a_name_that_is_no_address_counts() -> None:
    def logins(**claimed: object) -> tuple[str, ...]:
        found = identity_in_claims({"sub": "p-1", **claimed})
        assert found is not None
        return found.logins

    assert logins(email="Wang@Court.example", email_verified=True, preferred_username="WANG") == (
        "wang@court.example",
        "wang",
    )
    assert logins(email="wang@court.example") == ()
    assert logins(email="wang@court.example", email_verified="true") == ()
    assert logins(preferred_username="wang@court.example") == ()  # anybody can choose it at many providers
    assert logins(email="wang", email_verified=True) == ()
    assert identity_in_claims({"sub": ""}) is None
    assert identity_in_claims({"sub": 7}) is None


def test_a_good_token_is_taken() -> None:
    assert checked(signed())["sub"] == "p-1"
    assert checked(signed({"alg": "ES256", "kid": "b"}, CURVE))["sub"] == "p-1"
    assert checked(signed(aud=["other", OURS.client_id], azp=OURS.client_id))["sub"] == "p-1"
    access = create_half_hash("access", "RS256").decode()
    assert checked(signed(at_hash=access), "access")["sub"] == "p-1"
    assert checked(signed({"x-of-the-provider": "1"}))["sub"] == "p-1"
    assert checked(signed(), now=NOW + timedelta(seconds=359))["sub"] == "p-1"  # a minute for clocks that differ


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [OURS.client_id, "another"]},  # who is it for, then? azp would say it
        {"aud": ["another", OURS.client_id], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://id.example/realm"},  # letter by letter
        {"iss": None},
        {"exp": at(seconds=60)},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"iat": at(seconds=-61)},
        {"iat": at(minutes=5)},  # before the attempt began
        {"iat": None},
        {"nbf": at(minutes=-5)},
        {"sub": None},
        {"sub": 7},
        {"at_hash": "of another access token"},
    ],
)
def test_a_token_that_says_anything_else_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        checked(signed(**changed), "access")


def test_a_token_ends() -> None:
    with pytest.raises(TokenRefused):
        checked(signed(), now=NOW + timedelta(seconds=360))


def _plain(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _symmetric(shared: bytes) -> str:
    signed_part = f"{_plain({'alg': 'HS256', 'kid': 'a'})}.{_plain(claims())}"
    signature = hmac.new(shared, signed_part.encode(), "sha256").digest()
    return f"{signed_part}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_only_the_providers_own_asymmetric_signature_counts() -> None:
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "a"})
    head, body, signature = signed().split(".")
    for token in (
        f"{_plain({'alg': 'none'})}.{body}.",
        f"{_plain({'alg': 'none', 'kid': 'a'})}.{body}.{signature}",
        _symmetric(KEY.as_pem(private=False)),  # the public key taken for a shared one
        _symmetric((OURS.client_secret or "").encode()),
        signed(key=stranger),
        signed(
            {"alg": "PS256"}, jwk.RSAKey.import_key(KEY.as_dict(private=True, alg="PS256"))
        ),  # the key is for RS256
        f"{head}.{_plain(claims(sub='p-2'))}.{signature}",
        f"{head}.{body}.{signature[:-6]}AAAAAA",
        f"{head}.{body}",
        "not a token",
        "",
        f"{_plain({'alg': 'RS256', 'kid': ['a']})}.{body}.{signature}",
        f"{_plain([])}.{body}.{signature}",
    ):
        with pytest.raises(TokenRefused):
            checked(token)


def test_an_unknown_key_is_told_from_a_bad_signature() -> None:
    with pytest.raises(UnknownKey):
        checked(signed({"kid": "c"}))
    with pytest.raises(UnknownKey):
        checked(signed({"kid": None}))  # two keys: which was it?
    only = keys_of([KEY.as_dict(private=False)])
    assert check_id_token(signed({"kid": None}), None, only, FLOW, OURS, NOW)["sub"] == "p-1"


def test_keys_that_cannot_sign_are_passed_over() -> None:
    weak = {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("="), "e": "AQAB"}
    shared = {"kty": "oct", "k": "c2VjcmV0", "kid": "a"}
    for_encryption = KEY.as_dict(private=False) | {"use": "enc"}
    assert keys_of([weak, shared, for_encryption, {"kty": "unheard of"}, {"kty": "RSA"}, {}]) == ()


def _settings(**given: str) -> Settings:
    """Settings of an environment with a provider."""
    basis = {
        "LEASETRACE_OIDC_ISSUER": OURS.issuer,
        "LEASETRACE_OIDC_CLIENT_ID": "leasetrace",
        "LEASETRACE_PUBLIC_URL": "https://leasetrace.example/",
        "LEASETRACE_SECRET_KEYS": new_key(),
    }
    return Settings.from_environment(basis | given, database_url=NO_DATABASE)


def test_a_provider_is_set_up_whole_or_not_at_all() -> None:
    ours = registration_of(_settings(LEASETRACE_OIDC_SCOPES="email openid"))
    assert ours is not None
    assert (ours.issuer, ours.scope) == (OURS.issuer, "openid email")
    assert ours.redirect_uri == OURS.redirect_uri
    assert ours.secure
    assert registration_of(_settings(LEASETRACE_OIDC_ISSUER="")) is None
    for missing in ("LEASETRACE_OIDC_CLIENT_ID", "LEASETRACE_PUBLIC_URL", "LEASETRACE_SECRET_KEYS"):
        with pytest.raises(ValidationError, match=missing):
            _settings(**{missing: ""})


@pytest.mark.parametrize(
    "issuer", ["http://id.example", "https://10.0.0.1", "https://localhost", "https://id.example?a=b", "id.example"]
)
def test_a_provider_is_at_a_public_address_and_speaks_tls(issuer: str) -> None:
    with pytest.raises(ValidationError, match="LEASETRACE_OIDC_ISSUER"):
        _settings(LEASETRACE_OIDC_ISSUER=issuer)
    if issuer == "https://10.0.0.1":
        ours = _settings(LEASETRACE_OIDC_ISSUER=issuer, LEASETRACE_OIDC_ALLOW_PRIVATE="true")
        assert ours.oidc.issuer == issuer


def test_the_secret_is_not_in_what_may_be_logged() -> None:
    assert "s3cret" not in repr(registration_of(_settings(LEASETRACE_OIDC_CLIENT_SECRET="s3cret")))


def test_a_flow_is_what_it_was_after_it_was_written_down() -> None:
    import msgspec

    assert msgspec.json.decode(msgspec.json.encode(FLOW), type=Flow) == FLOW
