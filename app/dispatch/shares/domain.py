"""The states of a share; pure."""

from datetime import datetime
from enum import StrEnum
from typing import Final

WRONG_PINS: Final = 10
"""So many wrong PINs lock a share."""
PAGE_PATH: Final = "/s/{token}"
"""Where a recipient opens a share."""


class ShareState(StrEnum):
    """What a share is at a moment; only an open one is shown to anybody."""

    OPEN = "open"
    LOCKED = "locked"
    EXPIRED = "expired"
    REVOKED = "revoked"


def share_state(*, revoked_at: datetime | None, wrong_pins: int, expires_at: datetime, now: datetime) -> ShareState:
    """Return what a share is at a moment."""
    if revoked_at is not None:
        return ShareState.REVOKED
    if wrong_pins >= WRONG_PINS:
        return ShareState.LOCKED
    return ShareState.OPEN if now < expires_at else ShareState.EXPIRED
