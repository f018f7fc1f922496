"""An installed PostgreSQL, and one server process: find, initialise, start, query, stop.

This module and ``app.localdb.cluster`` import the standard library only: ``.ci/prepare`` and ``make clean`` use them
with the system's Python, without a virtual environment. Their functions raise ``ClusterError``.
"""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PACKAGES = "postgresql (15 or later) and its PostGIS (3.3 or later; on Debian 12 postgresql-15-postgis-3)"

_PORTS = range(20_000, 30_000)  # below the range from which Linux takes ports for outgoing connections
_START_TIMEOUT_S = 300  # recovery after a crash replays up to max_wal_size
_STARTS = 10
_LOCK_PORT = 3  # the line of postmaster.pid that holds the port
_TRANSIENT_ERRORS = (
    "Address already in use",
    "is still in use",
)  # another process took the port; children of a killed server still run


class ClusterError(RuntimeError):
    """A PostgreSQL program failed or is missing; the message is one line for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Server:
    """An installed PostgreSQL server with PostGIS; ``bindir`` holds ``initdb``, ``pg_ctl`` and other programs."""

    bindir: Path
    version: tuple[int, ...]


def find_server(major: int | None = None) -> Server:
    """Find the newest installed PostgreSQL 15 or later with PostGIS 3.3 or later; ``major`` restricts the version."""
    servers = [server for bindir in _candidates() if (server := _server_at(bindir)) is not None]
    if major is not None:
        servers = [server for server in servers if server.version[0] == major]
    if not servers and major is not None:
        raise ClusterError(f"the data need PostgreSQL {major} with PostGIS, which is no longer installed")
    if not servers:
        raise ClusterError(f"PostgreSQL with PostGIS is not installed: install {PACKAGES}")
    return max(servers, key=lambda server: server.version)


def _candidates() -> list[Path]:
    """Return the directories that may contain ``pg_config``."""
    on_path = shutil.which("pg_config")
    return [
        *([Path(on_path).parent] if on_path else []),
        *Path("/usr/lib/postgresql").glob("*/bin"),  # Debian
        *Path("/usr").glob("pgsql-*/bin"),  # the PostgreSQL project's packages for Red Hat
    ]


def _server_at(bindir: Path) -> Server | None:
    """Return the server that ``pg_config`` in a directory describes, if it is complete and recent enough."""
    pg_config = bindir / "pg_config"
    if not os.access(pg_config, os.X_OK):
        return None
    question = [str(pg_config), "--bindir", "--sharedir", "--version"]
    answer = subprocess.run(question, capture_output=True, text=True, check=True).stdout.splitlines()
    bindir_line, sharedir_line, version_line = answer
    server = Server(Path(bindir_line), _numbers(version_line))
    control = Path(sharedir_line, "extension", "postgis.control")
    programs = (server.bindir / name for name in ("initdb", "pg_ctl", "pg_isready", "postgres", "psql"))
    if not control.exists() or not all(os.access(program, os.X_OK) for program in programs):
        return None
    postgis = re.search(r"default_version\s*=\s*'([^']+)'", control.read_text())
    recent = server.version >= (15,) and postgis is not None and _numbers(postgis[1]) >= (3, 3)
    return server if recent else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def free_port(preferred: int | None = None) -> int:
    """Return a free TCP port of the loopback address; ``preferred`` if it is free, so that old URLs still work."""
    drawn = [_PORTS[secrets.randbelow(len(_PORTS))] for _ in range(100)]
    for port in drawn if preferred is None else [preferred, *drawn]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ClusterError(f"no free port on {HOST} between {_PORTS.start} and {_PORTS.stop - 1}")


def server_user() -> pwd.struct_passwd | None:
    """Return the user that runs the server: ``postgres`` for root, otherwise None for the caller."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise ClusterError(
            "PostgreSQL does not run as root: make a user named postgres, or do not use root"
        ) from None


def config_text(settings: Mapping[str, str]) -> str:
    """Return the content of ``leasetrace.conf``, which the cluster's ``postgresql.conf`` includes."""
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


