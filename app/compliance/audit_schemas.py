"""Wire types of the trail."""

from datetime import datetime

from app.core.web.schema_types import ResponseModel


class TrailEntryOut(ResponseModel):
    """Who looked at what, or changed what."""

    trail_no: int
    """Its place in the trail; numbers are in the order of commits and without a gap."""
    at: datetime
    """When, by the application's clock."""
    principal_id: int
    """Who; 0 for whoever runs the service."""
    role: str
    subject_id: int | None
    """The court or the lessor that it acts for."""
    api_key_id: int | None
    session_id: int | None
    case_id: int | None
    action: str
    asset_count: int
    assets_sha256: str | None
    asset_ids: list[int] | None
    """Which assets, up to 1,000; null where they are more: `asset_id=` finds the entry all the same."""
    window_from: datetime | None
    window_until: datetime | None
    results: int | None
    """How many rows were answered."""
    request_id: str | None
    detail: str | None
    link: str
    """SHA-256 of the link before and of this entry."""
