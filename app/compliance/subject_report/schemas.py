"""Response types of the subject report."""

from datetime import date, datetime
from typing import Literal

from app.assets.schemas import AssetOut
from app.core.web.schema_types import ResponseModel


class SubjectDeviceOut(ResponseModel):
    """A device that is or was on the asset."""

    identifier: str
    kind: str
    make: str | None
    model: str | None
    bound_from: datetime
    bound_until: datetime | None


class SubjectDataOut(ResponseModel):
    """How much is stored; positions are read elsewhere, for a purpose."""

    pings: int
    first_fixed_at: datetime | None
    last_fixed_at: datetime | None
    current_positions: int
    daily_positions: int
    first_day: date | None
    last_day: date | None
    raw_bodies: int
    """Bodies of requests with a ping of the asset, perhaps of other assets too."""
    raw_bodies_emptied: int
    """Bodies that were deleted; their digests stay."""
    doubts: dict[str, int]
    later_doubts: int


class SubjectSourceOut(ResponseModel):
    """A feed that pings came from."""

    feed_id: int | None
    feed: str | None
    pings: int
    batches: int
    first_received_at: datetime
    last_received_at: datetime


class SubjectRetentionOut(ResponseModel):
    """How long a class of data is kept."""

    kind: str
    what: str
    days: int | None
    """Null: kept without end."""
    oldest_goes_on: date | None
    """The day from which the oldest data may be deleted; null where there is none, or it is kept or held."""
    held: bool
    """A legal hold keeps it until the hold is released."""


class SubjectHoldOut(ResponseModel):
    """A legal hold, without the reason of the court."""

    court: str | None
    case_number: str | None
    from_at: datetime
    until_at: datetime | None


class SubjectGrantOut(ResponseModel):
    """A grant: to whom the asset was opened."""

    to: Literal["court", "dispatcher", "crew", "other"]
    court: str | None
    """The court; for a dispatcher or crew, the court of the case."""
    case_number: str | None
    ground: str
    valid_from: datetime
    valid_until: datetime | None


class SubjectReadsOut(ResponseModel):
    """Reads by a court (officers, dispatchers and recipients together), by the lessor, or by another role."""

    by: Literal["court", "lessor", "other"]
    name: str | None
    count: int
    days: list[date]


class SubjectAssetOut(ResponseModel):
    """What is stored about one asset."""

    asset: AssetOut
    lessor: str | None
    devices: list[SubjectDeviceOut]
    stored: SubjectDataOut
    sources: list[SubjectSourceOut]
    retention: list[SubjectRetentionOut]
    holds: list[SubjectHoldOut]
    opened_to: list[SubjectGrantOut]
    looks: list[SubjectReadsOut]


class SubjectReportOut(ResponseModel):
    """What is stored about an asset, or about a page of a lessee's assets."""

    lessee_name: str | None
    computed_at: datetime
    assets: list[SubjectAssetOut]
    next: str | None
    """Token of the next page; null on the last page."""
