"""Acknowledged batches: receipts, raw bodies, and the hash chain over them.

Each link is SHA-256 over the link before, the batch's facts and its body's digest, in the order of commits: ``link =
sha256(link before | batch_id int64 | lessor_id int32 | received_at, microseconds since 1970, int64 | sha256(body))``,
integers big-endian; the first link follows 32 zero bytes. A body that is changed, removed or moved breaks every later
link. A cut tail shows only against a head that is kept elsewhere.
"""

import hashlib
import struct
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import zstandard
from psycopg import AsyncConnection, AsyncCursor

FIRST_LINK: Final = bytes(32)
_FACTS: Final = struct.Struct(">qiq")
_RAW_LEVEL: Final = 1  # zstd's fastest: a body of pings shrinks to a tenth already, and this is on the hot path
_mine = threading.local()  # one compressor per thread; creating one costs more than compressing a ping
_ADD_FEED_HOUR: Final = """
    INSERT INTO feed_hour AS f (lessor_id, feed_id, hour, batches, received, stored, duplicates, doubted, rejected,
    doubts,
                                lag_s, lag_max_s, last_at)
    VALUES (%s, %s, date_trunc('hour', %s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (lessor_id, feed_id, hour) DO UPDATE SET
        batches = f.batches + excluded.batches, received = f.received + excluded.received,
        stored = f.stored + excluded.stored, duplicates = f.duplicates + excluded.duplicates,
        doubted = f.doubted + excluded.doubted, rejected = f.rejected + excluded.rejected,
        doubts = ARRAY(SELECT a + b FROM unnest(f.doubts, excluded.doubts) AS both_doubts(a, b)),
        lag_s = f.lag_s + excluded.lag_s, lag_max_s = greatest(f.lag_max_s, excluded.lag_max_s),
        last_at = greatest(f.last_at, excluded.last_at)"""
# Not COPY: PostgreSQL refuses it into a table with row-level security.
_ADD_BATCHES: Final = """
    INSERT INTO ping_batch SELECT * FROM unnest(
        %b::int8[], %b::int4[], %b::int4[], %b::int4[], %b::int4[], %b::text[], %b::timestamptz[], %b::int4[],
        %b::int4[], %b::int4[], %b::int4[], %b::int4[], %b::int8[], %b::bytea[], %b::bytea[])"""
_ADD_BODIES: Final = """
    INSERT INTO raw_body SELECT * FROM unnest(%b::int8[], %b::text[], %b::bytea[], %b::bytea[])"""


def link_of(before: bytes, batch_id: int, lessor_id: int, received_at: datetime, body_sha256: bytes) -> bytes:
    """Return the chain's link of a batch, 32 bytes."""
    facts = _FACTS.pack(batch_id, lessor_id, round(received_at.timestamp() * 1_000_000))
    return hashlib.sha256(before + facts + body_sha256).digest()


class Acknowledged(NamedTuple):
    """A batch as it is stored; members in the order of the columns of ``ping_batch``."""

    batch_id: int
    lessor_id: int
    feed_id: int | None
    api_key_id: int | None
    layer_id: int
    transform_version: str
    received_at: datetime
    received: int
    stored: int
    duplicates: int
    doubted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class RawBody:
    """The raw bytes of a batch, zstd.

    ``sha256`` is of the unpacked bytes. ``results_packed`` has the receipt's rows (JSON, zstd), None where it lists
    none.
    """

    content_type: str
    sha256: bytes  # of the unpacked bytes
    packed: bytes  # the bytes, zstd
    results_packed: bytes | None  # the rows of the receipt, JSON, zstd; None where it lists none


def pack(body: bytes) -> tuple[bytes, bytes]:
    """Return a body's SHA-256 and the body compressed with zstd."""
    return hashlib.sha256(body).digest(), compress(body)


def compress(data: bytes) -> bytes:
    """Return bytes compressed with zstd."""
    compressor = getattr(_mine, "compressor", None)
    if compressor is None:
        compressor = _mine.compressor = zstandard.ZstdCompressor(level=_RAW_LEVEL)
    packed: bytes = compressor.compress(data)
    return packed


class FeedCounts(NamedTuple):
    """The counts of a group for one feed; members in the order of ``feed_hour``'s statement."""

    lessor_id: int
    feed_id: int  # 0 for the lessor's keys without a feed
    received_at: datetime  # arrival of the newest batch, UTC
    batches: int
    received: int
    stored: int
    duplicates: int
    doubted: int
    rejected: int
    doubts: list[int]  # count of each ``Doubt``, in the order of the bits
    lag_s: float  # seconds from fix to arrival, summed over the stored rows whose clock is not doubted
    lag_max_s: float  # the largest of them


