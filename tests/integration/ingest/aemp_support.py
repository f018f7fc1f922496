"""What the tests of polled sources share: an application with a key, and a taker-in that can be told to fail."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from app.core.http import Context
from app.core.sealing import new_key
from app.ingest.receipt import Receipt, RowResult
from app.telemetry.rows import Decoded
from tests.integration.ingest.aemp_maker import BEARER, CLIENT_ID, SECRET, Maker
from tests.support import Holder

KEY = new_key()


@dataclass
class Taken:
    """Stands where batches are taken in: keeps them, refuses what it is told to, fails when it is told to."""

    batches: list[tuple[int, int, Decoded, bytes, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    async def __call__(
        self, lessor_id: int, feed_id: int, decoded: Decoded, raw: bytes, content_type: str
    ) -> Receipt:
        """Take in a batch."""
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append((lessor_id, feed_id, decoded, raw, content_type))
        refused = [RowResult(r.index, "rejected", r.code, r.field, r.message) for r in decoded.rejections]
        for index, row in zip(decoded.index, decoded.rows, strict=True):
            if row.device_id in self.unknown:
                refused.append(RowResult(index, "rejected", "unknown_device", "device_id", "register it first"))
        stored = decoded.received - len(refused)
        return Receipt(len(self.batches), decoded.received, stored, 0, 0, len(refused), tuple(refused))

    @property
    def devices(self) -> list[str]:
        """The device of each row, in the order in which they came."""
        return [row.device_id for _, _, decoded, _, _ in self.batches for row in decoded.rows]


@dataclass(frozen=True)
class Polling:
    """An application that keeps secrets and may call this machine, with a lessor of one source."""

    application: FastAPI
    context: Context
    lessor: Holder
    feed_id: int

    async def register(self, maker: Maker, name: str = "maker", **changes: Any) -> httpx.Response:
        """Register a maker's interface, with OAuth 2 unless told otherwise."""
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
        """Return the lessor's first source as it is told."""
        answer = await self.lessor.client.get("/v1/aemp-sources")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["items"][0])
