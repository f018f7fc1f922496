"""The PostgreSQL roles that policies are written for; imports the standard library only."""

from typing import Final

LESSOR_ROLE: Final = "leasetrace_lessor"
GRANTEE_ROLE: Final = "leasetrace_grantee"
AUDITOR_ROLE: Final = "leasetrace_auditor"
ADMINISTRATOR_ROLE: Final = "leasetrace_administrator"
WRITER_ROLE: Final = "leasetrace_writer"
SERVICE_ROLE: Final = "leasetrace_service"
ROW_SECURITY_ROLES: Final = (LESSOR_ROLE, GRANTEE_ROLE, AUDITOR_ROLE, ADMINISTRATOR_ROLE, WRITER_ROLE, SERVICE_ROLE)
"""The application's role is a member of each without inheritance: it uses SET LOCAL ROLE in each transaction."""


def roles_sql(application: str) -> str:
    """Return SQL for a superuser, repeatable: the roles, and memberships of the existing role ``application``."""
    name = '"' + application.replace('"', '""') + '"'
    literal = "'" + application.replace("'", "''") + "'"
    lines = [
        f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOINHERIT; EXCEPTION WHEN duplicate_object THEN END $$;"
        for role in ROW_SECURITY_ROLES
    ]
    # From version 16 on each membership says for itself whether it is inherited; 15 cannot parse that.
    options = (
        "CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'WITH INHERIT FALSE, SET TRUE' END"
    )
    grant = f"EXECUTE concat_ws(' ', format('GRANT {', '.join(ROW_SECURITY_ROLES)} TO %I', {literal}), {options})"
    return "\n".join([*lines, f"ALTER ROLE {name} NOINHERIT;", f"DO $roles$ BEGIN {grant}; END $roles$;"])
