"""A batch on its way: what a request brought, decoded, until it is answered."""

from dataclasses import dataclass
from datetime import datetime

from app.core.geo.datum import CoordSystem
from app.telemetry.formats.ping_row import Decoded


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch, decoded but not yet judged.

    Attributes:
        decoded: Its rows.
        lessor_id: Whose it is.
        feed_id: Through which feed it came, if any.
        api_key_id: With which key; None from the command line and from the poller.
        declared: The datum of rows that name none; None where the feed declares nothing.
        received_at: When it came in, UTC.
        content_type: What the raw body claims to be.
        body: The body as it came, unpacked.
        every_row: Whether the receipt lists plainly stored rows too.
    """

    decoded: Decoded
    lessor_id: int
    feed_id: int | None
    api_key_id: int | None
    declared: CoordSystem | None
    received_at: datetime
    content_type: str
    body: bytes
    every_row: bool = False
