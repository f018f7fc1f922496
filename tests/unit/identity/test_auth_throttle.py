"""Who sends too many refused keys from one address waits; others, and what was valid before, do not."""

from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from app.core.context import Context
from app.core.errors import NotAuthenticated, TooManyRequests
from app.core.web.client_address import Clients
from app.core.web.parameters import CoreServices
from app.identity.auth_throttle import AuthThrottle
from app.identity.errors import SignInPaused
from app.identity.sessions.service import SessionUnknown
from tests.factories.settings import settings_for


class Door:
    """Asks a guard, at a time that the test sets."""

    def __init__(self, **limits: int) -> None:
        self.now_s = 1000.0
        self.guard = AuthThrottle(settings_for(auth_throttle=limits), lambda: self.now_s)
        self.application = Starlette()
        self.application.state.services = CoreServices(context=cast("Context", None), clients=Clients(()))
        self.asked: list[str] = []

    def from_address(self, address: str) -> HTTPConnection:
        return HTTPConnection({"type": "http", "client": (address, 1), "headers": [], "app": self.application})

    async def __call__(
        self, secret: str, address: str = "198.51.100.7", kind: type[NotAuthenticated] = NotAuthenticated
    ) -> str:
        async def ask() -> Any:
            self.asked.append(secret)
            if "wrong" in secret:
                raise SessionUnknown if kind is SessionUnknown else NotAuthenticated("refused")
            return secret

        return await self.guard.ask(self.from_address(address), secret, ask, kind)

    async def wait_s(self, secret: str, address: str = "198.51.100.7") -> int:
        asked = len(self.asked)
        with pytest.raises(TooManyRequests) as refused:
            await self(secret, address)
        assert len(self.asked) == asked, "it is not even looked up"
        return refused.value.retry_after_s


async def refused(door: Door, times: int, kind: type[NotAuthenticated] = NotAuthenticated) -> None:
    for number in range(times):
        with pytest.raises(NotAuthenticated):
            await door(f"wrong {number}", kind=kind)


async def test_an_address_with_too_many_refused_keys_waits_until_its_bucket_fills() -> None:
    door = Door(failures_per_minute=3)
    await door("seen before")
    await refused(door, 3)
    assert await door.wait_s("right") == 20
    assert await door("seen before") == "seen before"
    assert await door("elsewhere", "198.51.100.8") == "elsewhere"
    door.now_s += 19.5
    assert await door.wait_s("right") == 1
    door.now_s += 0.5
    assert await door("right") == "right"
    await refused(door, 1)
    assert await door.wait_s("another") == 20


async def test_a_key_that_was_valid_and_is_refused_is_no_longer_an_exception() -> None:
    door = Door(failures_per_minute=1)
    await door("seen before")
    await refused(door, 1)

    async def revoked() -> None:
        raise NotAuthenticated("refused")

    with pytest.raises(NotAuthenticated):
        await door.guard.ask(door.from_address("198.51.100.7"), "seen before", revoked)
    await door.wait_s("seen before")


async def test_keys_sessions_and_sign_ins_are_counted_apart() -> None:
    door = Door(failures_per_minute=1, sign_in_attempts_per_minute=2)
    connection = door.from_address("198.51.100.7")
    await refused(door, 1)
    with pytest.raises(SessionUnknown):
        await door("wrong session", kind=SessionUnknown)
    for _ in range(2):
        door.guard.count_sign_in(connection)
    with pytest.raises(SignInPaused) as paused:
        door.guard.count_sign_in(connection)
    assert paused.value.retry_after_s == 30
    assert await door("right", "198.51.100.8") == "right"


async def test_without_a_limit_nothing_is_counted() -> None:
    door = Door(failures_per_minute=0)
    await refused(door, 300)
    assert await door("right") == "right"


async def test_no_secret_is_no_attempt() -> None:
    door = Door(failures_per_minute=1)

    async def ask() -> None:
        raise NotAuthenticated("nothing was sent")

    for secret in (None, "", None):
        with pytest.raises(NotAuthenticated):
            await door.guard.ask(door.from_address("198.51.100.7"), secret, ask)
    assert await door("right") == "right"
