"""PostgreSQL's binary COPY, laid out by NumPy: a row whose fields all have a fixed width needs no Python per row.

Format: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format": a header, for each row the number of fields
(int16) and for each field its length (int32) and its bytes, big-endian; then a trailer.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC, from which PostgreSQL counts, in microseconds since 1970."""


class FixedRow:
    """The layout of a table whose columns all have a fixed width and are never null.

    Args:
        columns: Name to big-endian NumPy type, in the table's order: ``>i8``, ``>i4``, ``>i2``, ``>f4``.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = dict(columns)
        fields: list[tuple[str, str]] = [("n", ">i2")]
        for name, kind in columns.items():
            fields += [(f"{name}_length", ">i4"), (name, kind)]
        self.dtype = np.dtype(fields)

    def rows(self, n: int, values: Mapping[str, NDArray[Any] | int]) -> NDArray[np.void]:
        """Return ``n`` rows as they go over the wire.

        Args:
            n: Number of rows.
            values: For every column an array of shape ``(n,)``, or one number for all rows.
        """
        out = np.empty(n, dtype=self.dtype)
        out["n"] = len(self.columns)
        for name in self.columns:
            out[f"{name}_length"] = self.dtype[name].itemsize
            out[name] = values[name]
        return out


def pg_micros(unix_us: NDArray[np.int64], absent: int) -> NDArray[np.int64]:
    """Return timestamps as PostgreSQL counts them; ``absent`` becomes ``-infinity``."""
    return np.where(unix_us == absent, np.iinfo(np.int64).min, unix_us - PG_EPOCH_US)
