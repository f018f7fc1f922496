"""Checks of the database that must pass before the service is ready."""

from functools import cache
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.roles import ROW_SECURITY_ROLES

ROOT = Path(__file__).resolve().parents[3]
"""The checkout, or the image's application folder; it holds ``alembic.ini`` and ``migrations``."""


class Check(BaseModel):
    """One check and its result."""

    name: str
    ok: bool
    detail: str


def alembic_config() -> Config:
    """Return the project's Alembic configuration."""
    return Config(ROOT / "alembic.ini")


@cache
def newest_revision() -> str:
    """Return the schema revision that this code expects."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return head or "none"


_ROLE: Final = text("""
    SELECT EXISTS (SELECT FROM pg_roles g WHERE pg_has_role(session_user, g.oid, 'MEMBER')
                   AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.rolreplication
                        OR g.rolname = ANY(:servers))) AS could_bypass,
           EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database()
                   AND pg_has_role(session_user, d.datdba, 'MEMBER'))
           OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                      AND pg_has_role(session_user, c.relowner, 'MEMBER')) AS could_own,
           EXISTS (SELECT FROM pg_roles g WHERE g.rolname = ANY(:roles)
                   AND pg_has_role(session_user, g.oid, 'USAGE')) AS inherited,
           EXISTS (SELECT FROM pg_roles g WHERE g.rolname = ANY(:roles)
                   AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.rolreplication
                        OR g.rolcanlogin)) AS strong""")
"""Membership counts without inheritance too: a member can SET ROLE. On PostgreSQL 15, CREATEROLE can join any
role."""
_SERVER_ROLES: Final = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
"""Members of these roles read or write files of the server."""
_UNPROTECTED: Final = text("""
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                      AND e.deptype = 'e')
      AND (c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
           OR c.relkind IN ('m', 'f')
           OR c.relkind = 'v' AND NOT coalesce(
               (SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) o
                WHERE o.option_name = 'security_invoker'), false)
           OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND 0 = ANY (p.polroles)))
    ORDER BY 1""")
"""Tables without row-level security or with a policy for PUBLIC, and views without ``security_invoker``."""


async def check_database(session: AsyncSession) -> list[Check]:
    """Check that the schema is the expected one and that the application's role has no more rights than it needs."""
    there = await session.scalar(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
    found = await session.scalar(text("SELECT version_num FROM alembic_version")) if there else None
    head = newest_revision()
    row = (await session.execute(_ROLE, {"roles": list(ROW_SECURITY_ROLES), "servers": list(_SERVER_ROLES)})).one()
    weak = not (row.could_bypass or row.could_own or row.inherited or row.strong)
    unprotected = (await session.scalars(_UNPROTECTED)).all()
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
            detail="neither superuser nor owner nor member of one, and inherits from no role"
            if weak
            else "the application's role could bypass row-level security; see `leasetrace database-roles`",
        ),
        Check(
            name="row_security",
            ok=not unprotected,
            detail=f"not on {', '.join(unprotected)}, or open to everybody" if unprotected else "on every table",
        ),
    ]
