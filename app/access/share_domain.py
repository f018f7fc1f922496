"""The frozen types of shares; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

WRONG_PINS: Final = 10
"""So many wrong PINs lock a share."""


class ShareState(StrEnum):
    """What a share is at a moment; only an open one is shown to anybody."""

    OPEN = "open"
    LOCKED = "locked"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ShareView:
    """A share as whoever made it sees it; times are UTC."""

    share_id: int
    assignment_id: int
    case_id: int
    recipient: str
    created_by: int
    api_key_id: int | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    wrong_pins: int
    opened: int
    last_opened_at: datetime | None

    def state(self, now: datetime) -> ShareState:
        """Return what it is at a moment."""
        if self.revoked_at is not None:
            return ShareState.REVOKED
        if self.wrong_pins >= WRONG_PINS:
            return ShareState.LOCKED
        return ShareState.OPEN if now < self.expires_at else ShareState.EXPIRED
