"""The service in the background: started by ``demo``, found again by ``stop``."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from app.cli.cluster import CHECKOUT
from app.core.errors import AppError

LOCAL: Final = CHECKOUT / ".local"
_STATE: Final = LOCAL / "service.json"
LOG: Final = LOCAL / "service.log"
_START_S: Final = 60
_STOP_S: Final = 20
DEFAULT_PORT: Final = 8000


def free_port(wanted: int = DEFAULT_PORT) -> int:
    """Return the wanted port of the loopback address, or any free one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AppError("No free port is left on the loopback address.")


def start(environ: Mapping[str, str]) -> str:
    """Start the service of this checkout in the background, wait until it is ready, and return its address.

    One that runs already is stopped first: it may be of older code.

    Args:
        environ: The service's environment: where its database is, and its settings.

    Raises:
        AppError: It did not become ready; the end of its log is in the message.
    """
    stop()
    LOCAL.mkdir(exist_ok=True)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)],
            cwd=CHECKOUT,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _STATE.write_text(json.dumps({"pid": process.pid, "address": address}))
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).is_success:
                return address
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    stop()
    last = LOG.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise AppError(f"The service did not become ready; {LOG.relative_to(CHECKOUT)} ends with: {last[0]}")


def stop() -> bool:
    """Stop the service that ``start`` started, in good order, and tell whether there was one."""
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
    """Tell whether a process is still the service of this checkout, and not another that got its number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"app.cli.main" in words and Path(f"/proc/{pid}/cwd").resolve() == CHECKOUT
    except OSError:
        return False
