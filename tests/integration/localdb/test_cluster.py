"""The checkout's own PostgreSQL and throw-away clusters, with a real server."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.localdb import cluster
from app.localdb.cluster import LocalCluster, throwaway
from app.localdb.postgres import ClusterError, Instance, find_server, server_user


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that the server's user can enter, unlike pytest's own when root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="leasetrace-tests-") as name:
        directory = Path(name).resolve()
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def local_cluster(open_directory: Path) -> Iterator[LocalCluster]:
    local = LocalCluster(root=open_directory, area=open_directory / "area")
    yield local
    local.remove()


def processes_of(directory: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(directory) in command:
            found.append(int(entry.name))
    return found


def server_pid(local: LocalCluster) -> int:
    return int((local.area / "data" / "postmaster.pid").read_text().splitlines()[0])


def kill_server(local: LocalCluster) -> int:
    pid = server_pid(local)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while local.status().port is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    return pid


def one(url: str, sql: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return row[0]


class TestThrowaway:
    def test_roles_are_as_the_service_wants_them(self) -> None:
        with throwaway() as urls:
            roles = (
                "SELECT bool_or(rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication) FROM pg_roles"
                " WHERE rolname IN ('leasetrace_app', 'leasetrace_owner')"
            )
            assert one(urls.owner_url, roles) is False
            assert one(urls.app_url, "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user") is False
            with psycopg.connect(urls.app_url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("CREATE TABLE public.mine (a int)")
            with psycopg.connect(urls.owner_url, autocommit=True) as owner:
                owner.execute("CREATE EXTENSION IF NOT EXISTS postgis")  # a migration's words: nothing left to do
                owner.execute("CREATE TABLE public.theirs (a int)")
                owner.execute("CREATE DATABASE copy TEMPLATE leasetrace")
            assert (
                str(one(f"{urls.owner_url.removesuffix('/leasetrace')}/copy", "SELECT postgis_lib_version()"))
                >= "3.3"
            )
            assert (
                one(urls.app_url, "SELECT current_setting('TimeZone') || current_setting('server_encoding')")
                == "UTCUTF8"
            )
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(urls.app_url.replace("leasetrace_app:", "leasetrace_app:x"))

    def test_nothing_is_left_of_it(self, open_directory: Path) -> None:
        open_directory.chmod(0o1777)
        with throwaway(open_directory) as urls:
            assert one(urls.app_url, "SELECT 1") == 1
            assert processes_of(open_directory) != []
        assert processes_of(open_directory) == []
        assert list(open_directory.iterdir()) == []

    def test_nothing_is_left_when_its_user_is_killed(self, open_directory: Path) -> None:
        open_directory.chmod(0o1777)
        program = (
            "import sys, time; from pathlib import Path; from app.localdb.cluster import throwaway\n"
            "with throwaway(Path(sys.argv[1])): print('up', flush=True); time.sleep(600)"
        )
        command = [sys.executable, "-c", program, str(open_directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=cluster.CHECKOUT, text=True) as user:
            assert user.stdout is not None
            assert user.stdout.readline() == "up\n"
            assert processes_of(open_directory / "") != [user.pid]
            user.kill()
        deadline = time.monotonic() + 20
        while processes_of(open_directory) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert processes_of(open_directory) == []
        assert list(open_directory.iterdir()) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster is run by another user")
    def test_a_closed_directory_is_an_error_of_one_line(self, open_directory: Path) -> None:
        open_directory.chmod(0o700)
        with pytest.raises(ClusterError, match=r"^the user postgres cannot enter [^\n]*$"), throwaway(open_directory):
            pass
        assert list(open_directory.iterdir()) == []


class TestLocalCluster:
    def test_it_outlives_a_stop_and_a_kill(self, local_cluster: LocalCluster) -> None:
        urls = local_cluster.ensure_running()
        assert stat.S_IMODE((local_cluster.area / "cluster.json").stat().st_mode) == 0o600
        with psycopg.connect(urls.owner_url) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 7 AS a")
            owner.execute("GRANT SELECT ON kept TO leasetrace_app")
        assert one(urls.app_url, "SELECT current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
        assert local_cluster.ensure_running() == urls
        local_cluster.stop()
        assert local_cluster.status().port is None
        assert local_cluster.ensure_running() == urls
        kill_server(local_cluster)
        assert local_cluster.ensure_running() == urls
        assert one(urls.app_url, "SELECT a FROM kept") == 7

    def test_another_process_with_the_dead_servers_number_is_no_obstacle(self, local_cluster: LocalCluster) -> None:
        urls = local_cluster.ensure_running()
        dead = kill_server(local_cluster)
        lock = local_cluster.area / "data" / "postmaster.pid"
        somebody = subprocess.Popen(
            ["sleep", "600"], **Instance(find_server(), local_cluster.area / "data", server_user()).popen_options()
        )
        with somebody:
            lock.write_text(lock.read_text().replace(str(dead), str(somebody.pid), 1))
            assert local_cluster.status().port is None
            assert local_cluster.ensure_running() == urls
            assert somebody.poll() is None
            somebody.kill()

    def test_a_port_that_was_taken_meanwhile_is_given_up(self, local_cluster: LocalCluster) -> None:
        before = local_cluster.ensure_running()
        port = local_cluster.status().port
        assert port is not None
        local_cluster.stop()
        with socket.create_server(("127.0.0.1", port)):
            after = local_cluster.ensure_running()
            assert local_cluster.status().port not in {None, port}
            assert one(after.app_url, "SELECT 1") == 1
        assert after != before
        local_cluster.stop()
        assert local_cluster.ensure_running() == after

    def test_an_interrupted_set_up_is_begun_again(
        self, local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_args: object, **_kwargs: object) -> str:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(Instance, "run_sql", interrupted)
            with pytest.raises(KeyboardInterrupt):
                local_cluster.ensure_running()
        assert local_cluster.status().port is not None
        assert not local_cluster.status().made
        assert one(local_cluster.ensure_running().app_url, "SELECT 1") == 1
        assert local_cluster.status().made

    def test_data_without_their_passwords_are_not_deleted(self, local_cluster: LocalCluster) -> None:
        local_cluster.ensure_running()
        (local_cluster.area / "cluster.json").unlink()
        with pytest.raises(ClusterError, match=r"has lost its passwords .* make clean$"):
            local_cluster.ensure_running()
        assert (local_cluster.area / "data" / "PG_VERSION").exists()
        local_cluster.remove()
        assert not local_cluster.area.exists()
        assert processes_of(local_cluster.area) == []
