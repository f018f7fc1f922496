"""Compares the clients' receipts with the database, in SQL, as its owner."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import zstandard

from benchmarks.fleet import IDENTIFIER
from benchmarks.torture.clients import Posted, Receipt
from benchmarks.torture.load import Plan

_STAGE: Final = """
    CREATE TEMPORARY TABLE sent (
        device_id int, fixed_at timestamptz, lon_e7 int, lat_e7 int, sha256 bytea, row_index int,
        acknowledged boolean);
    CREATE TEMPORARY TABLE acknowledged_batch (
        batch_id bigint, received int, stored int, duplicates int, doubted int, rejected int, sha256 bytea)"""
_COUNTS: Final = {
    "lost": """
        SELECT count(*) FROM sent s WHERE acknowledged AND NOT EXISTS (
            SELECT FROM ping p WHERE p.device_id = s.device_id AND p.fixed_at = s.fixed_at
            AND p.lon_e7 = s.lon_e7 AND p.lat_e7 = s.lat_e7)""",
    "doubled": """
        SELECT coalesce(sum(n - 1), 0) FROM (
            SELECT count(*) n FROM ping GROUP BY device_id, fixed_at, lon_e7, lat_e7 HAVING count(*) > 1) d""",
    "strangers": """
        SELECT count(*) FROM ping p WHERE NOT EXISTS (
            SELECT FROM sent s WHERE p.device_id = s.device_id AND p.fixed_at = s.fixed_at
            AND p.lon_e7 = s.lon_e7 AND p.lat_e7 = s.lat_e7)""",
    "not_traceable": """
        SELECT count(*) FROM ping p LEFT JOIN raw_body r USING (batch_id) WHERE NOT EXISTS (
            SELECT FROM sent s WHERE s.sha256 = r.sha256 AND s.row_index = p.row_index AND p.device_id = s.device_id
            AND p.fixed_at = s.fixed_at AND p.lon_e7 = s.lon_e7 AND p.lat_e7 = s.lat_e7)""",
    "wrong_receipts": """
        SELECT count(*) FROM acknowledged_batch t WHERE NOT EXISTS (
            SELECT FROM ping_batch b JOIN raw_body r USING (batch_id)
            WHERE b.batch_id = t.batch_id AND r.sha256 = t.sha256
            AND (b.received, b.stored, b.duplicates, b.doubted, b.rejected)
                = (t.received, t.stored, t.duplicates, t.doubted, t.rejected))""",
    "wrong_sums": """
        SELECT (SELECT coalesce(sum(stored), 0) FROM ping_batch) <> (SELECT count(*) FROM ping)""",
    "wrong_positions": """
        SELECT count(*) FROM (
            SELECT DISTINCT ON (device_id) device_id, fixed_at, lon_e7, lat_e7 FROM ping
            ORDER BY device_id, fixed_at DESC) p
        FULL JOIN current_position c USING (device_id)
        WHERE (p.fixed_at, p.lon_e7, p.lat_e7) IS DISTINCT FROM (c.fixed_at, c.lon_e7, c.lat_e7)""",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the comparison; all but the first two must be 0.

    Attributes:
        acknowledged: Pings that were acknowledged.
        resent: Times that a batch was sent again.
        lost: Pings that were acknowledged and are not in ``ping``.
        doubled: Duplicate rows of ``ping``.
        strangers: Pings that no client sent completely (of a half body).
        not_traceable: Pings whose batch and row do not lead to their received bytes.
        wrong_receipts: Receipts that ``ping_batch`` does not have, with the same numbers and hash, or that do not
            account for every row of what was posted.
        wrong_bodies: Raw bodies that do not unpack to bytes with their hash, or to other bytes than were posted.
        wrong_sums: 1 when the sum of stored pings of all receipts differs from the number of pings.
        wrong_positions: Devices whose current position is not their newest ping.
    """

    acknowledged: int
    resent: int
    lost: int
    doubled: int
    strangers: int
    not_traceable: int
    wrong_receipts: int
    wrong_bodies: int
    wrong_sums: int
    wrong_positions: int

    @staticmethod
    def must_be_zero() -> tuple[str, ...]:
        """Return the names of the numbers that are 0 where every promise was kept."""
        return tuple(f.name for f in fields(Verdict) if f.name not in {"acknowledged", "resent"})

    def broken(self) -> dict[str, int]:
        """Return what is not 0 and must be, by name."""
        return {name: n for name in self.must_be_zero() if (n := getattr(self, name))}


