"""Bring the schema up to date, as the owner, and give the application's role what it needs and no more."""

import psycopg
from alembic import command
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from app.core.database import libpq_url
from app.core.readiness import alembic_config


def migrate(owner_url: str, app_url: str, *, revision: str = "head") -> None:
    """Run the migrations as the owner and grant the application's role its rights.

    Args:
        owner_url: Where the owner connects.
        app_url: Where the application connects; only the name of its role is read.
        revision: Where to; ``base`` takes everything back.
    """
    config = alembic_config()
    config.attributes["owner_url"] = owner_url
    if revision == "base":
        command.downgrade(config, revision)
        return
    command.upgrade(config, revision)
    role = conninfo_to_dict(libpq_url(app_url)).get("user")
    if role:
        _grant(owner_url, str(role))


def _grant(owner_url: str, role: str) -> None:
    name = sql.Identifier(role)
    with psycopg.connect(libpq_url(owner_url)) as connection:
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "REVOKE INSERT, UPDATE, DELETE ON boundary_layer, division, alembic_version FROM {role}",
            "REVOKE DELETE ON legal_hold FROM {role}",
            "REVOKE UPDATE, DELETE ON retention_log FROM {role}",
            "GRANT EXECUTE ON FUNCTION ping_partition_ensure(date) TO {role}",
            "GRANT EXECUTE ON FUNCTION ping_partition_drop(date, timestamptz) TO {role}",
        ):
            connection.execute(sql.SQL(statement).format(role=name))
