"""A maker's AEMP 2.0 interface on real HTTP, and an application that polls it; a test sets the behaviour."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core.context import Context
from app.core.encryption import new_key
from app.ingest.http.schemas import ReceiptOut, ReceiptRowOut
from app.telemetry.formats.ping_row import Decoded
from tests.api import ApiUser, free_port

SECRET = "s3cret/of+the maker"  # with characters that have to be encoded
BEARER = "bearer-token-of-the-maker"
CLIENT_ID = "lessor-client"
ISO = "http://www.jcmanet.or.jp/english2017/ISO/15143/-3/20190501"


def machine(pin: str, fixed_at: str | None = "2026-11-23T03:30:00Z", **location: Any) -> dict[str, Any]:
    """One machine; without a time it never reported a position."""
    header = {
        "OEMName": "Maker",
        "Model": "M1",
        "EquipmentID": f"digger {pin}",
        "SerialNumber": f"S{pin}",
        "PIN": pin,
    }
    if fixed_at is None:
        return {"EquipmentHeader": header | {"UnitInstallDateTime": "0001-01-01T00:00:00Z"}}
    place = {"datetime": fixed_at, "Latitude": 31.2205, "Longitude": 121.4241}
    return {"EquipmentHeader": header, "Location": place | location}


@dataclass
class Maker:
    """The interface: its data, its behaviour, and the requests that it received."""

    address: str
    pages: list[list[dict[str, Any]]] = field(default_factory=lambda: [[machine("P1")]])
    as_xml: bool = False
    links: dict[int, list[dict[str, str]]] | None = None
    """Links of a page instead of those that follow from the number of pages."""
    answers: list[Response] = field(default_factory=list)
    """Answers to the next page requests instead of the normal ones."""
    page_delay_s: float = 0
    takes_basic: bool = True
    expires_in: Any = 3600
    token_answers: list[Response] = field(default_factory=list)
    good_tokens: set[str] = field(default_factory=lambda: {BEARER})
    asked: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    """The Accept header of each request for a page."""
    token_requests: list[dict[str, str]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """The address that a lessor registers."""
        return f"{self.address}/iso15143"

    async def token(self, request: Request) -> Response:
        """Return a token for the client's secret, in the header or in the body as this maker requires."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.token_requests.append(form)
        if self.token_answers:
            return self.token_answers.pop(0)
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        in_header = tuple(map(unquote_plus, base64.b64decode(basic).decode().split(":"))) if basic else None
        in_body = (form.get("client_id"), form.get("client_secret"))
        if (in_header if self.takes_basic else in_body) != (CLIENT_ID, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        assert form["grant_type"] == "client_credentials"
        token = f"token-{len(self.token_requests)}"
        self.good_tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})

    async def fleet(self, request: Request) -> Response:
        """Answer a page request."""
        number = int(request.path_params["page"])
        self.asked.append(request.url.path)
        self.accepted.append(request.headers["accept"])
        if self.page_delay_s:
            time.sleep(self.page_delay_s)  # noqa: ASYNC251 nobody else is served by this thread
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.good_tokens:
            return JSONResponse({"error": "invalid_token"}, 401)
        if self.answers:
            return self.answers.pop(0)
        if not 1 <= number <= len(self.pages):
            return JSONResponse({"error": "no such page"}, 404)
        links = self._links(number)
        return self._xml(number, links) if self.as_xml else self._json(number, links)

    async def elsewhere(self, request: Request) -> Response:
        """Record any other request."""
        self.asked.append(request.url.path)
        return JSONResponse({}, 404)

    def _links(self, number: int) -> list[dict[str, str]]:
        if self.links is not None:
            return self.links.get(number, [])
        found = {"self": number, "last": len(self.pages)}
        if number < len(self.pages):
            found["next"] = number + 1
        return [{"rel": rel, "href": f"{self.base_url}/Fleet/{n}"} for rel, n in found.items()]

    def _json(self, number: int, links: list[dict[str, str]]) -> Response:
        fleet = {"version": "1", "Links": links, "Equipment": self.pages[number - 1]}
        return Response(json.dumps({"Fleet": fleet}), media_type="application/json")

    def _xml(self, number: int, links: list[dict[str, str]]) -> Response:
        parts = [f"<Links><rel>{link['rel']}</rel><href>{link['href']}</href></Links>" for link in links]
        for one in self.pages[number - 1]:
            header = "".join(f"<{k}>{v}</{k}>" for k, v in one["EquipmentHeader"].items())
            place = dict(one.get("Location", {}))
            moment = place.pop("datetime", None)
            inner = "".join(f"<{k}>{v}</{k}>" for k, v in place.items())
            location = f'<Location datetime="{moment}">{inner}</Location>' if place else ""
            parts.append(f"<Equipment><EquipmentHeader>{header}</EquipmentHeader>{location}</Equipment>")
        body = f'<?xml version="1.0"?><Fleet xmlns="{ISO}">{"".join(parts)}</Fleet>'
        return Response(body, media_type="application/xml")


