"""Wire shapes of the report about an asset or a lessee: what is stored, whence, for whom, who looked."""

from datetime import date, datetime
from typing import Literal

from app.assets.schemas import AssetOut
from app.core.web.schema_types import ResponseModel


class SubjectDeviceOut(ResponseModel):
    """That a device was on the asset."""

    identifier: str
    kind: str
    make: str | None
    model: str | None
    bound_from: datetime
    bound_until: datetime | None


class SubjectDataOut(ResponseModel):
    """How much is stored; positions themselves are read elsewhere, for a purpose."""

    pings: int
    first_fixed_at: datetime | None
    last_fixed_at: datetime | None
    current_positions: int
    daily_positions: int
    first_day: date | None
    last_day: date | None
    raw_bodies: int
    """Requests as they came that hold a ping of the asset, and perhaps of others."""
    raw_bodies_emptied: int
    """Those of which only the digest is left."""
    doubts: dict[str, int]
    later_doubts: int


class SubjectSourceOut(ResponseModel):
    """Where pings came from."""

    feed_id: int | None
    feed: str | None
    pings: int
    batches: int
    first_received_at: datetime
    last_received_at: datetime


class SubjectRetentionOut(ResponseModel):
    """How long a class of what is stored is kept."""

    kind: str
    what: str
    days: int | None
    """None: kept."""
    oldest_goes_on: date | None
    """The day from which the oldest of it may be deleted; None where there is nothing, where it is kept, or held."""
    held: bool
    """A legal hold keeps it until it is released."""


class SubjectHoldOut(ResponseModel):
    """A legal hold; the court's reason is the court's."""

    court: str | None
    case_number: str | None
    from_at: datetime
    until_at: datetime | None


class SubjectGrantOut(ResponseModel):
    """To whom the asset was opened."""

    to: Literal["court", "dispatcher", "crew", "other"]
    court: str | None
    """The court; of a dispatcher or crew, the court whose case it is."""
    case_number: str | None
    ground: str
    valid_from: datetime
    valid_until: datetime | None


class SubjectReadsOut(ResponseModel):
    """Who looked: a court (officers, dispatchers and recipients together), the lessor, or others by their role."""

    by: Literal["court", "lessor", "other"]
    name: str | None
    count: int
    days: list[date]


class SubjectAssetOut(ResponseModel):
    """One asset."""

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
    """The report."""

    lessee_name: str | None
    computed_at: datetime
    assets: list[SubjectAssetOut]
    next: str | None
    """Token for the assets that follow; null on the last page."""
