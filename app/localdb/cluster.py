"""The checkout's own PostgreSQL cluster, and temporary ones for tests and benchmarks.

Our clusters listen on the loopback address only, on their own port, and accept scram passwords only. They have no
Unix socket: in a deep checkout its path exceeds the limit of 107 bytes. Debian's own cluster is never touched. The
reasons for an own cluster: ``docs/decisions/0002-own-cluster.md``.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from app.core.db.roles import roles_sql
from app.localdb.postgres import HOST, ClusterError, Instance, find_server, server_user

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE = "leasetrace"
OWNER = "leasetrace_owner"
APPLICATION = "leasetrace_app"

_ROOT_AREA = Path("/var/lib/leasetrace")
# a directory of mode 0700 is made in it
_RAM_DISK = Path("/dev/shm")  # noqa: S108  # nosec B108
_RAM_DISK_FREE_BYTES = 2 * 1024**3  # a container's default of 64 MB is no place for a cluster

_COMMON_SETTINGS = {
    "listen_addresses": f"'{HOST}'",
    "unix_socket_directories": "''",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "jit": "off",
}
DURABLE_SETTINGS = _COMMON_SETTINGS | {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
}
"""For the demo and the service on two cores; fsync and synchronous_commit stay on, as by default."""

THROWAWAY_SETTINGS = _COMMON_SETTINGS | {
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""For tests only: a crash of the machine can lose all data."""


@dataclass(frozen=True, slots=True)
class ClusterUrls:
    """Connection URLs ``postgresql://user:password@host:port/database``, without a driver's name.

    Attributes:
        app_url: The application's role: no superuser, no owner, not exempt from row-level security.
    """

    app_url: str = field(repr=False)
    owner_url: str = field(repr=False)  # the database's owner, for migrations and boundary loads


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The directory of data and passwords, whether set-up was completed, and the port of a running server."""

    directory: Path
    made: bool
    port: int | None


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The content of ``cluster.json``; ``made`` is false after an interrupted set-up."""

    checkout: str
    superuser_password: str
    owner_password: str
    app_password: str
    port: int | None = None
    made: bool = False

    def urls(self, port: int) -> ClusterUrls:
        where = f"{HOST}:{port}/{DATABASE}"
        return ClusterUrls(
            app_url=f"postgresql://{APPLICATION}:{self.app_password}@{where}",
            owner_url=f"postgresql://{OWNER}:{self.owner_password}@{where}",
        )


def database_urls(environ: Mapping[str, str], root: Path = CHECKOUT) -> ClusterUrls:
    """Return the database to use: the one in the environment, or else the checkout's own, which is started.

    ``DATABASE_URL`` and ``DATABASE_OWNER_URL`` go together; an empty one counts as not set.
    """
    app_url, owner_url = environ.get("DATABASE_URL", ""), environ.get("DATABASE_OWNER_URL", "")
    if app_url and owner_url:
        return ClusterUrls(app_url=app_url, owner_url=owner_url)
    if app_url or owner_url:
        missing = "DATABASE_OWNER_URL" if app_url else "DATABASE_URL"
        raise ClusterError(
            f"{missing} is not set: DATABASE_URL (application's role) and DATABASE_OWNER_URL (owner's) go together"
        )
    return LocalCluster.of_checkout(root).ensure_running()


