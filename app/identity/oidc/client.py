"""Client of an OpenID provider: discovery, signing keys, exchange of codes for claims.

References:
    OpenID Connect Discovery 1.0, section 4; RFC 6749, sections 4.1.3 and 5; RFC 7517, section 5.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from ssl import SSLContext
from typing import Any, Final, NoReturn, TypeVar

import httpx
import msgspec
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import Key

from app.core.clock import Clock
from app.core.web.http_client import Answer, CallFailed, HttpClient, token_request
from app.core.web.outbound import check_url
from app.identity.oidc.domain import Flow, ProviderIdentity, Registration, identity_in_claims
from app.identity.oidc.errors import OidcAnswerRefused, OidcUnavailable
from app.identity.oidc.id_tokens import TokenRefused, UnknownKey, check_id_token, keys_of

MAX_ANSWER_BYTES: Final = 256 * 1024
CACHE_TTL_S: Final = 3600.0
"""Time to live of the provider's metadata and keys, seconds."""

KEY_REFRESH_INTERVAL_S: Final = 30.0
"""Shortest time between two key requests for unknown key ids, seconds."""

FAILURE_TTL_S: Final = 3.0
"""After a failed call to the provider, further sign-ins fail at once for this time, seconds."""

_OK: Final = frozenset({200})
_BAD_REQUEST: Final = 400
_MAX_KEYS: Final = 100
_log = structlog.get_logger("leasetrace.oidc")
Decoded = TypeVar("Decoded")