def compare(owner_url: str, plan: Plan, posted: Sequence[Posted], acknowledged: Sequence[Posted]) -> Verdict:
    """Compare a database with the clients' records.

    Args:
        owner_url: The database, or a restored copy.
        posted: Batches that may be there.
        acknowledged: Those of them that must be there.
    """
    with psycopg.connect(owner_url) as connection:
        connection.execute(_STAGE)
        found = connection.execute("SELECT identifier, device_id FROM device").fetchall()
        devices: dict[str, int] = {identifier: device_id for identifier, device_id in found}  # noqa: C416 typed
        known = _copy_sent(connection, plan, posted, {one.name for one in acknowledged}, devices)
        incomplete = _copy_receipts(connection, acknowledged, plan)
        connection.execute("ANALYZE sent")
        numbers = {name: int(_one(connection, query)) for name, query in _COUNTS.items()}
        numbers["wrong_receipts"] += incomplete
        wrong_bodies = _wrong_bodies(connection, known)
    return Verdict(
        acknowledged=sum(one.receipt.received for one in acknowledged if one.receipt),
        resent=sum(one.sends - 1 for one in posted),
        wrong_bodies=wrong_bodies,
        **numbers,
    )


def _one(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else 0


def _copy_sent(
    connection: psycopg.Connection,
    plan: Plan,
    posted: Sequence[Posted],
    acknowledged: set[Any],
    devices: dict[str, int],
) -> dict[bytes, int]:
    """Copy the pings of batches to a temporary table; return the length of each body by its hash."""
    bodies: dict[bytes, int] = {}
    with connection.cursor().copy("COPY sent FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "timestamptz", "int4", "int4", "bytea", "int4", "bool"])
        for name in (one.name for one in posted):
            rows, plain = plan.rows(name), plan.message(name).plain
            sha256 = hashlib.sha256(plain).digest()
            bodies[sha256] = len(plain)
            columns = (rows.device, rows.fixed_ms, rows.lon_e7, rows.lat_e7)
            for i, (device, ms, lon, lat) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
                fixed_at = _EPOCH + timedelta(milliseconds=ms)
                device_id = devices[IDENTIFIER.format(device)]
                copy.write_row((device_id, fixed_at, lon, lat, sha256, i, name in acknowledged))
    return bodies


def _copy_receipts(connection: psycopg.Connection, acknowledged: Sequence[Posted], plan: Plan) -> int:
    """Copy receipts to a temporary table; return how many do not account for every row (all rows are valid)."""
    incomplete = 0
    with connection.cursor().copy("COPY acknowledged_batch FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "int4", "int4", "int4", "int4", "int4", "bytea"])
        for one in acknowledged:
            receipt = one.receipt
            if receipt is None:
                continue
            rows = len(plan.rows(one.name).device)
            incomplete += not (receipt.stored + receipt.duplicates == receipt.received == rows)
            numbers = (getattr(receipt, name) for name in Receipt.__slots__)
            copy.write_row((*numbers, hashlib.sha256(plan.message(one.name).plain).digest()))
    return incomplete


def _wrong_bodies(connection: psycopg.Connection, known: dict[bytes, int]) -> int:
    wrong = 0
    with connection.cursor("bodies") as cursor:
        for sha256, packed in cursor.execute("SELECT sha256, body_zstd FROM raw_body"):
            try:
                plain = zstandard.decompress(packed)
            except zstandard.ZstdError:
                wrong += 1
                continue
            wrong += hashlib.sha256(plain).digest() != sha256 or known.get(sha256) != len(plain)
    return wrong
