"""Requests to the service: users with keys, what they see, counted queries, problem fields, and real HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, column, event, select, text

from app.access.domain import Permission, Principal, Role
from app.access.row_security import row_security_of
from app.access.service import create_principal
from app.api.services import Services
from app.api.uvicorn_protocol import server_config
from app.core.context import Context
from app.core.db.database import SERVICE, RowSecurity
from app.core.web.parameters import services_of
from app.identity.keys.credentials import create_key


@dataclass(frozen=True, slots=True)
class ApiUser:
    """A principal with an API key.

    Attributes:
        client: Sends the key with every request.
        subject_id: The lessor or the court; 0 for others.
    """

    client: httpx.AsyncClient
    subject_id: int
    principal_id: int
    key: str


class Principals:
    """Makes principals with keys, in every role, and clients that send them; an asynchronous context manager."""

    def __init__(self, application: FastAPI) -> None:
        self.application = application
        self._context = services(application).context
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    async def administrator(self) -> httpx.AsyncClient:
        """Return an administrator's client."""
        return (await self.create(Role.PLATFORM_ADMINISTRATOR)).client

    async def lessor(self, code: str = "yuanhai", *, feed_id: int | None = None, post_only: bool = False) -> ApiUser:
        """Return a lessor, registered now if it was not."""
        async with self._context.database.writing(SERVICE) as session:
            lessor_id = await session.scalar(
                text(
                    "INSERT INTO lessor (code, name, created_at) VALUES (:code, :code, :now)"
                    " ON CONFLICT (code) DO UPDATE SET code = excluded.code RETURNING lessor_id"
                ),
                {"code": code, "now": self._context.clock.now()},
            )
        return await self.create(Role.LESSOR_MANAGER, lessor_id, feed_id=feed_id, post_only=post_only)

    async def court(self, code: str = "沪0105") -> ApiUser:
        """Return an officer of a court, by default that of Changning."""
        async with self._context.database.reading(SERVICE) as session:
            court_id = await session.scalar(text("SELECT court_id FROM court WHERE code = :code"), {"code": code})
        return await self.create(Role.ENFORCEMENT_OFFICER, court_id)

    async def dispatcher(self) -> ApiUser:
        """Return a dispatcher without any assignment."""
        return await self.create(Role.DISPATCHER)

    async def create(
        self,
        role: Role,
        subject_id: int | None = None,
        *,
        feed_id: int | None = None,
        post_only: bool = False,
        scopes: frozenset[Permission] | None = None,
    ) -> ApiUser:
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
            transport=httpx.ASGITransport(self.application, raise_app_exceptions=False),
            base_url="http://leasetrace.test",
            headers={"Authorization": f"Bearer {key}"},
        )
        await self._clients.enter_async_context(client)
        return ApiUser(client, subject_id or 0, principal_id, key)


@contextmanager
def counted_queries(application: FastAPI) -> Iterator[list[str]]:
    """Collect the statements that SQLAlchemy sends while the block lasts (not those of the ping writer).

    Two kinds are left out, since their number does not depend on the question: those that set a transaction's row
    security, and the timed write of when keys were last used.
    """
    statements: list[str] = []

    def note(*args: Any) -> None:
        if "set_config(t.name" not in args[2] and not args[2].startswith("UPDATE api_key SET last_used_at"):
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


def free_port() -> int:
    """Return a TCP port of the loopback address that no process uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def services(application: FastAPI) -> Services:
    """Return all that an application keeps while it runs."""
    return services_of(application, Services)


def context_of(application: FastAPI) -> Context:
    """Return what the application consists of."""
    return services(application).context


async def first_position(holder: ApiUser) -> dict[str, Any]:
    """Return the position of the lessor's first asset."""
    asset_id = (await holder.client.get("/v1/assets")).json()["items"][0]["asset_id"]
    answer = await holder.client.get(f"/v1/assets/{asset_id}/position")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


_OF_ASSETS: Final = ("asset", "device_binding", "ping", "current_position")
_OF_CASES: Final = ("enforcement_case", "case_asset", "seizure_measure", "planning_assignment")
NOTHING_VISIBLE: Final = dict.fromkeys((*_OF_ASSETS, *_OF_CASES, "entrustment"), ())
"""What ``UserView.tables`` returns for a user who sees no row."""


@dataclass(frozen=True, slots=True)
class UserView:
    """What a user can see: over HTTP, and in the tables with row security alone."""

    application: FastAPI

    async def principal(self, holder: ApiUser) -> Principal:
        """Return the principal of a user's key."""
        return await services(self.application).credential_cache.principal(holder.key)

    async def sight(self, holder: ApiUser, case_id: int | None = None) -> RowSecurity:
        """Return the row security of a user, for a case."""
        now = context_of(self.application).clock.now()
        return row_security_of(await self.principal(holder), now, case_id)

    async def tables(self, holder: ApiUser, case_id: int | None = None) -> dict[str, tuple[int, ...]]:
        """Return which assets, and which cases, each table shows to a user without any filter."""
        seen: dict[str, tuple[int, ...]] = {}
        async with context_of(self.application).database.reading(await self.sight(holder, case_id)) as session:
            for table in NOTHING_VISIBLE:
                of = "asset_id" if table in {*_OF_ASSETS, "case_asset", "seizure_measure"} else "case_id"
                rows = await session.scalars(  # type: ignore[var-annotated] # a column of whatever table
                    select(column(of)).select_from(text(table)).distinct().order_by(column(of))
                )
                seen[table] = tuple(rows)
        return seen

    async def place(self, holder: ApiUser, case_id: int, asset_id: int) -> int:
        """Return the status of the request for an asset's position, for a case."""
        answer = await holder.client.get(f"/v1/assets/{asset_id}/position", params={"case": case_id})
        return answer.status_code


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def serving(application: FastAPI) -> AsyncIterator[int]:
    """Serve the application, which runs already, on a port of the loopback address, as ``leasetrace serve`` does."""
    async with serving_config(server_config(application, port=0, lifespan="off")) as listens:
        yield listens


@asynccontextmanager
async def serving_config(config: uvicorn.Config) -> AsyncIterator[int]:
    """Serve what a configuration says, on the port that it was given."""
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    await server.listens.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def exchange(port: int, *parts: bytes, close: bool = False) -> bytes:
    """Send bytes on a connection of their own and return the whole answer; with ``close`` hang up without reading."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = b"" if close else await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


def http_request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP/1.1 request whose answer ends the connection; ``_`` in a header's name becomes ``-``."""
    sent = {"Host": "leasetrace.test", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
