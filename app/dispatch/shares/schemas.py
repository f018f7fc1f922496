"""Wire shapes of shares."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.core.web.parameters import SetMoment
from app.core.web.schema_types import RequestModel, ResponseModel, Text
from app.dispatch.shares.domain import ShareState


class ShareIn(RequestModel):
    """For whom, and until when."""

    recipient: Text
    """Who shall open it, by name: it stands on the sheet and in the trail."""
    expires_at: SetMoment | None = None
    """72 hours from now and the end of the assignment at the latest; a day from now, if left out."""


class ShareOut(ResponseModel):
    """A share as whoever may take it back sees it."""

    share_id: int
    assignment_id: int
    case_id: int
    recipient: str
    state: ShareState
    """`locked`: ten wrong PINs were tried."""
    created_by: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    wrong_pins: int
    opened: int
    last_opened_at: datetime | None


class NewShareOut(ShareOut):
    """A new share, with its link and its PIN: they are shown now and never again."""

    path: Annotated[str, Field(repr=False)]
    """The link, without scheme and host: put the address before it under which people reach the service."""
    pin: Annotated[str, Field(repr=False)]
    """Six digits; tell them to the recipient by another way than the link."""
