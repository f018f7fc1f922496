"""Assesses the place of each asset: fresh or stale, territory, near a border, confidence; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from app.core.geo.geodesy import BoolArray
from app.distribution.clustering.dbscan import IntArray
from app.distribution.domain import (
    CONFIDENCES,
    NO_FIX,
    NOT_LOCATED,
    PRESENCES,
    STATES,
    AssessedAssets,
    CaseAsset,
    LastFix,
    Presence,
)
from app.enforcement.seizable import Seizability
from app.jurisdictions.service import ActiveLayer
from app.telemetry.domain import E7
from app.tracking.domain import confidence_of

_FRESH, _STALE, _OUTSIDE, _NEVER, _WITHHELD = (PRESENCES.index(p) for p in Presence)
_STATE_CODE: Final = {state: code for code, state in enumerate(STATES)}
_CONFIDENCE_CODE: Final = {confidence: code for code, confidence in enumerate(CONFIDENCES)}


def assess(
    assets: Sequence[CaseAsset],
    seizability: Sequence[Seizability],
    layer: ActiveLayer,
    at: datetime,
    fresh_within: timedelta,
    near_border_m: float,
) -> AssessedAssets:
    """Return place and state of each asset.

    A position keeps the territory that was found when it arrived. One without a territory (at sea, abroad, in Hong
    Kong, Macau or Taiwan) is outside: the nearest court is never guessed.

    Args:
        seizability: In the order of ``assets``.
        at: The time asked about, UTC.
        fresh_within: An older position is stale.
        near_border_m: Metres within which a county border counts as near.
    """
    positions = [asset.position for asset in assets]
    territory_id = _integers(
        [NOT_LOCATED if p is None or p.territory_id is None else p.territory_id for p in positions]
    )
    fixed_us = _integers([NO_FIX if p is None else microseconds(p.fixed_at) for p in positions])
    oldest_fresh_us = microseconds(at) - fresh_within // timedelta(microseconds=1)
    presence = np.where(fixed_us >= oldest_fresh_us, _FRESH, _STALE)
    presence[territory_id == NOT_LOCATED] = _OUTSIDE
    presence[fixed_us == NO_FIX] = _NEVER
    presence[np.array([asset.withheld for asset in assets], dtype=np.bool_)] = _WITHHELD
    near_border = _near_border(positions, layer, near_border_m)
    confidence, reasons = _confidence(positions, territory_id, near_border, at, fresh_within)
    values = [asset.value_fen for asset in assets]
    return AssessedAssets(
        presence=presence,
        territory_id=territory_id,
        confidence=confidence,
        reasons=reasons,
        near_border=near_border,
        state=_integers([_STATE_CODE[s.state] for s in seizability]),
        value_fen=_integers([value or 0 for value in values]),
        valued=np.array([value is not None for value in values], dtype=np.bool_),
        fixed_us=fixed_us,
    )


def microseconds(at: datetime) -> int:
    """Return the microseconds from 1970 to an aware time."""
    return round(at.timestamp() * 1e6)


def _integers(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _near_border(positions: Sequence[LastFix | None], layer: ActiveLayer, within_m: float) -> BoolArray:
    near = np.zeros(len(positions), dtype=np.bool_)
    located = [(row, p.lon_e7, p.lat_e7) for row, p in enumerate(positions) if p is not None]
    if located:
        rows, lon_e7, lat_e7 = (np.array(column) for column in zip(*located, strict=True))
        near[rows] = layer.locator.near_border(lon_e7 / E7, lat_e7 / E7, within_m=within_m).neighbour >= 0
    return near


def _confidence(
    positions: Sequence[LastFix | None],
    territory_id: IntArray,
    near_border: BoolArray,
    at: datetime,
    fresh_within: timedelta,
) -> tuple[IntArray, list[list[str]]]:
    """Return the confidence in each located asset's place, and why it is not higher."""
    confidence = np.full(len(positions), NOT_LOCATED, dtype=np.int64)
    reasons: list[list[str]] = [[]] * len(positions)
    near = near_border.tolist()
    for row in np.flatnonzero(territory_id != NOT_LOCATED).tolist():
        position = positions[row]
        if position is not None:
            level, reasons[row] = confidence_of(position, at, fresh_within, near_border=near[row])
            confidence[row] = _CONFIDENCE_CODE[level]
    return confidence, reasons