@contextmanager
def running_maker() -> Iterator[Maker]:
    """Serve a maker's interface on a free port of this machine."""
    port = free_port()
    maker = Maker(f"http://127.0.0.1:{port}")
    routes = [
        Route("/token", maker.token, methods=["POST"]),
        Route("/iso15143/Fleet/{page:int}", maker.fleet),
        Route("/{path:path}", maker.elsewhere),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=port,
        access_log=False,
        log_config=None,
        lifespan="off",
        ws="none",
        date_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield maker
    finally:
        server.should_exit = True
        thread.join()


KEY = new_key()


@dataclass
class RecordingIngest:
    """Replaces the ingestion of batches: records them, rejects the devices in ``unknown``, raises ``failures``."""

    batches: list[tuple[int, int, Decoded, bytes, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    async def __call__(
        self, lessor_id: int, feed_id: int, decoded: Decoded, raw: bytes, content_type: str
    ) -> ReceiptOut:
        """Take in a batch."""
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append((lessor_id, feed_id, decoded, raw, content_type))
        refused = [ReceiptRowOut(r.index, "rejected", r.code, r.field, r.message) for r in decoded.rejections]
        for index, row in zip(decoded.index, decoded.rows, strict=True):
            if row.device_id in self.unknown:
                refused.append(ReceiptRowOut(index, "rejected", "unknown_device", "device_id", "register it first"))
        stored = decoded.received - len(refused)
        return ReceiptOut(len(self.batches), decoded.received, stored, 0, 0, len(refused), tuple(refused))

    @property
    def devices(self) -> list[str]:
        """The device of each row, in the order of arrival."""
        return [row.device_id for _, _, decoded, _, _ in self.batches for row in decoded.rows]


@dataclass(frozen=True)
class AempPolling:
    """An application that keeps secrets and may call this machine, with a lessor of one source."""

    application: FastAPI
    context: Context
    lessor: ApiUser
    feed_id: int

    async def register(self, maker: Maker, name: str = "maker", **changes: Any) -> httpx.Response:
        """Register a maker's interface, by default with OAuth 2."""
        wanted = {
            "name": name,
            "feed_id": self.feed_id,
            "base_url": maker.base_url,
            "auth": "oauth2",
            "client_id": CLIENT_ID,
            "token_url": f"{maker.address}/token",
            "secret": SECRET,
        }
        body = {key: value for key, value in (wanted | changes).items() if value is not ...}
        return await self.lessor.client.post("/v1/aemp-sources", json=body)

    async def register_bearer(self, maker: Maker, name: str = "maker", **changes: Any) -> httpx.Response:
        """Register a maker's interface with a bearer token."""
        bearer = {"auth": "bearer", "client_id": ..., "token_url": ..., "secret": BEARER}
        return await self.register(maker, name, **(bearer | changes))

    async def source(self) -> dict[str, Any]:
        """Return the lessor's first source."""
        answer = await self.lessor.client.get("/v1/aemp-sources")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["items"][0])
