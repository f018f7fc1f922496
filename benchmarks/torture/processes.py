"""Service and database server as processes of this machine (Linux), to be stopped and killed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

_START_S: Final = 120
_STOP_S: Final = 60


class Service:
    """The service as a process of its own.

    Args:
        directory: Its working directory.
        port: Its TCP port, at the loopback address.
        log: Receives its output.
        is_ready: Returns whether the process with this id listens on this port and is ready.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        directory: Path,
        port: int,
        log: Path,
        is_ready: Callable[[int, int], bool],
    ) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._port = port
        self._is_ready = is_ready
        self._command = command
        self._environ = environ
        self._directory = directory
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: It ended, or is not ready within two minutes; the message holds the end of its log.
        """
        with self._log.open("ab") as log:
            self._process = self._popen(log)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready(self._process.pid, self._port):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the service did not become ready: {self.last_words()}")

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            cwd=self._directory,
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def wait_for_stop(self) -> int | None:
        """Return the exit code, negative for a signal; None if it still ran after a minute and was killed."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def last_words(self) -> str:
        """Return the end of its log."""
        return " | ".join(self._log.read_text(errors="replace").strip().splitlines()[-3:])


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A PostgreSQL server of this machine.

    Args:
        data: Its data directory.
        superuser_url: Connection URL of a superuser.
        ensure_running: Starts it on its port unless it runs, and waits until it accepts connections.
        restart: Restarts it cleanly (``pg_ctl restart -m fast``).
    """

    data: Path
    superuser_url: str = field(repr=False)
    ensure_running: Callable[[], None]
    restart: Callable[[], None]

    def _halted(self) -> list[int]:
        """Stop the postmaster, so that it makes no more children; return it and its children."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        return [postmaster, *_children(postmaster)]

    def kill(self) -> None:
        """End the postmaster and all its children at once with SIGKILL, and wait until they have ended."""
        everyone = self._halted()
        for pid in everyone:
            _send(pid, signal.SIGKILL)
        while any(_lives(pid) for pid in everyone):
            time.sleep(0.01)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Stop all processes of the server with SIGSTOP while the block lasts; they go on if we are killed."""
        everyone = [str(pid) for pid in self._halted()]
        command = ["sh", "-c", 'kill -STOP "$@"; cat; kill -CONT "$@"', "stall", *everyone]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True):
            yield  # leaving the block closes the pipe, waits for cat, and so for SIGCONT


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` after the name: state, parent, ...; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _children(parent: int) -> list[int]:
    everyone = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in everyone if _stat(pid)[1:2] == [str(parent)]]


def _lives(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])