async def append(
    connection: AsyncConnection, batches: Sequence[tuple[Acknowledged, RawBody]], feeds: Sequence[FeedCounts]
) -> None:
    """Write receipts, raw bodies and feed counts of a group, and extend the chain: last in its transaction.

    The lock on the chain's head is held until the commit. So chain numbers are in the order of commits, without a
    gap, and the worker that reads them in order misses nothing.
    """
    async with connection.cursor() as cursor:
        chain_no, head = await _locked_head(cursor)
        receipts = []
        for batch, raw in batches:
            chain_no += 1
            head = link_of(head, batch.batch_id, batch.lessor_id, batch.received_at, raw.sha256)
            receipts.append((*batch, chain_no, head, raw.results_packed))
        bodies = [(batch.batch_id, raw.content_type, raw.sha256, raw.packed) for batch, raw in batches]
        await cursor.execute(_ADD_BATCHES, [list(column) for column in zip(*receipts, strict=True)])
        await cursor.execute(_ADD_BODIES, [list(column) for column in zip(*bodies, strict=True)])
        for feed in sorted(feeds, key=lambda one: (one.lessor_id, one.feed_id)):
            lessor_id, feed_id, received_at, *counts = feed
            await cursor.execute(_ADD_FEED_HOUR, (lessor_id, feed_id, received_at, *counts, received_at))
        await cursor.execute("UPDATE batch_chain SET chain_no = %s, head = %s", (chain_no, head))


async def _locked_head(cursor: AsyncCursor) -> tuple[int, bytes]:
    for _ in range(2):
        await cursor.execute("SELECT chain_no, head FROM batch_chain FOR UPDATE")
        row = await cursor.fetchone()
        if row is not None:
            return row[0], bytes(row[1])
        await cursor.execute("INSERT INTO batch_chain VALUES (true, 0, %s) ON CONFLICT DO NOTHING", (FIRST_LINK,))
    raise LookupError("batch_chain has no row")


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first broken place of the chain; ``batch_id`` is None where the batch is missing."""

    chain_no: int
    batch_id: int | None
    reason: str


async def head_of(connection: AsyncConnection) -> tuple[int, bytes]:
    """Return number and link of the newest batch of the chain; 0 and the first link where there is none."""
    row = await (await connection.execute("SELECT chain_no, head FROM batch_chain")).fetchone()
    return (row[0], bytes(row[1])) if row else (0, FIRST_LINK)


async def verify(connection: AsyncConnection) -> AsyncIterator[tuple[int, bytes] | ChainFault]:
    """Verify the chain from its beginning; yields valid numbers with links, or the first fault.

    It unpacks every body. A body that retention has deleted is no fault: its digest stays in the chain.
    """
    before, expected = FIRST_LINK, 0
    async with connection.cursor(name="chain") as cursor:
        await cursor.execute(
            "SELECT b.chain_no, b.chain_sha256, b.batch_id, b.lessor_id, b.received_at, r.sha256, r.body_zstd"
            " FROM ping_batch b LEFT JOIN raw_body r USING (batch_id) ORDER BY b.chain_no"
        )
        async for chain_no, link, *facts in cursor:
            expected += 1
            reason = _fault(before, expected, chain_no, link, *facts)
            if reason is not None:
                yield ChainFault(expected, facts[0] if chain_no == expected else None, reason)
                return
            before = bytes(link)
            yield chain_no, before


def _fault(
    before: bytes,
    expected: int,
    chain_no: int,
    link: bytes,
    batch_id: int,
    lessor_id: int,
    received_at: datetime,
    sha256: bytes | None,
    packed: bytes | None,
) -> str | None:
    if chain_no != expected:
        return "it is missing"
    if sha256 is None:
        return "the record of its raw body is missing"
    if packed is not None and not _is_body(packed, sha256):
        return "its raw body is not the one that came in"
    if link_of(before, batch_id, lessor_id, received_at, bytes(sha256)) != link:
        return "its link does not follow from the one before"
    return None


def _is_body(packed: bytes, sha256: bytes) -> bool:
    try:
        return hashlib.sha256(zstandard.decompress(packed)).digest() == sha256
    except zstandard.ZstdError:
        return False
