"""Run schema migrations as the owner; the migrations define what each role may do."""

from pathlib import Path
from typing import Final, Literal

import psycopg
from alembic import command
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, text

from app.core.db.database import libpq_url
from app.core.db.readiness import ROOT, alembic_config
from app.core.db.roles import ROW_SECURITY_ROLES
from app.core.errors import Unavailable

SQL: Final = ROOT / "migrations" / "sql"
"""Functions, views and policies in force, one file each; see ``README.md`` there."""
Kind = Literal["functions", "views", "policies"]

_POLICIES: Final = text("SELECT polname FROM pg_policy WHERE polrelid = to_regclass(:table)")
_SEQUENCES: Final = text("""
    SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refobjid = to_regclass(:table)""")


class RolesMissing(Unavailable):
    """The server lacks the roles of the policies, or the application's role is not a member of them."""


def migrate(owner_url: str, app_url: str, *, revision: str = "head") -> None:
    """Run the migrations as the owner to ``revision``; ``base`` reverts everything.

    Of ``app_url`` only the role's name is read, to check its memberships.
    """
    config = alembic_config()
    config.attributes["owner_url"] = owner_url
    if revision == "base":
        command.downgrade(config, revision)
        return
    role = conninfo_to_dict(libpq_url(app_url)).get("user")
    _check_roles(owner_url, None if role is None else str(role))
    command.upgrade(config, revision)


def _check_roles(owner_url: str, application: str | None) -> None:
    with psycopg.connect(libpq_url(owner_url)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_roles r WHERE rolname = ANY(%(roles)s) AND (%(app)s::text IS NULL"
            " OR EXISTS (SELECT FROM pg_roles a WHERE a.rolname = %(app)s AND pg_has_role(a.oid, r.oid, 'MEMBER')))",
            {"app": application, "roles": list(ROW_SECURITY_ROLES)},
        ).fetchone()
    if found != (len(ROW_SECURITY_ROLES),):
        raise RolesMissing(
            f"The roles of row-level security are missing. As a superuser, once for this server:"
            f" leasetrace database-roles {application or 'APPLICATION'} | psql …"
        )


def run_sql(connection: Connection, kind: Kind, *names: str) -> None:
    """Run files of ``migrations/sql`` from a revision; ``names`` are without ``.sql``: functions, views or tables.

    A table's policies and grants are removed first, so that its file need not be repeatable.
    """
    for name in names:
        if kind == "policies":
            clear_policies(connection, name)
        execute_file(connection, SQL / kind / f"{name}.sql")


def execute_file(connection: Connection, path: Path) -> None:
    """Execute a file of SQL statements as it is: neither ``:`` nor ``%`` marks a parameter."""
    connection.exec_driver_sql(path.read_text(encoding="utf-8"), execution_options={"no_parameters": True})


def clear_policies(connection: Connection, table: str) -> None:
    """Drop a table's policies, and revoke the roles' rights on the table and its columns' sequences."""
    quote = connection.dialect.identifier_preparer.quote
    where = {"table": f"public.{quote(table)}"}
    for policy in connection.execute(_POLICIES, where).scalars().all():
        connection.exec_driver_sql(f"DROP POLICY {quote(policy)} ON {quote(table)}")
    roles = ", ".join(ROW_SECURITY_ROLES)
    connection.exec_driver_sql(f"REVOKE ALL ON TABLE {quote(table)} FROM {roles}")
    for sequence in connection.execute(_SEQUENCES, where).scalars().all():
        connection.exec_driver_sql(f"REVOKE ALL ON SEQUENCE {quote(sequence)} FROM {roles}")
