"""Percentiles, as benchmarks print them."""

from collections.abc import Sequence

import numpy as np


def percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """Return a percentile of durations in milliseconds, with two decimals."""
    return round(float(np.percentile(np.asarray(seconds), percent)) * 1000, 2)
