"""Counting assets and adding up their values, group by group; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np

from app.clusters.dbscan import IntArray
from app.clusters.domain import CONFIDENCES, NO_FIX, PRESENCES, STATES, Placed, Presence
from app.enforcement.domain import State
from app.tracking.domain import Confidence

Code = TypeVar("Code", bound=StrEnum)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and value of some assets.

    Attributes:
        n_assets: How many; the four presences add up to it, and so do the three states.
        by_presence: How many of each presence.
        by_state: How many of each state of the rule.
        by_confidence: How many located ones of each confidence.
        value_fen: Sum of the estimated values, hundredths of a yuan.
        n_without_value: How many of them nobody estimated; they add nothing to the sum.
        near_border: How many are near a county border.
        oldest_fix: The oldest of their positions, UTC; None where none has one.
        newest_fix: The newest.
    """

    n_assets: int
    by_presence: Mapping[Presence, int]
    by_state: Mapping[State, int]
    by_confidence: Mapping[Confidence, int]
    value_fen: int
    n_without_value: int
    near_border: int
    oldest_fix: datetime | None
    newest_fix: datetime | None

    @property
    def n_located(self) -> int:
        """How many are in the territory of a court."""
        return self.by_presence[Presence.FRESH] + self.by_presence[Presence.STALE]

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
    of = group[rows]
    n = np.bincount(of, minlength=count)
    value = np.zeros(count, dtype=np.int64)
    np.add.at(value, of, placed.value_fen[rows])
    without_value = np.bincount(of, weights=~placed.valued[rows], minlength=count)
    near_border = np.bincount(of, weights=placed.near_border[rows], minlength=count)
    presence = _cross(of, placed.presence[rows], count, PRESENCES)
    state = _cross(of, placed.state[rows], count, STATES)
    confidence = _cross(of, placed.confidence[rows], count, CONFIDENCES)
    fixed_us = placed.fixed_us[rows]
    newest = np.full(count, NO_FIX)
    np.maximum.at(newest, of, fixed_us)
    oldest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(oldest, of[fixed_us != NO_FIX], fixed_us[fixed_us != NO_FIX])
    return [
        Tally(
            n_assets=int(n[g]),
            by_presence=presence[g],
            by_state=state[g],
            by_confidence=confidence[g],
            value_fen=int(value[g]),
            n_without_value=int(without_value[g]),
            near_border=int(near_border[g]),
            oldest_fix=None if newest[g] == NO_FIX else _moment(int(oldest[g])),
            newest_fix=None if newest[g] == NO_FIX else _moment(int(newest[g])),
        )
        for g in range(count)
    ]


def tally_all(placed: Placed) -> Tally:
    """Count all assets."""
    return tally_groups(placed, np.zeros(len(placed.state), dtype=np.int64), 1)[0]


def _cross(group: IntArray, code: IntArray, count: int, codes: Sequence[Code]) -> list[dict[Code, int]]:
    """Return for each group how many have each code; -1 is none of them."""
    known = code >= 0
    cells = np.bincount(group[known] * len(codes) + code[known], minlength=count * len(codes))
    table = cells.reshape(count, len(codes)).tolist()
    return [dict(zip(codes, row, strict=True)) for row in table]


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
