"""The script of ``compose.yaml`` that makes the database's roles, on a real server."""

import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
import yaml

from app.core.db.roles import ROW_SECURITY_ROLES
from app.localdb.cluster import THROWAWAY_SETTINGS
from app.localdb.postgres import HOST, Instance, find_server, server_user

COMPOSE = Path(__file__).resolve().parents[3] / "compose.yaml"


def test_compose_script_makes_the_roles_in_a_real_server() -> None:
    script = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["configs"]["roles"]["content"].replace("$$", "$")
    with tempfile.TemporaryDirectory(prefix="leasetrace-tests-") as name:
        Path(name).chmod(0o755)
        instance = Instance(find_server(), Path(name).resolve() / "data", server_user())
        instance.initialise("s", durable=False)
        try:
            port = instance.start(None, THROWAWAY_SETTINGS)
            instance.run_sql("CREATE DATABASE leasetrace", port=port, password="s", database="postgres")
            there = {"PGHOST": HOST, "PGPORT": str(port), "PGPASSWORD": "s", "PATH": str(instance.server.bindir)}
            passwords = {"OWNER_PASSWORD": "o'1", "APP_PASSWORD": "a2"}
            subprocess.run(["/bin/bash", "-c", script], env=there | passwords, check=True, capture_output=True)
            where = f"@{HOST}:{port}/leasetrace"
            with psycopg.connect(f"postgresql://leasetrace_owner:o'1{where}") as owner:
                owner.execute("CREATE TABLE public.theirs (a int)")
            with psycopg.connect(f"postgresql://leasetrace_app:a2{where}") as app:
                membership = app.execute(
                    "SELECT bool_and(pg_has_role(oid, 'MEMBER')), bool_or(pg_has_role(oid, 'USAGE'))"
                    " FROM pg_roles WHERE rolname = ANY(%s)",
                    (list(ROW_SECURITY_ROLES),),
                )
                assert membership.fetchone() == (True, False)
                rights = app.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
                assert rights.fetchone() == (False,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute("CREATE TABLE public.mine (a int)")
        finally:
            instance.stop()
