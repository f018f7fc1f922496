"""The checkout's own PostgreSQL: addresses, ports, settings, and which server is chosen."""

import os
import socket
from pathlib import Path

import pytest

from app.localdb import cluster
from app.localdb.cluster import ClusterUrls, LocalCluster, database_urls, service_url
from app.localdb.postgres import ClusterError, _server_at, config_text, find_server, free_port

APP, OWNER = "postgresql://a:b@db/leasetrace", "postgresql://o:p@db/leasetrace"


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
        monkeypatch.setattr("app.localdb.postgres._candidates", list)
        with pytest.raises(ClusterError, match="postgresql-15-postgis-3"):
            find_server()

    def test_a_data_directory_gets_its_own_major_version(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for major in ("15", "17"):
            (tmp_path / major).mkdir()
        installed = [self.install(tmp_path / major, f"{major}.4", "3.4.0") for major in ("15", "17")]
        monkeypatch.setattr("app.localdb.postgres._candidates", lambda: installed)
        assert find_server().version == (17, 4)
        assert find_server(15).version == (15, 4)
        with pytest.raises(ClusterError, match="need PostgreSQL 16"):
            find_server(16)
