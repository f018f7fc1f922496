"""What the database must be before the service may work on it."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ROOT = Path(__file__).resolve().parents[2]
"""The checkout (or the image's application folder): ``alembic.ini`` and ``migrations`` stand there."""


class Check(BaseModel):
    """One thing that must hold."""

    name: str
    ok: bool
    detail: str


def alembic_config() -> Config:
    """Return Alembic's configuration of this project."""
    return Config(ROOT / "alembic.ini")


@cache
def newest_revision() -> str:
    """Return the schema's revision that this code was written for."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return head or "none"


async def check_database(session: AsyncSession) -> list[Check]:
    """Return whether the schema is this code's, and whether the application's role is as weak as it must be."""
    there = await session.scalar(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
    found = await session.scalar(text("SELECT version_num FROM alembic_version")) if there else None
    head = newest_revision()
    row = (
        await session.execute(
            text("""
            SELECT r.rolsuper OR r.rolbypassrls AS could_bypass,
                   pg_has_role(current_user, d.datdba, 'MEMBER') AS could_own
            FROM pg_roles r, pg_database d
            WHERE r.rolname = current_user AND d.datname = current_database()""")
        )
    ).one()
    weak = not (row.could_bypass or row.could_own)
    return [
        Check(name="database", ok=True, detail="answers"),
        Check(
            name="migrations",
            ok=found == head,
            detail=f"at {found or 'none'}, this code needs {head}; run `leasetrace migrate`",
        ),
        Check(
            name="role",
            ok=weak,
            detail="neither superuser nor owner"
            if weak
            else "the application's role could bypass row-level security",
        ),
    ]
