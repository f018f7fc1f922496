"""What the whole past of a device tells of each fix: the rule of ``beliefs``, knowing what came after; pure.

A fix that the device cannot have reached from where it was believed to be is doubted, as when it arrived. What
history adds: when as many fixes in a row as the rule asks for agree on a place, the first of them are believed as
well, since what followed confirmed them; and a fix that came late is judged where it belongs in time. A device that
is on another asset begins anew, as it does in ``beliefs``.
"""

from dataclasses import dataclass

import numpy as np

from app.core.geo.geodesy import distance_m
from app.telemetry.domain import E7, Float, Int, Mask, Small
from app.tracking.speed_gate import SpeedGate, Spot


@dataclass(frozen=True, slots=True)
class Past:
    """Fixes of one device that could be believed, in the order of time, each of another moment; columns ``(n,)``.

    Attributes:
        asset_id: The asset that it was on, 0 for none.
        fixed_us: Microseconds since 1970, UTC.
        lon_e7: WGS-84 degrees east, times ``E7``.
        lat_e7: WGS-84 degrees north, times ``E7``.
        slack_m: By how much the fix may be wrong, metres (``beliefs.slack_of``).
    """

    asset_id: Small
    fixed_us: Int
    lon_e7: Small
    lat_e7: Small
    slack_m: Float

    def spot(self, row: int) -> Spot:
        """Return one fix."""
        return Spot(int(self.fixed_us[row]), int(self.lon_e7[row]), int(self.lat_e7[row]), float(self.slack_m[row]))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What history says of each fix; arrays ``(n,)``.

    Attributes:
        doubts: ``JUMP`` or ``TOO_FAST``, else 0.
        settled: Whether the fix is believed, so that nothing before it matters to those after it.
    """

    doubts: Small
    settled: Mask


def judge_history(past: Past, reach: SpeedGate) -> Judgement:
    """Judge fixes of one device by their neighbours in time; the first one is taken as believed.

    Args:
        past: The fixes, with the last one that is believed before them in front.
        reach: The rule.
    """
    n = len(past.fixed_us)
    doubts, settled = np.zeros(n, dtype=np.int32), np.ones(n, dtype=np.bool_)
    if n and _out_of_reach(past, reach).any():
        _walk(past, reach, doubts, settled)
    return Judgement(doubts, settled)


def _out_of_reach(past: Past, reach: SpeedGate) -> Mask:
    """Tell which fixes cannot follow the one before: where there is none, each is believed after the other."""
    lon, lat = past.lon_e7 / E7, past.lat_e7 / E7
    metres = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    allowed = past.slack_m[:-1] + past.slack_m[1:] + np.diff(past.fixed_us) * reach.metres_per_us
    far: Mask = (metres > np.minimum(allowed, reach.jump_m)) & (past.asset_id[1:] == past.asset_id[:-1])
    return far


def _walk(past: Past, reach: SpeedGate, doubts: Small, settled: Mask) -> None:
    """Walk the fixes one by one; fills ``doubts`` and ``settled``."""
    believed: Spot | None = None
    asset_id = int(past.asset_id[0])
    agreeing: list[int] = []  # rows in a row that say the same and are not believed yet
    for row in range(len(doubts)):
        spot = past.spot(row)
        if int(past.asset_id[row]) != asset_id:
            asset_id, believed, agreeing = int(past.asset_id[row]), None, []
        doubt = reach.doubt(believed, spot)
        if not doubt:
            believed, agreeing = spot, []
            continue
        if agreeing and not reach.agrees(past.spot(agreeing[-1]), spot):
            agreeing = []
        agreeing.append(row)
        if len(agreeing) >= reach.confirmed_by:
            doubts[agreeing], settled[agreeing] = 0, True
            believed, agreeing = spot, []
        else:
            doubts[row], settled[row] = doubt, False
