"""What the database must be before the service may work on it."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.sight_roles import SIGHT_ROLES

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
                   pg_has_role(session_user, d.datdba, 'MEMBER') AS could_own,
                   (SELECT count(*) FROM pg_roles g WHERE g.rolname = ANY(:roles)
                    AND pg_has_role(session_user, g.oid, 'USAGE')) AS inherited,
                   (SELECT count(*) FROM pg_roles g WHERE g.rolname = ANY(:roles)
                    AND (g.rolsuper OR g.rolbypassrls OR g.rolcanlogin)) AS strong
            FROM pg_roles r, pg_database d
            WHERE r.rolname = session_user AND d.datname = current_database()"""),
            {"roles": list(SIGHT_ROLES)},
        )
    ).one()
    weak = not (row.could_bypass or row.could_own or row.inherited or row.strong)
    unprotected = (
        await session.scalars(
            text("""
            SELECT c.relname FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
              AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
            ORDER BY 1""")
        )
    ).all()
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
            detail="neither superuser nor owner, and inherits from nobody"
            if weak
            else "the application's role could bypass row-level security; see `leasetrace database-roles`",
        ),
        Check(
            name="row_security",
            ok=not unprotected,
            detail=f"not on {', '.join(unprotected)}" if unprotected else "on every table",
        ),
    ]
