"""Receipts of batches, and the OpenAPI description of a batch.

Receipts are dataclasses encoded by msgspec, for speed: thousands a second, one row for each doubted fix.
"""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from app.telemetry.formats.ping_row import PingRow

Status = Literal["stored", "duplicate", "doubted", "rejected"]


@dataclass(frozen=True, slots=True)
class ReceiptRowOut:
    """The result of one row of a batch."""

    index: int
    """Its place in the batch as it was sent, from 0."""
    status: Status
    """A doubted row is stored."""
    code: str | None
    """The code of the rejection, or the gravest doubt."""
    field: str | None
    """The member at fault, if it is one."""
    message: str | None
    """The same as a sentence, with every doubt."""


@dataclass(frozen=True, slots=True)
class ReceiptOut:
    """The receipt of a batch: received = stored + duplicates + rejected; doubted rows are among the stored."""

    batch_id: int
    received: int
    stored: int
    """Rows stored now."""
    duplicates: int
    """Rows that were stored before."""
    doubted: int
    rejected: int
    """Rows that cannot be stored as fixes; do not send them again."""
    results: tuple[ReceiptRowOut, ...]
    """The rows that are not plainly stored, or all rows, in their order."""


def ping_body() -> dict[str, Any]:
    """Return the OpenAPI description of a batch's body, generated from ``PingRow``."""
    row = msgspec.json.schema(PingRow)
    inner = row["$defs"]["PingRow"]
    inner["description"] = "One ping; the unit of each number is in its name."
    example = {
        "device_id": "860123456789012",
        "fixed_at": "2026-11-23T08:00:00+08:00",
        "lon": 121.4241,
        "lat": 31.2205,
        "coord_system": "wgs84",
        "speed_kmh": 0,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": inner, "minItems": 1},
                    "example": [example],
                },
                "application/x-ndjson": {"schema": {"type": "string", "description": "One ping a line."}},
            },
        }
    }
