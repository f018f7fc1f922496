"""The speed gate over the whole history of a device, where later fixes are known; pure.

A fix is doubted as it is on arrival (``live.last_known``). History adds two things. When enough fixes in a row agree
on a place, the first of them are accepted too, because the later ones confirm them. A late fix is judged at its place
in time. On another asset the history of a device starts anew, as in ``live.last_known``.
"""

from dataclasses import dataclass

import numpy as np

from app.core.geo.geodesy import distance_m
from app.telemetry.domain import E7, Float, Int, Mask, Small
from app.tracking.speed_gate import SpeedGate, TimedPoint


@dataclass(frozen=True, slots=True)
class FixHistory:
    """Fixes of one device without a blocking doubt, by time, times unique; columns ``(n,)``.

    Microseconds since 1970, UTC; WGS-84 degrees times ``E7``; uncertainty in metres; asset 0 for none.
    """

    asset_id: Small  # the asset at the time of the fix, 0 for none
    fixed_us: Int  # microseconds since 1970, UTC
    lon_e7: Small  # WGS-84 degrees east, times ``E7``; ``lat_e7`` is degrees north
    lat_e7: Small
    uncertainty_m: Float  # metres, from ``last_known.uncertainty_of``

    def point(self, row: int) -> TimedPoint:
        """Return one fix."""
        return TimedPoint(
            int(self.fixed_us[row]), int(self.lon_e7[row]), int(self.lat_e7[row]), float(self.uncertainty_m[row])
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result for each fix; arrays ``(n,)``.

    ``doubts`` is ``JUMP``, ``TOO_FAST`` or 0. ``settled``: the fix is accepted, so nothing before it matters after
    it.
    """

    doubts: Small  # ``JUMP`` or ``TOO_FAST``, else 0
    settled: Mask  # whether the fix is accepted: nothing before it matters to the fixes after it


def judge_history(history: FixHistory, gate: SpeedGate) -> Judgement:
    """Judge the fixes of one device by their neighbours in time; the first is taken as accepted."""
    n = len(history.fixed_us)
    doubts, settled = np.zeros(n, dtype=np.int32), np.ones(n, dtype=np.bool_)
    if n and _out_of_reach(history, gate).any():
        _walk(history, gate, doubts, settled)
    return Judgement(doubts, settled)


def _out_of_reach(history: FixHistory, gate: SpeedGate) -> Mask:
    """Return which fixes fail the gate after the one before; where none does, all are accepted."""
    lon, lat = history.lon_e7 / E7, history.lat_e7 / E7
    metres = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    allowed = history.uncertainty_m[:-1] + history.uncertainty_m[1:] + np.diff(history.fixed_us) * gate.metres_per_us
    far: Mask = (metres > np.minimum(allowed, gate.jump_m)) & (history.asset_id[1:] == history.asset_id[:-1])
    return far


def _walk(history: FixHistory, gate: SpeedGate, doubts: Small, settled: Mask) -> None:
    """Judge the fixes one by one; fills ``doubts`` and ``settled``."""
    accepted: TimedPoint | None = None
    asset_id = int(history.asset_id[0])
    agreeing: list[int] = []  # consecutive rows that agree and are not accepted yet
    for row in range(len(doubts)):
        point = history.point(row)
        if int(history.asset_id[row]) != asset_id:
            asset_id, accepted, agreeing = int(history.asset_id[row]), None, []
        doubt = gate.doubt(accepted, point)
        if not doubt:
            accepted, agreeing = point, []
            continue
        if agreeing and not gate.agrees(history.point(agreeing[-1]), point):
            agreeing = []
        agreeing.append(row)
        if len(agreeing) >= gate.confirmed_by:
            doubts[agreeing], settled[agreeing] = 0, True
            accepted, agreeing = point, []
        else:
            doubts[row], settled[row] = doubt, False
