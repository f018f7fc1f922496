"""The database: one engine a process, two kinds of session, and what violations mean.

A request has one transaction; it is committed before the answer is sent (``core.http`` declares the dependencies
with ``scope="function"``). A read transaction is READ ONLY in the database too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Final

import psycopg
from sqlalchemy import MetaData, Text, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

from app.core.settings import Settings

WGS84_SRID: Final = 4326
"""Every stored geometry is in WGS-84, longitude first, degrees."""


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
        self.url = settings.database_url.get_secret_value()
        timeout_ms = settings.statement_timeout_s * 1000
        self.engine = create_async_engine(
            sqlalchemy_url(self.url),
            pool_size=settings.pool_size,
            max_overflow=settings.pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 5,
                "application_name": "leasetrace",
                "options": f"-c statement_timeout={timeout_ms} -c timezone=UTC -c jit=off",
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that can only read, with one snapshot for all its statements."""
        async with self._sessions() as session, session.begin():
            await session.connection(
                execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            )
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that is committed at the end of the block, or rolled back on any error."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def direct(self, name: str, *, statement_timeout_s: int) -> AsyncIterator[psycopg.AsyncConnection]:
        """Open a connection of its own, without pool and ORM, for background work.

        It is in autocommit: work that belongs together stands in ``connection.transaction()``.

        Args:
            name: What the server shows as the application's name.
            statement_timeout_s: A statement that takes longer is cancelled.
        """
        connection = await psycopg.AsyncConnection.connect(
            libpq_url(self.url),
            autocommit=True,
            connect_timeout=5,
            application_name=name,
            options=f"-c statement_timeout={statement_timeout_s * 1000} -c timezone=UTC -c jit=off",
        )
        async with connection:
            yield connection

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises the driver's error when there is none."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a statement violated, where the database told it."""
    cause = error.orig
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None


@cache
def sql_file(package: str, name: str) -> str:
    """Return the text of a named ``.sql`` file that stands beside a room's ``queries``.

    Args:
        package: The room's package, for example ``app.clusters``.
        name: The file's name with its ending.
    """
    return files(package).joinpath(name).read_text(encoding="utf-8")
