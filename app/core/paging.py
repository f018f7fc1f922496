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
_BIGGEST = 2**53  # every key fits, and so does every number that JSON carries exactly
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


def encode_key(*parts: int) -> str:
    """Return the opaque token for a page that begins after a key."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_key(token: str, parts: int) -> tuple[int, ...]:
    """Return the key that a page begins after.

    Args:
        token: What ``encode_key`` made.
        parts: How many numbers the key has.

    Raises:
        InvalidInput: The token was not made by this service for this list.
    """
    refused = InvalidInput("after: expected the `next` token of an earlier page", field="after")
    try:
        value = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(value, list) or len(value) != parts:
        raise refused
    if any(type(part) is not int or abs(part) >= _BIGGEST for part in value):
        raise refused
    return tuple(value)


def decode_token(token: str | None) -> int:
    """Return the id that a page begins after, 0 for the first page; raises as ``decode_key``."""
    return 0 if token is None else decode_key(token, 1)[0]


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], int]) -> Page[Row]:
    """Return a page from up to ``limit + 1`` rows in key order; the extra row only tells that more follow."""
    items = list(rows[:limit])
    return Page(items=items, next=encode_key(key(items[-1])) if len(rows) > limit else None)
