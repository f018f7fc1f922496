"""The service as a background process: start it, stop it, and check which process listens on a port."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from app.core.errors import AppError
from app.localdb.cluster import CHECKOUT

LOCAL: Final = CHECKOUT / ".local"
_STATE: Final = LOCAL / "service.json"
LOG: Final = LOCAL / "service.log"
_START_S: Final = 60
_STOP_S: Final = 20
DEFAULT_PORT: Final = 8000
LOOPBACK: Final = "127.0.0.1"
_LISTENING: Final = "0A"  # TCP_LISTEN in /proc/net/tcp


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Reserve a free TCP port of the loopback address for a service that is started and stopped repeatedly.

    The port is bound but not listened on: connections are refused until the service listens.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or the service could not bind it
        kept.bind((LOOPBACK, 0))
        yield int(kept.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raise ``AppError`` if another process listens on an address, or it is not one of this machine."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AppError(
                f"The port {port} of {host} is taken by another process. Choose another: --port, or PORT= for make."
            ) from error
        raise AppError(f"The service cannot listen on {host}:{port}: {error.strerror}.") from error


def is_ready(pid: int, port: int) -> bool:
    """Return whether exactly this process listens on the port of the loopback address and answers that it is ready.

    No other process receives a request: while one listens on a port, no second one can.
    """
    if not _listens(pid, port):
        return False
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _listens(pid: int, port: int) -> bool:
    """Return whether a process has a listening TCP socket (IPv4) on a port; see proc(5), ``/proc/net/tcp``."""
    process = Path(f"/proc/{pid}")
    files = set()
    try:
        table = [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]
        for file in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                files.add(str(file.readlink()))
    except OSError:
        return False  # it ended
    here = f":{port:04X}"
    return any(row[1].endswith(here) and row[3] == _LISTENING and f"socket:[{row[9]}]" in files for row in table)


def start(environ: Mapping[str, str], port: int, options: Sequence[str] = ()) -> str:
    """Start this checkout's service in the background, wait until it is ready, and return its URL.

    Args:
        environ: The service's environment variables, with its settings and database.
        options: Further arguments for ``leasetrace serve``.

    Raises:
        AppError: The port is taken, or the service did not become ready; the message has the last line of its log.
    """
    check_port(LOOPBACK, port)
    LOCAL.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port), *options],
            cwd=CHECKOUT,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _STATE.write_text(json.dumps({"pid": process.pid}))
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready(process.pid, port):
            return f"http://{LOOPBACK}:{port}"
        time.sleep(0.1)
    stop()
    check_port(LOOPBACK, port)  # another process may have taken it meanwhile
    last = LOG.read_text(errors="replace").strip().splitlines()[-1:] or ["it is empty"]
    raise AppError(f"The service did not become ready; {LOG.relative_to(CHECKOUT)} ends with: {last[0]}")


def stop() -> bool:
    """Stop the service that ``start`` started, gracefully at first; return whether there was one."""
    try:
        pid = int(json.loads(_STATE.read_text())["pid"])
    except FileNotFoundError:
        return False
    _STATE.unlink()
    if not _is_ours(pid):
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while _is_ours(pid) and time.monotonic() < deadline:
        _reap(pid)
        time.sleep(0.05)
    if _is_ours(pid):
        os.kill(pid, signal.SIGKILL)
        _reap(pid)
    return True


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # an earlier command's child is not ours to wait for
        os.waitpid(pid, os.WNOHANG)


def _is_ours(pid: int) -> bool:
    """Return whether a process is this checkout's service, not another one with a recycled process id."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return {b"app.cli.main", b"serve"} <= set(words) and Path(f"/proc/{pid}/cwd").resolve() == CHECKOUT
    except OSError:
        return False
