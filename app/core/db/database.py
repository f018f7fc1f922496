"""The database: one engine a process, two kinds of session, and what violations mean.

A request has one transaction; it is committed before the answer is sent (``access.http`` declares the dependencies
with ``scope="function"``). A read transaction is READ ONLY in the database too. The role that connects may do
nothing: every transaction says as whom it looks (``RowSecurity``), and row-level security shows it that one's rows.
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
"""Every stored geometry is in WGS-84, longitude first, degrees."""
_CUT_OFF: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A database that is cut off without a word is noticed within half a minute."""
_IDLE_MS: Final = 60_000
"""A transaction of a request that stands still so long is ended, with its locks: more than a slow sender may pause
(``body_pause_s``). From the entries in the trail to the commit it is 5 s: ``trail_append`` says so itself."""
_DIRECT_IDLE_MS: Final = 300_000
"""The same for background work, which computes for seconds between two statements."""


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """As whom a transaction looks: a role of PostgreSQL, and what its policies compare rows with.

    Attributes:
        role: One of ``SIGHT_ROLES``.
        lessor_ids: Whose rows are in sight, for a lessor and for the writer of pings.
        grantee_kind: ``court`` or ``principal``, to whom grants are given; ``auditor``: the whole trail is shown.
        grantee_id: The court or the principal.
        lower_courts: Courts whose own cases are in sight too.
        case_id: The case that is the purpose; positions are shown to a grantee for that one only.
        at: The moment of looking, aware; grants are dated.
    """

    role: str
    lessor_ids: tuple[int, ...] = ()
    grantee_kind: str = ""
    grantee_id: int = 0
    lower_courts: tuple[int, ...] = ()
    case_id: int | None = None
    at: datetime | None = None

    def settings(self) -> dict[str, str]:
        """Return the settings of the transaction, by name; the role comes last, since it may set nothing else."""
        told = {
            "lessor_ids": _array(self.lessor_ids),
            "grantee_kind": self.grantee_kind,
            "grantee_id": str(self.grantee_id),
            "lower_courts": _array(self.lower_courts),
            "case_id": "" if self.case_id is None else str(self.case_id),
            "at": "" if self.at is None else self.at.isoformat(),
        }
        return {**{f"leasetrace.{name}": value for name, value in told.items()}, "role": self.role}


def _array(ids: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


SERVICE: Final = RowSecurity(SERVICE_ROLE)
"""The service itself: sign-in, background work, the command line of whoever runs it. Never a request's."""


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """The parent of every table class; constraint names are fixed, so that a violation can be told by its name."""

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
    """Return a plain ``postgresql://`` URL in the form that selects psycopg 3 in SQLAlchemy."""
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def libpq_url(url: str) -> str:
    """Return a database URL in the plain form that psycopg and PostgreSQL's own tools take."""
    return f"postgresql://{url.partition('://')[2]}"


class Database:
    """The process's connections, opened when first used.

    Args:
        settings: Where to connect, pool size, timeouts.
    """

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
                **_CUT_OFF,
                "application_name": "leasetrace",
                "options": f"{options} -c idle_in_transaction_session_timeout={_IDLE_MS}",
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self, row_security: RowSecurity) -> AsyncIterator[AsyncSession]:
        """Open a transaction that can only read, with one snapshot for all its statements.

        Args:
            row_security: As whom it looks.
        """
        async with self._sessions() as session, session.begin():
            await session.connection(
                execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            )
            await apply_row_security(session, row_security)
            yield session

    @asynccontextmanager
    async def writing(self, row_security: RowSecurity) -> AsyncIterator[AsyncSession]:
        """Open a transaction that is committed at the end of the block, or rolled back on any error.

        Args:
            row_security: As whom it looks.
        """
        async with self._sessions() as session, session.begin():
            await apply_row_security(session, row_security)
            yield session

    @asynccontextmanager
    async def direct(self, name: str, *, statement_timeout_s: int) -> AsyncIterator[psycopg.AsyncConnection]:
        """Open a connection of its own, as the service itself, without pool and ORM, for background work.

        It is in autocommit: work that belongs together stands in ``connection.transaction()``.

        Args:
            name: What the server shows as the application's name.
            statement_timeout_s: A statement that takes longer is cancelled.
        """
        options = f"-c statement_timeout={statement_timeout_s * 1000} -c timezone=UTC -c jit=off"
        connection = await psycopg.AsyncConnection.connect(
            make_conninfo(libpq_url(self.url), **_CUT_OFF),
            autocommit=True,
            application_name=name,
            options=f"{options} -c idle_in_transaction_session_timeout={_DIRECT_IDLE_MS}",
        )
        async with connection:
            await connection.execute(f"SET ROLE {SERVICE_ROLE}")
            yield connection

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


_SET: Final = text("""
    SELECT set_config(t.name, t.value, true)
    FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) WITH ORDINALITY AS t(name, value, place)
    ORDER BY t.place""")
_ROLE: Final = "leasetrace.role"


async def apply_row_security(session: AsyncSession, row_security: RowSecurity) -> None:
    """Say as whom a session looks, until its transaction ends; one statement."""
    told = row_security.settings()
    await session.execute(_SET, {"names": list(told), "values": list(told.values())})
    session.info[_ROLE] = row_security.role


async def _take_role(session: AsyncSession, role: str) -> None:
    await session.execute(_SET, {"names": ["role"], "values": [role]})
    session.info[_ROLE] = role


@asynccontextmanager
async def as_service(session: AsyncSession) -> AsyncIterator[None]:
    """Let a session look as the service itself for as long as the block lasts.

    For the few statements that a principal's own sight cannot make: to recognise what was offered, to write a grant.
    What comes out of the block is for the caller to choose with care.
    """
    before: str = session.info[_ROLE]
    await session.flush()
    await _take_role(session, SERVICE_ROLE)
    try:
        yield
        await session.flush()
    except BaseException:
        session.info[_ROLE] = before  # whatever follows: a savepoint around the block gives that role back
        with suppress(SQLAlchemyError):  # where the transaction is lost, the role is lost with it
            await _take_role(session, before)
        raise
    session.info[_ROLE] = before
    await _take_role(session, before)


async def apply_writer_row_security(connection: psycopg.AsyncConnection, lessor_ids: Iterable[int]) -> None:
    """Say whose rows the writer of pings may touch until its transaction ends; its connection has the role."""
    told = _array(tuple(lessor_ids))
    await connection.execute("SELECT set_config('leasetrace.lessor_ids', %s, true)", (told,))


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a statement violated, where the database told it."""
    cause = error.orig
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None


@cache
def sql_file(package: str, name: str) -> str:
    """Return the text of a named ``.sql`` file that stands beside a room's ``queries``.

    Args:
        package: The room's package, for example ``app.distribution``.
        name: The file's name with its ending.
    """
    return files(package).joinpath(name).read_text(encoding="utf-8")
