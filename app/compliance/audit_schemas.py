"""Response types of the audit trail."""

from datetime import datetime

from app.core.web.schema_types import ResponseModel


class TrailEntryOut(ResponseModel):
    """One entry: who read what, or changed what."""

    trail_no: int
    """Numbers are in the order of commits, without a gap."""
    at: datetime
    """By the application's clock."""
    principal_id: int
    """Who acted; 0 for the command line and the worker."""
    role: str
    subject_id: int | None
    """The court or the lessor that the principal acts for."""
    api_key_id: int | None
    session_id: int | None
    case_id: int | None
    action: str
    asset_count: int
    assets_sha256: str | None
    asset_ids: list[int] | None
    """Up to 1,000 assets; null where there are more. `asset_id=` finds the entry in any case."""
    window_from: datetime | None
    window_until: datetime | None
    results: int | None
    """Rows in the answer."""
    request_id: str | None
    detail: str | None
    link: str
    """SHA-256 of the previous link and this entry."""
