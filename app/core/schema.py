"""Bring the schema up to date, as the owner; which role may do what stands in the migrations."""

import psycopg
from alembic import command
from psycopg.conninfo import conninfo_to_dict

from app.core.database import libpq_url
from app.core.errors import Unavailable
from app.core.readiness import alembic_config
from app.core.sight_roles import SIGHT_ROLES


class RolesMissing(Unavailable):
    """The server lacks the roles that policies are written for, or the application's role is no member of them."""


def migrate(owner_url: str, app_url: str, *, revision: str = "head") -> None:
    """Run the migrations as the owner.

    Args:
        owner_url: Where the owner connects.
        app_url: Where the application connects; only the name of its role is read, and looked at.
        revision: Where to; ``base`` takes everything back.
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
            {"app": application, "roles": list(SIGHT_ROLES)},
        ).fetchone()
    if found != (len(SIGHT_ROLES),):
        raise RolesMissing(
            f"The roles of row-level security are missing. As a superuser, once for this server:"
            f" leasetrace database-roles {application or 'APPLICATION'} | psql …"
        )
