"""Percentiles, as benchmarks print them."""

from collections.abc import Sequence

import numpy as np


def percentile_ms(seconds: Sequence[float], percent: float, decimals: int = 2) -> float:
    """Return a percentile of durations (seconds) in milliseconds, rounded to ``decimals``."""
    return round(float(np.percentile(np.asarray(seconds), percent)) * 1000, decimals)
