"""Reads request bodies: size limits, decompression, content type."""

import zlib
from dataclasses import dataclass
from typing import Final

import zstandard
from starlette.requests import ClientDisconnect, Request

from app.core.errors import MalformedRequest, TooLarge, UnsupportedMedia

_JSON: Final = "application/json"
_NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header, largest window"


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body: unpacked bytes within the limit; content type in lower case, without parameters."""

    data: bytes  # the bytes, unpacked, within the limit
    content_type: str  # lower case, without parameters

    @property
    def is_ndjson(self) -> bool:
        """One JSON object a line, instead of one array."""
        return self.content_type in _NDJSON


async def read_body(request: Request, max_bytes: int) -> Body:
    """Read and unpack a batch of pings in our own format.

    Raises:
        UnsupportedMedia: Not JSON or NDJSON, or an encoding other than gzip, zstd or none.
        TooLarge: More than ``max_bytes`` unpacked.
        MalformedRequest: The packed bytes are broken or truncated, or the client disconnected.
    """
    content_type = content_type_of(request)
    if content_type != _JSON and content_type not in _NDJSON:
        raise UnsupportedMedia(
            "Content-Type: expected application/json (an array) or application/x-ndjson (one ping a line)",
            field="Content-Type",
        )
    return await read_any_body(request, max_bytes)


def content_type_of(request: Request) -> str:
    """Return the content type, lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def wire_bytes(request: Request) -> bytes:
    """Return the body as sent, packed if it is; the request caches it. Raises ``MalformedRequest`` on disconnect."""
    try:
        return await request.body()  # app.api.request_log holds the limit while it is read
    except ClientDisconnect as error:
        raise MalformedRequest("The body ended before it was complete.") from error


async def read_any_body(request: Request, max_bytes: int) -> Body:
    """Read and unpack a body of any content type; errors as in ``read_body``."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "zstd"}:
        raise UnsupportedMedia("Content-Encoding: expected gzip, zstd or none", field="Content-Encoding")
    packed = await wire_bytes(request)
    data = packed if encoding in {"identity", ""} else unpack(packed, encoding, max_bytes)
    return Body(data, content_type_of(request))


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        f"The body is over {max_bytes // 1024 // 1024} MiB (unpacked); send smaller batches.", field="body"
    )


def unpack(packed: bytes, encoding: str, max_bytes: int) -> bytes:
    """Unpack gzip or zstd bytes, without holding much more than the limit in memory.

    Raises ``TooLarge`` over ``max_bytes`` unpacked, and ``MalformedRequest`` for broken or truncated data.
    """
    broken = MalformedRequest(f"The body is not complete {encoding} data.", field="body")
    try:
        data, complete = (_gunzip if encoding == "gzip" else _unzstd)(packed, max_bytes)
    except (zlib.error, zstandard.ZstdError) as error:
        raise broken from error
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    if not complete:
        raise broken
    return data


def _gunzip(packed: bytes, max_bytes: int) -> tuple[bytes, bool]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    data = unpacker.decompress(packed, max_bytes + 1)
    return data, unpacker.eof and not unpacker.unused_data


def _unzstd(packed: bytes, max_bytes: int) -> tuple[bytes, bool]:
    window = 2 * max_bytes
    with zstandard.ZstdDecompressor(max_window_size=window).stream_reader(packed) as reader:
        data = reader.read(max_bytes + 1)
    if len(data) > max_bytes:
        return data, False
    unpacker = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
    unpacker.decompress(packed)  # the size was checked above; only this object knows whether the frame ended
    return data, unpacker.eof and not unpacker.unused_data