class _Discovery(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool = False


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Tokens(msgspec.Struct):
    id_token: str
    access_token: str | None = None


class _TokenError(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True)
class RedeemedCode:
    """The result of exchanging a code."""

    identity: ProviderIdentity  # the identity in the ID token
    access_token: str | None = field(repr=False)  # for the provider's userinfo endpoint


class OidcProvider:
    """The provider of one institution; one instance for each process, since it caches metadata and keys.

    Its methods raise ``OidcUnavailable`` if the provider does not answer or does not accept our registration, and
    ``OidcAnswerRefused`` for a response that is not valid. ``monotonic`` returns seconds.
    """

    def __init__(
        self, registration: Registration, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.registration = registration
        self._clock = clock
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._discovered: tuple[float, _Discovery] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None
        self._failed: tuple[float, str] | None = None

    async def authorization_url(self, flow: Flow) -> str:
        """Return the URL that starts a sign-in."""
        discovery = await self._discovery()
        url = prepare_grant_uri(
            discovery.authorization_endpoint,
            self.registration.client_id,
            "code",
            redirect_uri=self.registration.redirect_uri,
            scope=self.registration.scope,
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return str(url)

    async def check_sender(self, iss: str | None) -> None:
        """Check the issuer in an authorization response (RFC 9207); required if this provider always sends it."""
        said = (await self._discovery()).authorization_response_iss_parameter_supported
        if iss != self.registration.issuer and (said or iss is not None):
            _refuse("the answer names another issuer, or none")

    async def exchange_code(self, code: str, flow: Flow) -> RedeemedCode:
        """Exchange a code for the identity in the ID token."""
        discovery = await self._discovery()
        tokens = await self._tokens(discovery, code, flow)
        claims = await self._checked(discovery, tokens, flow)
        identity = identity_in_claims(claims)
        if identity is None:
            _refuse("ID token: sub is no subject")
        return RedeemedCode(identity, tokens.access_token)

    async def userinfo(self, redeemed: RedeemedCode) -> ProviderIdentity:
        """Return the claims of the userinfo endpoint about the same subject: many ID tokens hold no names."""
        url = (await self._discovery()).userinfo_endpoint
        if url is None or redeemed.access_token is None:
            return redeemed.identity
        _must_be_callable("userinfo_endpoint", url, allow_private=self.registration.allow_private)
        headers = {"Authorization": f"Bearer {redeemed.access_token}"}
        answer = await self._called("userinfo", url, headers)
        identity = identity_in_claims(_decoded("userinfo", answer, dict[str, object]))
        if identity is None or identity.subject != redeemed.identity.subject:
            _refuse("userinfo: it is about another subject")
        return identity

    async def _tokens(self, discovery: _Discovery, code: str, flow: Flow) -> _Tokens:
        ours, methods = self.registration, discovery.token_endpoint_auth_methods_supported
        headers, content = token_request(
            "authorization_code",
            ours.client_id,
            ours.client_secret,
            secret_in_body=methods is not None and "client_secret_basic" not in methods,
            redirect_uri=ours.redirect_uri,
            code=code,
            code_verifier=flow.verifier,
        )
        answer = await self._called("token", discovery.token_endpoint, headers, content)
        if answer.status == _BAD_REQUEST:
            said = _decoded("token", answer, _TokenError).error
            if said == "invalid_grant":  # the code is used, expired or another client's, or the verifier is wrong
                _refuse("token endpoint: invalid_grant")
            raise _unavailable(f"token: HTTP {answer.status}")
        return _decoded("token", answer, _Tokens)

    async def _checked(self, discovery: _Discovery, tokens: _Tokens, flow: Flow) -> dict[str, object]:
        """Check the ID token; for an unknown key, fetch the keys once and check again."""
        for attempt in ("kept", "fresh"):
            keys = await self._keys_of(discovery, fresh=attempt == "fresh")
            try:
                return check_id_token(
                    tokens.id_token, tokens.access_token, keys, flow, self.registration, self._clock.now()
                )
            except UnknownKey as error:
                if attempt == "fresh":
                    _refuse(f"ID token: {error}")
            except TokenRefused as error:
                _refuse(f"ID token: {error}")
        raise AssertionError  # the loop always returns or raises

    async def _discovery(self) -> _Discovery:
        async with self._lock:
            now = self._monotonic()
            if self._discovered is None or now >= self._discovered[0] + CACHE_TTL_S:
                self._discovered = (now, await self._unless_it_just_failed(self._discover))
            return self._discovered[1]

    async def _keys_of(self, discovery: _Discovery, *, fresh: bool) -> tuple[Key, ...]:
        async def ask() -> tuple[Key, ...]:
            found = _decoded("jwks", await self._called("jwks", discovery.jwks_uri), _Keys)
            return keys_of(found.keys[:_MAX_KEYS])

        async with self._lock:
            now = self._monotonic()
            if self._keys is None or now >= self._keys[0] + (KEY_REFRESH_INTERVAL_S if fresh else CACHE_TTL_S):
                self._keys = (now, await self._unless_it_just_failed(ask))
            return self._keys[1]

    async def _unless_it_just_failed(self, ask: Callable[[], Awaitable[Decoded]]) -> Decoded:
        """Await ``ask``, but fail at once shortly after a failure, so that callers do not all wait for it."""
        if self._failed is not None and self._monotonic() < self._failed[0] + FAILURE_TTL_S:
            raise OidcUnavailable(self._failed[1])
        try:
            answer = await ask()
        except OidcUnavailable as error:
            self._failed = (self._monotonic(), error.why)
            raise
        self._failed = None
        return answer

    async def _discover(self) -> _Discovery:
        issuer = self.registration.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        discovery = _decoded("discovery", await self._called("discovery", url), _Discovery)
        if discovery.issuer != issuer:
            raise _unavailable("discovery: it names another issuer than LEASETRACE_OIDC_ISSUER")
        allow_private = self.registration.allow_private
        _must_be_callable("token_endpoint", discovery.token_endpoint, allow_private=allow_private)
        _must_be_callable("jwks_uri", discovery.jwks_uri, allow_private=allow_private)
        page, _, _ = discovery.authorization_endpoint.partition("?")  # some have a query
        _must_be_callable("authorization_endpoint", page, allow_private=allow_private)
        return discovery

    @cached_property
    def _certificates(self) -> SSLContext:
        context = httpx.create_ssl_context(trust_env=False)
        if self.registration.ca_file is not None:
            context.load_verify_locations(self.registration.ca_file)
        return context

    async def _called(
        self, what: str, url: str, headers: dict[str, str] | None = None, content: str | None = None
    ) -> Answer:
        """Return a response with status 200; 400 is accepted too for a POST, which is a call with content."""
        async with HttpClient(
            allow_private=self.registration.allow_private,
            connect_s=5,
            idle_s=8,
            total_s=20,
            max_bytes=MAX_ANSWER_BYTES,
            verify=self._certificates,
        ) as client:
            try:
                accepted = _OK if content is None else _OK | {_BAD_REQUEST}
                return await client.call(what, url, headers, content, accepted)
            except CallFailed as failure:
                raise _unavailable(failure.reason) from None


def _must_be_callable(name: str, url: str, *, allow_private: bool) -> None:
    try:
        check_url(url, allow_private=allow_private)
    except ValueError as error:
        raise _unavailable(f"discovery: {name}: {error}") from None


def _decoded(what: str, answer: Answer, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _unavailable(f"{what}: the answer is not what a provider says") from None


def _unavailable(why: str) -> OidcUnavailable:
    _log.warning("oidc_unavailable", why=why)
    return OidcUnavailable(why)


def _refuse(why: str) -> NoReturn:
    _log.warning("oidc_answer_refused", why=why)
    raise OidcAnswerRefused