@dataclass(frozen=True, slots=True)
class Instance:
    """One data directory (absolute) and its server process; ``user`` owns and runs it, None is the caller."""

    server: Server
    data: Path
    user: pwd.struct_passwd | None

    def popen_options(self) -> dict[str, Any]:
        """Return ``subprocess`` arguments that give a child the right user and a clean environment.

        The caller's home and ``PG*`` variables would misconfigure the programs; a new session keeps Ctrl-C away.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        options: dict[str, Any] = {"cwd": "/", "env": environment, "start_new_session": True}
        if self.user is not None:
            options |= {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        return options

    def initialise(self, password: str, *, durable: bool = True) -> None:
        """Create the data directory (UTF-8, password authentication) with a superuser named ``postgres``.

        Args:
            durable: Wait until the new files are on the disk.
        """
        self.data.mkdir(mode=0o700, parents=True)
        if self.user is not None:
            os.chown(self.data, self.user.pw_uid, self.user.pw_gid)
            if subprocess.run(["test", "-w", self.data], **self.popen_options(), check=False).returncode:
                raise ClusterError(
                    f"the user {self.user.pw_name} cannot enter {self.data}: a directory above it is closed to others"
                )
        secret = self.data.with_name("initdb-password")
        self._write(secret, password)
        try:
            options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={secret}"]
            options += ["--encoding=UTF8", "--locale=C.UTF-8"] + ([] if durable else ["--no-sync"])
            self._run("initdb", f"--pgdata={self.data}", *options)
        finally:
            secret.unlink()
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude = 'leasetrace.conf'\n")

    def start(self, preferred_port: int | None, settings: Mapping[str, str]) -> int:
        """Start the server, wait until it accepts connections, and return its TCP port.

        The preferred port is used if it is free. ``settings`` are PostgreSQL parameters, written at every start. The
        error's message is the server's last error.
        """
        self._write(self.data / "leasetrace.conf", config_text(settings))
        self._disown_recycled_pid()
        log = self.data / "server.log"
        for _ in range(_STARTS):
            port = free_port(preferred_port)
            seen = log.stat().st_size if log.exists() else 0
            try:
                self._run(
                    "pg_ctl",
                    "start",
                    "-D",
                    self.data,
                    "-l",
                    log,
                    "-s",
                    "-w",
                    "-t",
                    _START_TIMEOUT_S,
                    "-o",
                    f"-p {port}",
                )
            except ClusterError:
                logged = log.read_text(errors="replace")[seen:] if log.exists() else ""
                if not any(transient in logged for transient in _TRANSIENT_ERRORS):
                    last = ([line for line in logged.splitlines() if "FATAL" in line] or [f"see {log}"])[-1]
                    raise ClusterError(f"PostgreSQL did not start: {last}") from None
                time.sleep(0.3)
            else:
                return port
        raise ClusterError(f"PostgreSQL did not start in {_STARTS} attempts: see {log}")

    def port(self) -> int | None:
        """Return the TCP port of the server that runs on this data directory, or None."""
        lock = self._lock_lines()
        return int(lock[_LOCK_PORT]) if lock and self._is_ours(int(lock[0])) else None

    def wait(self, port: int) -> None:
        """Wait up to five minutes until a running server accepts connections: it may be recovering from a crash."""
        question = [str(self.server.bindir / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
        for _ in range(_START_TIMEOUT_S):
            if not subprocess.run(question, check=False, **self.popen_options()).returncode:
                return
            time.sleep(1)
        raise ClusterError(f"PostgreSQL does not answer on port {port}: see {self.data / 'server.log'}")

    def stop(self) -> None:
        """Stop the server, if it runs: open transactions are aborted, and everything is written to disk."""
        if self.port() is not None:
            self._run("pg_ctl", "stop", "-D", self.data, "-s", "-m", "fast", "-w", "-t", _START_TIMEOUT_S)

    def restart(self) -> None:
        """Restart the server with the same port and settings; open transactions are aborted."""
        log = self.data / "server.log"
        self._run("pg_ctl", "restart", "-D", self.data, "-l", log, "-s", "-m", "fast", "-w", "-t", _START_TIMEOUT_S)

    def run_sql(self, sql: str, *, port: int, password: str, database: str) -> str:
        """Run statements as the superuser and return the output of ``psql``, unaligned and without headings."""
        options = self.popen_options()
        options["env"] |= {"PGPASSWORD": password, "PGSSLMODE": "disable", "PGCONNECT_TIMEOUT": "10"}
        where = ["-h", HOST, "-p", port, "-U", "postgres", "-d", database]
        return self._run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *where, "-f", "-", options=options, stdin=sql)

    def _run(
        self,
        program: str,
        *arguments: object,
        options: Mapping[str, Any] | None = None,
        stdin: str = "",
    ) -> str:
        command = [str(self.server.bindir / program), *map(str, arguments)]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, **(options or self.popen_options())
        )
        if done.returncode:
            raise ClusterError(f"{program}: {' '.join(done.stderr.split()) or f'exit status {done.returncode}'}")
        return done.stdout

    def _write(self, path: Path, text: str) -> None:
        """Write a file that only the server's user (and root) can read."""
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _lock_lines(self) -> list[str]:
        """Return the lines of ``postmaster.pid`` (process id, directory, start, port, ...), or an empty list."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return lines if len(lines) > _LOCK_PORT else []

    def _is_ours(self, pid: int) -> bool:
        """Return whether a process is the server of this data directory, not one with a recycled process id."""
        if not Path("/proc/self").exists():  # not Linux: PostgreSQL's own, weaker test
            status = [str(self.server.bindir / "pg_ctl"), "status", "-s", "-D", str(self.data)]
            return not subprocess.run(status, capture_output=True, check=False, **self.popen_options()).returncode
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _disown_recycled_pid(self) -> None:
        """Make PostgreSQL treat a dead server's lock file as stale when another process has its recycled id.

        The rest of the file stays: PostgreSQL finds the dead server's remaining children by it. Our own process id
        replaces the recycled one, because PostgreSQL ignores the id of its grandparent.
        """
        lock = self._lock_lines()
        if lock and not self._is_ours(int(lock[0])):
            (self.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock[1:], ""]))
