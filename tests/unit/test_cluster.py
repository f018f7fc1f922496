"""The checkout's own PostgreSQL: what it decides, and what it does with a real server."""

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

from app.cli import cluster
from app.cli.cluster import ClusterUrls, LocalCluster, database_urls, service_url, throwaway
from app.cli.postgres import ClusterError, Instance, _server_at, config_text, find_server, free_port, server_user

APP, OWNER = "postgresql://a:b@db/leasetrace", "postgresql://o:p@db/leasetrace"


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that the server's user can enter, unlike pytest's own when root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="leasetrace-tests-") as name:
        directory = Path(name).resolve()
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def own(open_directory: Path) -> Iterator[LocalCluster]:
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


class TestUrls:
    def test_both_variables_are_taken_as_they_are(self) -> None:
        assert database_urls({"DATABASE_URL": APP, "DATABASE_OWNER_URL": OWNER}) == ClusterUrls(APP, OWNER)

    @pytest.mark.parametrize(
        ("environ", "missing"),
        [
            ({"DATABASE_URL": APP}, "DATABASE_OWNER_URL is not set"),
            ({"DATABASE_OWNER_URL": OWNER}, "DATABASE_URL is not set"),
            ({"DATABASE_URL": APP, "DATABASE_OWNER_URL": ""}, "DATABASE_OWNER_URL is not set"),
        ],
    )
    def test_one_without_the_other_is_an_error_of_one_line(self, environ: dict[str, str], missing: str) -> None:
        with pytest.raises(ClusterError, match=f"^{missing}: .*$"):
            database_urls(environ)

    def test_neither_starts_the_own_cluster(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalCluster, "ensure_running", lambda self: ClusterUrls(str(self.root), "own"))
        assert database_urls({"DATABASE_URL": ""}, Path("/checkout")) == ClusterUrls("/checkout", "own")

    def test_the_service_needs_no_owner(self) -> None:
        assert service_url({"DATABASE_URL": APP}) == APP

    def test_the_owner_alone_is_not_enough_for_the_service(self) -> None:
        with pytest.raises(ClusterError, match="DATABASE_URL is not set"):
            service_url({"DATABASE_OWNER_URL": OWNER})

    def test_passwords_do_not_show_in_the_representation(self) -> None:
        assert "b@" not in repr(ClusterUrls(APP, OWNER))


