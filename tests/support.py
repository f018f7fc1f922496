"""What tests share: principals with keys, a counter of queries."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, event, text

from app.access.domain import Permission, Role
from app.access.service import create_key, create_principal
from app.core.database import SERVICE
from app.core.http import Context
from app.core.sight_roles import SERVICE_ROLE

AS_SERVICE: Final = f"-c role={SERVICE_ROLE}"
"""The ``options`` of a connection that looks as the service itself, on the application's URL."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a key.

    Attributes:
        client: Sends the key with every request.
        subject_id: The lessor or the court; 0 for others.
        principal_id: Its row.
        key: What it sends.
    """

    client: httpx.AsyncClient
    subject_id: int
    principal_id: int
    key: str


class Doors:
    """Opens clients for principals in every role; an asynchronous context manager."""

    def __init__(self, application: FastAPI) -> None:
        self._application = application
        self._context: Context = application.state.context
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    async def administrator(self) -> httpx.AsyncClient:
        """Return an administrator's client."""
        return (await self.holder(Role.PLATFORM_ADMINISTRATOR)).client

    async def lessor(self, code: str = "yuanhai", *, feed_id: int | None = None, post_only: bool = False) -> Holder:
        """Return a lessor, registered now if it was not."""
        async with self._context.database.writing(SERVICE) as session:
            lessor_id = await session.scalar(
                text(
                    "INSERT INTO lessor (code, name, created_at) VALUES (:code, :code, :now)"
                    " ON CONFLICT (code) DO UPDATE SET code = excluded.code RETURNING lessor_id"
                ),
                {"code": code, "now": self._context.clock.now()},
            )
        return await self.holder(Role.LESSOR_MANAGER, lessor_id, feed_id=feed_id, post_only=post_only)

    async def court(self, code: str = "沪0105") -> Holder:
        """Return an officer of a court; that of Changning unless another code is given."""
        async with self._context.database.reading(SERVICE) as session:
            court_id = await session.scalar(text("SELECT court_id FROM court WHERE code = :code"), {"code": code})
        return await self.holder(Role.ENFORCEMENT_OFFICER, court_id)

    async def dispatcher(self) -> Holder:
        """Return a dispatcher without any assignment."""
        return await self.holder(Role.DISPATCHER)

    async def holder(
        self,
        role: Role,
        subject_id: int | None = None,
        *,
        feed_id: int | None = None,
        post_only: bool = False,
        scopes: frozenset[Permission] | None = None,
    ) -> Holder:
        """Return a new principal in a role with a key of its own."""
        async with self._context.database.writing(SERVICE) as session:
            clock = self._context.clock
            principal_id = await create_principal(session, role, f"a {role}", clock, subject_id=subject_id)
            key = await create_key(
                session,
                principal_id,
                "test",
                clock,
                feed_id=feed_id,
                scopes={Permission.PINGS_POST} if post_only else scopes,
            )
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._application, raise_app_exceptions=False),
            base_url="http://leasetrace.test",
            headers={"Authorization": f"Bearer {key}"},
        )
        await self._clients.enter_async_context(client)
        return Holder(client, subject_id or 0, principal_id, key)


@contextmanager
def counted_queries(application: FastAPI) -> Iterator[list[str]]:
    """Collect the statements that SQLAlchemy sends while the block lasts (so not the ping writer's).

    Those that only say as whom a transaction looks are left out: there are a few of them, however much is asked.
    """
    statements: list[str] = []

    def note(*args: Any) -> None:
        if "set_config(t.name" not in args[2]:
            statements.append(args[2])

    del application
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def problem_fields(answer: httpx.Response) -> list[str]:
    """Return the fields that a problem document names."""
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]
