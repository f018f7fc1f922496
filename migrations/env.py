"""How migrations run: as the owner's role, alone (advisory lock), and never waiting long for a lock."""

import os

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine, pool, text

from app.core.db.database import Base, sqlalchemy_url
from app.core.settings import Settings
from app.main import load_tables

ADVISORY_LOCK = 7_153_001
"""Any number nobody else uses: two migrations at once would each see half of the other's work."""

load_tables()
CHILD_TABLES = ("ping_", "trail_2", "trail_default")
"""Partitions and the default partitions of ``ping`` and ``trail`` are made by functions, not by the models."""


def include_object(object_: object, name: str | None, type_: str, reflected: bool, compare_to: object) -> bool:
    """Leave out what PostGIS owns and the partitions of ``ping`` and ``trail``."""
    if type_ == "table" and reflected and name and name.startswith(CHILD_TABLES) and name != "ping_batch":
        return False
    return bool(alembic_helpers.include_object(object_, name, type_, reflected, compare_to))


def owner_url() -> str:
    """Return the owner's URL: handed over by the caller, or from the settings for a bare ``alembic`` command."""
    handed_over = context.config.attributes.get("owner_url")
    if handed_over:
        return str(handed_over)
    settings = Settings.from_environment(os.environ)
    if settings.database.owner_url is None:
        msg = "DATABASE_OWNER_URL is not set: migrations run as the owner of the database"
        raise SystemExit(msg)
    return settings.database.owner_url.get_secret_value()


def run() -> None:
    """Bring the schema to the revision that was asked for, all of it or nothing."""
    engine = create_engine(sqlalchemy_url(owner_url()), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = '15min'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=include_object,
            process_revision_directives=alembic_helpers.writer,
            render_item=alembic_helpers.render_item,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
