"""Request and response models of shares."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.core.web.parameters import BoundedMoment
from app.core.web.schema_types import RequestModel, ResponseModel, Text
from app.dispatch.shares.domain import ShareState


class ShareIn(RequestModel):
    """Recipient and end of a share."""

    recipient: Text
    """Name of the person who opens it; shown on the sheet and recorded in the audit trail."""
    expires_at: BoundedMoment | None = None
    """At most 72 hours from now and not after the assignment; default: one day from now."""


class ShareOut(ResponseModel):
    """A share, for users who may revoke it."""

    share_id: int
    assignment_id: int
    case_id: int
    recipient: str
    state: ShareState
    """`locked`: after ten wrong PINs."""
    created_by: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    wrong_pins: int
    opened: int
    last_opened_at: datetime | None


class NewShareOut(ShareOut):
    """A new share, with its link and its PIN, which are shown only once."""

    path: Annotated[str, Field(repr=False)]
    """The link without scheme and host: prefix it with the public address of the service."""
    pin: Annotated[str, Field(repr=False)]
    """Six digits; send them to the recipient by another channel than the link."""
