"""Counting assets and adding up their values, group by group; pure."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from app.clusters.dbscan import IntArray
from app.clusters.domain import CONFIDENCES, NO_FIX, PRESENCES, STATES, Placed

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATER: Final = np.iinfo(np.int64).max


class Tally(NamedTuple):
    """Counts and value of some assets; there may be one for each of thousands of courts."""

    n_assets: int
    """How many: fresh, stale, outside, never located and withheld add up to it, and so do the three states."""
    n_fresh: int
    n_stale: int
    n_outside: int
    n_never_located: int
    n_withheld: int
    n_seizable: int
    n_not_seizable: int
    n_held: int
    n_high: int
    """How many located ones have their place for sure; high, medium and low add up to fresh and stale."""
    n_medium: int
    n_low: int
    value_fen: int
    """Sum of the estimated values, hundredths of a yuan."""
    n_without_value: int
    """How many of them nobody estimated; they add nothing to the sum."""
    near_border: int
    """How many are near a county border."""
    oldest_fix: datetime | None
    """The oldest of their positions, UTC; None where none has one."""
    newest_fix: datetime | None

    @property
    def n_located(self) -> int:
        """How many are in the territory of a court."""
        return self.n_fresh + self.n_stale

    @property
    def value_yuan(self) -> float:
        """Sum of the estimated values, yuan."""
        return self.value_fen / 100


def tally_groups(placed: Placed, group: IntArray, count: int) -> list[Tally]:
    """Count the assets of each group.

    Args:
        placed: The assets.
        group: The group of each, 0 to ``count - 1``, or -1 for those that are not counted; shape ``(n,)``.
        count: How many groups there are.
    """
    rows = np.flatnonzero(group >= 0)
    of, fixed_us = group[rows], placed.fixed_us[rows]
    value = np.zeros(count, dtype=np.int64)
    np.add.at(value, of, placed.value_fen[rows])
    newest = np.full(count, NO_FIX)
    np.maximum.at(newest, of, fixed_us)
    oldest = np.full(count, _LATER)
    np.minimum.at(oldest, of, np.where(fixed_us == NO_FIX, _LATER, fixed_us))
    columns = (
        np.bincount(of, minlength=count),
        *_each(of, placed.presence[rows], count, len(PRESENCES)),
        *_each(of, placed.state[rows], count, len(STATES)),
        *_each(of, placed.confidence[rows], count, len(CONFIDENCES)),
        value,
        np.bincount(of[~placed.valued[rows]], minlength=count),
        np.bincount(of[placed.near_border[rows]], minlength=count),
    )
    counts = zip(*(column.tolist() for column in columns), strict=True)
    fixes = zip(_moments(oldest), _moments(newest), strict=True)
    return [Tally._make(numbers + times) for numbers, times in zip(counts, fixes, strict=True)]


def tally_all(placed: Placed) -> Tally:
    """Count all assets."""
    return tally_groups(placed, np.zeros(len(placed.state), dtype=np.int64), 1)[0]


def _each(group: IntArray, code: IntArray, count: int, codes: int) -> IntArray:
    """Count each code in each group; -1 is none of them; shape ``(codes, count)``."""
    known = code >= 0
    return np.bincount(code[known] * count + group[known], minlength=codes * count).reshape(codes, count)


def _moments(microseconds: IntArray) -> list[datetime | None]:
    return [None if us in {NO_FIX, _LATER} else _EPOCH + timedelta(microseconds=us) for us in microseconds.tolist()]
