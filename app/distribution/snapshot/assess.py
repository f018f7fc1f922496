"""What is said of each asset's place: fresh or stale, where, how near a border, how sure; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from app.core.geo.geodesy import BoolArray
from app.distribution.clustering.dbscan import IntArray
from app.distribution.domain import (
    CONFIDENCES,
    NO_FIX,
    NOWHERE,
    PRESENCES,
    STATES,
    CaseAsset,
    LastFix,
    Placed,
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
) -> Placed:
    """Say of each asset where it is and what state it is in.

    A position keeps the territory that it was located in when it came. One without a territory (at sea, abroad, in
    Hong Kong, Macau or Taiwan) is outside: the nearest court is never guessed.

    Args:
        assets: Assets with their positions.
        seizability: What the rule says of each of them.
        layer: Where borders are.
        at: The moment asked about, UTC.
        fresh_within: An older position is stale.
        near_border_m: Metres within which a county border counts as near.
    """
    positions = [asset.position for asset in assets]
    territory_id = _integers([NOWHERE if p is None or p.territory_id is None else p.territory_id for p in positions])
    fixed_us = _integers([NO_FIX if p is None else microseconds(p.fixed_at) for p in positions])
    oldest_fresh_us = microseconds(at) - fresh_within // timedelta(microseconds=1)
    presence = np.where(fixed_us >= oldest_fresh_us, _FRESH, _STALE)
    presence[territory_id == NOWHERE] = _OUTSIDE
    presence[fixed_us == NO_FIX] = _NEVER
    presence[np.array([asset.withheld for asset in assets], dtype=np.bool_)] = _WITHHELD
    near_border = _near_border(positions, layer, near_border_m)
    confidence, reasons = _judged(positions, territory_id, near_border, at, fresh_within)
    values = [asset.value_fen for asset in assets]
    return Placed(
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
    """Return the microseconds from 1970 to a moment (aware)."""
    return round(at.timestamp() * 1e6)


def _integers(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _near_border(positions: Sequence[LastFix | None], layer: ActiveLayer, within_m: float) -> BoolArray:
    near = np.zeros(len(positions), dtype=np.bool_)
    there = [(row, p.lon_e7, p.lat_e7) for row, p in enumerate(positions) if p is not None]
    if there:
        rows, lon_e7, lat_e7 = (np.array(column) for column in zip(*there, strict=True))
        near[rows] = layer.locator.near_border(lon_e7 / E7, lat_e7 / E7, within_m=within_m).neighbour >= 0
    return near


def _judged(
    positions: Sequence[LastFix | None],
    territory_id: IntArray,
    near_border: BoolArray,
    at: datetime,
    fresh_within: timedelta,
) -> tuple[IntArray, list[list[str]]]:
    """Return how sure each located asset's place is, and why not more."""
    confidence = np.full(len(positions), NOWHERE, dtype=np.int64)
    reasons: list[list[str]] = [[]] * len(positions)
    near = near_border.tolist()
    for row in np.flatnonzero(territory_id != NOWHERE).tolist():
        position = positions[row]
        if position is not None:
            level, reasons[row] = confidence_of(position, at, fresh_within, near_border=near[row])
            confidence[row] = _CONFIDENCE_CODE[level]
    return confidence, reasons
