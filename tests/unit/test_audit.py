"""Known vulnerabilities in ``make check``: a finding fails, a machine without a way out does not."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def audit(database: str, within_s: float = 20) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "AUDIT_DATABASE": database, "AUDIT_WITHIN_S": str(within_s)}
    command = [sys.executable, ".ci/audit.py"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@contextmanager
def database_that(vulnerable: str | None = None, *, status: int = 200, pause_s: float = 0) -> Iterator[str]:
    """A database on the loopback address that knows one vulnerable package, or answers otherwise."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            time.sleep(pause_s)
            results = [{"vulns": [{"id": "X-1"}]} if q["package"]["name"] == vulnerable else {} for q in asked]
            body = json.dumps({"results": results}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_known_passes_and_says_how_many_were_asked_about() -> None:
    with database_that() as address:
        done = audit(address)
    assert done.returncode == 0, done.stderr
    assert "no known vulnerability" in done.stdout
    assert int(done.stdout.split()[1]) > 50


def test_a_known_vulnerability_fails_and_is_named() -> None:
    with database_that("starlette") as address:
        done = audit(address)
    assert done.returncode == 1
    assert "starlette" in done.stdout
    assert "X-1" in done.stdout


@pytest.mark.parametrize("status", [200, 404, 500])
def test_what_was_not_checked_is_said_and_passes(status: int) -> None:
    if status == 200:
        done = audit("http://127.0.0.1:1")
    else:
        with database_that(status=status) as address:
            done = audit(address)
    assert done.returncode == 0
    assert "NOT CHECKED" in done.stdout


def test_a_database_that_keeps_silent_is_not_waited_for() -> None:
    began = time.monotonic()
    with database_that(pause_s=3) as address:
        done = audit(address, within_s=0.5)
        assert time.monotonic() - began < 2.9
    assert (done.returncode, "NOT CHECKED" in done.stdout) == (0, True)
