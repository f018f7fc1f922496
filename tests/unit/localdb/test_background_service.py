"""A start proves that the process that answers is its own; no other process on the port is ever sent a key."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import run
from app.core.errors import AppError
from app.localdb import background_service
from app.localdb.background_service import check_port, is_ready, reserved_port
from tests.api import free_port

CHECKOUT = Path(__file__).resolve().parents[3]


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


@pytest.fixture
def leasetrace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[object, str]]:
    """Runs the command line; returns the exit code and what it says on standard error.

    No service of this checkout is found, and the database does not exist: a command must not even come to it.
    """
    monkeypatch.setattr(background_service, "_STATE", tmp_path / "service.json")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        monkeypatch.setenv(name, "postgresql://nobody:x@127.0.0.1:1/nowhere")

    def leasetrace(*words: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["leasetrace", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code, capsys.readouterr().err

    return leasetrace


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_is_said_and_nothing_is_sent_there(
    foreign: Foreign, command: str, leasetrace: Callable[..., tuple[object, str]]
) -> None:
    said = f"leasetrace: The port {foreign.port} of 127.0.0.1 is taken by another process."
    assert leasetrace(command, "--port", str(foreign.port)) == (
        1,
        f"{said} Choose another: --port, or PORT= for make.\n",
    )
    assert foreign.requests == []


def test_a_clock_that_stands_still_is_for_this_machine_only(
    leasetrace: Callable[..., tuple[object, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = leasetrace("serve", "--host", "0.0.0.0", "--now", "2026-11-23T04:00:00Z")  # noqa: S104 refused
    assert code == 1
    assert "leave out --now" in said
    monkeypatch.setenv("DEMO_NOW", "2026-11-23T04:00:00")
    code, said = leasetrace("demo")
    assert code == 2
    assert "expected a time with its offset" in " ".join(said.replace("│", " ").split())


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
        monkeypatch.setattr(background_service, name, path)
    monkeypatch.setattr(subprocess, "Popen", popen)
    try:
        with pytest.raises(AppError, match=f"The port {port} of 127.0.0.1 is taken"):
            background_service.start({}, port)
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
    monkeypatch.setattr(background_service, "_STATE", tmp_path / "service.json")
    assert not background_service.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=CHECKOUT) as other:
        (tmp_path / "service.json").write_text(f'{{"pid": {other.pid}}}')
        assert not background_service.stop()
        assert other.poll() is None
        other.communicate(b"\n")
