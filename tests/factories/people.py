"""People for tests: accounts made as an administrator makes them, and browsers that sign in with them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import text

from app.access.domain import Principal, Role
from app.access.roles import permissions_of
from app.core.context import Context
from app.core.db.database import SERVICE
from app.identity.people import service as people
from app.identity.people import totp
from app.identity.people.passwords import Passwords
from app.identity.sessions.cookies import COOKIE
from tests.api import context_of, services

OPERATOR = Principal(
    0, Role.PLATFORM_ADMINISTRATOR, None, api_key_id=None, permissions=permissions_of(Role.PLATFORM_ADMINISTRATOR)
)
PASSWORD = "correct horse battery"
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""A hundred sign-ins of a test cost as much as one at the recommended parameters."""
_addresses = count(1)


def with_cheap_hashes(application: FastAPI) -> FastAPI:
    """Let an application hash passwords at a cost for tests."""
    services(application).sign_in.passwords = Passwords(CHEAP_HASHER)
    return application


@dataclass
class Browser:
    """A browser at an address of its own: it keeps the cookie, and sends the CSRF token.

    Attributes:
        client: Sends the cookie.
        csrf: CSRF token of the last response.
    """

    client: httpx.AsyncClient
    csrf: str = ""

    @property
    def token(self) -> str | None:
        """The session's token, as the cookie carries it."""
        return self.client.cookies.get(COOKIE)

    async def sign_in(self, login: str, password: str = PASSWORD, code: str | None = None) -> httpx.Response:
        """Sign in."""
        given = {"login": login, "password": password} | ({"totp": code} if code else {})
        answer = await self.client.post("/v1/session", json=given)
        self.csrf = answer.json().get("csrf_token", self.csrf)
        return answer

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request as our page does."""
        answer = await self.client.request(method, path, json=body, headers={"X-CSRF-Token": self.csrf})
        if answer.is_success and answer.content:
            self.csrf = answer.json().get("csrf_token", self.csrf)
        return answer

    async def status(self) -> int:
        """Return the status of the request for the own session."""
        return (await self.client.get("/v1/session")).status_code


@dataclass
class People:
    """Makes accounts and opens browsers; an asynchronous context manager."""

    application: FastAPI
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def context(self) -> Context:
        """The application's context."""
        return context_of(self.application)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def browser(self, application: FastAPI | None = None) -> Browser:
        """Return a browser without a session, at an address of its own."""
        n = next(_addresses)
        transport = httpx.ASGITransport(
            application or self.application,
            raise_app_exceptions=False,
            client=(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 50_000),
        )
        client = httpx.AsyncClient(transport=transport, base_url="https://leasetrace.test")
        return Browser(await self._open.enter_async_context(client))

    async def court_id(self, code: str = "沪0105") -> int:
        """Return the id of a court; that of Changning unless another code is given."""
        async with self.context.database.reading(SERVICE) as session:
            found = await session.scalar(text("SELECT court_id FROM court WHERE code = :code"), {"code": code})
        assert isinstance(found, int)
        return found

    async def account(
        self,
        login: str,
        role: Role = Role.DISPATCHER,
        subject_id: int | None = None,
        *,
        totp_secret: str | None = None,
    ) -> int:
        """Make an account, with an authenticator where a secret is given."""
        door = services(self.application).sign_in
        wanted = people.NewPerson(login, login.title(), role, subject_id)
        first = await people.chosen_password(door.passwords, login, PASSWORD)
        async with self.context.database.writing(SERVICE) as session:
            made = await people.create_person(session, OPERATOR, wanted, first, self.context.clock)
            if totp_secret is not None:
                encryptor = self.context.settings.encryption.encryptor()
                sealed = encryptor.seal(totp_secret, f"account:{made.principal_id}:totp")
                await session.execute(
                    text("UPDATE account SET totp_sealed = :sealed WHERE principal_id = :id"),
                    {"sealed": sealed, "id": made.principal_id},
                )
        return made.principal_id

    async def signed_in(self, login: str, role: Role = Role.DISPATCHER, subject_id: int | None = None) -> Browser:
        """Return the signed-in browser of a new account; it has given a code where its role needs one."""
        secret = totp.make_secret()
        await self.account(login, role, subject_id, totp_secret=secret)
        opened = await self.browser()
        answer = await opened.sign_in(login, code=totp.code_of(secret, totp.step_at(self.context.clock.now())))
        assert answer.status_code == 201, answer.text
        return opened

    async def scalar(self, statement: str, **values: Any) -> Any:
        """Return one value of the database."""
        async with self.context.database.reading(SERVICE) as session:
            return await session.scalar(text(statement), values)

    async def execute(self, statement: str, **values: Any) -> None:
        """Change the database directly, without the application."""
        async with self.context.database.writing(SERVICE) as session:
            await session.execute(text(statement), values)
