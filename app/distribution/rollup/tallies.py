"""Counts assets and sums their values by group; pure."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np

from app.core.clock import EPOCH
from app.distribution.clustering.dbscan import IntArray
from app.distribution.domain import CONFIDENCES, NO_FIX, PRESENCES, STATES, AssessedAssets
from app.distribution.schemas import ConfidenceOut, TallyOut

_LATER: Final = np.iinfo(np.int64).max


def tally_groups(assessed: AssessedAssets, group: IntArray, count: int) -> list[TallyOut]:
    """Count the assets of each of ``count`` groups.

    ``group`` is the group of each asset, 0 to ``count - 1``, or -1 for assets that are not counted; shape ``(n,)``.
    """
    rows = np.flatnonzero(group >= 0)
    of, fixed_us = group[rows], assessed.fixed_us[rows]
    value = np.zeros(count, dtype=np.int64)
    np.add.at(value, of, assessed.value_fen[rows])
    newest = np.full(count, NO_FIX)
    np.maximum.at(newest, of, fixed_us)
    oldest = np.full(count, _LATER)
    np.minimum.at(oldest, of, np.where(fixed_us == NO_FIX, _LATER, fixed_us))
    fresh, stale, *_ = _each(of, assessed.presence[rows], count, len(PRESENCES)).tolist()
    columns = (
        np.bincount(of, minlength=count).tolist(),
        fresh,
        stale,
        *_each(of, assessed.state[rows], count, len(STATES)).tolist(),
        *_each(of, assessed.confidence[rows], count, len(CONFIDENCES)).tolist(),
        value.tolist(),
        np.bincount(of[~assessed.valued[rows]], minlength=count).tolist(),
        np.bincount(of[assessed.near_border[rows]], minlength=count).tolist(),
        _moments(oldest),
        _moments(newest),
    )
    return [
        TallyOut(
            n_assets=n_assets,
            n_fresh=n_fresh,
            n_stale=n_stale,
            n_seizable=n_seizable,
            n_not_seizable=n_not_seizable,
            n_held=n_held,
            value_yuan=value_fen / 100,
            n_without_value=n_without_value,
            near_border=near_border,
            confidence=ConfidenceOut(high=high, medium=medium, low=low),
            oldest_fix=oldest_fix,
            newest_fix=newest_fix,
        )
        for (
            n_assets,
            n_fresh,
            n_stale,
            n_seizable,
            n_not_seizable,
            n_held,
            high,
            medium,
            low,
            value_fen,
            n_without_value,
            near_border,
            oldest_fix,
            newest_fix,
        ) in zip(*columns, strict=True)
    ]


def tally_all(assessed: AssessedAssets) -> TallyOut:
    """Count all assets."""
    return tally_groups(assessed, np.zeros(len(assessed.state), dtype=np.int64), 1)[0]


def _each(group: IntArray, code: IntArray, count: int, codes: int) -> IntArray:
    """Count each code in each group, without code -1; shape ``(codes, count)``."""
    known = code >= 0
    return np.bincount(code[known] * count + group[known], minlength=codes * count).reshape(codes, count)


def _moments(microseconds: IntArray) -> list[datetime | None]:
    return [None if us in {NO_FIX, _LATER} else EPOCH + timedelta(microseconds=us) for us in microseconds.tolist()]
