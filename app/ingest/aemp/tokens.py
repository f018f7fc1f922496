"""OAuth 2 client credentials for makers' interfaces; tokens are cached in memory.

References:
    RFC 6749, sections 4.4 (client credentials), 5.1 and 5.2 (answers).
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from app.core.web.http_client import CallFailed, HttpClient, token_request
from app.ingest.aemp.domain import DueSource

_DEFAULT_LIFE_S: Final = 300.0  # where the maker does not say how long a token lives
_LONGEST_LIFE_S: Final = 86_400.0
_MARGIN_S: Final = 60.0
_SENDABLE: Final = re.compile(r"[\x21-\x7e]+")
_WRONG_WAY: Final = frozenset({400, 401})


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 the name of a kind
    expires_in: float | str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    good_until_s: float


class TokenCache:
    """Tokens of all sources, in memory only; shared by the polls of a process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tokens: dict[bytes, _Token] = {}
        self._in_body: set[bytes] = set()

    async def token(self, client: HttpClient, source: DueSource, secret: str) -> str:
        """Return a valid access token, from the cache or the token endpoint; raises ``CallFailed`` if none."""
        key = _key(source, secret)
        known = self._tokens.get(key)
        if known is not None and known.good_until_s > self._monotonic():
            return known.text
        answer = await self._asked(client, source, secret, key)
        if answer.token_type.lower() != "bearer" or not _SENDABLE.fullmatch(answer.access_token):
            raise CallFailed("token endpoint: the answer is no bearer token")
        life_s = _life_s(answer.expires_in)
        margin_s = min(_MARGIN_S, life_s / 10)
        token = _Token(answer.access_token, self._monotonic() + life_s - margin_s)
        self._tokens = {k: t for k, t in self._tokens.items() if t.good_until_s > self._monotonic()} | {key: token}
        return token.text

    def forget(self, source: DueSource, secret: str) -> None:
        """Drop a token that the interface refused."""
        self._tokens.pop(_key(source, secret), None)

    async def _asked(self, client: HttpClient, source: DueSource, secret: str, key: bytes) -> _Answer:
        """Send the secret in the header, as every server must accept, and if refused once in the body."""
        in_body = key in self._in_body
        try:
            body = await _post(client, source, secret, in_body=in_body)
        except CallFailed as failure:
            if failure.status not in _WRONG_WAY or in_body:
                raise
            try:
                body = await _post(client, source, secret, in_body=True)
            except CallFailed:
                raise failure from None
            self._in_body.add(key)
        try:
            return msgspec.json.decode(body, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise CallFailed("token endpoint: the answer is no token") from None


async def _post(client: HttpClient, source: DueSource, secret: str, *, in_body: bool) -> bytes:
    headers, content = token_request(
        "client_credentials", source.client_id or "", secret, secret_in_body=in_body, scope=source.scope
    )
    return (await client.call("token endpoint", source.token_url or "", headers, content)).body


def _key(source: DueSource, secret: str) -> bytes:
    parts = (source.source_id, source.token_url, source.client_id, source.scope, secret)
    return hashlib.sha256(repr(parts).encode()).digest()


def _life_s(expires_in: float | str | None) -> float:
    try:
        life_s = float(expires_in) if expires_in is not None else _DEFAULT_LIFE_S
    except ValueError:
        life_s = _DEFAULT_LIFE_S
    return min(max(life_s, 0.0), _LONGEST_LIFE_S) if life_s == life_s else _DEFAULT_LIFE_S  # noqa: PLR0124 NaN
