"""A start proves that the process that answers is its own; no other process on the port is ever sent a key."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.cli import background
from app.cli.background import check_port, free_port, is_ready, reserved_port
from app.core.errors import AppError

CHECKOUT = Path(__file__).resolve().parents[2]


class Foreign:
    """Another program's HTTP server: it says 200 to whatever it is asked, and keeps the requests it got."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                requests.append(f"{self.requestline}\n{self.headers}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = answer  # noqa: N815 names of the standard library

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    server = Foreign()
    yield server
    server.close()


def leasetrace(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line; the database it is given does not exist, which a command must not even come to."""
    nowhere = "postgresql://nobody:x@127.0.0.1:1/nowhere"
    there = {**os.environ, "DATABASE_URL": nowhere, "DATABASE_OWNER_URL": nowhere, **environ}
    command = [sys.executable, "-m", "app.cli.main", *words]
    return subprocess.run(command, cwd=CHECKOUT, env=there, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_is_said_and_nothing_is_sent_there(foreign: Foreign, command: str) -> None:
    done = leasetrace(command, "--port", str(foreign.port))
    assert done.returncode == 1
    said = f"leasetrace: The port {foreign.port} of 127.0.0.1 is taken by another process."
    assert done.stderr == f"{said} Choose another: --port, or PORT= for make.\n"
    assert foreign.requests == []


def test_a_port_is_taken_by_one_that_listens_on_every_address() -> None:
    everywhere = Foreign(host="0.0.0.0")  # noqa: S104 that is the case
    try:
        with pytest.raises(AppError, match="is taken"):
            check_port("127.0.0.1", everywhere.port)
    finally:
        everywhere.close()


def test_an_address_of_another_machine_is_no_port_that_is_taken() -> None:
    with pytest.raises(AppError, match=r"cannot listen on 192\.0\.2\.1:8000: "):
        check_port("192.0.2.1", 8000)


def test_a_foreign_service_is_never_asked_whether_it_is_ready(foreign: Foreign) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert not is_ready(child.pid, foreign.port)
        child.communicate(b"\n")
    assert not is_ready(child.pid, foreign.port), "it ended"
    assert foreign.requests == []
    assert is_ready(os.getpid(), foreign.port), "here the test itself is the process that listens"
    assert len(foreign.requests) == 1


def test_one_that_takes_the_port_during_the_start_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two starts at once saw the port free; the child that lost ends, and the other's service answers there."""
    port = free_port()
    rivals: list[Foreign] = []

    def popen(*_: Any, **named: Any) -> Any:
        rivals.append(Foreign(port))
        return started([sys.executable, "-c", "import time; time.sleep(1)"], stdin=named["stdin"])

    started = subprocess.Popen
    for name, path in (("LOCAL", tmp_path), ("_STATE", tmp_path / "service.json"), ("LOG", tmp_path / "service.log")):
        monkeypatch.setattr(background, name, path)
    monkeypatch.setattr(subprocess, "Popen", popen)
    try:
        with pytest.raises(AppError, match=f"The port {port} of 127.0.0.1 is taken"):
            background.start({}, port)
        assert rivals[0].requests == []
    finally:
        rivals[0].close()


def test_a_reserved_port_refuses_connections_until_its_service_listens() -> None:
    with reserved_port() as port:
        check_port("127.0.0.1", port)
        own = Foreign(port)
        try:
            assert is_ready(os.getpid(), port)
        finally:
            own.close()


def test_stop_leaves_another_process_with_the_number_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(background, "_STATE", tmp_path / "service.json")
    assert not background.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=CHECKOUT) as other:
        (tmp_path / "service.json").write_text(f'{{"pid": {other.pid}}}')
        assert not background.stop()
        assert other.poll() is None
        other.communicate(b"\n")
