"""The hash chain of the audit trail: its format, and verification.

``link = sha256(previous link | bytes of the entry)``; the first follows 32 zero bytes. The bytes of an entry are its
fields, in the order of ``Link.fields``: for each its length in bytes (int32), then its content; an absent field is
the length -1 alone. Numbers are int64, times int64 microseconds since 1970 in UTC, integers big-endian, text UTF-8.
The first field is ``FORMAT``. The database computes the same in ``trail_append``; verification computes it from the
columns.
"""

import hashlib
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

FIRST_LINK: Final = bytes(32)
FORMAT: Final = "leasetrace/trail/1"
_ROWS_AT_ONCE: Final = 2_000
_UNREADABLE: Final = (psycopg.DataError, ValueError, TypeError, OverflowError, struct.error)
"""Errors from rows that ``trail_append`` would not have written."""


def _microseconds(column: str) -> sql.Composed:
    # Not a datetime: Python has none before year 1 and after 9999. Infinity, which is never linked, is distinguished.
    return sql.SQL(
        "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::bigint"
        " WHEN {0} IS NOT NULL THEN {1} END AS {0}"
    ).format(sql.Identifier(column), sql.Literal(-(2**63)))


_WALK: Final = sql.SQL("""
    SELECT trail_no, {at}, {written_at}, principal_id, role, subject_id, api_key_id,
           session_id, case_id, action, asset_count, assets_sha256, {window_from},
           {window_until}, results, request_id, detail, link
    FROM trail ORDER BY trail_no""").format(
    **{name: _microseconds(name) for name in ("at", "written_at", "window_from", "window_until")}
)
_SETS: Final = "SELECT assets_sha256, asset_ids FROM trail_assets"
_FIRST_ABOUT: Final = "SELECT min(trail_no) FROM trail WHERE assets_sha256 = ANY (%s)"
_FIRST_WITHOUT_SET: Final = """
    SELECT min(t.trail_no) FROM trail t LEFT JOIN trail_assets a USING (assets_sha256)
    WHERE t.assets_sha256 IS NOT NULL AND a.asset_ids IS NULL"""
_FIRST_MISCOUNTED: Final = """
    SELECT min(t.trail_no) FROM trail t LEFT JOIN trail_assets a USING (assets_sha256)
    WHERE t.asset_count <> coalesce(cardinality(a.asset_ids), 0)"""


@dataclass(frozen=True, slots=True)
class Link:
    """One stored entry, named like the columns; times in microseconds since 1970, UTC."""

    trail_no: int
    at: int
    written_at: int
    principal_id: int
    role: str
    subject_id: int | None
    api_key_id: int | None
    session_id: int | None
    case_id: int | None
    action: str
    asset_count: int
    assets_sha256: bytes | None
    window_from: int | None
    window_until: int | None
    results: int | None
    request_id: str | None
    detail: str | None
    link: bytes

    def fields(self) -> tuple[str | int | bytes | None, ...]:
        """Return the hashed fields in order."""
        return (
            FORMAT,
            self.trail_no,
            self.at,
            self.written_at,
            self.principal_id,
            self.role,
            self.subject_id,
            self.api_key_id,
            self.session_id,
            self.case_id,
            self.action,
            self.asset_count,
            self.assets_sha256,
            self.window_from,
            self.window_until,
            self.results,
            self.request_id,
            self.detail,
        )

    def follows(self, before: bytes) -> bool:
        """Return whether the stored link is the hash of this entry after ``before``."""
        return self.link == hashlib.sha256(before + b"".join(map(_field, self.fields()))).digest()