def service_url(environ: Mapping[str, str], root: Path = CHECKOUT) -> str:
    """Return the URL of the running service; ``DATABASE_URL`` alone is enough, otherwise as ``database_urls``."""
    return environ.get("DATABASE_URL", "") or database_urls(environ, root).app_url


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """The cluster of one checkout; create it with ``of_checkout``. ``area`` holds the data and ``cluster.json``."""

    root: Path
    area: Path

    @classmethod
    def of_checkout(cls, root: Path = CHECKOUT) -> "LocalCluster":
        """Return the cluster of a checkout: under its ``.local``, or for root under ``/var/lib/leasetrace``.

        Root's server runs as ``postgres``, which cannot enter a home directory of mode 0700.
        """
        root = root.resolve()
        if os.geteuid() != 0:
            return cls(root, root / ".local" / "pg")
        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:10]
        return cls(root, _ROOT_AREA / f"{root.name}-{digest}")

    def ensure_running(self) -> ClusterUrls:
        """Create the cluster if it is missing, start it if it is stopped, and return its URLs.

        An interrupted set-up is started again; a complete cluster is never created again.
        """
        with self._locked():
            instance = self._instance()
            stored = self._load()
            if stored is None or not stored.made:
                stored = self._make(instance, stored)
            port = instance.port()
            if port is None:
                port = instance.start(stored.port, DURABLE_SETTINGS)
            else:
                instance.wait(port)
            if port != stored.port:
                self._store(replace(stored, port=port))
            instance.run_sql(  # also for clusters that were created before these roles existed
                roles_sql(APPLICATION), port=port, password=stored.superuser_password, database="template1"
            )
            return stored.urls(port)

    def stop(self) -> None:
        """Stop the server gracefully, if it runs."""
        if self.area.exists():
            with self._locked():
                self._instance().stop()

    def remove(self) -> None:
        """Stop the server and delete the cluster with all data."""
        if self.area.exists():
            self.stop()
            shutil.rmtree(self.area)

    def status(self) -> ClusterStatus:
        """Return the state of files and server, without creating or starting anything."""
        stored = self._load()
        if stored is None:
            return ClusterStatus(self.area, made=False, port=None)
        port = self._instance().port()
        return ClusterStatus(self.area, made=stored.made, port=port)

    def _instance(self) -> Instance:
        data = self.area / "data"
        version = data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        return Instance(find_server(major), data, server_user())

    def _make(self, instance: Instance, interrupted: _Secrets | None) -> _Secrets:
        """Set up the cluster, replacing an interrupted attempt."""
        if instance.data.exists():
            if interrupted is None:
                raise ClusterError(
                    f"{instance.data} has lost its passwords (cluster.json): remove it with make clean"
                )
            instance.stop()
            shutil.rmtree(instance.data)
        fresh = _new_secrets(self.root)
        self._store(fresh)
        port = _set_up(instance, fresh, DURABLE_SETTINGS)
        made = replace(fresh, port=port, made=True)
        self._store(made)
        return made

    def _load(self) -> _Secrets | None:
        path = self.area / "cluster.json"
        try:
            return _Secrets(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ClusterError(f"{path} belongs to another user: run the command as that user") from error

    def _store(self, stored: _Secrets) -> None:
        """Write ``cluster.json`` atomically, so that a kill leaves the passwords readable."""
        draft = self.area / "cluster.json.new"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(stored), indent=1) + "\n")
        draft.replace(self.area / "cluster.json")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock under which one process at a time creates, starts or stops the cluster."""
        try:
            for directory in (self.area.parent, self.area):
                if not directory.exists():
                    directory.mkdir(parents=True)
                    directory.chmod(0o755)  # independent of the umask: the server's user must enter it
            lock = (self.area / "lock").open("w")
        except PermissionError as error:
            raise ClusterError(f"{self.area} cannot be written: it belongs to another user") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True, slots=True)
class Throwaway:
    """A temporary cluster whose server can be stopped and started again, with its PostgreSQL parameters."""

    urls: ClusterUrls
    superuser_url: str = field(repr=False)
    instance: Instance
    port: int
    settings: Mapping[str, str]

    def start(self) -> None:
        """Start the server on its port if it is stopped, and wait until it accepts connections."""
        if self.instance.port() is None and self.instance.start(self.port, self.settings) != self.port:
            raise ClusterError(f"port {self.port} of the throw-away cluster was taken by another process")
        self.instance.wait(self.port)


@contextmanager
def throwaway(directory: Path | None = None, *, durable: bool = False) -> Iterator[ClusterUrls]:
    """Run a cluster for tests and benchmarks, and delete it at the end, even if this process is killed.

    Its owner role may create databases and run checkpoints, and every database has PostGIS from the start.

    Args:
        directory: Parent of the cluster's directory; by default a RAM disk with enough space, or else the temporary
            directory.
        durable: Use a disk and the service's settings, and wait for the disk at every commit.
    """
    parent = directory or (None if durable else _ram_disk_with_space())
    with throwaway_server(parent, DURABLE_SETTINGS if durable else THROWAWAY_SETTINGS, durable=durable) as made:
        yield made.urls


@contextmanager
def throwaway_server(
    directory: Path | None, settings: Mapping[str, str], *, durable: bool = True
) -> Iterator[Throwaway]:
    """Run a cluster as ``throwaway`` does, with its own parameters, for callers that stop and start the server.

    A guard process waits for the end of a pipe that this process holds. It then stops the server and deletes the
    files: when the context is left, and also when this process is killed.
    """
    server, user = find_server(), server_user()
    area = Path(tempfile.mkdtemp(prefix="leasetrace-", dir=directory)).resolve()
    if user is not None:
        os.chown(area, user.pw_uid, user.pw_gid)
    instance = Instance(server, area / "data", user)
    clean_up = 'cat; "$0" stop -D "$1/data" -s -m immediate; rm -rf "$1"'
    guard = subprocess.Popen(
        ["sh", "-c", clean_up, server.bindir / "pg_ctl", area],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **instance.popen_options(),
    )
    try:
        with guard:  # leaving it closes the pipe and waits for the guard process
            fresh = _new_secrets(CHECKOUT)
            port = _set_up(instance, fresh, settings, durable=durable, owner_creates_databases=True)
            superuser_url = f"postgresql://postgres:{fresh.superuser_password}@{HOST}:{port}/{DATABASE}"
            yield Throwaway(fresh.urls(port), superuser_url, instance, port, settings)
    finally:
        shutil.rmtree(area, ignore_errors=True)  # in a directory where only we can delete, the guard leaves it empty


def _ram_disk_with_space() -> Path | None:
    """Return a RAM disk with enough space for a cluster, or None."""
    roomy = os.access(_RAM_DISK, os.W_OK) and shutil.disk_usage(_RAM_DISK).free >= _RAM_DISK_FREE_BYTES
    return _RAM_DISK if roomy else None


def _new_secrets(root: Path) -> _Secrets:
    superuser, owner, app = (secrets.token_urlsafe(24) for _ in range(3))
    return _Secrets(str(root), superuser_password=superuser, owner_password=owner, app_password=app)


def _set_up(
    instance: Instance,
    fresh: _Secrets,
    settings: Mapping[str, str],
    *,
    durable: bool = True,
    owner_creates_databases: bool = False,
) -> int:
    instance.initialise(fresh.superuser_password, durable=durable)
    port = instance.start(None, settings)
    rights = "CREATEDB IN ROLE pg_checkpoint" if owner_creates_databases else "NOCREATEDB"
    statements = f"""
        CREATE EXTENSION postgis;
        CREATE ROLE {OWNER} LOGIN {rights} PASSWORD '{fresh.owner_password}';
        CREATE ROLE {APPLICATION} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD '{fresh.app_password}';
        {roles_sql(APPLICATION)}
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template1;
    """
    instance.run_sql(statements, port=port, password=fresh.superuser_password, database="template1")
    return port