class TestPlaces:
    def test_a_user_keeps_it_in_the_checkout(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert LocalCluster.of_checkout(tmp_path).area == tmp_path.resolve() / ".local" / "pg"

    def test_root_keeps_it_where_the_server_can_go(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        (tmp_path / "one" / "co").mkdir(parents=True)
        (tmp_path / "two" / "co").mkdir(parents=True)
        areas = {LocalCluster.of_checkout(tmp_path / name / "co").area for name in ("one", "two")}
        assert len(areas) == 2
        assert all(area.parent == Path("/var/lib/leasetrace") and area.name.startswith("co-") for area in areas)

    def test_nothing_is_made_by_asking(self, tmp_path: Path) -> None:
        local = LocalCluster(tmp_path, tmp_path / "area")
        assert local.status() == cluster.ClusterStatus(tmp_path / "area", made=False, port=None)
        local.stop()
        local.remove()
        assert list(tmp_path.iterdir()) == []


class TestPort:
    def test_a_free_one_is_kept(self) -> None:
        port = free_port()
        assert free_port(port) == port

    def test_a_taken_one_is_not(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]

    def test_one_taken_on_every_address_is_not_either(self) -> None:
        with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - the case in question
            assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


class TestSettings:
    @pytest.mark.parametrize("settings", [cluster.DURABLE_SETTINGS, cluster.THROWAWAY_SETTINGS])
    def test_only_this_machine_can_connect(self, settings: dict[str, str]) -> None:
        lines = config_text(settings).splitlines()
        assert "listen_addresses = '127.0.0.1'" in lines
        assert "unix_socket_directories = ''" in lines
        assert "timezone = 'UTC'" in lines

    def test_durability_is_left_alone_where_data_matter(self) -> None:
        weakening = {"fsync", "full_page_writes", "synchronous_commit", "wal_level"}
        assert not weakening & cluster.DURABLE_SETTINGS.keys()
        assert cluster.THROWAWAY_SETTINGS["fsync"] == "off"


class TestFindingTheServer:
    @staticmethod
    def install(prefix: Path, postgres: str, postgis: str | None) -> Path:
        bindir, extension = prefix / "bin", prefix / "share" / "extension"
        bindir.mkdir()
        extension.mkdir(parents=True)
        for name in ("initdb", "pg_ctl", "pg_isready", "postgres", "psql", "pg_config"):
            (bindir / name).write_text(
                f"#!/bin/sh\nprintf '%s\\n' '{bindir}' '{prefix}/share' 'PostgreSQL {postgres}'\n"
            )
            (bindir / name).chmod(0o755)
        if postgis:
            (extension / "postgis.control").write_text(
                f"# PostGIS\ndefault_version = '{postgis}'\nrelocatable = false\n"
            )
        return bindir

    @pytest.mark.parametrize(("postgres", "postgis"), [("15.18 (Debian)", "3.3.2"), ("17beta1", "3.10.0")])
    def test_a_recent_one_is_taken(self, tmp_path: Path, postgres: str, postgis: str) -> None:
        server = _server_at(self.install(tmp_path, postgres, postgis))
        assert server is not None
        assert server.bindir == tmp_path / "bin"
        assert server.version[0] == int(postgres[:2])

    @pytest.mark.parametrize(("postgres", "postgis"), [("14.9", "3.4.0"), ("15.18", "3.2.9"), ("15.18", None)])
    def test_an_old_one_is_not(self, tmp_path: Path, postgres: str, postgis: str | None) -> None:
        assert _server_at(self.install(tmp_path, postgres, postgis)) is None

    def test_one_without_initdb_is_not(self, tmp_path: Path) -> None:
        bindir = self.install(tmp_path, "15.18", "3.3.2")
        (bindir / "initdb").unlink()
        assert _server_at(bindir) is None

    def test_the_message_names_the_packages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.cli.postgres._candidates", list)
        with pytest.raises(ClusterError, match="postgresql-15-postgis-3"):
            find_server()

    def test_a_data_directory_gets_its_own_major_version(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for major in ("15", "17"):
            (tmp_path / major).mkdir()
        installed = [self.install(tmp_path / major, f"{major}.4", "3.4.0") for major in ("15", "17")]
        monkeypatch.setattr("app.cli.postgres._candidates", lambda: installed)
        assert find_server().version == (17, 4)
        assert find_server(15).version == (15, 4)
        with pytest.raises(ClusterError, match="need PostgreSQL 16"):
            find_server(16)


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
            "import sys, time; from pathlib import Path; from app.cli.cluster import throwaway\n"
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
    def test_it_outlives_a_stop_and_a_kill(self, own: LocalCluster) -> None:
        urls = own.ensure_running()
        assert stat.S_IMODE((own.area / "cluster.json").stat().st_mode) == 0o600
        with psycopg.connect(urls.owner_url) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 7 AS a")
            owner.execute("GRANT SELECT ON kept TO leasetrace_app")
        assert one(urls.app_url, "SELECT current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
        assert own.ensure_running() == urls
        own.stop()
        assert own.status().port is None
        assert own.ensure_running() == urls
        kill_server(own)
        assert own.ensure_running() == urls
        assert one(urls.app_url, "SELECT a FROM kept") == 7

    def test_another_process_with_the_dead_servers_number_is_no_obstacle(self, own: LocalCluster) -> None:
        urls = own.ensure_running()
        dead = kill_server(own)
        lock = own.area / "data" / "postmaster.pid"
        somebody = subprocess.Popen(
            ["sleep", "600"], **Instance(find_server(), own.area / "data", server_user()).popen_options()
        )
        with somebody:
            lock.write_text(lock.read_text().replace(str(dead), str(somebody.pid), 1))
            assert own.status().port is None
            assert own.ensure_running() == urls
            assert somebody.poll() is None
            somebody.kill()

    def test_a_port_that_was_taken_meanwhile_is_given_up(self, own: LocalCluster) -> None:
        before = own.ensure_running()
        port = own.status().port
        assert port is not None
        own.stop()
        with socket.create_server(("127.0.0.1", port)):
            after = own.ensure_running()
            assert own.status().port not in {None, port}
            assert one(after.app_url, "SELECT 1") == 1
        assert after != before
        own.stop()
        assert own.ensure_running() == after

    def test_an_interrupted_set_up_is_begun_again(self, own: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_args: object, **_kwargs: object) -> str:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(Instance, "ask", interrupted)
            with pytest.raises(KeyboardInterrupt):
                own.ensure_running()
        assert own.status().port is not None
        assert not own.status().made
        assert one(own.ensure_running().app_url, "SELECT 1") == 1
        assert own.status().made

    def test_data_without_their_passwords_are_not_deleted(self, own: LocalCluster) -> None:
        own.ensure_running()
        (own.area / "cluster.json").unlink()
        with pytest.raises(ClusterError, match=r"has lost its passwords .* make clean$"):
            own.ensure_running()
        assert (own.area / "data" / "PG_VERSION").exists()
        own.remove()
        assert not own.area.exists()
        assert processes_of(own.area) == []
