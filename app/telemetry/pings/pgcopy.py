"""PostgreSQL's binary COPY from NumPy arrays: columns of a fixed width need no Python code per row.

Format: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format": a header; for each row the number of fields
(int16) and for each field its length (int32, -1 for null) and its bytes, big-endian; a trailer.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC, from which PostgreSQL counts, in microseconds since 1970."""


class FixedRow:
    """The layout of a table whose columns all have a fixed width.

    Args:
        columns: Name to big-endian NumPy type, in the table's order: ``>i8``, ``>i4``, ``>i2``, ``>i1``, ``>f4``.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = dict(columns)
        self._layout = lru_cache(maxsize=64)(self._make_layout)

    def rows(
        self,
        n: int,
        values: Mapping[str, NDArray[Any] | int],
        absent: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> bytes:
        """Return ``n`` rows in the wire format.

        Args:
            values: For every column an array of shape ``(n,)``, or one number for all rows.
            absent: For nullable columns, where they are null, shape ``(n,)``.
        """
        nulls = {name: mask for name, mask in (absent or {}).items() if mask.any()}
        empty = frozenset(name for name, mask in nulls.items() if mask.all())
        dtype = self._layout(empty)
        out = np.empty(n, dtype=dtype)
        out["n"] = len(self.columns)
        for name, kind in self.columns.items():
            if name in empty:
                out[f"{name}_length"] = -1
            else:
                out[f"{name}_length"] = np.dtype(kind).itemsize
                out[name] = values[name]
        partly = {name: mask for name, mask in nulls.items() if name not in empty}
        if not partly:
            return out.tobytes()
        keep = np.ones((n, dtype.itemsize), dtype=np.bool_)
        for name, mask in partly.items():
            out[f"{name}_length"][mask] = -1
            offset = dtype.fields[name][1]  # type: ignore[index] # the layout has named fields
            keep[mask, offset : offset + dtype[name].itemsize] = False
        return out.view(np.uint8).reshape(n, dtype.itemsize)[keep].tobytes()

    def _make_layout(self, empty: frozenset[str]) -> np.dtype[np.void]:
        fields: list[tuple[str, str]] = [("n", ">i2")]
        for name, kind in self.columns.items():
            fields.append((f"{name}_length", ">i4"))
            if name not in empty:
                fields.append((name, kind))
        return np.dtype(fields)


def pg_micros(unix_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Convert microseconds since 1970 to PostgreSQL's, since 2000."""
    return unix_us - PG_EPOCH_US
