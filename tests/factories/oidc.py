"""A real OpenID provider (oidc-provider, in Node.js), the service on real HTTP, and a browser between them."""

import html
import json
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

FOLDER = Path(__file__).with_name("oidc_provider")
CLIENT_ID = "leasetrace"
CLIENT_SECRET = "s3cret/of+the:court %2F"  # with characters that have to be encoded
_STARTS_IN_S = 30


@dataclass
class Provider:
    """The provider, and the person at the browser."""

    issuer: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False))

    def next(self, sub: str, *, deny: bool = False, change: dict[str, Any] | None = None, **claims: Any) -> None:
        """Set who signs in from now on, and how the ID token is changed on its way."""
        self._told("next", {"sub": sub, "claims": claims, "deny": deny, "change": change})

    def rotate(self) -> None:
        """Sign with a new key from now on; the provider's sessions are lost."""
        self._told("keys", {})

    def asked(self) -> list[dict[str, str]]:
        """Return the token requests since the last call."""
        found: list[dict[str, str]] = self._told("asked", {})["asked"]
        return found

    def _told(self, what: str, body: dict[str, Any]) -> Any:
        return self.client.post(f"{self.issuer}/test/{what}", json=body).raise_for_status().json()


@contextmanager
def real_provider(redirect_uri: str, **options: Any) -> Iterator[Provider]:
    """Run the provider while the block lasts."""
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        pytest.fail("the OpenID provider of the tests is not installed: `bash .ci/prepare test` does it")
    wanted = {"redirect_uri": redirect_uri, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | options
    with subprocess.Popen(
        ["node", str(FOLDER / "provider.mjs"), json.dumps(wanted)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            readable, _, _ = select.select([process.stdout], [], [], _STARTS_IN_S)
            assert readable, "the provider did not start"
            provider = Provider(json.loads(process.stdout.readline())["issuer"])
            with provider.client:
                yield provider
        finally:
            process.stdin.close()
            process.wait(10)


def listening() -> socket.socket:
    """Return a socket on a free port, so that its address is known before its server starts."""
    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    return opened


@contextmanager
def served(application: FastAPI, on: socket.socket) -> Iterator[None]:
    """Serve an application while the block lasts."""
    server = uvicorn.Server(uvicorn.Config(application, access_log=False, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, args=([on],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


def get_with(url: str, cookies: dict[str, str]) -> httpx.Response:
    """Send GET with these cookies only."""
    return httpx.get(url, cookies=cookies, trust_env=False)


@dataclass
class OidcBrowser:
    """A browser: keeps cookies, follows redirects and pages that submit themselves."""

    home: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def begin(self, return_to: str = "/livez") -> httpx.Response:
        """Begin to sign in; the response leads to the provider."""
        return self.client.get(f"{self.home}/v1/session/oidc", params={"return_to": return_to})

    def back(self, begun: httpx.Response) -> str:
        """Follow redirects to the provider's redirect back to the service; return its address unopened."""
        assert begun.status_code == 303, begun.text
        url = begun.headers["location"]
        for _ in range(10):
            if url.startswith(self.home):
                return str(url)
            answer = self.client.get(url)
            assert answer.is_redirect, answer.text
            url = str(answer.url.join(answer.headers["location"]))
        raise AssertionError(url)

    def sign_in(self, return_to: str = "/livez") -> httpx.Response:
        """Sign in completely; return the response of the callback."""
        return self.client.get(self.back(self.begin(return_to)))

    def goes_on(self, page: httpx.Response) -> httpx.Response:
        """Submit a page that submits itself."""
        found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', page.text)
        assert found, page.text
        return self.client.get(str(page.url.join(html.unescape(found[1]))))

    @property
    def cookies(self) -> dict[str, str]:
        """The browser's cookies for the service; a browser does not distinguish ports."""
        found = {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}
        return {name: value for name, value in found.items() if name.startswith("leasetrace")}
