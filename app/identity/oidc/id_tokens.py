"""Validation of ID tokens: signatures by joserfc, claims by Authlib; no I/O.

References:
    OpenID Connect Core 1.0, sections 2 and 3.1.3.7 (ID token validation), 3.1.3.8 (at_hash); RFC 8725 (algorithms).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from app.identity.oidc.domain import Flow, Registration

ALGORITHMS: Final = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
"""Asymmetric algorithms only: with a symmetric one, anyone who knows the client secret could forge tokens."""

SKEW: Final = timedelta(seconds=60)
"""Tolerated difference between the provider's clock and ours."""

_KEY_TYPES: Final = frozenset({"RSA", "EC"})
_RSA_BITS: Final = 2048


class TokenRefused(Exception):
    """An ID token is not valid; the message says why and repeats none of its content."""


class UnknownKey(TokenRefused):
    """It was signed with a key that is not known: the provider may have rotated its keys."""


def keys_of(entries: list[dict[str, Any]]) -> tuple[jwk.Key, ...]:
    """Return the provider's keys that can sign ID tokens; others are ignored (RFC 7517, section 5)."""
    keys = []
    for entry in entries:
        if entry.get("kty") in _KEY_TYPES and entry.get("use", "sig") == "sig" and _is_strong(entry):
            try:
                keys.append(jwk.import_key(entry))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    return tuple(keys)


def _is_strong(entry: dict[str, Any]) -> bool:
    """Return whether an RSA key has 2048 bits or more (RFC 7518, section 3.3)."""
    modulus = entry.get("n", "")
    return entry.get("kty") != "RSA" or (isinstance(modulus, str) and len(modulus) * 6 >= _RSA_BITS)


def check_id_token(
    id_token: str,
    access_token: str | None,
    keys: Sequence[jwk.Key],
    flow: Flow,
    registration: Registration,
    now: datetime,
) -> dict[str, object]:
    """Return the claims of the ID token of a sign-in.

    Args:
        access_token: Compared with ``at_hash`` if the token has one.
        flow: The sign-in; the token must carry its nonce and not be older.
        registration: Gives the expected issuer and audience.
        now: The time, aware.

    Raises:
        UnknownKey: Signed with an unknown key.
        TokenRefused: Anything else is not valid: algorithm, signature, ``iss``, ``aud``, ``azp``, ``exp``, ``iat``,
            ``nbf``, ``nonce``, ``at_hash``.
    """
    token = _signed(id_token, keys)
    required = {
        "iss": {"essential": True, "value": registration.issuer},
        "aud": {"essential": True, "value": registration.client_id},
    }
    claims = CodeIDToken(
        token.claims,
        token.header,
        required,
        {"nonce": flow.nonce, "client_id": registration.client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=int(SKEW.total_seconds()))
    except JoseError as error:
        raise TokenRefused(f"{error.error}: {error.description or ''}".rstrip(": ")) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise TokenRefused("a claim has a value that it cannot have") from error
    if token.claims["iat"] < (flow.begun_at - SKEW).timestamp():
        raise TokenRefused("it is older than the attempt to sign in")
    return dict(token.claims)


def _signed(id_token: str, keys: Sequence[jwk.Key]) -> jwt.Token:
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

    def key_for(token: Any) -> jwk.Key:
        header = token.headers()
        kid = header.get("kid")
        fitting = [
            key for key in keys if (kid is None or key.kid == kid) and key.get("alg", header["alg"]) == header["alg"]
        ]
        if not fitting or (kid is None and len(fitting) > 1):
            raise UnknownKey("it was signed with a key that the provider does not publish")
        return fitting[0]

    try:
        return jwt.decode(id_token, key_for, registry=registry)
    except JoseError as error:
        raise TokenRefused(f"{error.error}: {error.description or ''}".rstrip(": ")) from None
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TokenRefused("it has not the form of a signed token") from error
