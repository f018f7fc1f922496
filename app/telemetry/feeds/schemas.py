"""Request and response models of feeds."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.core.geo.datum import CoordSystem
from app.core.web.schema_types import Key, RequestModel, ResponseModel

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00]*$")]
Rate = Annotated[int, Field(strict=True, ge=1, le=100_000_000)]
Silence = Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=366))]
"""A duration, ISO 8601, for example PT6H; a minute at least, a year at most."""


class FeedOptions(RequestModel):
    """Limits of a source of pings; null is the service's default."""

    rows_per_s: Rate | None = None
    """Rows that each process takes in a second; an administrator may set more than the service's default."""
    requests_per_s: Rate | None = None
    """Requests that each process takes in a second; an administrator may set more than the service's default."""
    silent_after: Silence | None = None
    """Without a batch for longer than this the feed is silent, which raises an alert."""
    device_silent_after: Silence | None = None
    """Without a good fix for longer than this a device of the feed is listed as silent."""


class FeedIn(FeedOptions):
    """A source of pings to register."""

    name: Name
    coord_system: CoordSystem | None = None
    """The datum of rows that do not name one themselves."""
    lessor_id: Key | None = None
    """An administrator names the lessor; a lessor's key is its own."""


class FeedChangeIn(FeedOptions):
    """The members of a source of pings that may change; members left out stay, null is the service's default."""

    name: Name = Field(default_factory=str)
    coord_system: CoordSystem | None = None
    """The datum of rows that do not name one themselves, from the next half second on."""
    hmac: Annotated[bool, Field(strict=True)] = Field(default_factory=bool)
    """False: requests need no signature any more, and the secret is deleted. Making a secret turns it on."""


class FeedOut(ResponseModel):
    """A lessor's source of pings; null is the service's default."""

    feed_id: int
    lessor_id: int
    name: str
    coord_system: CoordSystem | None
    rows_per_s: int | None
    requests_per_s: int | None
    silent_after: timedelta | None
    device_silent_after: timedelta | None
    hmac: bool
    """Whether requests must be signed."""
    created_at: datetime


class FeedSecretOut(ResponseModel):
    """The key of a feed's request signatures; shown only now."""

    feed_id: int
    secret: str
    """Its characters are the key of HMAC-SHA256."""


class DoubtShareOut(ResponseModel):
    """How many of the stored pings have a doubt."""

    doubt: str
    count: int
    share: float
    """Of the stored pings, 0 to 1."""


class FeedHourOut(ResponseModel):
    """The counts of a feed in the hour that begins at ``hour``."""

    hour: datetime
    batches: int
    received: int
    stored: int


class SilentDeviceOut(ResponseModel):
    """A device whose last good fix came through the feed, too long ago."""

    device_id: int
    identifier: str
    asset_id: int
    """The asset that it was on then."""
    fixed_at: datetime
    received_at: datetime
    silent_s: int
    """Seconds since the fix came in."""


class SilentDevicesOut(ResponseModel):
    """The devices of a feed that have sent no good fix for longer than ``silent_after``."""

    count: int
    silent_after: timedelta
    devices: list[SilentDeviceOut]
    """Those that have been silent longest, at most 100."""


class FeedQualityOut(ResponseModel):
    """The quality of a feed in a window of whole hours, UTC; null where there is nothing to count."""

    feed_id: int
    name: str
    state: Literal["live", "silent", "never"]
    last_batch_at: datetime | None
    """Of all times, not only in the window."""
    window_from: datetime
    window_to: datetime
    batches: int
    received: int
    """Rows: received = stored + duplicates + rejected."""
    stored: int
    duplicates: int
    rejected: int
    doubted: int
    """Rows that are stored with a doubt."""
    duplicate_share: float | None
    """Of the received rows, 0 to 1."""
    rejected_share: float | None
    """Of the received rows, 0 to 1."""
    doubted_share: float | None
    """Of the stored rows, 0 to 1."""
    doubts: list[DoubtShareOut]
    """Those that occurred, the most frequent first; a row may have several."""
    lag_mean_s: float | None
    """Seconds from fix to arrival, of the stored rows without a doubt about the clock."""
    lag_max_s: float | None
    hours: list[FeedHourOut]
    """Every hour of the window."""
    silent_devices: SilentDevicesOut
    """As of now, whatever the window."""
    computed_at: datetime


class FeedAlertOut(ResponseModel):
    """An alert that a feed is silent."""

    alert_id: int
    feed_id: int
    lessor_id: int
    kind: Literal["silent"]
    raised_at: datetime
    cleared_at: datetime | None
    """When batches had come again; null while it is silent."""
    last_batch_at: datetime
    """The newest batch when it was raised."""
