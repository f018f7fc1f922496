"""Keyset pages: a page begins after the last key of the one before, and the token says only that key."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from app.core.errors import InvalidInput

MAX_LIMIT = 1000
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on a page.")]
After = Annotated[
    str | None,
    Query(max_length=400, description="The `next` token of the page before; leave out for the first page."),
]

Row = TypeVar("Row")


class Page(BaseModel, Generic[Row]):
    """One page of a list."""

    items: list[Row]
    next: str | None
    """Token for the page that follows; null on the last one."""


def encode_token(key: int) -> str:
    """Return the opaque token for a page that begins after ``key``."""
    return base64.urlsafe_b64encode(json.dumps([key]).encode()).decode().rstrip("=")


def decode_token(token: str | None) -> int:
    """Return the key that a page begins after, 0 for the first page.

    Raises:
        InvalidInput: The token was not made by this service.
    """
    if token is None:
        return 0
    try:
        value = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidInput("after: expected the `next` token of an earlier page", field="after") from error
    if isinstance(value, list) and len(value) == 1 and type(value[0]) is int and 0 <= value[0] < 2**63:
        return value[0]
    raise InvalidInput("after: expected the `next` token of an earlier page", field="after")


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], int]) -> Page[Row]:
    """Return a page from up to ``limit + 1`` rows in key order; the extra row only tells that more follow."""
    items = list(rows[:limit])
    return Page(items=items, next=encode_token(key(items[-1])) if len(rows) > limit else None)
