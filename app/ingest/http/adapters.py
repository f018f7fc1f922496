"""Entrances for the formats of other systems: decode, store, and answer as each sender expects.

A sender repeats a request until it gets its own sign of success. So a row that can never be stored must not fail the
request. The formats: ``docs/formats.md``; how to connect each system: ``docs/feeds.md``.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.access.domain import Principal
from app.core.errors import NotAuthenticated, NotFound
from app.core.web.parameters import context
from app.identity.dependencies import bearer_key, key_holder
from app.identity.keys.credentials import KEY_REFUSED
from app.ingest.http import signatures
from app.ingest.http.request_body import Body, content_type_of, read_any_body, wire_bytes
from app.ingest.http.schemas import ReceiptOut
from app.ingest.service import Decoder, ingest_of
from app.telemetry.domain import RejectCode
from app.telemetry.formats import flespi, osmand, owntracks, traccar

_FORM: Final = "application/x-www-form-urlencoded"
PREFIX: Final = "/v1/feeds/"


def receipt_response(receipt: ReceiptOut | None) -> Response:
    """Return a receipt as JSON."""
    return Response(msgspec.json.encode(receipt), media_type="application/json")


def _for_osmand(receipt: ReceiptOut | None) -> Response:
    """Answer 200 without a body, and 404 for an unknown device, as Traccar's own server does."""
    if receipt is not None and any(row.code == RejectCode.UNKNOWN_DEVICE for row in receipt.results):
        raise NotFound("id: no such device; register it first", field="id")
    return Response(status_code=200)


def _for_owntracks(receipt: ReceiptOut | None) -> Response:
    """Answer an empty list of commands, whatever the result: the app repeats a request after any other answer."""
    del receipt
    return Response(b"[]", media_type="application/json")


def _never(query: str, content_type: str) -> bool:
    del query, content_type
    return False


@dataclass(frozen=True, slots=True)
class Adapter:
    """A format of another system.

    Attributes:
        answer: The response that its sender expects; the receipt is None for a body without rows.
        data_in_query: Whether the data are in the query and not in the body, by query and content type.
    """

    decode: Decoder
    answer: Callable[[ReceiptOut | None], Response]
    methods: frozenset[str] = frozenset({"POST"})  # HTTP methods
    data_in_query: Callable[[str, str], bool] = _never


FORMATS: Final[Mapping[str, Adapter]] = {
    "traccar": Adapter(traccar.decode, receipt_response),
    "osmand": Adapter(osmand.decode, _for_osmand, frozenset({"POST", "GET"}), osmand.data_in_query),
    "owntracks": Adapter(owntracks.decode, _for_owntracks),
    "flespi": Adapter(flespi.decode, receipt_response),
}
"""Formats by the last word of the entrance's path."""


def split_path(path: str) -> tuple[str, str | None] | None:
    """Return format and key (if any) of a path such as ``/v1/feeds/osmand/lt_…``; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    name, _, key = path[len(PREFIX) :].removesuffix("/").partition("/")  # a trailing slash is accepted
    return (name, key or None) if name in FORMATS and "/" not in key else None


async def receive_from_adapter(request: Request) -> Response:
    """Decode, store and answer a request in another system's format, after the commit."""
    found = split_path(request.scope["path"])
    if found is None:
        raise NotFound("There is no such format.")
    name, path_key = found
    wanted = FORMATS[name]
    request.state.principal = principal = await _sender(request, path_key)
    ingest = ingest_of(request)
    rules = await ingest.admit(principal)
    raw_query: bytes = request.scope["query_string"]
    query = raw_query.decode("latin-1")
    in_query = wanted.data_in_query(query, content_type_of(request))
    if rules.hmac_secret is not None:
        content = raw_query if in_query else await wire_bytes(request)
        signatures.check(rules.hmac_secret, request.headers, content, context(request).clock.now())
    body = await read_any_body(request, context(request).settings.limits.max_body_bytes)
    raw = Body(raw_query, _FORM) if in_query else body
    receipt = await ingest.receive(principal, body, decode=wanted.decode, query=query, raw=raw)
    return wanted.answer(receipt)


async def _sender(request: Request, path_key: str | None) -> Principal:
    """Return the principal of the key. A key in the path appears in proxy logs, so it must be a post-only key."""
    if path_key is None:
        return await key_holder(request, bearer_key(request) or _basic_password(request))
    principal = await key_holder(request, path_key)
    if not principal.post_only:
        raise NotAuthenticated(KEY_REFUSED)
    return principal


def _basic_password(request: Request) -> str | None:
    """Return the password of HTTP Basic (RFC 7617); it is the key, the user name is ignored."""
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(packed, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
