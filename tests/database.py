"""The suite's PostgreSQL: one throw-away cluster with a migrated template, cloned for each worker; made on first use.

``TEST_DATABASE_URL`` names another server instead: a superuser's URL, ``postgresql://user:password@host:port/postgres``.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from multiprocessing.connection import Client, Listener
from threading import Thread
from typing import Any, Final
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from app.core.db.migration import migrate
from app.core.db.roles import SERVICE_ROLE, roles_sql
from app.jurisdictions.service import load_bundled_layer
from app.localdb.cluster import ClusterUrls, throwaway
from tests.factories.constants import NOW

AS_SERVICE: Final = f"-c role={SERVICE_ROLE}"
"""The ``options`` of a connection with the role of the service itself, on the application's URL."""

_KEPT = ("alembic_version", "spatial_ref_sys", "boundary_layer", "division", "court", "territory")
_exit_stack = ExitStack()


def in_database(url: str, name: str) -> str:
    """Return a URL with another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _named_server(url: str) -> ClusterUrls:
    """Make the suite's two roles and its template on a server that the user named."""
    suffix, password = secrets.token_hex(4), secrets.token_hex(16)
    names = {kind: f"leasetrace_test_{kind}_{suffix}" for kind in ("owner", "app", "template")}
    with psycopg.connect(url, autocommit=True) as connection:
        for kind, rights in (("owner", "CREATEDB"), ("app", "NOBYPASSRLS")):
            statement = sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(names[kind]), sql.SQL(rights), sql.Literal(password)))
        connection.execute(roles_sql(names["app"]))
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(names["template"]), sql.Identifier(names["owner"])))
    with psycopg.connect(in_database(url, names["template"]), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _exit_stack.callback(_drop_named, url, names)
    host = urlsplit(url).netloc.rpartition("@")[2]
    urls = {k: f"postgresql://{quote(names[k])}:{password}@{host}/{names['template']}" for k in ("owner", "app")}
    return ClusterUrls(app_url=urls["app"], owner_url=urls["owner"])


def _drop_named(url: str, names: dict[str, str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(names["template"])))
        for kind in ("app", "owner"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(names[kind])))


@cache
def make_template() -> ClusterUrls:
    """Start the server, migrate the template, load the real boundaries: on the first call of this process."""
    named = os.environ.get("TEST_DATABASE_URL")
    urls = _named_server(named) if named else _exit_stack.enter_context(throwaway())
    migrate(urls.owner_url, urls.app_url)
    load_bundled_layer(urls.owner_url, now=NOW)
    _make_trail_partitions_of_now(urls.owner_url)
    return urls


def _make_trail_partitions_of_now(owner_url: str) -> None:
    """Replace the partitions that migrations made for today's months: the tests live in ``NOW``."""
    with psycopg.connect(owner_url) as connection:
        made = connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^trail_[0-9]{6}$' AND relkind = 'r'")
        for (name,) in made.fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        connection.execute(
            "SELECT trail_partition_ensure((%s::date + n * interval '1 month')::date)"
            " FROM generate_series(0, 2) AS n",
            (NOW.date().replace(day=1),),
        )


def drop_template() -> None:
    """Stop the server that this process started, or drop what it made on a named server."""
    _exit_stack.close()


class TemplateServer:
    """Makes the template when the first worker of pytest-xdist asks, and gives every worker its URLs.

    A thread of the process that starts the workers; it ends with the process.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._listener = Listener(family="AF_UNIX", authkey=self._key)
        Thread(target=self._answer, name="template server", daemon=True).start()

    @property
    def address(self) -> tuple[str, str]:
        """The socket's path and the key in hexadecimal digits, for :func:`template_from`."""
        return str(self._listener.address), self._key.hex()

    def _answer(self) -> None:
        while True:
            with self._listener.accept() as connection:
                try:
                    urls = make_template()
                except Exception as error:  # noqa: BLE001 the worker raises it
                    connection.send({"error": repr(error)})
                else:
                    both = {"app_url": urls.app_url, "owner_url": urls.owner_url}
                    connection.send({"error": None, "urls": both})


def template_from(address: tuple[str, str]) -> ClusterUrls:
    """Return the template of the process that started this worker; wait until it is made.

    Raises:
        RuntimeError: It could not be made.
    """
    path, key = address
    with Client(path, family="AF_UNIX", authkey=bytes.fromhex(key)) as connection:
        answer = connection.recv()
    if answer["error"]:
        raise RuntimeError(f"no database for the tests: {answer['error']}")
    return ClusterUrls(**answer["urls"])


@contextmanager
def clone_of(template: ClusterUrls, name: str) -> Iterator[ClusterUrls]:
    """Clone the template as a database of this name for as long as the block lasts."""
    server = in_database(template.owner_url, "template1")
    identifier = sql.Identifier(name)
    _execute(
        server,
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            identifier, sql.Identifier(urlsplit(template.owner_url).path[1:])
        ),
    )
    try:
        yield ClusterUrls(
            app_url=in_database(template.app_url, name), owner_url=in_database(template.owner_url, name)
        )
    finally:
        _drop(server, identifier)


def _drop(server: str, database: sql.Identifier) -> None:
    for _attempt in range(50):
        try:
            _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        except psycopg.errors.InsufficientPrivilege:  # a session of another role is about to end
            time.sleep(0.1)
        else:
            return


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


async def delete_tenants(owner_url: str) -> None:
    """Empty every table with rows in it but the boundaries, the audit trail and the partitions of pings."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename LIKE 'ping\\_2%%'"
            " AND NOT tablename LIKE 'ping\\_1%%' AND NOT tablename LIKE 'trail%%' AND NOT tablename = ANY(%s)",
            (list(_KEPT),),
        )
        tables = [sql.Identifier(row[0]) for row in await cursor.fetchall()]
        filled = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(table) for table in tables)
        found = await (await connection.execute(sql.SQL("SELECT {}").format(filled))).fetchone()
        assert found
        of_tenants = [table for table, any_row in zip(tables, found, strict=True) if any_row]
        if of_tenants:
            await connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(of_tenants)))


class OwnerDatabase:
    """A connection as the owner of the database; row security does not apply."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: object) -> Any:
        """Return the only value of a query."""
        (row,) = self.rows(query, *parameters)
        (value,) = row.values()
        return value

    def execute(self, statement: str, *parameters: object) -> None:
        """Execute a statement."""
        self.connection.execute(statement.encode(), parameters or None)

    def derived(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything that the worker derives, without the time when a doubt was found."""
        return {
            "current": self.rows("SELECT * FROM current_position ORDER BY asset_id, device_id"),
            "daily": self.rows("SELECT * FROM daily_position ORDER BY asset_id, day, device_id"),
            "doubts": self.rows("SELECT device_id, variant, fixed_at, doubts FROM later_doubt ORDER BY 1, 2, 3"),
        }
