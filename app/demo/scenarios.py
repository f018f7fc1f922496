"""Draws the place of each asset and how its signal ends, before any ping is made."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.geodesy import BoolArray, FloatArray
from app.demo.movement import HOUR_S
from app.demo.pings import IntArray
from app.demo.places import Spots
from app.demo.registers import Fleet
from app.demo.truth import State

DAY_S: Final = 24 * HOUR_S
WINDOW_S: Final = 3 * DAY_S
NEVER_SHARE: Final = 0.03
STALE_SHARE: Final = 0.09
QUIET_SHARE: Final = 0.04
UNDER_WAY: Final = 18
MAIN_CUT: Final = 6
"""Assets whose wired device was cut off days ago, elsewhere, while a wireless one still reports."""

_SILENT_S: Final = (8 * DAY_S, 25 * DAY_S)
_STALE_WINDOW_S: Final = 1.2 * DAY_S
_QUIET_S: Final = (12 * HOUR_S, 60 * HOUR_S)
_MACHINES: Final = ("excavator", "crane", "mixer")
_MIX: Final = {
    "site": {"machine": 0.85, "truck": 0.15},
    "depot": {"truck": 0.95, "car": 0.05},
    "yard": {"truck": 0.5, "car": 0.5},
    "beyond": {"heavy_truck": 1.0},
}
"""Kinds of asset at each kind of place; the remaining assets are alone."""


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Scenario of each asset, every column of shape ``(assets,)``."""

    spot: IntArray  # index of its final place
    state: tuple[State, ...]  # ``State`` of a true answer
    from_s: FloatArray  # start of its track, seconds relative to the demo's moment
    until_s: FloatArray  # its last ping, on the same scale
    under_way: BoolArray  # it moves at the end
    main_cut: BoolArray  # its main device fell silent days before ``until_s``; the second one still reports

    def is_in(self, state: State) -> BoolArray:
        """Return for each asset whether it is in a state."""
        return np.array([s == state for s in self.state])


class _AssetDraw:
    """Draws assets without a scenario yet; no asset gets two."""

    def __init__(self, rng: np.random.Generator, free: BoolArray) -> None:
        self._rng = rng
        self._free = free

    def draw(self, many: int, among: BoolArray | None = None) -> IntArray:
        eligible = self._free if among is None else self._free & among
        chosen = self._rng.choice(np.flatnonzero(eligible), size=many, replace=False)
        self._free[chosen] = False
        return np.asarray(chosen, dtype=np.int64)


def draw_scenarios(rng: np.random.Generator, fleet: Fleet, spots: Spots) -> Scenarios:
    """Give every asset one of as many spots, and a scenario."""
    kinds = np.array([asset.kind for asset in fleet.assets])
    n = len(kinds)
    spot = _assign_spots(rng, kinds, spots)
    outside = spots.county_adcode[spot] == 0
    undrawn = _AssetDraw(rng, ~outside)
    under_way, main_cut = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    under_way[undrawn.draw(UNDER_WAY, (spots.place[spot] < 0) & (kinds == "heavy_truck"))] = True
    main_cut[undrawn.draw(MAIN_CUT, np.isin(np.arange(n), [d.asset for d in fleet.devices[n:]]))] = True
    never, stale, quiet = (undrawn.draw(round(share * n)) for share in (NEVER_SHARE, STALE_SHARE, QUIET_SHARE))
    until_s = -rng.uniform(0.0, 20.0, n)
    until_s[stale] = -rng.uniform(*_SILENT_S, len(stale))
    until_s[quiet] = -rng.uniform(*_QUIET_S, len(quiet))
    from_s = np.full(n, -WINDOW_S)
    from_s[stale] = until_s[stale] - _STALE_WINDOW_S
    special: dict[int, State] = {int(i): "outside" for i in np.flatnonzero(outside)}
    special |= dict.fromkeys(never.tolist(), "never_located") | dict.fromkeys(stale.tolist(), "stale")
    return Scenarios(spot, tuple(special.get(i, "fresh") for i in range(n)), from_s, until_s, under_way, main_cut)


def _assign_spots(rng: np.random.Generator, kinds: NDArray[np.str_], spots: Spots) -> IntArray:
    """Place each asset: machines on sites, trucks in depots, cars in yards, the others alone."""
    assigned = np.full(len(kinds), -1)
    waiting = rng.permutation(len(kinds)).tolist()
    for number in [
        *np.flatnonzero(spots.kind == "beyond").tolist(),
        *np.flatnonzero(spots.kind != "beyond").tolist(),
    ]:
        mix = _MIX.get(str(spots.kind[number]))
        wanted = None if mix is None else str(rng.choice(list(mix), p=list(mix.values())))
        place = next((p for p, i in enumerate(waiting) if wanted is None or _is_a(str(kinds[i]), wanted)), 0)
        assigned[waiting.pop(place)] = number
    return assigned


def _is_a(kind: str, wanted: str) -> bool:
    if wanted == "machine":
        return kind in _MACHINES
    return kind.endswith(wanted)
