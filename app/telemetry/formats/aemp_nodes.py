"""A page of AEMP 2.0 as one tree for JSON and XML; members are found by name in any case.

XML and JSON of the standard have the same content in different shapes, and makers differ further: camel or Pascal
case, ``datetime`` as attribute, element or ``dateTime``, one link or many. Here attributes and elements both become
members, namespaces are dropped, and values stay text until a reader converts them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from app.core.errors import MalformedRequest, UnsupportedMedia

_DEEPEST: Final = 8  # Fleet, Equipment, Location, Address and their leaves need 5
_UNTOLD: Final = frozenset({"", "text/plain", "application/octet-stream"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def parse(body: bytes, content_type: str) -> Any:
    """Return the tree of a page.

    Args:
        content_type: Lower case, without parameters; where it is unspecific, the first character decides.

    Raises:
        UnsupportedMedia: Neither JSON nor XML, for example an HTML login page.
        MalformedRequest: Not what it claims to be, or XML with a document type or entities.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = content_type.rpartition("/")[2].rpartition("+")[2]
    if content_type in _UNTOLD:
        kind = "xml" if body.startswith(b"<") else "json"
    if kind == "json":
        return _json(body)
    if kind == "xml":
        return _xml(body)
    raise UnsupportedMedia(f"expected JSON or XML, not {content_type[:60]!r}", field="Content-Type")


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest("the page is not valid JSON") from error


def _xml(body: bytes) -> Any:
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise MalformedRequest("the page is XML with a document type or entities, which is not read") from error
    except (ParseError, ValueError, LookupError) as error:  # the last two: an encoding that is not known
        raise MalformedRequest("the page is not valid XML") from error
    return {_local(root.tag): _node(root, 0)}


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _node(element: Any, depth: int) -> Any:
    """Return an empty element as its text, any other as its attributes and elements."""
    members: dict[str, Any] = {_local(name): value for name, value in element.attrib.items()}
    if members.pop("nil", "false") in {"true", "1"}:
        return None
    if depth >= _DEEPEST or not (members or len(element)):
        return (element.text or "").strip() or None
    for child in element:
        name, value = _local(child.tag), _node(child, depth + 1)
        if name not in members:
            members[name] = value
        elif isinstance(members[name], list):
            members[name].append(value)
        else:
            members[name] = [members[name], value]
    return members


def member(node: object, name: str) -> Any:
    """Return a member by its name in lower case, None where there is none."""
    if not isinstance(node, Mapping):
        return None
    return next((value for key, value in node.items() if str(key).lower() == name), None)


def members(node: object, name: str) -> list[Any]:
    """Return a member that may occur once, often, or never, as a list."""
    found = member(node, name)
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def links(fleet: object) -> Iterator[tuple[str, str]]:
    """Yield relation (lower case) and address of each link of a fleet."""
    for entry in members(fleet, "links"):
        for link in members(entry, "link") or [entry]:
            rel, href = member(link, "rel"), member(link, "href")
            if isinstance(rel, str) and isinstance(href, str) and href.strip():
                yield rel.strip().lower(), href.strip()


def as_text(value: object, longest: int = 100) -> str | None:
    """Return printable text of at most ``longest`` characters; None where there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return "".join(c for c in value if c.isprintable()).strip()[:longest] or None


def as_number(value: object) -> float | None:
    """Return a finite number, None where absent; raises ``ValueError`` for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        msg = f"{shown(value)} is not a number"
        raise ValueError(msg)
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def as_time(value: object) -> datetime | None:
    """Return a moment, UTC, None where absent; raises ``ValueError`` for anything that is no date with a time.

    A time without an offset is UTC: the standard (clause 9) allows no other, and some makers omit the ``Z``.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        msg = f"{shown(value)} is not a time such as 2026-03-01T08:00:00Z"
        raise ValueError(msg)
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{shown(value)} is no moment of the calendar"
        raise ValueError(msg) from None


def as_bool(value: object) -> bool | None:
    """Return a boolean, None where absent or unclear."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(str(value).strip().lower())


def shown(value: object) -> str:
    """Return a value for an error message: short ones as they are, others by their kind."""
    if isinstance(value, str | int | float | bool):
        return repr(value if not isinstance(value, str) else as_text(value, 40) or "")[:60]
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, Mapping) else "nothing"
