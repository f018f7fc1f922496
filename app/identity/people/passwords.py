"""Passwords: rules for new ones, and argon2id at the library's recommended cost.

References:
    NIST SP 800-63B, 3.1.1 (length and a blocklist instead of composition rules); RFC 9106 (argon2).
"""

import asyncio
import base64
import hashlib
import secrets
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import InvalidInput, Unavailable

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 128
_WORKERS: Final = 2
"""Passwords hashed at a time: each takes 64 MiB and a core."""
_MAX_QUEUE: Final = 16
"""Length of the queue, about a second at the recommended cost; further requests are refused."""
_ONE_TIME_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without characters that are confused when read aloud: 5 bits each."""
_ONE_TIME_GROUPS: Final = 4
_DECORATION: Final = "0123456789!@#$%&*+-_.,?"

COMMON: Final = frozenset(
    """
    000000000000 111111111111 112233445566 121212121212 123123123123 123321123321 1234567890123 12345678901234
    123456789012 1234567890123456 123456789123 123456789abc 123456789qwe 123456789zxc 1234567891011 123654789123
    12qwaszx12qwaszx 147258369147 159357159357 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv
    1qazxsw23edc 520131452013 666666666666 789456123789 888888888888 987654321000 999999999999 aaaaaaaaaaaa
    abc123456789 abcd12345678 abcdefghijkl abcdefghijklmnop adminadminadmin administrator administrator1
    asdfghjkl123 asdfghjkl1234 changemechangeme changethispassword iloveyou1234 iloveyouforever
    letmeinletmein motorola12345 p@ssw0rd1234 p@ssword1234 passw0rd1234 password1234 password12345 password123456
    passwordpassword q1w2e3r4t5y6 qazwsxedc123 qazwsxedcrfv qwer12345678 qwerasdfzxcv qwerty123456 qwerty1234567
    qwertyqwerty qwertyuiop10 qwertyuiop12 qwertyuiop123 qwertyuiopasdf qwertyuiopasdfghjkl trustno1trustno1
    welcome12345 welcome123456 woaini123456 woaini1314520 woaini5201314 zaq12wsxcde3 zxcvbnm12345 zxcvbnm123456
    zxcvbnmasdfghjkl leasetrace123 leasetrace1234 leasetraceleasetrace
    """.split()  # noqa: SIM905 a list literal would take sixty lines
)
"""The most common passwords that are long enough, casefolded."""


def normalise_login(login: str) -> str:
    """Return a login as it is stored and compared: NFKC, stripped, casefolded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).strip().casefold())


def login_digest(login: str) -> bytes:
    """Return the SHA-256 of a normalised login, the key of its failure count, whether or not the account exists."""
    return hashlib.sha256(login.encode()).digest()


def _normalise(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def check_new_password(password: str, login: str, *, field: str = "password") -> None:
    """Check the rules for a new password; ``login`` is normalised, ``field`` is the request's field for the error.

    Raises:
        InvalidInput: It is too short or too long, contains the login, or is among the most common.
    """
    chosen = _normalise(password)
    if not MIN_LENGTH <= len(chosen) <= MAX_LENGTH:
        raise InvalidInput(f"{field}: expected {MIN_LENGTH} to {MAX_LENGTH} characters", field=field)
    folded = chosen.casefold()
    if folded in {login[::-1], login * 2} or folded.strip(_DECORATION) in {login, ""}:
        raise InvalidInput(f"{field}: expected something else than the login", field=field)
    if folded in COMMON or len(set(folded)) == 1:
        raise InvalidInput(f"{field}: this is one of the passwords that are tried first; choose another", field=field)


def make_one_time_password() -> str:
    """Return a password of 100 random bits that can be read aloud, to be changed at the first sign-in."""
    groups = ("".join(secrets.choice(_ONE_TIME_LETTERS) for _ in range(5)) for _ in range(_ONE_TIME_GROUPS))
    return "-".join(groups)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a password check; ``new_hash`` is set if the stored hash has an outdated cost."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords in its own small thread pool, with a bounded queue.

    ``turn`` and ``hash`` raise ``Unavailable`` if the queue is full. The default cost is the library's
    recommendation.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._dummy = _dummy_hash(self._hasher)
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="argon2")
        self._turns = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a place in the queue while the block runs; enter it before counting an attempt or locking a row."""
        if self._turns >= _WORKERS + _MAX_QUEUE:
            raise Unavailable("Too many passwords are being checked; send the same request again.", retry_after_s=2)
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1

    async def hash(self, password: str) -> str:
        """Return the hash to store. It may wait, so hold no transaction."""
        with self.turn():
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._hasher.hash, _normalise(password)
            )

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Verify a password within the caller's ``turn``; without a hash, use a dummy hash and return no match."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, stored, _normalise(password)
        )

    def close(self) -> None:
        """Stop the thread pool."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._dummy, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return Verdict(right=True, new_hash=self._hasher.hash(password) if outdated else None)


def _dummy_hash(hasher: PasswordHasher) -> str:
    """Return a dummy hash that no password matches, at the current cost."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(n)).rstrip(b"=").decode() for n in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
