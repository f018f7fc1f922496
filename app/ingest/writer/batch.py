"""A batch between the request and its receipt: decoded, then prepared in a group."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.assets.bindings import DeviceIndex
from app.core.geo.datum import CoordSystem
from app.core.settings import TrackingSettings
from app.jurisdictions.service import ActiveLayer
from app.telemetry.domain import PlacedFixes
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


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """What a group is judged against.

    Attributes:
        settings: Thresholds.
        devices: The devices and bindings of every lessor in the group, by lessor.
        layer: The boundary layer and its locator.
    """

    settings: TrackingSettings
    devices: Mapping[int, DeviceIndex]
    layer: ActiveLayer


@dataclass(frozen=True, slots=True)
class PreparedGroup:
    """A group that is judged as far as its own rows allow.

    Attributes:
        group: Its batches.
        context: What it was judged against.
        placed: Its rows.
        raw: SHA-256 and packed bytes of each body.
        days: The days of its pings that need a partition, counted from 1970.
    """

    group: tuple[Batch, ...]
    context: PipelineContext
    placed: PlacedFixes
    raw: tuple[tuple[bytes, bytes], ...]
    days: frozenset[int]
