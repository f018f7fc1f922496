"""Response models of positions and tracks."""

from datetime import datetime
from typing import Any, Literal

from app.core.web.schema_types import ResponseModel
from app.tracking.domain import Confidence


class PointOut(ResponseModel):
    """A place, WGS-84 degrees."""

    lon: float
    lat: float


class PositionCourtRef(ResponseModel):
    """The court whose territory holds the place: a candidate with its basis, not a ruling."""

    court_id: int
    code: str
    name: str
    basis: str
    verified: bool
    caveat: str | None


class PositionBorderOut(ResponseModel):
    """The distance to the nearest border of the territory."""

    distance_m: float | None
    """Metres to the nearest border; null where it is further than 150 m."""
    near: bool
    other_court: str | None
    """The court on the other side, where the border is near and there is one."""


class DevicePositionOut(ResponseModel):
    """The last position by one device of the asset."""

    device_id: int
    fixed_at: datetime
    source: str
    preferred: bool
    why: str


class PositionOut(ResponseModel):
    """The position of an asset, with its age and confidence."""

    asset_id: int
    state: Literal["fresh", "stale", "outside", "never_located", "transferred"]
    """``transferred``, for its former lessor: the rest is the last fix before the transfer, if there is one."""
    point: PointOut | None
    fixed_at: datetime | None
    received_at: datetime | None
    age_s: int | None
    source: str | None
    accuracy_m: float | None
    speed_kmh: float | None
    course_deg: int | None
    doubts: list[str]
    confidence: Confidence | None
    reasons: list[str]
    county: str | None
    county_adcode: int | None
    prefecture: str | None
    province: str | None
    court: PositionCourtRef | None
    border: PositionBorderOut | None
    devices: list[DevicePositionOut]
    data_as_of: datetime | None
    computed_at: datetime


class TrackPointOut(ResponseModel):
    """One ping of a track, with its doubts."""

    fixed_at: datetime
    device_id: int
    lon: float
    lat: float
    sent_at: datetime | None
    received_at: datetime
    source: str
    believed: bool
    doubts: list[str]
    accuracy_m: float | None
    speed_kmh: float | None
    course_deg: int | None
    county_adcode: int | None
    batch_id: int
    row_index: int


class GapOut(ResponseModel):
    """A time without an accepted fix."""

    starts_at: datetime
    ends_at: datetime
    seconds: int
    displacement_m: float


class TrackOut(ResponseModel):
    """The pings of an asset in a window, in the order of time, with gaps and doubts."""

    asset_id: int
    window_from: datetime
    window_to: datetime
    points: list[TrackPointOut]
    gaps: list[GapOut]
    next: str | None
    computed_at: datetime


GeoJson = dict[str, Any]
"""A GeoJSON object (RFC 7946): WGS-84, longitude first."""
