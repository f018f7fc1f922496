"""Signing in at a maker's interface by OAuth 2 client credentials; tokens are kept a while, in memory.

References:
    RFC 6749, sections 2.3.1 (client password), 4.4 (client credentials), 5.1 and 5.2 (answers).
"""

import base64
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus

import httpx
import msgspec

from app.ingest.aemp_http import AempFailure, read_limited, refuse, sending
from app.telemetry.aemp_domain import DueSource

MAX_TOKEN_BYTES: Final = 64 * 1024
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
    """Tokens of all sources, in memory only; share one among the polls of a process.

    Args:
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tokens: dict[bytes, _Token] = {}
        self._in_body: set[bytes] = set()

    async def token(self, client: httpx.AsyncClient, source: DueSource, secret: str) -> str:
        """Return an access token that is good for a while yet, asking for one where there is none.

        Raises:
            AempFailure: The token endpoint gives none.
        """
        key = _key(source, secret)
        known = self._tokens.get(key)
        if known is not None and known.good_until_s > self._monotonic():
            return known.text
        answer = await self._asked(client, source, secret, key)
        if answer.token_type.lower() != "bearer" or not _SENDABLE.fullmatch(answer.access_token):
            raise AempFailure("token endpoint: the answer is no bearer token")
        life_s = _life_s(answer.expires_in)
        margin_s = min(_MARGIN_S, life_s / 10)
        token = _Token(answer.access_token, self._monotonic() + life_s - margin_s)
        self._tokens = {k: t for k, t in self._tokens.items() if t.good_until_s > self._monotonic()} | {key: token}
        return token.text

    def forget(self, source: DueSource, secret: str) -> None:
        """Drop a token that the interface refused."""
        self._tokens.pop(_key(source, secret), None)

    async def _asked(self, client: httpx.AsyncClient, source: DueSource, secret: str, key: bytes) -> _Answer:
        """Ask with the secret in the header, as every server must understand, and if refused once in the body."""
        in_body = key in self._in_body
        status, body, failure = await _post(client, source, secret, in_body=in_body)
        if status in _WRONG_WAY and not in_body:
            status, body, second = await _post(client, source, secret, in_body=True)
            if second is None:
                self._in_body.add(key)
                failure = None
        if failure is not None:
            raise failure
        try:
            return msgspec.json.decode(body, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise AempFailure("token endpoint: the answer is no token") from None


async def _post(
    client: httpx.AsyncClient, source: DueSource, secret: str, *, in_body: bool
) -> tuple[int, bytes, AempFailure | None]:
    client_id = source.client_id or ""
    form = {"grant_type": "client_credentials"} | ({"scope": source.scope} if source.scope else {})
    headers = {"Accept": "application/json"}
    if in_body:
        form |= {"client_id": client_id, "client_secret": secret}
    else:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    async with (
        sending("token endpoint"),
        client.stream("POST", source.token_url or "", data=form, headers=headers) as response,
    ):
        if response.status_code == httpx.codes.OK:
            return response.status_code, await read_limited(response, MAX_TOKEN_BYTES), None
        return response.status_code, b"", refuse("token endpoint", response)


def _key(source: DueSource, secret: str) -> bytes:
    parts = (source.source_id, source.token_url, source.client_id, source.scope, secret)
    return hashlib.sha256(repr(parts).encode()).digest()


def _life_s(expires_in: float | str | None) -> float:
    try:
        life_s = float(expires_in) if expires_in is not None else _DEFAULT_LIFE_S
    except ValueError:
        life_s = _DEFAULT_LIFE_S
    return min(max(life_s, 0.0), _LONGEST_LIFE_S) if life_s == life_s else _DEFAULT_LIFE_S  # noqa: PLR0124 NaN
