"""States of a share; pure."""

from datetime import datetime
from enum import StrEnum
from typing import Final

WRONG_PINS: Final = 10
"""This many wrong PINs lock a share."""
PAGE_PATH: Final = "/s/{token}"
"""The path at which a recipient opens a share."""


class ShareState(StrEnum):
    """The state of a share; only an open one can be opened."""

    OPEN = "open"
    LOCKED = "locked"
    EXPIRED = "expired"
    REVOKED = "revoked"


def share_state(*, revoked_at: datetime | None, wrong_pins: int, expires_at: datetime, now: datetime) -> ShareState:
    """Return the state of a share at a time."""
    if revoked_at is not None:
        return ShareState.REVOKED
    if wrong_pins >= WRONG_PINS:
        return ShareState.LOCKED
    return ShareState.OPEN if now < expires_at else ShareState.EXPIRED
