"""Shared by the decoders: from a body to its messages, from messages to rows, and the members that have no column.

A bad message rejects only its own row; only a fault of the whole body is an error.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import Rejection
from app.telemetry.formats.field_parsers import InvalidRow, malformed
from app.telemetry.formats.ping_row import Decoded, PingRow

_Message = TypeVar("_Message")
_SECRET: Final = re.compile(
    r"^(key|pass|pin|auth)$|passw|passphrase|passcode|pwd|token|secret|credential|authorization|api[_.-]?key",
    re.IGNORECASE,
)
_DEEPEST: Final = 8

_value: Final = msgspec.json.Decoder(msgspec.Raw)
_array: Final = msgspec.json.Decoder(list[msgspec.Raw])


def text_of(body: bytes) -> str:
    """Decode a body as UTF-8; raises ``MalformedRequest`` if it is not."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not valid UTF-8: {error.reason} at byte {error.start}.") from error


def json_rows(body: bytes, *, batch: bool) -> list[msgspec.Raw]:
    """Split a JSON body into its rows, undecoded: one object, or an array where ``batch`` is true.

    Raises ``MalformedRequest`` if it is not JSON in UTF-8, and ``InvalidInput`` for other JSON or an empty array.
    """
    expected = "a JSON object, or an array of them" if batch else "one JSON object"
    text_of(body)
    start = body.lstrip(b" \t\r\n")[:1]
    try:
        rows = _array.decode(body) if start == b"[" else [_value.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}") from error
    if start != b"{" and not (batch and start == b"["):
        raise InvalidInput(f"The body must be {expected}.", field="body")
    if not rows:
        raise InvalidInput("The batch is empty: expected at least one message.", field="body")
    return rows


def read_rows(messages: Sequence[_Message], max_rows: int, read: Callable[[_Message], PingRow]) -> Decoded:
    """Read each message of a body by itself; raises ``TooLarge`` if there are more than ``max_rows``."""
    if len(messages) > max_rows:
        raise TooLarge(f"The batch has {len(messages):,} rows; at most {max_rows:,} are taken at once.", field="body")
    rows: list[PingRow] = []
    index: list[int] = []
    rejections: list[Rejection] = []
    for i, message in enumerate(messages):
        try:
            rows.append(read(message))
            index.append(i)
        except InvalidRow as reason:
            rejections.append(Rejection(i, reason.code, reason.field, reason.message))
    return Decoded(rows, index, tuple(rejections), len(messages))


def members(raw: msgspec.Raw) -> dict[str, Any]:
    """Decode a row to its members. ``InvalidRow``: no object, nested too deep, or a number out of range."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise malformed(None, f"a readable object: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(None, f"valid JSON: {error}") from error


def unmapped_members(message: Mapping[str, Any], used: Collection[str] = ()) -> dict[str, Any]:
    """Return the members that are not in ``used``, for ``within_size``.

    Left out: nulls, levels deeper than eight, and members with a name like a password, token or key. U+0000 becomes
    U+FFFD, because ``jsonb`` cannot hold it.
    """
    return {
        _storable(key): _kept(value, _DEEPEST)
        for key, value in message.items()
        if key not in used and value is not None and not _SECRET.search(key)
    }


def _storable(text: str) -> str:
    return text.replace("\0", "�")


def _kept(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict | list) and levels == 0:
        return None
    if isinstance(value, list):
        return [_kept(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {
            _storable(key): _kept(item, levels - 1)
            for key, item in value.items()
            if item is not None and not _SECRET.search(key)
        }
    return value
