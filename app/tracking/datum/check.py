"""Whether a device sends another datum than it declares, told from where it rests; pure.

A device that declares WGS-84 and sends GCJ-02 is stored one local shift (430 m, its direction and length known for
every place) away from where it is; one that declares GCJ-02 and sends WGS-84 one shift the other way. Neither can be
seen in a single fix. It shows when the device rests, time after time, one exact shift away from places where it
rested before or where its lessor has a depot, and never again at those places themselves; or when another device on
the same asset says at the same moments that it is one shift away.

Only the way that a wrong declaration would shift is looked for, and only against places of the same declaration: who
corrects a declaration, or a gateway that stops shifting, is not suspected. That a match is no chance is told by the
data: the same shift turned into other directions must not match as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem, Inside, from_wgs84, to_wgs84
from app.core.geo.geodesy import metres_per_degree
from app.telemetry.domain import DATUM_CODES, Float, Int, Mask, Small

REST_M: Final = 50.0
"""Fixes so close to the first one are one stay."""
REST_US: Final = 10 * 60 * 1_000_000
"""A stay lasts as long at least: shorter ones are traffic lights."""
REST_FIXES: Final = 3
MATCH_M: Final = 40.0
"""So close to the exact shift is a match: two averages of satellite fixes on one parking space."""
DEPOT_M: Final = 100.0
"""A depot matches within its radius, but no farther: the shift must be larger than the yard."""
APART_M: Final = 200.0
"""Places that are farther apart than this are two."""
STAYS: Final = 3
"""So many stays must match, at two places: with two, by estimate one device in a hundred a year by chance."""
SHARE: Final = 0.25
"""As large a part of the stays since then must match; the others may be at places that are new."""
PAIRS: Final = 10
"""So many pairs of fixes with a device on the same asset must match."""
SAME_TIME_US: Final = 60 * 1_000_000
CHANCE: Final = 1e-4
"""As improbable as this must the matches be by chance."""
_TURNS: Final = np.radians(np.arange(0, 360, 30))  # the first is the shift itself
_NEVER: Final = 10**9
_WGS84: Final = (DATUM_CODES[CoordSystem.WGS84], DATUM_CODES[CoordSystem.CGCS2000])
_GCJ02: Final = DATUM_CODES[CoordSystem.GCJ02]


@dataclass(frozen=True, slots=True)
class Fixes:
    """Good satellite fixes of one device below 5 km/h, in the order of time; columns ``(n,)``.

    Attributes:
        fixed_us: Microseconds since 1970, UTC.
        lon: WGS-84 degrees east, as stored.
        lat: WGS-84 degrees north, as stored.
        datum: ``DATUM_CODES`` of what was declared.
        flagged: Whether the fix is under suspicion already.
    """

    fixed_us: Int
    lon: Float
    lat: Float
    datum: Small
    flagged: Mask


@dataclass(frozen=True, slots=True)
class Stays:
    """Where and when a device rested; columns ``(n,)``, in the order of time.

    Attributes:
        lon: Median of its fixes, degrees east.
        lat: Median of its fixes, degrees north.
        from_us: When the first fix was.
        fixes: How many.
        datum: What was declared; CGCS2000 counts as WGS-84.
        flagged: Whether under suspicion already.
    """

    lon: Float
    lat: Float
    from_us: Int
    fixes: Small
    datum: Small
    flagged: Mask


@dataclass(frozen=True, slots=True)
class Places:
    """Depots of a lessor; columns ``(m,)``.

    Attributes:
        lon: WGS-84 degrees east.
        lat: WGS-84 degrees north.
        radius_m: Metres.
    """

    lon: Float
    lat: Float
    radius_m: Float


def resting(fixes: Fixes) -> tuple[Stays, Mask]:
    """Return the stays of a device, and which of its fixes belong to one."""
    datum = np.where(np.isin(fixes.datum, _WGS84), _WGS84[0], fixes.datum)
    east, north = metres_per_degree(fixes.lat)
    kept: list[slice] = []
    start, n = 0, len(fixes.fixed_us)
    while start < n:
        end = start + 1
        while (
            end < n
            and datum[end] == datum[start]
            and fixes.flagged[end] == fixes.flagged[start]
            and abs((fixes.lon[end] - fixes.lon[start]) * east[start]) <= REST_M
            and abs((fixes.lat[end] - fixes.lat[start]) * north[start]) <= REST_M
        ):
            end += 1
        if end - start >= REST_FIXES and fixes.fixed_us[end - 1] - fixes.fixed_us[start] >= REST_US:
            kept.append(slice(start, end))
        start = end
    member = np.zeros(n, dtype=np.bool_)
    for stay in kept:
        member[stay] = True
    first = [stay.start for stay in kept]
    stays = Stays(
        lon=np.array([np.median(fixes.lon[stay]) for stay in kept], dtype=np.float64),
        lat=np.array([np.median(fixes.lat[stay]) for stay in kept], dtype=np.float64),
        from_us=fixes.fixed_us[first],
        fixes=np.array([stay.stop - stay.start for stay in kept], dtype=np.int32),
        datum=datum[first].astype(np.int32),
        flagged=fixes.flagged[first],
    )
    return stays, member


def wrongly_declared(lon: Float, lat: Float, datum: Small, inside: Inside) -> tuple[Float, Float]:
    """Return where true points are stored when what is declared of them is wrong; NaN where that shifts nothing.

    Args:
        lon: True WGS-84 degrees east, shape ``(n,)``.
        lat: True WGS-84 degrees north, shape ``(n,)``.
        datum: ``DATUM_CODES`` of what is declared, shape ``(n,)``.
        inside: Where GCJ-02 is shifted.
    """
    as_gcj = from_wgs84(lon, lat, CoordSystem.GCJ02, inside)
    back = to_wgs84(lon, lat, CoordSystem.GCJ02, inside)
    plain, gcj = np.isin(datum, _WGS84), datum == _GCJ02
    there = [np.where(plain, a, np.where(gcj, b, np.nan)) for a, b in zip(as_gcj, back, strict=True)]
    moved = (there[0] != lon) | (there[1] != lat)
    return np.where(moved, there[0], np.nan), np.where(moved, there[1], np.nan)


@dataclass(frozen=True, slots=True)
class _Matches:
    """Against which earlier stay each stay matches first: its number, -1 for a depot, ``_NEVER`` for none.

    Attributes:
        turned: One shift away, by turn of the shift and stay, shape ``(12, n)``; the first turn is none.
        plain: At the place itself, of whatever declaration, shape ``(n,)``.
    """

    turned: NDArray[np.int64]
    plain: NDArray[np.int64]


def _match(stays: Stays, depots: Places, inside: Inside) -> _Matches:
    n = len(stays.lon)
    lon, lat = np.concatenate((stays.lon, depots.lon)), np.concatenate((stays.lat, depots.lat))
    number = np.concatenate((np.arange(n), np.full(len(depots.lon), -1)))
    within = np.concatenate((np.full(n, MATCH_M), np.clip(depots.radius_m, MATCH_M, DEPOT_M)))
    usable = np.concatenate((~stays.flagged, np.ones(len(depots.lon), dtype=np.bool_)))
    east, north = metres_per_degree(lat)
    x, y = (stays.lon[:, None] - lon) * east, (stays.lat[:, None] - lat) * north
    earlier = (number < np.arange(n)[:, None]) & usable
    at_place = (np.hypot(x, y) <= within) & earlier
    same = np.concatenate((stays.datum, np.zeros(len(depots.lon), dtype=np.int32)))
    turned = np.full((len(_TURNS), n), _NEVER, dtype=np.int64)
    for datum in np.unique(stays.datum):
        there_lon, there_lat = wrongly_declared(lon, lat, np.full(len(lon), datum), inside)
        dx, dy = (there_lon - lon) * east, (there_lat - lat) * north
        rows = stays.datum == datum
        comparable = earlier & ~at_place & ((same == datum) | (number < 0)) & rows[:, None]
        for turn, angle in enumerate(_TURNS):
            tx, ty = dx * np.cos(angle) - dy * np.sin(angle), dx * np.sin(angle) + dy * np.cos(angle)
            hit = (np.hypot(x - tx, y - ty) <= within) & comparable
            turned[turn, rows] = _first(hit, number)[rows]
    return _Matches(turned, _first(at_place, number))


def _first(hit: Mask, number: NDArray[np.int64]) -> NDArray[np.int64]:
    first: NDArray[np.int64] = np.where(hit, number, _NEVER).min(axis=1, initial=_NEVER)
    return first


def shifted_since(stays: Stays, depots: Places, inside: Inside, matches: int) -> int | None:
    """Return since when a device rests one shift away from its places, None when it does not.

    Args:
        stays: Where it rested; those under suspicion already are judged, but nothing is compared with them.
        depots: Where its lessor says that it has yards.
        inside: Where GCJ-02 is shifted.
        matches: So many fixes must match, in ``STAYS`` stays at two places.

    Returns:
        The time of the first fix that matches, microseconds since 1970.
    """
    if len(stays.lon) < STAYS:
        return None
    found = _match(stays, depots, inside)
    for onset in range(len(stays.lon) - STAYS + 1):
        matched = found.turned[0, onset:] < onset
        if (found.plain[onset:] < onset).any() or not matched.any():
            continue
        rows = onset + np.flatnonzero(matched)
        enough = len(rows) >= max(STAYS, len(matched) * SHARE) and int(stays.fixes[rows].sum()) >= matches
        by_chance = int((found.turned[1:, onset:] < onset).sum())
        if enough and _two_places(stays, rows) and _improbable(len(rows), len(matched), by_chance):
            return int(stays.from_us[rows[0]])
    return None


def _two_places(stays: Stays, rows: NDArray[np.intp]) -> bool:
    east, north = metres_per_degree(stays.lat[rows[0]])
    far = np.hypot((stays.lon[rows] - stays.lon[rows[0]]) * east, (stays.lat[rows] - stays.lat[rows[0]]) * north)
    return bool(far.max() > APART_M)


def _improbable(hits: int, stays: int, turned_hits: int) -> bool:
    """Tell whether so many hits are no chance, given how often the shift turned elsewhere hits (Laplace's rule)."""
    turns = len(_TURNS) - 1
    p = (turned_hits + 1) / (turns * stays + turns)
    return sum(comb(stays, k) * p**k * (1 - p) ** (stays - k) for k in range(hits, stays + 1)) < CHANCE


def shift_has_ended(stays: Stays, depots: Places, inside: Inside, matches: int) -> bool:
    """Tell whether a device under suspicion rests at its places again, and no longer one shift away.

    Args:
        stays: As in ``shifted_since``.
        depots: As in ``shifted_since``.
        inside: Where GCJ-02 is shifted.
        matches: So many fixes must be at the places, in two stays after the last that matched the shift.
    """
    if not stays.flagged.any():
        return False
    found = _match(stays, depots, inside)
    begins = int(np.flatnonzero(stays.flagged)[0])
    shifted = np.flatnonzero((found.turned[0] < begins) & stays.flagged)
    after = np.arange(len(stays.lon)) > (shifted[-1] if len(shifted) else begins - 1)
    back = after & (found.plain < begins) & stays.flagged
    return int(np.count_nonzero(back)) >= 2 and int(stays.fixes[back].sum()) >= matches  # noqa: PLR2004 see above


@dataclass(frozen=True, slots=True)
class Compared:
    """What the fixes of another device on the same asset say.

    Attributes:
        since_us: Since when the device is one shift away from it; None when it is not.
        agrees: Whether the two said the same, as often as is asked, and nothing else after that.
    """

    since_us: int | None
    agrees: bool


def compare_with_sister(fixes: Fixes, sister: Fixes, inside: Inside) -> Compared:
    """Compare a device at rest with another one on the same asset, at rest too, at the same times.

    Args:
        fixes: Of the device, those of its stays.
        sister: Of the other one, those of its stays; none under suspicion.
        inside: Where GCJ-02 is shifted.
    """
    mine, other = _pairs(fixes, sister)
    lon, lat = sister.lon[other], sister.lat[other]
    datum = np.where(np.isin(fixes.datum, _WGS84), _WGS84[0], fixes.datum)[mine]
    others = np.where(np.isin(sister.datum, _WGS84), _WGS84[0], sister.datum)[other]
    east, north = metres_per_degree(lat)
    x, y = (fixes.lon[mine] - lon) * east, (fixes.lat[mine] - lat) * north
    there_lon, there_lat = wrongly_declared(lon, lat, datum, inside)
    together = np.hypot(x, y) <= MATCH_M
    shifted = np.hypot(x - (there_lon - lon) * east, y - (there_lat - lat) * north) <= MATCH_M
    shifted &= ~together & (datum == others)
    since = _run(shifted, ~together)
    return Compared(
        since_us=None if since is None else int(fixes.fixed_us[mine[since]]),
        agrees=_run(together, ~shifted) is not None,
    )


def _pairs(fixes: Fixes, sister: Fixes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each fix the one of the other device that is nearest in time, where it is near enough."""
    if not len(sister.fixed_us):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    after = np.searchsorted(sister.fixed_us, fixes.fixed_us).clip(0, len(sister.fixed_us) - 1)
    before = (after - 1).clip(0)
    nearer = np.abs(sister.fixed_us[before] - fixes.fixed_us) <= np.abs(sister.fixed_us[after] - fixes.fixed_us)
    other = np.where(nearer, before, after)
    mine = np.flatnonzero(np.abs(sister.fixed_us[other] - fixes.fixed_us) <= SAME_TIME_US)
    return mine, other[mine]


def _run(hit: Mask, allowed: Mask) -> int | None:
    """Return the first hit after the last pair that speaks against it, if there are ``PAIRS`` of them."""
    against = np.flatnonzero(~allowed)
    hits: Sequence[int] = np.flatnonzero(hit[(int(against[-1]) + 1 if len(against) else 0) :]).tolist()
    first = int(against[-1]) + 1 if len(against) else 0
    return first + hits[0] if len(hits) >= PAIRS else None
