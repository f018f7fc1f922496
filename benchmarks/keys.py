"""Time to check a key and a session, cached and not, and to sign in."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import SecretStr

from app.access.domain import Principal, Role
from app.access.roles import permissions_of
from app.core.clock import SystemClock
from app.core.context import Context
from app.core.db.database import SERVICE, Database
from app.core.metrics import Metrics
from app.core.settings import DatabaseSettings, Settings
from app.identity.keys.credential_cache import CredentialCache
from app.identity.keys.credentials import create_key, principal_for
from app.identity.people import service as people
from app.identity.people.passwords import Passwords
from app.identity.sessions.sign_in import ClientInfo, Credentials, SignInService
from benchmarks.numbers import percentile_ms

REMEMBERED_CHECKS: Final = 20_000
COLD_CHECKS: Final = 500
SIGN_INS: Final = 20
_LISTENS_WITHIN_S: Final = 10
_DECIMALS: Final = 4
_OPERATOR: Final = Principal(
    0, Role.PLATFORM_ADMINISTRATOR, None, api_key_id=None, permissions=permissions_of(Role.PLATFORM_ADMINISTRATOR)
)


async def measure(app_url: str) -> dict[str, Any]:
    """Measure in one process, as the service checks keys, on a migrated database.

    Args:
        app_url: The database, as the application's role.

    Returns:
        Milliseconds: ``key_check_ms`` and ``session_check_ms`` from the cache, ``key_check_cold_ms`` from the
        database each time, ``sign_in_ms`` with argon2id at the library's recommended cost.
    """
    settings = Settings(database=DatabaseSettings(url=SecretStr(app_url)))
    context = Context(settings, SystemClock(), Database(settings), Metrics())
    credential_cache, passwords = CredentialCache(context), Passwords()
    try:
        async with credential_cache.kept():
            await _until_it_hears(credential_cache)
            return await _numbers(context, credential_cache, passwords)
    finally:
        passwords.close()
        await context.database.close()


async def _numbers(context: Context, credential_cache: CredentialCache, passwords: Passwords) -> dict[str, Any]:
    password, door = secrets.token_hex(16), SignInService(context, passwords)
    first = await people.chosen_password(passwords, "bench", password)
    async with context.database.writing(SERVICE) as session:
        holder_id = await principal_for(session, Role.DISPATCHER, "bench", context.clock)
        key = await create_key(session, holder_id, "bench", context.clock)
        wanted = people.NewPerson("bench", "bench", Role.DISPATCHER)
        await people.create_person(session, _OPERATOR, wanted, first, context.clock)
    opened = await door.open(Credentials("bench", password), ClientInfo())

    async def cold() -> None:
        credential_cache.forget()
        await credential_cache.principal(key)

    async def sign_in() -> None:
        await door.open(Credentials("bench", password), ClientInfo())

    return {
        "remembered_checks": REMEMBERED_CHECKS,
        "key_check_ms": await _timed(REMEMBERED_CHECKS, lambda: credential_cache.principal(key)),
        "session_check_ms": await _timed(REMEMBERED_CHECKS, lambda: credential_cache.signed_in(opened.token)),
        "key_check_cold_ms": await _timed(COLD_CHECKS, cold),
        "sign_in_ms": await _timed(SIGN_INS, sign_in),
    }


async def _timed(times: int, what: Callable[[], Awaitable[object]]) -> dict[str, float]:
    await what()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        await what()
        seconds.append(time.perf_counter() - began)
    return {"p50": percentile_ms(seconds, 50, _DECIMALS), "p99": percentile_ms(seconds, 99, _DECIMALS)}


async def _until_it_hears(credential_cache: CredentialCache) -> None:
    async with asyncio.timeout(_LISTENS_WITHIN_S):
        while not credential_cache.is_listening:  # noqa: ASYNC110 the service itself has no use for an event
            await asyncio.sleep(0.01)
