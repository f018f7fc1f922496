"""A batch between request and receipt: decoded, then prepared in a group."""

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
    """One decoded batch; ``body`` is unpacked, ``received_at`` UTC.

    Attributes:
        api_key_id: None from the command line and from the poller.
        declared: The datum of rows that name none; None where the feed declares none.
        every_row: List plainly stored rows in the receipt too.
    """

    decoded: Decoded
    lessor_id: int
    feed_id: int | None  # None for a key without a feed
    api_key_id: int | None  # None from the command line and from the poller
    declared: CoordSystem | None  # the datum of rows that name none; None where the feed declares none
    received_at: datetime  # UTC
    content_type: str
    body: bytes  # unpacked; its type is ``content_type``
    every_row: bool = False  # list plainly stored rows in the receipt too


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """The data that the pipeline checks a group against; ``devices`` has an index for each lessor in the group."""

    settings: TrackingSettings
    devices: Mapping[int, DeviceIndex]
    layer: ActiveLayer


@dataclass(frozen=True, slots=True)
class PreparedGroup:
    """A group after the pipeline, ready for the commit.

    ``raw`` has SHA-256 and packed bytes of each body; ``days`` are those that need a partition, counted from 1970.
    """

    group: tuple[Batch, ...]
    context: PipelineContext
    placed: PlacedFixes
    raw: tuple[tuple[bytes, bytes], ...]  # SHA-256 and packed bytes of each body
    days: frozenset[int]  # days of its pings that need a partition, counted from 1970
