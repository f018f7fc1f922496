"""Disk space of stored pings."""

from dataclasses import dataclass

import psycopg

_SIZES = """
    SELECT count(*), (SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('ping')),
           (SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('ping') WHERE isleaf),
           coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('raw_body')),
                    pg_total_relation_size('raw_body'), 0)
    FROM ping"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Size of the ping store.

    Attributes:
        pings: Number of pings.
        heap_bytes: Of their tables.
        index_bytes: Of the indexes of these.
        raw_bytes: Of the raw bodies, with their index.
    """

    pings: int
    heap_bytes: int
    index_bytes: int
    raw_bytes: int

    def numbers(self) -> dict[str, float]:
        """Return bytes per ping, with one decimal; ``bytes_per_ping`` is heap and index, without raw bodies."""
        both = self.heap_bytes + self.index_bytes
        sums = {"": both, "raw_": self.raw_bytes, "heap_": self.heap_bytes, "index_": self.index_bytes}
        return {f"{name}bytes_per_ping": round(size / max(self.pings, 1), 1) for name, size in sums.items()}


def sizes(owner_url: str) -> Sizes:
    """Return the sizes of the ping store."""
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(_SIZES).fetchone()
    return Sizes(*(int(number) for number in row or (0, 0, 0, 0)))
