"""Wire shapes of the report about an asset or a lessee: what is stored, whence, for whom, who looked."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from app.assets.schemas import AssetOutput


class DeviceOnOut(BaseModel):
    """That a device was on the asset."""

    identifier: str
    kind: str
    make: str | None
    model: str | None
    bound_from: datetime
    bound_until: datetime | None


class StoredOut(BaseModel):
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


class SourceOut(BaseModel):
    """Where pings came from."""

    feed_id: int | None
    feed: str | None
    pings: int
    batches: int
    first_received_at: datetime
    last_received_at: datetime


class RetentionOut(BaseModel):
    """How long a class of what is stored is kept."""

    kind: str
    what: str
    days: int | None
    """None: kept."""
    oldest_goes_on: date | None
    """The day from which the oldest of it may be deleted; None where there is nothing, where it is kept, or held."""
    held: bool
    """A legal hold keeps it until it is released."""


class HoldOut(BaseModel):
    """A legal hold; the court's reason is the court's."""

    court: str | None
    case_number: str | None
    from_at: datetime
    until_at: datetime | None


class OpenedOut(BaseModel):
    """To whom the asset was opened."""

    to: Literal["court", "dispatcher", "crew", "other"]
    court: str | None
    """The court; of a dispatcher or crew, the court whose case it is."""
    case_number: str | None
    ground: str
    valid_from: datetime
    valid_until: datetime | None


class LooksOut(BaseModel):
    """Who looked: a court (officers, dispatchers and recipients together), the lessor, or others by their role."""

    by: Literal["court", "lessor", "other"]
    name: str | None
    count: int
    days: list[date]


class SubjectAssetOut(BaseModel):
    """One asset."""

    asset: AssetOutput
    lessor: str | None
    devices: list[DeviceOnOut]
    stored: StoredOut
    sources: list[SourceOut]
    retention: list[RetentionOut]
    holds: list[HoldOut]
    opened_to: list[OpenedOut]
    looks: list[LooksOut]


class SubjectReportOut(BaseModel):
    """The report."""

    lessee_name: str | None
    computed_at: datetime
    assets: list[SubjectAssetOut]
    next: str | None
    """Token for the assets that follow; null on the last page."""
