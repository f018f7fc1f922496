"""Keyset pages: a page begins after the last key of the previous page; the token encodes that key."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from app.core.errors import InvalidInput
from app.core.web.schema_types import MAX_ID, ResponseModel

MAX_LIMIT = 1000
BIG_KEY = 2**53 - 1
"""Greatest key of a list with bigint keys, such as the audit trail: JSON carries it exactly."""
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on a page.")]
After = Annotated[
    str | None,
    Query(max_length=400, description="The `next` token of the page before; leave out for the first page."),
]

Row = TypeVar("Row")


class Page(ResponseModel, Generic[Row]):
    """One page of a list."""

    items: list[Row]
    next: str | None
    """Token for the next page; null on the last one."""


def encode_key(*parts: int) -> str:
    """Return the opaque token of a page that begins after a key."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_key(token: str, biggest: Sequence[int]) -> tuple[int, ...]:
    """Return the key that a page begins after; ``biggest`` limits the absolute value of each of its parts.

    Raises ``InvalidInput`` if the token was not made by this service for this list.
    """
    refused = _refused()
    try:
        value = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(value, list) or len(value) != len(biggest):
        raise refused
    if any(type(part) is not int or abs(part) > most for part, most in zip(value, biggest, strict=True)):
        raise refused
    return tuple(value)


def decode_token(token: str | None, biggest: int = MAX_ID) -> int:
    """Return the id that a page begins after, 0 for the first page; ``biggest`` as in ``decode_key``."""
    key = 0 if token is None else decode_key(token, (biggest,))[0]
    if key < 0:
        raise _refused()
    return key


def _refused() -> InvalidInput:
    return InvalidInput("after: expected the `next` token of an earlier page", field="after")


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], int]) -> Page[Row]:
    """Return a page from up to ``limit + 1`` rows in key order; the extra row shows that another page follows."""
    items = list(rows[:limit])
    return Page(items=items, next=encode_key(key(items[-1])) if len(rows) > limit else None)
