"""Wire shapes of receipts."""

from typing import Any

import msgspec

from app.core.wire import ResponseModel
from app.ingest.receipt import Status
from app.telemetry.rows import PingRow


class ReceiptRowOut(ResponseModel):
    """What became of one row of a batch."""

    index: int
    status: Status
    code: str | None
    field: str | None
    message: str | None


class ReceiptOut(ResponseModel):
    """The receipt of a batch: received = stored + duplicates + rejected; doubted rows are among the stored."""

    batch_id: int
    received: int
    stored: int
    duplicates: int
    doubted: int
    rejected: int
    results: list[ReceiptRowOut]


def ping_body() -> dict[str, Any]:
    """Return the OpenAPI description of a batch's body, made from the struct that reads it."""
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
