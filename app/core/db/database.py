"""The database engine, its sessions, and row-level security for each transaction.

A request has one transaction; it is committed before the answer is sent (``identity.dependencies`` declares the
dependencies with ``scope="function"``). Read transactions are READ ONLY in PostgreSQL too. The role that connects has
no rights of its own: every transaction sets a role and parameters (``RowSecurity``), and policies filter the rows.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Final

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import MetaData, Text, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

from app.core.db.roles import SERVICE_ROLE
from app.core.settings import Settings

WGS84_SRID: Final = 4326
"""SRID of every stored geometry: WGS-84, longitude first, degrees."""
_CONNECTION_TIMEOUTS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A lost network connection is detected within 30 s."""
_IDLE_MS: Final = 60_000
"""A request's transaction that is idle for longer is ended and its locks are released. Longer than a slow sender may
pause (``body_pause_s``). From the audit entries to the commit the limit is 5 s, set by ``trail_append``."""
_DIRECT_IDLE_MS: Final = 300_000
"""The same for background work, which computes for seconds between two statements."""


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """The PostgreSQL role of a transaction and the parameters that its policies compare rows with.

    Attributes:
        grantee_kind: ``court`` or ``principal``: the kind of a grant's holder; ``auditor``: sees the whole audit
            trail.
    """

    role: str  # one of ``ROW_SECURITY_ROLES``
    lessor_ids: tuple[int, ...] = ()  # lessors whose rows are visible, for a lessor and for the writer of pings
    grantee_kind: str = ""
    grantee_id: int = 0
    lower_courts: tuple[int, ...] = ()  # courts whose own cases are visible too
    case_id: int | None = None  # the stated purpose; a grantee sees positions of this case only
    at: datetime | None = None  # the moment at which grants must be valid, aware

    def settings(self) -> dict[str, str]:
        """Return the transaction's settings by name. The role comes last: after it nothing else may be set."""
        parameters = {
            "lessor_ids": _array(self.lessor_ids),
            "grantee_kind": self.grantee_kind,
            "grantee_id": str(self.grantee_id),
            "lower_courts": _array(self.lower_courts),
            "case_id": "" if self.case_id is None else str(self.case_id),
            "at": "" if self.at is None else self.at.isoformat(),
        }
        return {**{f"leasetrace.{name}": value for name, value in parameters.items()}, "role": self.role}


def _array(ids: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


SERVICE: Final = RowSecurity(SERVICE_ROLE)
"""The service role, for sign-in, background work and the command line. Requests never run as this role."""


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Base of every table class; fixed constraint names let a violation be identified by name."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text()}
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )


def sqlalchemy_url(url: str) -> str:
    """Return a ``postgresql://`` URL in the form that selects psycopg 3 in SQLAlchemy."""
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def libpq_url(url: str) -> str:
    """Return a database URL in the form that psycopg and libpq take."""
    return f"postgresql://{url.partition('://')[2]}"


class Database:
    """The connection pool of the process; connections open on first use."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.database.url.get_secret_value()
        options = f"-c statement_timeout={settings.database.statement_timeout_s * 1000} -c timezone=UTC -c jit=off"
        self.engine = create_async_engine(
            sqlalchemy_url(self.url),
            pool_size=settings.database.pool_size,
            max_overflow=settings.database.pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                **_CONNECTION_TIMEOUTS,
                "application_name": "leasetrace",
                "options": f"{options} -c idle_in_transaction_session_timeout={_IDLE_MS}",
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self, row_security: RowSecurity) -> AsyncIterator[AsyncSession]:
        """Open a READ ONLY transaction with one snapshot for all statements (REPEATABLE READ)."""
        async with self._sessions() as session, session.begin():
            await session.connection(
                execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            )
            await apply_row_security(session, row_security)
            yield session

    @asynccontextmanager
    async def writing(self, row_security: RowSecurity) -> AsyncIterator[AsyncSession]:
        """Open a transaction that commits at the end of the block and rolls back on any error."""
        async with self._sessions() as session, session.begin():
            await apply_row_security(session, row_security)
            yield session

    @asynccontextmanager
    async def direct(self, name: str, *, statement_timeout_s: int) -> AsyncIterator[psycopg.AsyncConnection]:
        """Open a connection as the service role, outside the pool and the ORM, for background work.

        It is in autocommit; use ``connection.transaction()`` for statements that belong together. ``name`` is the
        server's ``application_name``.
        """
        options = f"-c statement_timeout={statement_timeout_s * 1000} -c timezone=UTC -c jit=off"
        connection = await psycopg.AsyncConnection.connect(
            make_conninfo(libpq_url(self.url), **_CONNECTION_TIMEOUTS),
            autocommit=True,
            application_name=name,
            options=f"{options} -c idle_in_transaction_session_timeout={_DIRECT_IDLE_MS}",
        )
        async with connection:
            await connection.execute(f"SET ROLE {SERVICE_ROLE}")
            yield connection

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


_SET: Final = text("""
    SELECT set_config(t.name, t.value, true)
    FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) WITH ORDINALITY AS t(name, value, place)
    ORDER BY t.place""")
_ROLE: Final = "leasetrace.role"


async def apply_row_security(session: AsyncSession, row_security: RowSecurity) -> None:
    """Set role and parameters until the transaction ends; one statement."""
    settings = row_security.settings()
    await session.execute(_SET, {"names": list(settings), "values": list(settings.values())})
    session.info[_ROLE] = row_security.role


async def _take_role(session: AsyncSession, role: str) -> None:
    await session.execute(_SET, {"names": ["role"], "values": [role]})
    session.info[_ROLE] = role


@asynccontextmanager
async def as_service(session: AsyncSession) -> AsyncIterator[None]:
    """Run the block's statements as the service role, for those that the principal's own role cannot run.

    For example: check a credential, write a grant. The caller decides what the principal may learn from the result.
    """
    before: str = session.info[_ROLE]
    await session.flush()
    await _take_role(session, SERVICE_ROLE)
    try:
        yield
        await session.flush()
    except BaseException:
        session.info[_ROLE] = before  # a savepoint around the block restores that role
        with suppress(SQLAlchemyError):  # an aborted transaction loses its role anyway
            await _take_role(session, before)
        raise
    session.info[_ROLE] = before
    await _take_role(session, before)


async def apply_writer_row_security(connection: psycopg.AsyncConnection, lessor_ids: Iterable[int]) -> None:
    """Set the lessors whose rows the ping writer may touch until its transaction ends."""
    array = _array(tuple(lessor_ids))
    await connection.execute("SELECT set_config('leasetrace.lessor_ids', %s, true)", (array,))


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the violated constraint; None where the database does not say it."""
    cause = error.orig
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None


@cache
def sql_file(package: str, name: str) -> str:
    """Return the text of a ``.sql`` file of a package (``app.distribution``); ``name`` includes the suffix."""
    return files(package).joinpath(name).read_text(encoding="utf-8")
