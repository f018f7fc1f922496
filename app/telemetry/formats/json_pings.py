"""The decoder of our own format: a JSON array or NDJSON of pings (``docs/formats.md``).

A body of valid rows takes one typed pass. Only when that fails is each row decoded by itself, so that a bad row
rejects only itself.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import RejectCode, Rejection
from app.telemetry.formats.ping_row import Decoded, PingRow, within_size

_rows = msgspec.json.Decoder(list[PingRow])
_row = msgspec.json.Decoder(PingRow)
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder(dict[str, Any])
_KNOWN: Final = frozenset(field.name for field in msgspec.structs.fields(PingRow))
_UNREADABLE: Final = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FIELD: Final = re.compile(r"at `\$\.(\w+)")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")


def decode(body: bytes, *, ndjson: bool, max_rows: int) -> Decoded:
    """Decode a batch, unpacked UTF-8; ``ndjson``: one object a line instead of one array.

    Raises ``MalformedRequest`` (not JSON, not UTF-8), ``InvalidInput`` (no array, no row), ``TooLarge`` (over
    ``max_rows``).
    """
    try:
        rows = _row.decode_lines(body) if ndjson else _rows.decode(body)
    except _UNREADABLE:
        decoded = _one_by_one(_lines(body) if ndjson else _elements(body), max_rows)
    else:
        decoded = Decoded(rows, list(range(len(rows))), (), len(rows))
    _check_count(decoded.received, max_rows)
    return decoded


def _check_count(received: int, max_rows: int) -> None:
    if received == 0:
        raise InvalidInput("The batch is empty: expected at least one ping.", field="body")
    if received > max_rows:
        raise TooLarge(f"The batch has {received:,} rows; at most {max_rows:,} are taken at once.", field="body")


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


def _elements(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _raw_rows.decode(body)]
    except msgspec.ValidationError as error:
        raise InvalidInput("The body must be a JSON array of pings (or NDJSON).", field="body") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}") from error


def _one_by_one(texts: Sequence[bytes], max_rows: int) -> Decoded:
    _check_count(len(texts), max_rows)
    rows: list[PingRow] = []
    index: list[int] = []
    rejections: list[Rejection] = []
    for i, text in enumerate(texts):
        try:
            rows.append(_decode_row(text))
            index.append(i)
        except _UNREADABLE as error:
            rejections.append(_rejection(i, str(error)))
    return Decoded(rows, index, tuple(rejections), len(texts))


def _decode_row(text: bytes) -> PingRow:
    """Decode one row; unknown members go to ``extra``."""
    try:
        return _row.decode(text)
    except msgspec.ValidationError:
        members = _any.decode(text)
        unknown = {name: members.pop(name) for name in list(members) if name not in _KNOWN}
        if not unknown:
            raise
    row = _row.decode(msgspec.json.encode(members))
    row.extra = within_size((row.extra or {}) | unknown)
    return row


def _rejection(index: int, text: str) -> Rejection:
    missing = _MISSING.search(text)
    if missing:
        field = missing.group(1)
        return Rejection(index, RejectCode.MISSING_FIELD, field, f"{field}: required, but missing")
    at = _FIELD.search(text)
    field_at = at.group(1) if at else None
    reason = text.split(" - at `", 1)[0]
    if field_at in {"fixed_at", "sent_at"}:
        reason += "; expected a time with offset such as 2026-03-01T08:00:00+08:00"
    return Rejection(index, RejectCode.MALFORMED, field_at, f"{field_at or 'row'}: {reason}")