def _field(value: str | int | bytes | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    if isinstance(value, str):
        content = value.encode()
    elif isinstance(value, int):
        content = struct.pack(">q", value)
    else:
        content = value
    return struct.pack(">i", len(content)) + content


def digest_of(asset_ids: Sequence[int]) -> bytes:
    """Return the SHA-256 that identifies a set of assets: of the ids as int32, sorted, without duplicates."""
    ids = sorted(set(asset_ids))
    return hashlib.sha256(struct.pack(f">{len(ids)}i", *ids)).digest()


class Head(NamedTuple):
    """The head of a trail: number and link of its newest entry."""

    trail_no: int
    link: bytes

    def __str__(self) -> str:
        """Return the form for anchors: ``NUMBER:SHA256``."""
        return f"{self.trail_no}:{self.link.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``NUMBER:SHA256``. Raises ``ValueError`` for anything else."""
        number, colon, link = text.strip().partition(":")
        if not (colon and number.isascii() and number.isdigit() and len(link) == 2 * len(FIRST_LINK)):
            msg = f"{text!r} is no anchor: expected NUMBER:SHA256"
            raise ValueError(msg)
        return cls(int(number), bytes.fromhex(link))


@dataclass(frozen=True, slots=True)
class TrailFault:
    """The first entry (``trail_no``) at which verification fails, with the reason as a sentence."""

    trail_no: int
    reason: str


async def head_of(connection: AsyncConnection) -> Head:
    """Return the head as the database stores it."""
    row = await (await connection.execute("SELECT trail_no, link FROM trail_head")).fetchone()
    return Head(row[0], bytes(row[1])) if row else Head(0, FIRST_LINK)


async def walk(connection: AsyncConnection, anchors: Mapping[int, bytes]) -> AsyncIterator[Head | TrailFault]:
    """Verify the trail from its beginning; yields a head at intervals and at the end, or the first fault and stops.

    Memory does not grow with the trail. The transaction needs one snapshot (REPEATABLE READ): entries are added
    meanwhile. ``anchors`` are links by number from outside the database.
    """
    reached = Head(0, FIRST_LINK)
    try:
        async with connection.cursor(name="trail", row_factory=class_row(Link)) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            await cursor.execute(_WALK)
            async for entry in cursor:
                fault = _fault(reached, entry, anchors)
                if fault is not None:
                    yield fault
                    return
                reached = Head(entry.trail_no, entry.link)
                if entry.trail_no % _ROWS_AT_ONCE == 0:
                    yield reached
    except _UNREADABLE:
        yield TrailFault(reached.trail_no + 1, "it cannot be read: it is not as entries are written")
        return
    yield await _tail_fault(connection, reached, anchors) or reached


def _fault(reached: Head, entry: Link, anchors: Mapping[int, bytes]) -> TrailFault | None:
    expected = reached.trail_no + 1
    if entry.trail_no < expected:
        return TrailFault(entry.trail_no, "it is there twice: one was put in afterwards")
    if entry.trail_no > expected:
        return TrailFault(expected, "it is missing")
    if not entry.follows(reached.link):
        return TrailFault(expected, "it does not follow from the one before: it was changed, moved or put in")
    if anchors.get(expected, entry.link) != entry.link:
        return TrailFault(expected, "it is not the one that the anchor names: what leads up to it was written anew")
    return None


async def _tail_fault(connection: AsyncConnection, reached: Head, anchors: Mapping[int, bytes]) -> TrailFault | None:
    head = await head_of(connection)
    if head.trail_no > reached.trail_no:
        return TrailFault(reached.trail_no + 1, f"it is missing, with all up to the head, number {head.trail_no}")
    if head != reached:
        return TrailFault(reached.trail_no, "the head does not name it: it was put in or the head was changed")
    last = max(anchors, default=0)
    if last > reached.trail_no:
        return TrailFault(
            reached.trail_no + 1, f"it is missing, with all up to the anchor, number {last}: it was cut"
        )
    return await _set_fault(connection)


def _is_of(digest: bytes, asset_ids: Sequence[int]) -> bool:
    try:
        return digest_of(asset_ids) == digest
    except _UNREADABLE:
        return False  # no list of numbers


async def _set_fault(connection: AsyncConnection) -> TrailFault | None:
    """Check the sets of assets: each must match its digest, and none may be missing."""
    faults: list[TrailFault] = []
    changed: list[bytes] = []
    async with connection.cursor(name="sets") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        await cursor.execute(_SETS)
        async for digest, asset_ids in cursor:
            if not _is_of(digest, asset_ids):
                changed.append(digest)
    for query, arguments, reason in (
        (_FIRST_ABOUT, (changed,), "the list of its assets was changed"),
        (_FIRST_WITHOUT_SET, (), "the list of its assets is missing"),
        (_FIRST_MISCOUNTED, (), "its assets are not as many as it says"),
    ):
        row = await (await connection.execute(query, arguments)).fetchone()
        if row and row[0]:
            faults.append(TrailFault(row[0], reason))
    return min(faults, key=lambda fault: fault.trail_no, default=None)
